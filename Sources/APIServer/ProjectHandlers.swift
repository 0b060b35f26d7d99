import ComposeModel
import DockerAPI
import EngineCore
import EngineModel
import Planning

/// Projects: the desired state is received, the plan or its progress is sent, one JSON value per line.
struct ProjectHandlers: Sendable {
    let engine: Engine

    private func read(_ exchange: Exchange) async throws -> (
        project: Project, contents: [String: String], options: UpOptions
    ) {
        let body = try await exchange.json()
        let wanted = body["options"]
        var options = UpOptions()
        options.services = wanted["services"].strings ?? []
        for (service, count) in wanted["scale"].object ?? [] { options.scale[service] = Int(clamping: count.int ?? 1) }
        options.forceRecreate = wanted["forceRecreate"].bool ?? false
        options.recreateDependencies = wanted["recreateDependencies"].bool ?? false
        options.noRecreate = wanted["noRecreate"].bool ?? false
        options.noDependencies = wanted["noDependencies"].bool ?? false
        options.removeOrphans = wanted["removeOrphans"].bool ?? false
        options.renewVolumes = wanted["renewVolumes"].bool ?? false
        options.noStart = wanted["noStart"].bool ?? false
        options.assumesImages = wanted["assumesImages"].bool ?? false
        options.timeoutSeconds = wanted["timeout"].int.map { Int(clamping: $0) }
        options.oneOff = wanted["oneOff"].string
        options.touched = Set(wanted["touched"].strings ?? [])
        return (try Project(wire: body["project"]), body["contents"].stringMap ?? [:], options)
    }

    func plan(_ exchange: Exchange) async throws {
        let (project, contents, options) = try await read(exchange)
        let plan = try await engine.planProject(project, contents: contents, options: options)
        var json = plan.json
        json.set("text", .string(plan.text))
        try await exchange.answer(200, json)
    }

    /// The hash of every service, by which `up` detects changes.
    func hash(_ exchange: Exchange) async throws {
        let (project, contents, _) = try await read(exchange)
        let translation = ServiceTranslation(project: project, contents: contents)
        try await exchange.answer(
            200, .object(project.services.keys.sorted().map { ($0, .string(translation.configHash($0))) }))
    }

    func up(_ exchange: Exchange) async throws {
        let (project, contents, options) = try await read(exchange)
        let plan = try await engine.planProject(project, contents: contents, options: options)
        let engine = engine
        try await run(exchange, plan) { report in
            try await engine.execute(plan, project: project, contents: contents, report: report)
        }
    }

    /// Creates a container for `compose run`; the client starts it when it is attached.
    func run(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        let project = try Project(wire: body["project"])
        // Mounts, ports, labels and capabilities of the command line, in the form of a container specification.
        let more = body["more"].isNull ? ContainerSpec() : try ContainerSpec(wire: body["more"])
        let record = try await engine.createOneOff(
            project, contents: body["contents"].stringMap ?? [:], service: body["service"].string ?? "",
            name: body["name"].string, servicePorts: body["servicePorts"].bool ?? false,
            useAliases: body["useAliases"].bool ?? false
        ) { spec in
            let targets = Set(more.mounts.map(\.target))
            spec.mounts = spec.mounts.filter { !targets.contains($0.target) } + more.mounts
            spec.portBindings += more.portBindings
            spec.exposedPorts += more.exposedPorts.filter { !spec.exposedPorts.contains($0) }
            spec.labels.merge(more.labels) { $1 }
            spec.security.addedCapabilities += more.security.addedCapabilities
            spec.security.droppedCapabilities += more.security.droppedCapabilities
            if let entrypoint = body["entrypoint"].strings {
                spec.process.entrypoint = entrypoint
                // The service's command belongs to its own entrypoint.
                spec.process.command = nil
            }
            if let command = body["command"].strings { spec.process.command = command }
            spec.process.environment += body["environment"].strings ?? []
            if let user = body["user"].string { spec.process.user = user }
            if let folder = body["workdir"].string { spec.process.workingDirectory = folder }
            spec.removeWhenStopped = body["remove"].bool ?? false
            spec.process.terminal = body["terminal"].bool ?? false
            spec.process.openInput = body["input"].bool ?? false
            spec.process.inputOnce = spec.process.openInput
        }
        try await exchange.answer(201, ["Id": .string(record.id), "Name": .string(record.name)])
    }

