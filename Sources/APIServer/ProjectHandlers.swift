import ComposeModel
import DockerAPI
import EngineCore
import EngineModel
import Planning

/// Projects: the desired state is received, the plan or its progress is sent, one JSON value per line.
struct ProjectHandlers: Sendable {
    let engine: Engine

    private func plan(_ body: ProjectUpRequest) async throws -> (plan: Plan, project: Project) {
        let project = try Project(wire: body.project)
        let plan = try await engine.planProject(project, contents: body.contents, options: UpOptions(body.options))
        return (plan, project)
    }

    func plan(_ request: Request) async throws -> Response {
        let plan = try await plan(try await request.decode(ProjectUpRequest.self)).plan
        return try .json(encoding: PlanDescription(plan, text: plan.text))
    }

    /// The hash of every service, by which `up` detects changes.
    func hash(_ request: Request) async throws -> Response {
        let body = try await request.decode(ProjectUpRequest.self)
        let project = try Project(wire: body.project)
        let translation = try ServiceTranslation(project: project, contents: body.contents)
        return try .json(
            encoding: OrderedMap(project.services.keys.sorted().map { ($0, translation.configHash($0)) }))
    }

    func up(_ request: Request) async throws -> Response {
        let body = try await request.decode(ProjectUpRequest.self)
        let (plan, project) = try await plan(body)
        return run(plan) { [engine] report in
            try await engine.execute(plan, project: project, contents: body.contents, report: report)
        }
    }

    /// Creates a container for `compose run`; the client starts it when it is attached.
    func run(_ request: Request) async throws -> Response {
        let body = try await request.decode(ProjectRunRequest.self)
        let more = try body.more.map { try ContainerSpec($0) } ?? ContainerSpec()
        let record = try await engine.createOneOff(
            try Project(wire: body.project), contents: body.contents, service: body.service, name: body.name,
            servicePorts: body.servicePorts, useAliases: body.useAliases
        ) { spec in
            spec.add(more)
            spec.override(by: body)
        }
        return try .json(encoding: ObjectID(record.id, name: record.name), status: 201)
    }

    func down(_ request: Request) async throws -> Response {
        let body = try await request.decode(ProjectDownRequest.self)
        guard !body.project.isEmpty else { throw RoostError.invalid("the project's name is missing") }
        let plan = await engine.planDown(body.project, options: DownOptions(body))
        if body.dryRun {
            let nothing = "Nothing to do: \(body.project) has no resources.\n"
            return try .json(encoding: PlanDescription(plan, text: plan.hasChanges ? plan.text : nothing))
        }
        return run(plan) { [engine] report in try await engine.executeDown(plan, report: report) }
    }

    /// Starts existing containers, in the order of their dependencies.
    func start(_ request: Request) async throws -> Response {
        let body = try await request.decode(ProjectStartRequest.self)
        guard !body.project.isEmpty else { throw RoostError.invalid("the project's name is missing") }
        let dependencies = try body.dependencies.map { all in
            try Dictionary(all.map { ($0.key, try $0.value.decode(OrderedMap<Dependency>.self)) }) { $1 }
        }
        let plan = try await engine.planStart(body.project, services: body.services, dependencies: dependencies)
        if body.dryRun {
            let nothing = "Nothing to do: all of \(body.project) is running.\n"
            return try .json(encoding: PlanDescription(plan, text: plan.hasChanges ? plan.text : nothing))
        }
        return run(plan) { [engine] report in await engine.executeStart(plan, report: report) }
    }

    /// Executes a plan and streams its progress.
    private func run(
        _ plan: Plan,
        _ execute:
            @escaping @Sendable (@escaping @Sendable (PlanProgress) -> Void) async throws -> [(
                step: PlanStep, error: any Error
            )]
    ) -> Response {
        .stream("application/x-ndjson") { output in
            // The plan continues if the client disconnects: what it began it completes.
            let (progress, continuation) = AsyncStream.makeStream(of: PlanProgress.self)
            let work = Task {
                defer { continuation.finish() }
                return try await execute { continuation.yield($0) }
            }
            try? await output.line(encoding: PlanEvent(beginning: plan))
            for await event in progress { try? await output.line(encoding: PlanEvent(event)) }
            var end = PlanEvent()
            end.done = true
            do {
                end.failures = try await work.value.map {
                    PlanEvent.Failure(object: $0.step.operation.subject, message: "\($0.error)")
                }
            } catch {
                end.failures = [PlanEvent.Failure(object: "Project \(plan.project)", message: "\(error)")]
            }
            try await output.line(encoding: end)
        }
    }
}

