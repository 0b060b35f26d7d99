import EngineModel

/// Docker's status text of a container: `Up 2 minutes (healthy)`, `Exited (0) 3 seconds ago`.
package func statusText(_ status: ContainerStatus, now: Int64) -> String {
    func since(_ time: Int64) -> String { TimeSpan.words(seconds: max(0, now - time) / 1_000_000_000) }
    switch status.phase {
    case .created: return "Created"
    case .running:
        guard let health = status.health else { return "Up \(since(status.startedAt))" }
        return
            "Up \(since(status.startedAt)) (\(health.verdict == .starting ? "health: starting" : health.verdict.rawValue))"
    case .paused: return "Up \(since(status.startedAt)) (Paused)"
    case .restarting:
        let text = "Restarting (\(status.exitCode)) \(since(status.finishedAt)) ago"
        // Time until the next restart: the delay of a container that keeps exiting grows.
        guard let next = status.nextStartAt, next - now >= 1_000_000_000 else { return text }
        return "\(text), again in \((next - now) / 1_000_000_000)s"
    case .exited: return "Exited (\(status.exitCode)) \(since(status.finishedAt)) ago"
    case .dead: return "Dead"
    case .removing: return "Removal In Progress"
    }
}

extension ContainerSummary {
    /// `now` is in nanoseconds since 1970.
    package init(_ record: ContainerRecord, networks: [String: NetworkRecord], now: Int64) {
        self.init()
        let spec = record.spec
        id = record.id
        names = ["/" + record.name]
        image = spec.image
        imageID = record.imageID
        command = Self.commandText(record.arguments)
        created = record.createdAt / 1_000_000_000
        ports = Self.ports(record)
        labels = spec.labels
        state = record.status.phase.rawValue
        status = statusText(record.status, now: now)
        hostConfig.networkMode = spec.network.text
        networkSettings.networks = record.endpointSettings(networks)
        mounts = record.mountPoints
    }

    /// Only running and paused containers have ports.
    private static func ports(_ record: ContainerRecord) -> [Port] {
        guard record.status.isRunning || record.status.phase == .paused else { return [] }
        return record.openPorts.flatMap { port, bound in
            bound.isEmpty ? [Port(port)] : bound.map { Port(port, on: $0) }
        }
    }

    /// The command line as Docker shows it; arguments with spaces are quoted.
    static func commandText(_ words: [String]) -> String {
        (words.prefix(1) + words.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }).joined(separator: " ")
    }
}

extension ContainerSummary.Port {
    fileprivate init(_ port: ContainerPort, on published: PublishedPort? = nil) {
        self.init()
        address = published?.hostAddress.description
        privatePort = port.number
        publicPort = published?.hostPort
        type = port.transport.rawValue
    }
}

extension ContainerRecord {
    /// Every exposed or published port, with where it is published.
    var openPorts: [(port: ContainerPort, published: [PublishedPort])] {
        Set(spec.exposedPorts + publishedPorts.map(\.container)).sorted().map { port in
            (port, publishedPorts.filter { $0.container == port })
        }
    }

    /// Derived from IDs, so that it stays the same across restarts of the engine.
    package func endpointID(_ endpoint: EndpointRecord) -> String {
        String(endpoint.networkID.prefix(32) + id.prefix(32))
    }

    func endpointSettings(_ networks: [String: NetworkRecord]) -> OrderedMap<EndpointSettings> {
        guard endpoints.isEmpty, spec.network == .host || spec.network == .none else {
            return OrderedMap(
                endpoints.map { ($0.networkName, EndpointSettings($0, of: self, in: networks[$0.networkID])) })
        }
        var settings = EndpointSettings()
        settings.networkID = networks.values.first { $0.name == spec.network.text }?.id ?? ""
        settings.macAddress = ""
        settings.gatewayPriority = 0
        settings.setAddresses(nil, endpointID: "", network: nil)
        return [spec.network.text: settings]
    }

    /// The mounts as `inspect` and lists show them. A tmpfs is among them if it comes from `Mounts`, not from `Tmpfs`.
    var mountPoints: [MountPoint] {
        let forms = Dictionary(spec.mounts.map { ($0.target, $0.form) }) { first, _ in first }
        return mounts.filter { $0.kind != .tmpfs || forms[$0.target] == .long }.map { mount in
            var mode: String?
            if case .short(let text) = forms[mount.target] ?? nil { mode = text }
            return MountPoint(mount, mode: mode)
        }
    }
}

extension MountPoint {
    /// `mode`: the options of the short form.
    fileprivate init(_ mount: MountRecord, mode: String?) {
        self.init()
        type = mount.kind.rawValue
        name = mount.volumeName
        source = mount.hostPath
        destination = mount.target
        driver = mount.kind == .volume ? "local" : nil
        self.mode = mode ?? (mount.kind == .volume ? "z" : "")
        isWritable = !mount.readOnly
        propagation = mount.kind == .bind ? mount.propagation : ""
    }
}

extension EndpointSettings {
    init(_ endpoint: EndpointRecord, of record: ContainerRecord, in network: NetworkRecord?) {
        self.init()
        let isUp = record.status.isRunning
        let requested = endpoint.requested
        ipamConfig = requested.flatMap(EndpointIPAMConfig.init)
        links = requested.flatMap { $0.links.isEmpty ? nil : $0.links }
        aliases = endpoint.aliases.isEmpty ? nil : endpoint.aliases
        macAddress = isUp || requested?.macAddress != nil ? endpoint.macAddress : ""
        driverOptions = requested.flatMap { $0.driverOptions.isEmpty ? nil : $0.driverOptions }
        gatewayPriority = Int64(endpoint.gatewayPriority)
        networkID = endpoint.networkID
        setAddresses(isUp ? endpoint : nil, endpointID: isUp ? record.endpointID(endpoint) : "", network: network)
        if network?.isPredefined == false {
            dnsNames = [record.name] + endpoint.aliases.filter { $0 != record.name } + [record.shortID]
        }
    }

    /// The addresses of an endpoint that is up.
    fileprivate mutating func setAddresses(_ endpoint: EndpointRecord?, endpointID: String, network: NetworkRecord?) {
        let isUp = endpoint != nil
        self.endpointID = endpointID
        gateway = isUp ? network?.gateway4?.description ?? "" : ""
        ipAddress = endpoint?.address4?.description ?? ""
        ipPrefixLength = isUp ? Int(network?.subnet4?.prefix ?? 0) : 0
        ipv6Gateway = isUp ? network?.gateway6?.description ?? "" : ""
        globalIPv6Address = endpoint?.address6?.description ?? ""
        globalIPv6PrefixLength = endpoint?.address6 == nil ? 0 : Int(network?.subnet6?.prefix ?? 0)
    }
}

extension EndpointIPAMConfig {
    /// nil if no addresses were asked for.
    fileprivate init?(_ requested: RequestedEndpoint) {
        guard requested.address4 != nil || requested.address6 != nil || !requested.linkLocal.isEmpty else { return nil }
        self.init()
        ipv4Address = requested.address4?.description
        ipv6Address = requested.address6?.description
        linkLocalIPs = requested.linkLocal.isEmpty ? nil : requested.linkLocal
    }
}
