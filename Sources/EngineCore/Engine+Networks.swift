import EngineModel
import LinuxKernel
import Logging
import Networking

extension Engine {
    package func network(_ reference: String) throws(RoostError) -> NetworkRecord {
        let name = reference == "default" ? "bridge" : reference
        if let record = networks[name] ?? networks.values.first(where: { $0.name == name }) { return record }
        let matches = name.count < 2 ? [] : networks.values.filter { $0.id.hasPrefix(name) }
        if matches.count > 1 {
            throw .invalid("network \(reference) is ambiguous (\(matches.count) matches found based on ID prefix)")
        }
        guard let record = matches.first else { throw .missing("network \(reference) not found") }
        return record
    }

    package func allNetworks() -> [NetworkRecord] { networks.values.sorted { $0.name < $1.name } }

    /// Containers that are running on a network.
    package func members(of network: NetworkRecord) -> [ContainerRecord] {
        containers.values.filter { live[$0.id] != nil && $0.endpoints.contains { $0.networkID == network.id } }.sorted {
            $0.name < $1.name
        }
    }

    /// The three predefined networks, as in Docker.
    func makePredefinedNetworks() throws {
        try removeNarrowBridge()
        for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null")]
        where !networks.values.contains(where: { $0.name == name }) {
            var spec = NetworkSpec(name: name)
            spec.driver = driver
            if driver == "bridge" { spec.options[Self.defaultBridgeOption] = "true" }
            try insertNetwork(spec)
        }
    }

    private static let defaultBridgeOption = "com.docker.network.bridge.default_bridge"

    /// Earlier versions gave the default bridge a /24. While no address on it is leased, it is replaced by a wider one.
    private func removeNarrowBridge() throws {
        guard let record = networks.values.first(where: { $0.name == "bridge" }), record.subnet4?.prefix == 24,
            leases[record.id]?.isEmpty != false,
            !containers.values.contains(where: { $0.endpoints.contains { $0.networkID == record.id } })
        else { return }
        networks[record.id] = nil
        try store.removeNetwork(record.id)
    }

    package func createNetwork(_ spec: NetworkSpec) throws -> NetworkRecord {
        let isBlank = spec.name.allSatisfy(\.isWhitespace)
        guard !isBlank, !spec.name.contains("/"), spec.name.utf8.count <= 255,
            !Identifiers.isHexadecimal(spec.name) || spec.name.count != 64
        else {
            throw RoostError.invalid(
                "invalid network name \"\(spec.name)\": it must not be empty, contain a slash or look like an ID")
        }
        guard ["bridge", ""].contains(spec.driver) else {
            throw RoostError.missing(
                "could not find plugin \(spec.driver) in v1 plugin registry: the only network driver is bridge (host and none are predefined)"
            )
        }
        _ = try BridgeSettings(spec.options)
        if !spec.enableVersion4 {
            guard spec.enableVersion6 else {
                throw RoostError.invalid("network \(spec.name): IPv4 or IPv6 must be enabled")
            }
            if let subnet = spec.subnets.first(where: { !$0.base.isVersion6 }) {
                throw RoostError.invalid("network \(spec.name): IPv4 is disabled, but \(subnet) is an IPv4 subnet")
            }
        }
        if ["host", "bridge", "none", "default"].contains(spec.name) {
            throw RoostError(.forbidden, "operation is not permitted on predefined \(spec.name) network ")
        }
        if networks.values.contains(where: { $0.name == spec.name }) {
            throw RoostError.conflict("network with name \(spec.name) already exists")
        }
        for subnet in spec.subnets {
            if let other = networks.values.first(where: {
                $0.subnet4?.overlaps(subnet) == true || $0.subnet6?.overlaps(subnet) == true
            }) {
                throw RoostError(
                    .forbidden,
                    "Pool overlaps with other one on this address space: \(subnet) is used by network \(other.name)")
            }
        }
        let record = try insertNetwork(spec)
        publish(.network, "create", id: record.id, ["name": record.name, "type": record.driver])
        return record
    }