extension UpOptions {
    fileprivate init(_ wire: ProjectUpOptions) {
        self.init()
        services = wire.services
        for (service, count) in wire.scale { scale[service] = count }
        forceRecreate = wire.forceRecreate
        recreateDependencies = wire.recreateDependencies
        noRecreate = wire.noRecreate
        noDependencies = wire.noDependencies
        removeOrphans = wire.removeOrphans
        renewVolumes = wire.renewVolumes
        noStart = wire.noStart
        assumesImages = wire.assumesImages
        timeoutSeconds = wire.timeout
        oneOff = wire.oneOff
        touched = Set(wire.touched)
    }
}

extension DownOptions {
    fileprivate init(_ wire: ProjectDownRequest) {
        self.init()
        if wire.volumes { fate = wire.purge ? .remove : .trash }
        services = wire.services
        timeoutSeconds = wire.timeout
        removesOrphans = wire.removeOrphans
        model = wire.model.map {
            Model(services: $0.services, disabled: $0.disabled, networks: $0.networks, volumes: $0.volumes)
        }
    }
}

extension ContainerSpec {
    /// Adds the mounts, ports, labels and capabilities of the command line; its mounts replace those with the same target.
    fileprivate mutating func add(_ more: ContainerSpec) {
        let targets = Set(more.mounts.map(\.target))
        mounts = mounts.filter { !targets.contains($0.target) } + more.mounts
        portBindings += more.portBindings
        exposedPorts += more.exposedPorts.filter { !exposedPorts.contains($0) }
        labels.merge(more.labels) { $1 }
        security.addedCapabilities += more.security.addedCapabilities
        security.droppedCapabilities += more.security.droppedCapabilities
    }

    fileprivate mutating func override(by run: ProjectRunRequest) {
        if let entrypoint = run.entrypoint {
            process.entrypoint = entrypoint
            // The service's command belongs to its own entrypoint.
            process.command = nil
        }
        if let command = run.command { process.command = command }
        process.environment += run.environment
        if let user = run.user { process.user = user }
        if let folder = run.workingDirectory { process.workingDirectory = folder }
        removeWhenStopped = run.remove
        process.terminal = run.terminal
        process.openInput = run.input
        process.inputOnce = run.input
    }
}

extension PlanDescription {
    fileprivate init(_ plan: Plan, text: String) {
        self.init()
        project = plan.project
        changes = plan.hasChanges
        steps = plan.steps.map(Step.init)
        notes = plan.notes
        self.text = text
    }
}

extension PlanDescription.Step {
    fileprivate init(_ step: PlanStep) {
        self.init()
        number = step.number
        action = step.operation.verb.split(separator: " ").dropFirst().joined(separator: " ")
        object = step.operation.subject
        reason = step.reason
        after = step.after
    }
}

extension PlanEvent {
    fileprivate init(beginning plan: Plan) {
        self.init()
        steps = plan.steps.count
        notes = plan.notes
    }

    fileprivate init(_ progress: PlanProgress) {
        self.init()
        switch progress {
        case .began(let step): show(.began, step, step.operation.words.doing)
        case .finished(let step): show(.finished, step, step.operation.words.done)
        case .kept(let step, let reason): show(.finished, step, reason)
        case .failed(let step, let failure):
            show(.failed, step, "Error")
            message = failure
        case .skipped(let step): show(.skipped, step, "Skipped")
        }
    }

    private mutating func show(_ state: State, _ step: PlanStep, _ text: String) {
        self.state = state
        number = step.number
        object = step.operation.subject
        reason = step.reason
        self.text = text
    }
}
