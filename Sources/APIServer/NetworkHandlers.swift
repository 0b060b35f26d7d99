import DockerAPI
import EngineCore
import EngineModel

struct NetworkHandlers: Sendable {
    let engine: Engine

    func list(_ exchange: Exchange) async throws {
        let filters = try Filters(
            query: exchange.request["filters"], known: ["dangling", "driver", "id", "label", "name", "scope", "type"])
        try filters.require("type", oneOf: ["custom", "builtin"])
        let dangling = try filters.truth("dangling")
        let used = Set(await engine.allContainers().flatMap { $0.endpoints.map(\.networkID) })
        let found = await engine.allNetworks().filter { network in
            filters.matchesLabels(network.labels) && filters.matches("name") { NamePattern($0).fits(network.name) }
                && filters.matches("id") { network.id.hasPrefix($0) }
                && filters.matches("driver") { network.driver == $0 } && filters.matches("scope") { $0 == "local" }
                && filters.matches("type") { ($0 == "builtin") == network.isPredefined }
                && (dangling == nil || dangling == (!network.isPredefined && !used.contains(network.id)))
        }
        try await exchange.answer(200, .array(found.map { $0.json(members: []) }))
    }

    func inspect(_ exchange: Exchange) async throws {
        let network = try await engine.network(exchange.request.path[1])
        try await exchange.answer(200, network.json(members: await engine.members(of: network)))
    }

    func create(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        try WireBody.network.check(body)
        var spec = NetworkSpec(name: body["Name"].string ?? "")
        spec.driver = body["Driver"].string ?? "bridge"
        spec.isAttachable = body["Attachable"].bool ?? false
        try Self.refuseSwarm(body)
        spec.isInternal = body["Internal"].bool ?? false
        spec.enableVersion4 = body["EnableIPv4"].bool ?? true
        spec.enableVersion6 = body["EnableIPv6"].bool ?? false
        spec.labels = body["Labels"].stringMap ?? [:]
        spec.options = body["Options"].stringMap ?? [:]
        spec.addressOptions = body["IPAM"]["Options"].stringMap
        for pool in body["IPAM"]["Config"].array ?? [] {
            guard let text = pool["Subnet"].string, !text.isEmpty else {
                throw RoostError.invalid(
                    "invalid network config:\ninvalid subnet : invalid CIDR block notation: every pool needs a subnet")
            }
            guard let subnet = Subnet(text) else {
                throw RoostError.invalid(
                    "invalid subnet \"\(text)\": expected an address and a prefix length (e.g. 172.28.0.0/16)")
            }
            let written = text.split(separator: "/").first.flatMap { IPAddress($0) }
            guard written == subnet.base else {
                throw RoostError.invalid("invalid network config:\ninvalid subnet \(text): it should be \(subnet)")
            }
            guard !spec.subnets.contains(where: { $0.base.isVersion6 == subnet.base.isVersion6 }) else {
                throw RoostError(.forbidden, "bridge driver doesn't support multiple subnets")
            }
            spec.subnets.append(subnet)
            if let range = pool["IPRange"].string, !range.isEmpty {
                guard let parsed = Subnet(range), subnet.contains(parsed.base) else {
                    throw RoostError.invalid("invalid ip-range \"\(range)\": it must be within \(text)")
                }
                guard range.split(separator: "/").first.flatMap({ IPAddress($0) }) == parsed.base else {
                    throw RoostError.invalid(
                        "invalid network config:\ninvalid ip-range \(range): it should be \(parsed)")
                }
                spec.ranges.append(parsed)
            }
            for (name, value) in pool["AuxiliaryAddresses"].stringMap ?? [:] {
                guard let address = IPAddress(value), subnet.contains(address) else {
                    throw RoostError.invalid("invalid auxiliary address \(name)=\(value): it must be in \(text)")
                }
                spec.auxiliary[name] = address
            }
            if let gateway = pool["Gateway"].string, !gateway.isEmpty {
                guard let address = IPAddress(gateway) else {
                    throw RoostError.invalid("invalid gateway address \"\(gateway)\"")
                }
                spec.gateways.append(address)
            }
        }
        let made = try await engine.createNetwork(spec)
        try await exchange.answer(201, ["Id": .string(made.id), "Warning": ""])
    }

    /// Rejects what only a swarm has.
    private static func refuseSwarm(_ body: JSON) throws(RoostError) {
        let driver = body["IPAM"]["Driver"].string ?? ""
        guard ["", "default"].contains(driver) else {
            throw .missing("could not find IPAM driver \(driver): only the default driver is supported")
        }
        if body["Ingress"].bool == true || body["Scope"].string == "swarm" {
            throw RoostError(
                .forbidden, "This node is not a swarm manager: swarm networks are not supported")
        }
        if let from = body["ConfigFrom"]["Network"].string, !from.isEmpty {
            throw .missing("network \(from) not found")
        }
    }

    func remove(_ exchange: Exchange) async throws {
        try await engine.removeNetwork(exchange.request.path[1])
        try await exchange.answer(204)
    }

    func connect(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        let network = try await engine.network(exchange.request.path[1])
        let spec = try EndpointSpec(network: network.id, wire: body["EndpointConfig"])
        try await engine.connect(body["Container"].string ?? "", to: network.id, spec)
        try await exchange.answer(200)
    }

    func disconnect(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        try await engine.disconnect(
            body["Container"].string ?? "", from: exchange.request.path[1], force: body["Force"].bool ?? false)
        try await exchange.answer(200)
    }

    func prune(_ exchange: Exchange) async throws {
        let filters = try Filters(query: exchange.request["filters"], known: ["label", "label!", "until"])
        let until = try PruneRules.time(filters["until"].first)
        let removed = try await engine.pruneNetworks { network in
            PruneRules.matches(filters, network.labels) && until.map { network.createdAt < $0 } != false
        }
        await engine.announcePrune(.network, reclaimed: 0)
        try await exchange.answer(200, ["NetworksDeleted": removed.isEmpty ? .null : JSON(removed)])
    }
}
