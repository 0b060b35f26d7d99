import ComposeModel
import EngineModel

/// Translation of ports, names and networks.
extension ServiceTranslation {
    func addPorts(_ service: Service, to spec: inout ContainerSpec) throws(RoostError) {
        for text in service.expose ?? [] { spec.exposedPorts += try ContainerPort.range(parsing: text) }
        for port in service.ports ?? [] {
            let inside = try ContainerPort(parsing: "\(port.target ?? 0)/\(port.transport ?? "tcp")")
            let ends = (port.published ?? "0").split(separator: "-").map { UInt16($0) }
            guard let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high else {
                throw .invalid("invalid published port \"\(port.published ?? "")\" (e.g. 8080 or 8080-8090)")
            }
            var address: IPAddress?
            if let text = port.hostAddress, !text.isEmpty {
                guard let parsed = IPAddress(text) else { throw .invalid("host_ip \"\(text)\" is not an IP address") }
                address = parsed
            }
            spec.portBindings.append(PortBinding(container: inside, hostAddress: address, hostPorts: low...high))
            if !spec.exposedPorts.contains(inside) { spec.exposedPorts.append(inside) }
        }
    }

    func addNetworks(_ name: String, _ service: Service, to spec: inout ContainerSpec) throws(RoostError) {
        try addNames(name, service, to: &spec)
        spec.ipc = try shared(service.ipc, "ipc")
        spec.pid = try shared(service.pid, "pid")
        spec.uts = try shared(service.uts, "uts")
        if let mode = service.networkMode {
            spec.network =
                mode.hasPrefix("service:") ? .container(firstContainer(String(mode.dropFirst(8)))) : NetworkMode(mode)
            return
        }
        let wanted = (service.networks ?? [:]).sorted {
            ($1.value?.priority ?? 0, $0.key) < ($0.value?.priority ?? 0, $1.key)
        }
        for (key, settings) in wanted {
            spec.endpoints.append(try endpoint(name, network: key, settings ?? ServiceNetwork()))
        }
        if let first = spec.endpoints.first { spec.network = .named(first.network) }
        if let hardware = service.macAddress, !spec.endpoints.isEmpty {
            spec.endpoints[0].macAddress = hardware
        }
    }

    private func addNames(_ name: String, _ service: Service, to spec: inout ContainerSpec) throws(RoostError) {
        spec.dns.search = service.dnsSearch ?? []
        spec.dns.options = service.dnsOptions ?? []
        spec.dns.extraHosts = service.extraHosts ?? []
        spec.dns.links = (service.links ?? []).map { text in
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let other = parts.first ?? ""
            return "\(firstContainer(other)):\(parts.count > 1 ? parts[1] : other)"
        }
        spec.dns.links += service.externalLinks ?? []
        for text in service.dns ?? [] {
            guard let address = IPAddress(text) else {
                throw .invalid("service \(name): dns \"\(text)\" is not an IP address")
            }
            spec.dns.servers.append(address)
        }
    }

    private func endpoint(_ name: String, network key: String, _ settings: ServiceNetwork) throws(RoostError)
        -> EndpointSpec
    {
        func address(_ text: String?, _ field: String) throws(RoostError) -> IPAddress? {
            guard let text else { return nil }
            guard let parsed = IPAddress(text) else {
                throw .invalid("service \(name): \(field) \"\(text)\" is not an IP address")
            }
            return parsed
        }
        var endpoint = EndpointSpec(
            network: model.networks[key]?.name ?? key, aliases: [name] + (settings.aliases ?? []),
            address4: try address(settings.ipv4Address, "ipv4_address"),
            address6: try address(settings.ipv6Address, "ipv6_address"), macAddress: settings.macAddress,
            gatewayPriority: Int(clamping: settings.gatewayPriority ?? 0))
        var options = settings.driverOptions ?? [:]
        if let interface = settings.interfaceName { options["com.docker.network.endpoint.ifname"] = interface }
        if !options.isEmpty { endpoint.driverOptions = options }
        endpoint.linkLocal = settings.linkLocalIPs
        return endpoint
    }

    private func shared(_ text: String?, _ field: String) throws(RoostError) -> SharedNamespace {
        guard let text else { return .own }
        if text.hasPrefix("service:") { return .container(firstContainer(String(text.dropFirst(8)))) }
        return try SharedNamespace(text, field: field, modes: ["none", "private", "shareable"])
    }

    // MARK: Networks and volumes of the project

    func networkSpec(_ key: String) throws(RoostError) -> NetworkSpec {
        let network = model.networks[key] ?? Network()
        var spec = NetworkSpec(name: network.name ?? key)
        spec.driver = network.driver ?? "bridge"
        spec.isInternal = network.isInternal ?? false
        spec.enableVersion4 = network.enableIPv4 ?? true
        spec.enableVersion6 = network.enableIPv6 ?? false
        spec.options = network.driverOptions ?? [:]
        spec.labels = (network.labels ?? [:]).merging([
            ComposeLabel.project: project.name, ComposeLabel.network: key,
            ComposeLabel.version: ComposeLabel.compatibleVersion,
        ]) { $1 }
        for pool in network.ipam?.config ?? [] { try spec.add(pool, of: key) }
        return spec
    }

    func volumeLabels(_ key: String) -> [String: String] {
        (model.volumes[key]?.labels ?? [:]).merging([
            ComposeLabel.project: project.name, ComposeLabel.volume: key,
            ComposeLabel.version: ComposeLabel.compatibleVersion,
        ]) { $1 }
    }
}

extension NetworkSpec {
    fileprivate mutating func add(_ pool: Network.Pool, of key: String) throws(RoostError) {
        if let text = pool.subnet {
            guard let subnet = Subnet(text) else {
                throw .invalid("network \(key): invalid subnet \"\(text)\" (e.g. 172.28.0.0/16)")
            }
            subnets.append(subnet)
        }
        if let text = pool.gateway {
            guard let address = IPAddress(text) else {
                throw .invalid("network \(key): invalid gateway \"\(text)\": not an IP address")
            }
            gateways.append(address)
        }
        if let text = pool.ipRange, !text.isEmpty {
            guard let range = Subnet(text) else {
                throw .invalid("network \(key): invalid ip_range \"\(text)\" (e.g. 172.28.5.0/24)")
            }
            ranges.append(range)
        }
        for (host, text) in pool.auxiliaryAddresses ?? [:] {
            guard let address = IPAddress(text) else {
                throw .invalid("network \(key): invalid aux_addresses.\(host) \"\(text)\": not an IP address")
            }
            auxiliary[host] = address
        }
    }
}
