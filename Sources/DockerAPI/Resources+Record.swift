import EngineModel

extension NetworkInspect {
    /// `members` are the containers of the network.
    package init(_ record: NetworkRecord, members: [ContainerRecord]) {
        self.init()
        name = record.name
        id = record.id
        created = timeText(record.createdAt)
        scope = "local"
        driver = record.driver
        enableIPv4 = record.bridge.isEmpty || record.subnet4 != nil
        enableIPv6 = record.subnet6 != nil
        ipam.driver = "default"
        ipam.options = record.addressOptions
        ipam.config = record.bridge.isEmpty ? nil : record.pools
        isInternal = record.isInternal
        attachable = record.isAttachable ?? false
        configFrom.network = ""
        containers = OrderedMap(
            members.compactMap { member in
                guard let endpoint = member.endpoints.first(where: { $0.networkID == record.id }) else { return nil }
                return (member.id, Member(member, endpoint, record))
            })
        options = record.options
        if record.isPredefined, !record.bridge.isEmpty {
            options.merge(["com.docker.network.bridge.name": record.bridge]) { old, _ in old }
        }
        labels = record.labels
    }
}

extension NetworkInspect.Member {
    fileprivate init(_ container: ContainerRecord, _ endpoint: EndpointRecord, _ network: NetworkRecord) {
        self.init()
        name = container.name
        endpointID = container.endpointID(endpoint)
        macAddress = endpoint.macAddress
        ipv4Address = endpoint.address4.map { "\($0)/\(network.subnet4?.prefix ?? 0)" } ?? ""
        ipv6Address = endpoint.address6.map { "\($0)/\(network.subnet6?.prefix ?? 0)" } ?? ""
    }
}

extension NetworkRecord {
    /// The gateway of a subnet that was given without one is not shown.
    fileprivate var pools: [NetworkCreateRequest.Pool] {
        [(subnet4, gateway4), (subnet6, gateway6)].compactMap { subnet, gateway in
            guard let subnet else { return nil }
            var pool = NetworkCreateRequest.Pool(subnet: subnet.description)
            pool.ipRange = ranges?.first { subnet.contains($0.base) }?.description
            let isGiven = gateway.map { requestedGateways?.contains($0) == true } == true
            if requestedSubnets?.contains(subnet) != true || isGiven { pool.gateway = gateway?.description ?? "" }
            let extra = (auxiliary ?? [:]).filter { subnet.contains($0.value) }
            if !extra.isEmpty { pool.auxiliaryAddresses = extra.mapValues(\.description) }
            return pool
        }
    }
}

extension VolumeInspect {
    package init(_ record: VolumeRecord, mountpoint: String) {
        self.init()
        createdAt = Timestamp.secondText(record.createdAt / 1_000_000_000) + "Z"
        driver = "local"
        labels = record.labels.isEmpty ? nil : record.labels
        self.mountpoint = mountpoint
        name = record.name
        options = record.options.isEmpty ? nil : record.options
        scope = "local"
    }
}

extension EventMessage {
    package init(_ event: EngineEvent) {
        self.init()
        if event.scope == .container || event.scope == .image {
            status = event.action
            id = event.id
            from = event.attributes["image"]
        }
        type = event.scope.rawValue
        action = event.action
        actor.id = event.id
        actor.attributes = event.attributes
        scope = "local"
        time = event.time / 1_000_000_000
        timeNano = event.time
    }
}