    @discardableResult
    private func insertNetwork(_ spec: NetworkSpec) throws -> NetworkRecord {
        let id = Identifiers.random()
        var subnet4 = spec.subnets.first { !$0.base.isVersion6 }
        var subnet6 = spec.subnets.first { $0.base.isVersion6 }
        let hasAddresses = spec.driver == "bridge" || spec.driver.isEmpty
        if hasAddresses, spec.enableVersion4, subnet4 == nil {
            let taken = networks.values.compactMap(\.subnet4) + Addressing.hostRoutes()
            let isDefaultBridge = spec.options[Self.defaultBridgeOption] == "true"
            let wide = isDefaultBridge ? Addressing.freeBridgeSubnet(taken: taken, seed: names.seed) : nil
            guard let free = wide ?? Addressing.freeSubnet(taken: taken, seed: names.seed) else {
                throw RoostError.conflict(
                    "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network; choose one with --subnet"
                )
            }
            subnet4 = free
        }
        if hasAddresses, spec.enableVersion6, subnet6 == nil { subnet6 = Addressing.uniqueLocalSubnet(id: id) }
        func gateway(_ subnet: Subnet?) throws -> IPAddress? {
            guard let subnet else { return nil }
            let given = spec.gateways.first { $0.isVersion6 == subnet.base.isVersion6 }
            if let given, !subnet.contains(given) {
                throw RoostError.invalid("gateway \(given) is not in subnet \(subnet) of network \(spec.name)")
            }
            // As in Docker: the first address of the range from which containers get addresses.
            let range = spec.ranges.first { subnet.contains($0.base) } ?? subnet
            return given ?? Addressing.freeAddress(in: range, of: subnet) { _ in false }
        }
        var record = NetworkRecord(
            id: id, name: spec.name, driver: spec.driver.isEmpty ? "bridge" : spec.driver, createdAt: now,
            subnet4: subnet4,
            gateway4: try gateway(subnet4), subnet6: subnet6, gateway6: try gateway(subnet6),
            isInternal: spec.isInternal, labels: spec.labels,
            options: spec.options, bridge: hasAddresses ? try bridgeName(spec) ?? names.bridge(id) : "")
        if spec.isAttachable { record.isAttachable = true }
        if !spec.ranges.isEmpty { record.ranges = spec.ranges }
        if !spec.auxiliary.isEmpty { record.auxiliary = spec.auxiliary }
        record.requestedSubnets = spec.subnets
        record.requestedGateways = spec.gateways
        record.addressOptions = spec.addressOptions
        try store.save(record)
        networks[id] = record
        return record
    }

    /// The bridge name from the network's options, if there is one.
    private func bridgeName(_ spec: NetworkSpec) throws(RoostError) -> String? {
        guard let name = spec.options["com.docker.network.bridge.name"], !name.isEmpty else { return nil }
        guard name.utf8.count <= 15, !name.contains("/"), !name.contains(where: \.isWhitespace), name != ".",
            name != ".."
        else {
            throw .invalid(
                "invalid bridge name \"\(name)\": at most 15 characters, without spaces or slashes")
        }
        if Bridges.exists(name) || networks.values.contains(where: { $0.bridge == name }) {
            throw .conflict("interface \(name) already exists: choose another com.docker.network.bridge.name")
        }
        return name
    }

    package func removeNetwork(_ reference: String) async throws {
        let record = try network(reference)
        if record.isPredefined {
            throw RoostError(.forbidden, "\(record.name) is a pre-defined network and cannot be removed")
        }
        let users = members(of: record)
        guard users.isEmpty else {
            let text = users.map { "name:\"\($0.name)\" id:\"\($0.shortID)\"" }.joined(separator: ", ")
            throw RoostError(
                .forbidden,
                "error while removing network: network \(record.name) id \(record.id) has active endpoints (\(text))")
        }
        networks[record.id] = nil
        leases[record.id] = nil
        try store.removeNetwork(record.id)
        if activeBridges.remove(record.id) != nil {
            let bridge = record.bridge
            let failures = (try? await blocking { Bridges.removeLinks([bridge]).map { "\($0)" } }) ?? []
            for failure in failures { log.warning("cannot remove bridge \(bridge): \(failure)") }
            do { try await applyFilter(filter.remove([filterNetwork(record)])) } catch {
                log.warning("cannot remove the packet rules of network \(record.name): \(error)")
            }
        }
        publish(.network, "destroy", id: record.id, ["name": record.name, "type": record.driver])
    }

    package func pruneNetworks(_ isMeant: @Sendable (NetworkRecord) -> Bool) async throws -> [String] {
        var removed: [String] = []
        let used = Set(containers.values.flatMap { $0.endpoints.map(\.networkID) })
        for record in allNetworks() where !record.isPredefined && !used.contains(record.id) && isMeant(record) {
            try await removeNetwork(record.id)
            removed.append(record.name)
        }
        return removed
    }

    // MARK: Kernel state

