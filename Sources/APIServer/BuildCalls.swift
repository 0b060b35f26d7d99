import BuildSession
import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

/// The calls of one client: BuildKit's control service, and the part of its gateway that builds of Dockerfiles need.
actor BuildCalls {
    let engine: Engine
    private let sessions: BuildSessions
    private var builds: [String: SessionBuild] = [:]
    private var held: [StoredImage] = []

    init(engine: Engine, sessions: BuildSessions) {
        self.engine = engine
        self.sessions = sessions
    }

    nonisolated func answer(_ call: GRPCCall) async throws {
        switch call.method {
        case "/moby.buildkit.v1.Control/Solve": try await solve(call)
        case "/moby.buildkit.v1.Control/Status": try await status(call)
        case "/moby.buildkit.v1.Control/ListWorkers": try await reply(call) { Self.worker(&$0) }
        case "/moby.buildkit.v1.Control/DiskUsage": try await diskUsage(call)
        case "/moby.buildkit.v1.Control/Prune": try await prune(call)
        case "/moby.buildkit.v1.Control/Info":
            try await reply(call) { $0.message(1) { $0.text(2, APIVersion.product) } }
        case "/moby.buildkit.v1.frontend.LLBBridge/Ping": try await reply(call) { Self.capabilities(&$0) }
        case "/moby.buildkit.v1.frontend.LLBBridge/Return": try await gatewayReturn(call)
        case "/moby.buildkit.v1.frontend.LLBBridge/Solve": try await gatewaySolve(call)
        // Everything is built at once: there is nothing to evaluate later.
        case "/moby.buildkit.v1.frontend.LLBBridge/Evaluate": try await reply(call) { _ in }
        case "/grpc.health.v1.Health/Check": try await reply(call) { $0.number(1, 1) }
        default:
            throw GRPCStatus(GRPCStatus.unimplemented, "unknown method \(call.method)")
        }
    }

    private nonisolated func reply(_ call: GRPCCall, _ body: (inout ProtobufWriter) -> Void) async throws {
        while try await call.next() != nil {}
        var message = ProtobufWriter()
        body(&message)
        try await call.send(message.bytes)
    }

    private nonisolated func request(_ call: GRPCCall) async throws -> [UInt8] {
        guard let message = try await call.next() else {
            throw GRPCStatus(3, "\(call.method): the request is missing")
        }
        return message
    }

    private static func worker(_ message: inout ProtobufWriter) {
        message.message(1) {
            $0.text(1, "roost")
            $0.map(2, ["org.mobyproject.buildkit.worker.executor": "roost"])
            $0.message(3) {
                $0.text(1, Descriptor.Platform.host.architecture)
                $0.text(2, Descriptor.Platform.host.os)
                $0.text(3, Descriptor.Platform.host.variant ?? "")
            }
        }
    }

    /// The gateway's capabilities (BuildKit, frontend/gateway/pb/caps.go).
    private static func capabilities(_ message: inout ProtobufWriter) {
        for name in [
            "solve.base", "return", "frontend.caps", "gateway.solve.evaluate", "reference.output", "frontend.inputs",
            "gateway.evaluate",
        ] {
            message.message(1) {
                $0.text(1, name)
                $0.bool(2, true)
            }
        }
    }

    /// A build has several calls, and any of them may come first.
    private func build(_ reference: String) -> SessionBuild {
        if let known = builds[reference] { return known }
        let made = SessionBuild(engine: engine, sessions: sessions)
        builds[reference] = made
        return made
    }

    /// Lasts as long as the build, and returns its result.
    private nonisolated func solve(_ call: GRPCCall) async throws {
        let (reference, order) = try SolveRequest.control(try await request(call))
        let build = await build(reference)
        await build.order.resolve(.success(order))
        if !order.frontend.isEmpty {
            do {
                try await build.run(order.attributes)
                await build.finish(nil)
            } catch { await build.finish(error) }
        }
        let response: [String: String]
        do { response = try await build.outcome.value } catch {
            await build.finish(error)
            throw error
        }
        var message = ProtobufWriter()
        message.map(1, response)
        try await call.send(message.bytes)
        await forget(reference)
    }

    /// Later builds over this connection may use the result as their base, whether it is an image of the store or not.
    private func hold(_ image: StoredImage) async {
        held.append(image)
        await engine.usesTransient(image)
    }

    /// Releases the connection's images when it has closed.
    func close() async {
        for image in held { await engine.dropTransient(image.id) }
        held = []
    }

    /// Forgets a build after a while: a client may run many over one connection, and its last calls for one come within moments.
    private func forget(_ reference: String) {
        Task {
            try await Task.sleep(for: .seconds(30))
            builds[reference] = nil
        }
    }

    private nonisolated func gatewaySolve(_ call: GRPCCall) async throws {
        let order = try SolveRequest.gateway(try await request(call))
        guard let reference = call.metadata("buildkit-controlapi-buildid") else {
            throw GRPCStatus(3, "the metadata buildkit-controlapi-buildid is missing")
        }
        let build = await build(reference)
        do {
            guard order.frontend.hasPrefix("dockerfile") else {
                throw GRPCStatus(
                    GRPCStatus.unimplemented,
                    "unsupported frontend \"\(order.frontend)\": this engine builds Dockerfiles only")
            }
            try await build.run(order.attributes, inputs: order.inputs)
        } catch {
            await build.finish(error)
            throw error
        }
        var message = ProtobufWriter()
        if let image = build.image {
            await hold(image)
            message.message(3) { result in
                result.message(3) { reference in
                    reference.text(1, image.id.description)
                    reference.data(2, ResultReference.definition(of: image.id))
                }
            }
        }
        try await call.send(message.bytes)
    }

    /// The client's last call for its build: it is done, or the client has cancelled it.
    private nonisolated func gatewayReturn(_ call: GRPCCall) async throws {
        let message = try ProtobufReader(try await request(call))
        guard let reference = call.metadata("buildkit-controlapi-buildid") else {
            throw GRPCStatus(3, "the metadata buildkit-controlapi-buildid is missing")
        }
        let build = await build(reference)
        if let error = message.all(2).first {
            let status = try ProtobufReader(error)
            await build.finish(GRPCStatus(Int(status.number(1)), status.text(2)))
        } else {
            await build.finish(nil)
        }
        try await call.send([UInt8]())
    }

    private nonisolated func status(_ call: GRPCCall) async throws {
        let reference = try ProtobufReader(try await request(call)).text(1)
        for await message in await build(reference).statuses { try await call.send(message) }
    }
}

