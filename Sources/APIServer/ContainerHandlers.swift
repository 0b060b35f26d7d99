import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel
import OCI

struct ContainerHandlers: Sendable {
    let engine: Engine

    func list(_ request: Request) async throws -> Response {
        var query = ContainerQuery()
        query.filters = try request.filters(ContainerQuery.knownFilters)
        query.limit = request.number("limit") ?? 0
        query.all = request.flag("all")
        query.withSizes = request.flag("size")
        return try .json(encoding: await engine.listContainers(query))
    }

    func create(_ request: Request) async throws -> Response {
        let body = try await request.decode(ContainerCreateRequest.self).adapted(fromVersion: request.version)
        let spec = try ContainerSpec(body)
        if let text = request.value("platform") {
            try await engine.checkPlatform(of: spec.image, Descriptor.Platform(parsing: text))
        }
        let made = try await engine.createContainer(spec, name: request["name"])
        var response = ContainerCreateResponse()
        response.id = made.record.id
        response.warnings = made.warnings
        return try .json(encoding: response, status: 201)
    }

    func inspect(_ request: Request) async throws -> Response {
        var inspect = try await engine.inspectContainer(request.name, withSizes: request.flag("size"))
        if request.version < 1045 { inspect.addShortAliases() }
        return try .json(encoding: inspect)
    }

    func start(_ request: Request) async throws -> Response {
        try await request.body.discard()
        try await engine.startContainer(request.name)
        return .status(204)
    }

    /// `t=-1` waits forever.
    private func timeout(_ request: Request) throws(RoostError) -> Int? {
        guard let text = request["t"], !text.isEmpty else { return nil }
        guard let seconds = Int(text) else {
            throw .invalid("strconv.Atoi: parsing \"\(text)\": invalid syntax: t is a number of seconds")
        }
        return seconds
    }

    func stop(_ request: Request) async throws -> Response {
        let errors = try await engine.stopContainer(
            request.name, timeout: try timeout(request), signal: request["signal"])
        return try Self.response(errors)
    }

    /// Errors of hooks are returned to Roost's own clients; Docker's read no body here.
    private static func response(_ errors: [String]) throws -> Response {
        errors.isEmpty ? .status(204) : try .json(encoding: ContainerWarnings(errors))
    }

    func restart(_ request: Request) async throws -> Response {
        try Self.response(try await engine.restartContainer(request.name, timeout: try timeout(request)))
    }

    func kill(_ request: Request) async throws -> Response {
        try await engine.killContainer(request.name, signal: request["signal"] ?? "KILL")
        return .status(204)
    }

    func pause(_ request: Request) async throws -> Response {
        try await engine.setPaused(request.name, true)
        return .status(204)
    }

    func unpause(_ request: Request) async throws -> Response {
        try await engine.setPaused(request.name, false)
        return .status(204)
    }

    func update(_ request: Request) async throws -> Response {
        let update = try ContainerUpdate(try await request.decode(ContainerUpdateRequest.self))
        let warnings = try await engine.updateContainer(request.name, update)
        return try .json(encoding: ContainerWarnings(warnings))
    }

    func rename(_ request: Request) async throws -> Response {
        try await engine.rename(request.name, to: request["name"] ?? "")
        return .status(204)
    }

    func remove(_ request: Request) async throws -> Response {
        if request.flag("link") {
            throw RoostError.invalid("invalid link: expected CONTAINER/ALIAS")
        }
        try await engine.removeContainer(
            request.name, force: request.flag("force"), volumes: request.flag("v") ? .remove : .keep)
        return .status(204)
    }

    /// `rm --link web/db` removes the link; both containers stay.
    func removeLink(_ request: Request) async throws -> Response {
        guard request.flag("link") else { throw RoostError.missing("page not found") }
        try await engine.removeLink(request.name, alias: request.path[2])
        return .status(204)
    }

    func prune(_ request: Request) async throws -> Response {
        let filter = try PruneFilter(try request.filters(["label", "label!", "until"]), now: Clocks.wallNanoseconds())
        return try .json(encoding: await engine.pruneContainers(filter))
    }

    /// The head is sent before the wait: clients start the container when they have received it.
    func wait(_ request: Request) async throws -> Response {
        let conditions: [String: Engine.WaitCondition] = [
            "": .notRunning, "not-running": .notRunning, "next-exit": .nextExit, "removed": .removed,
        ]
        let name = request["condition"] ?? ""
        guard let condition = conditions[name] else { throw RoostError.invalid("invalid condition: \"\(name)\"") }
        let record = try await engine.container(request.name)
        let reference = record.id
        let isOver = condition == .notRunning && !record.status.isRunning
        let signal = try await engine.exitSignal(reference, condition)
        return .stream("application/json") { [engine] output in
            for await code in signal {
                // A client that runs a container in the foreground gets its output before its exit code.
                if !isOver { await engine.waitForReaders(reference) }
                try await output.line(encoding: WaitResponse(code))
                break
            }
        }
    }

    func resize(_ request: Request) async throws -> Response {
        let (rows, columns) = try Self.window(request)
        try await engine.resize(request.name, rows: rows, columns: columns)
        await engine.announce(request.name, "resize", ["height": String(rows), "width": String(columns)])
        return .status(200)
    }

    static func window(_ request: Request) throws(RoostError) -> (rows: UInt16, columns: UInt16) {
        guard let rows = request.number("h").flatMap({ UInt16(exactly: $0) }),
            let columns = request.number("w").flatMap({ UInt16(exactly: $0) })
        else {
            throw .invalid("invalid resize height or width")
        }
        return (rows, columns)
    }

    func top(_ request: Request) async throws -> Response {
        let processes = try await engine.processes(request.name)
        await engine.announce(request.name, "top")
        let arguments = (request["ps_args"] ?? "").split(separator: " ").map(String.init)
        let listing =
            arguments.isEmpty || arguments == ["-ef"]
            ? nil : try await engine.processTable(arguments, of: processes)
        return try .json(encoding: TopResponse(listing ?? ProcessTable.listing(processes)))
    }

    func stats(_ request: Request) async throws -> Response {
        let streams = request["stream"] == nil || request.flag("stream")
        // A single answer has two samples too, a second apart, from which clients compute rates; with `one-shot` it has one.
        let (engine, name) = (engine, request.name)
        let first = try await engine.statistics(name, after: nil)
        if !streams {
            guard !request.flag("one-shot"), first.pids.current != nil else { return try .json(encoding: first) }
            try await Task.sleep(for: .seconds(1))
            return try .json(encoding: await engine.statistics(name, after: first))
        }
        return .stream("application/json") { output in
            var last = first
            try await output.line(encoding: last)
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(1))
                guard let next = try? await engine.statistics(name, after: last) else { break }
                last = next
                try await output.line(encoding: next)
            }
        }
    }
}