    /// Creates the bridges of networks that are about to be used.
    func activate(_ ids: [String]) async throws {
        for id in ids {
            guard let bridge = networks[id]?.bridge else { continue }
            if let recoveredLinks {
                // The previous engine created it. Its settings are checked once this engine serves.
                if recoveredLinks.contains(bridge) { activeBridges.insert(id) }
            } else if !Bridges.exists(bridge) {
                // It may have been deleted while nothing was attached to it.
                activeBridges.remove(id)
            }
        }
        let missing = Set(ids).subtracting(activeBridges)
        guard !missing.isEmpty else { return }
        try await exclusively("bridges") {
            // Another start may have created them while this one waited in line.
            let missing = missing.subtracting(activeBridges)
            guard !missing.isEmpty else { return }
            let isFirst = activeBridges.isEmpty
            var added: [PacketFilter.Network] = []
            for id in missing.sorted() {
                guard let record = networks[id], !record.bridge.isEmpty else { continue }
                try await ensureBridge(record)
                activeBridges.insert(id)
                added.append(filterNetwork(record))
            }
            guard recoveredLinks == nil else { return }
            if isFirst { return await rebuildFilter() }
            try await applyFilter(filter.add(added))
            // Another firewall may have been started since.
            let filter = filter
            let bridges = activeBridges.compactMap { networks[$0]?.bridge }
            if !added.isEmpty { try await blocking { filter.openForeignChains(bridges) } }
        }
    }

    /// Creates a network's bridge if it is missing and reattaches its running members: deleting a bridge detaches them.
    func ensureBridge(_ record: NetworkRecord) async throws {
        let members = live.values.flatMap(\.endpoints).filter { $0.bridge == record.bridge }
        let mark = names.bridgeMark
        try await blocking {
            Bridges.enableForwarding()
            try Bridges.ensure(record, mark: mark)
            for member in members { try Bridges.attach(member) }
        }
    }

    /// Leases addresses for a new container; they are saved with its row.
    func leaseEndpoints(_ spec: ContainerSpec, id: String, preferring: [EndpointRecord] = []) throws
        -> [EndpointRecord]
    {
        var wanted = spec.endpoints
        if wanted.isEmpty {
            switch spec.network {
            case .bridge: wanted = [EndpointSpec(network: "bridge")]
            case .named(let name): wanted = [EndpointSpec(network: name)]
            case .host, .none, .container: break
            }
        }
        var made: [EndpointRecord] = []
        for endpoint in wanted {
            let network: NetworkRecord
            // Not `notFound`, which clients would take for a missing image.
            do throws(RoostError) { network = try self.network(endpoint.network) } catch {
                throw RoostError.invalid(error.message)
            }
            if network.driver == "host" || network.driver == "null" { continue }
            let before = preferring.first { $0.networkID == network.id }
            made.append(try lease(endpoint, on: network, id: id, preferring: before))
        }
        return made
    }