    func down(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        guard let name = body["project"].string, !name.isEmpty else {
            throw RoostError.invalid("the project's name is missing")
        }
        var options = DownOptions()
        if body["volumes"].bool == true { options.fate = body["purge"].bool == true ? .remove : .trash }
        options.services = body["services"].strings ?? []
        options.timeoutSeconds = body["timeout"].int.map { Int(clamping: $0) }
        options.removesOrphans = body["removeOrphans"].bool ?? false
        let model = body["model"]
        if !model.isNull {
            options.model = DownOptions.Model(
                services: model["services"].strings ?? [], disabled: model["disabled"].strings ?? [],
                networks: model["networks"].strings ?? [], volumes: model["volumes"].strings ?? [])
        }
        let plan = await engine.planDown(name, options: options)
        if body["dryRun"].bool == true {
            var json = plan.json
            json.set("text", .string(plan.hasChanges ? plan.text : "Nothing to do: \(name) has no resources.\n"))
            return try await exchange.answer(200, json)
        }
        let engine = engine
        try await run(exchange, plan) { report in try await engine.executeDown(plan, report: report) }
    }

    /// Starts existing containers, in the order of their dependencies.
    func start(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        guard let name = body["project"].string, !name.isEmpty else {
            throw RoostError.invalid("the project's name is missing")
        }
        let dependencies = body["dependencies"].object.map { Dictionary($0.map { ($0.key, $0.value) }) { $1 } }
        let plan = try await engine.planStart(
            name, services: body["services"].strings ?? [], dependencies: dependencies)
        if body["dryRun"].bool == true {
            var json = plan.json
            json.set("text", .string(plan.hasChanges ? plan.text : "Nothing to do: all of \(name) is running.\n"))
            return try await exchange.answer(200, json)
        }
        let engine = engine
        try await run(exchange, plan) { report in await engine.executeStart(plan, report: report) }
    }

    private func run(
        _ exchange: Exchange, _ plan: Plan,
        _ execute:
            @escaping @Sendable (@escaping @Sendable (PlanProgress) -> Void) async throws -> [(
                step: PlanStep, error: any Error
            )]
    ) async throws {
        try await exchange.startStream("application/x-ndjson")
        try await exchange.send(
            JSON.object([("steps", JSON(plan.steps.count)), ("notes", JSON(plan.notes))]).bytes() + [10])
        let (progress, continuation) = AsyncStream.makeStream(of: PlanProgress.self)
        // The plan continues if the client disconnects: what it began it completes.
        let work = Task {
            defer { continuation.finish() }
            return try await execute { continuation.yield($0) }
        }
        for await event in progress { try? await exchange.send(Self.line(event)) }
        do {
            let failures = try await work.value
            let list = failures.map {
                JSON.object([("object", .string($0.step.operation.subject)), ("message", .string("\($0.error)"))])
            }
            try await exchange.send(JSON.object([("done", true), ("failures", .array(list))]).bytes() + [10])
        } catch {
            try await exchange.send(
                JSON.object([
                    ("done", true),
                    ("failures", [["object": .string("Project \(plan.project)"), "message": .string("\(error)")]]),
                ]).bytes() + [10])
        }
        try await exchange.end()
    }

    private static func line(_ event: PlanProgress) -> [UInt8] {
        let (state, step, message): (String, PlanStep, String) =
            switch event {
            case .began(let step): ("began", step, "")
            case .finished(let step): ("finished", step, "")
            case .kept(let step, _): ("finished", step, "")
            case .failed(let step, let message): ("failed", step, message)
            case .skipped(let step): ("skipped", step, "")
            }
        let words = step.operation.words
        var json: JSON = [
            "state": .string(state), "number": JSON(step.number), "object": .string(step.operation.subject),
            "reason": .string(step.reason),
            "text": .string(
                state == "began"
                    ? words.doing : state == "finished" ? words.done : state == "failed" ? "Error" : "Skipped"),
        ]
        if case .kept(_, let reason) = event { json.set("text", .string(reason)) }
        if !message.isEmpty { json.set("message", .string(message)) }
        return json.bytes() + [10]
    }
}