/// The build cache as BuildKit's clients query it.
extension BuildCalls {
    /// `moby.buildkit.v1.UsageRecord`.
    private static func record(_ step: Engine.BuildCacheSummary, _ message: inout ProtobufWriter) {
        message.text(1, step.id)
        message.bool(3, step.isInUse)
        message.number(4, step.size)
        message.time(6, nanoseconds: step.createdAt)
        message.time(7, nanoseconds: step.usedAt)
        message.number(8, Int64(step.uses))
        message.text(9, step.description)
        message.text(10, "regular")
    }

    /// The filters of both calls; nil selects all steps. Steps have no other properties than these.
    private static func chosen(_ filters: [String]) throws(GRPCStatus) -> (
        @Sendable (Engine.BuildCacheSummary) -> Bool
    )? {
        guard !filters.isEmpty else { return nil }
        var tests: [@Sendable (Engine.BuildCacheSummary) -> Bool] = []
        for filter in filters.flatMap({ $0.split(separator: ",").map(String.init) }) {
            guard let sign = filter.firstIndex(where: { "=~!".contains($0) }) else {
                throw GRPCStatus(3, "invalid filter \"\(filter)\" (e.g. id=VALUE or type=regular)")
            }
            let (name, value) = (filter[..<sign], filter[sign...].drop { "=~!".contains($0) })
            let isNot = filter[sign] == "!"
            let begins = filter[sign] == "~"
            tests.append { step in
                let fits: Bool
                switch name {
                case "id": fits = begins ? step.id.hasPrefix(value) : step.id == value
                case "type": fits = value == "regular"
                case "description": fits = begins ? step.description.contains(value) : step.description == value
                case "inuse", "shared", "mutable", "immutable", "private":
                    fits = (name == "inuse" && step.isInUse || name == "immutable") == (value != "false")
                default: fits = false
                }
                return fits != isNot
            }
        }
        return { [tests] step in tests.allSatisfy { $0(step) } }
    }

    private nonisolated func diskUsage(_ call: GRPCCall) async throws {
        let message = try ProtobufReader(try await request(call))
        let isMeant = try Self.chosen(message.all(1).map { String(decoding: $0, as: UTF8.self) })
        var answer = ProtobufWriter()
        for step in await engine.buildCacheSummaries() where isMeant?(step) ?? true {
            answer.message(1) { Self.record(step, &$0) }
        }
        try await call.send(answer.bytes)
    }

    /// Prunes the cache and reports each removed step.
    private nonisolated func prune(_ call: GRPCCall) async throws {
        let message = try ProtobufReader(try await request(call))
        let steps = await engine.buildCacheSummaries()
        var isMeant: (@Sendable (String) -> Bool)?
        if let chosen = try Self.chosen(message.all(1).map({ String(decoding: $0, as: UTF8.self) })) {
            let ids = Set(steps.filter(chosen).map(\.id))
            isMeant = { ids.contains($0) }
        }
        let age = message.number(3)
        let removed = try await engine.pruneBuildCache(
            unusedSince: age > 0 ? Clocks.wallNanoseconds() - age : nil, keepBytes: max(0, message.number(4)),
            isMeant: isMeant)
        for step in steps where removed.ids.contains(step.id) {
            var record = ProtobufWriter()
            Self.record(step, &record)
            try await call.send(record.bytes)
        }
    }
}