    func lease(_ endpoint: EndpointSpec, on network: NetworkRecord, id: String, preferring: EndpointRecord? = nil)
        throws -> EndpointRecord
    {
        func choose(_ subnet: Subnet?, _ gateway: IPAddress?, _ asked: IPAddress?, _ preferred: IPAddress?) throws
            -> IPAddress?
        {
            guard let subnet else {
                if let asked {
                    throw RoostError.invalid(
                        "invalid config for network \(network.name): it has no subnet that contains the configured address \(asked)"
                    )
                }
                return nil
            }
            let held = leases[network.id] ?? [:]
            let auxiliary = Set((network.auxiliary ?? [:]).values)
            func isTaken(_ address: IPAddress) -> Bool {
                held[address] != nil || address == gateway || auxiliary.contains(address)
            }
            if let asked {
                guard subnet.contains(asked) else {
                    throw RoostError.invalid(
                        "invalid config for network \(network.name): invalid endpoint settings: no configured subnet contains IP address \(asked)"
                    )
                }
                if isTaken(asked) {
                    throw RoostError(.forbidden, "Address already in use: \(asked) on network \(network.name)")
                }
                return asked
            }
            if let preferred, subnet.contains(preferred), !isTaken(preferred) { return preferred }
            let range = network.ranges?.first { subnet.contains($0.base) } ?? subnet
            // The interface of a container that has just exited may still hold an address, and a start would have to wait for it.
            let leaving = Set(lingeringInterfaces.values.joined())
            guard
                let free = Addressing.freeAddress(
                    in: range, of: subnet, isTaken: { isTaken($0) || leaving.contains($0) })
                    ?? Addressing.freeAddress(in: range, of: subnet, isTaken: isTaken)
            else {
                let family = subnet.base.isVersion6 ? "IPv6" : "IPv4"
                throw RoostError.conflict(
                    "no available \(family) addresses on network \(network.name): all of \(range == subnet ? "" : "range ")\(range) are leased"
                )
            }
            return free
        }
        let address4 = try choose(network.subnet4, network.gateway4, endpoint.address4, preferring?.address4)
        let address6 = try choose(network.subnet6, network.gateway6, endpoint.address6, preferring?.address6)
        for address in [address4, address6].compactMap({ $0 }) { leases[network.id, default: [:]][address] = id }
        var hardware = Addressing.hardwareAddress(for: address4 ?? address6)
        if let text = endpoint.macAddress, !text.isEmpty {
            guard let parsed = Addressing.parseHardware(text) else {
                throw RoostError.invalid("invalid MAC address: \(text)")
            }
            hardware = parsed
        }
        var record = EndpointRecord(
            networkID: network.id, networkName: network.name, address4: address4, address6: address6,
            macAddress: Addressing.hardwareText(hardware), aliases: endpoint.aliases,
            gatewayPriority: endpoint.gatewayPriority)
        let requested = RequestedEndpoint(
            address4: endpoint.address4, address6: endpoint.address6, linkLocal: endpoint.linkLocal ?? [],
            links: endpoint.links ?? [], driverOptions: endpoint.driverOptions ?? [:],
            macAddress: endpoint.macAddress.flatMap { $0.isEmpty ? nil : $0 })
        if requested != RequestedEndpoint() { record.requested = requested }
        return record
    }

    func releaseLeases(_ record: ContainerRecord) {
        for endpoint in record.endpoints {
            for address in [endpoint.address4, endpoint.address6].compactMap({ $0 })
            where leases[endpoint.networkID]?[address] == record.id {
                leases[endpoint.networkID]?[address] = nil
            }
        }
    }

    /// The interfaces of a container, the one with the default route first.
    func endpointPlans(_ record: ContainerRecord) -> [EndpointPlan] {
        let ordered = record.endpoints.enumerated().sorted {
            ($0.element.gatewayPriority, -$0.offset) > ($1.element.gatewayPriority, -$1.offset)
        }
        let gatewayIndex = ordered.first { networks[$0.element.networkID]?.isInternal == false }?.offset
        return record.endpoints.enumerated().compactMap { index, endpoint in
            guard let network = networks[endpoint.networkID] else { return nil }
            let leads = index == gatewayIndex
            let number = endpoint.number ?? index
            let settings = BridgeSettings.of(network)
            let options = endpoint.requested?.driverOptions ?? [:]
            var plan = EndpointPlan(
                hostInterface: names.pair(record.id, number),
                containerInterface: options["com.docker.network.endpoint.ifname"]
                    ?? "\(settings.interfacePrefix)\(number)",
                bridge: network.bridge,
                address4: endpoint.address4, prefix4: network.subnet4?.prefix ?? 24, address6: endpoint.address6,
                prefix6: network.subnet6?.prefix ?? 64,
                hardwareAddress: Addressing.parseHardware(endpoint.macAddress) ?? [],
                gateway4: leads ? network.gateway4 : nil, gateway6: leads ? network.gateway6 : nil)
            plan.mtu = settings.mtu
            plan.isIsolated = !settings.connects
            plan.isHairpin = !record.spec.portBindings.isEmpty || record.spec.publishAllPorts
            plan.linkLocal = (endpoint.requested?.linkLocal ?? []).compactMap { IPAddress($0) }
            plan.sysctls = (options["com.docker.network.endpoint.sysctls"] ?? "").split(separator: ",").map(String.init)
            return plan
        }
    }

    /// The address for published ports that name none, from the settings of the network that provides the container's gateway.
    func publishAddress(_ record: ContainerRecord) -> IPAddress? {
        endpointsByGateway(record).first { $0.address4 != nil || $0.address6 != nil }.flatMap { networks[$0.networkID] }
            .flatMap {
                BridgeSettings.of($0).publishAddress
            }
    }

    /// Only user-defined networks resolve names, as in Docker.
    func hasResolver(_ record: ContainerRecord) -> Bool {
        record.endpoints.contains { networks[$0.networkID]?.isPredefined == false }
    }

