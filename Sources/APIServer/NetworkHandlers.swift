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
        let made = try await engine.createNetwork(
            NetworkSpec(try await exchange.json().request(NetworkCreateRequest.self)))
        try await exchange.answer(201, ["Id": .string(made.id), "Warning": ""])
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
