import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel

struct NetworkHandlers: Sendable {
    let engine: Engine

    func list(_ request: Request) async throws -> Response {
        let filters = try request.filters(["dangling", "driver", "id", "label", "name", "scope", "type"])
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
        return try .json(encoding: found.map { NetworkInspect($0, members: []) })
    }

    func inspect(_ request: Request) async throws -> Response {
        let network = try await engine.network(request.name)
        return try .json(encoding: NetworkInspect(network, members: await engine.members(of: network)))
    }

    func create(_ request: Request) async throws -> Response {
        let made = try await engine.createNetwork(
            NetworkSpec(try await request.decode(NetworkCreateRequest.self)))
        var response = NetworkCreateResponse()
        response.id = made.id
        return try .json(encoding: response, status: 201)
    }

    func remove(_ request: Request) async throws -> Response {
        try await engine.removeNetwork(request.name)
        return .status(204)
    }

    func connect(_ request: Request) async throws -> Response {
        let body = try await request.decode(NetworkConnectRequest.self)
        let network = try await engine.network(request.name)
        let spec = try EndpointSpec(network: network.id, body.endpointConfig ?? EndpointSettings())
        try await engine.connect(body.container ?? "", to: network.id, spec)
        return .status(200)
    }

    func disconnect(_ request: Request) async throws -> Response {
        let body = try await request.decode(NetworkDisconnectRequest.self)
        try await engine.disconnect(body.container ?? "", from: request.name, force: body.force ?? false)
        return .status(200)
    }

    func prune(_ request: Request) async throws -> Response {
        let filter = try PruneFilter(try request.filters(["label", "label!", "until"]), now: Clocks.wallNanoseconds())
        let removed = try await engine.pruneNetworks { filter.matches($0.labels, createdAt: $0.createdAt) }
        await engine.announcePrune(.network, reclaimed: 0)
        var report = NetworksPruneReport()
        report.networksDeleted = removed.isEmpty ? nil : removed
        return try .json(encoding: report)
    }
}