    func resolverScope(_ record: ContainerRecord) -> ResolverScope {
        let reachable = record.endpoints.contains { networks[$0.networkID]?.isInternal == false }
        // A container's own servers are queried from its network namespace, where 127.0.0.1 is the container. The host's servers are
        // queried from the host, where a loopback address is the host; a container without external access does not use them.
        let namespace = live[record.id]?.sandbox?.namespace
        let servers = record.spec.dns.servers
        let upstreams: [NameServer] =
            servers.isEmpty
            ? (reachable ? ResolverFiles.hostServers().map { NameServer($0) } : [])
            : namespace.map { own in Self.withoutEmbeddedResolver(servers).map { NameServer($0, from: own) } } ?? []
        var links: [String: [String]] = [:]
        var dns = record.spec.dns
        dns.links += record.endpoints.flatMap { $0.requested?.links ?? [] }
        for link in dns.parsedLinks {
            links[link.alias.lowercased(), default: []].append(link.target.lowercased())
        }
        return ResolverScope(
            networks: record.endpoints.map(\.networkID), upstreams: upstreams, links: links)
    }

    /// Excludes the embedded resolver's own address: it would query itself.
    private static func withoutEmbeddedResolver(_ servers: [IPAddress]) -> [IPAddress] {
        servers.filter { $0 != IPAddress(bytes: ResolverFiles.embeddedAddress) }
    }

    /// On the default network, which does not resolve names, a link is a line in /etc/hosts, as in Docker.
    func linkedHosts(_ record: ContainerRecord) throws(RoostError) -> [(IPAddress, String)] {
        guard !hasResolver(record) else { return [] }
        var lines: [(IPAddress, String)] = []
        for link in record.spec.dns.parsedLinks {
            let target = try container(link.target)
            guard live[target.id] != nil, let address = target.endpoints.compactMap(\.address4).first else {
                throw .conflict(
                    "Cannot link to a non running container: /\(target.name) AS /\(record.name)/\(link.alias)")
            }
            lines.append((address, "\(link.alias) \(target.shortID) \(target.name)"))
        }
        return lines
    }

    /// Docker's variables for links on the default network: `DB_NAME`, `DB_PORT_6379_TCP_ADDR`, `DB_ENV_…`.
    func linkVariables(_ record: ContainerRecord) -> [String] {
        guard !hasResolver(record) else { return [] }
        var list: [String] = []
        for link in record.spec.dns.parsedLinks {
            guard let target = try? container(link.target), let address = target.endpoints.compactMap(\.address4).first
            else { continue }
            let name = link.alias.uppercased().map { $0 == "-" ? "_" : $0 }
            let prefix = String(name)
            list.append("\(prefix)_NAME=/\(record.name)/\(link.alias)")
            let ports = target.spec.exposedPorts
            for (index, port) in ports.enumerated() {
                let transport = port.transport.rawValue
                let place = "\(transport)://\(address):\(port.number)"
                if index == 0 { list.append("\(prefix)_PORT=\(place)") }
                let key = "\(prefix)_PORT_\(port.number)_\(transport.uppercased())"
                list += [
                    "\(key)=\(place)", "\(key)_ADDR=\(address)", "\(key)_PORT=\(port.number)",
                    "\(key)_PROTO=\(transport)",
                ]
            }
            for variable in target.spec.process.environment { list.append("\(prefix)_ENV_\(variable)") }
        }
        return list
    }

    /// Replaces the resolver's names with those of all running containers.
    func rebuildNames() {
        var directory = NameDirectory()
        for id in live.keys { directory.set(names(of: id), of: id) }
        resolver.replace(directory)
    }

    /// Updates the resolver's names of one container, which has started, stopped or changed its networks.
    func updateNames(of id: String) { resolver.setNames(names(of: id), of: id) }

    private func names(of id: String) -> [NameDirectory.Entry] {
        guard live[id] != nil, !standbyContainers.contains(id), let record = containers[id] else { return [] }
        return record.endpoints.compactMap { endpoint in
            guard networks[endpoint.networkID]?.isPredefined == false else { return nil }
            let names = [record.name, record.shortID, record.spec.hostname] + endpoint.aliases
            return NameDirectory.Entry(
                network: endpoint.networkID, networkName: endpoint.networkName.lowercased(),
                names: Set(names.map { $0.lowercased() }.filter { !$0.isEmpty }),
                addresses: [endpoint.address4, endpoint.address6].compactMap { $0 },
                pointer: "\(record.name).\(endpoint.networkName)")
        }
    }
}
