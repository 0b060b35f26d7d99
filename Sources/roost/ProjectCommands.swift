import APIClient
import ArgumentParser
import ComposeFile
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Options shared by `up` and `plan`: the same options give the same plan.
struct UpSettings: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("Scale SERVICE to NUM instances (e.g. web=3)", valueName: "service=num"))
    var scale: [String] = []
    @Flag(name: .long, help: "Recreate containers even if their configuration and image have not changed")
    var forceRecreate = false
    @Flag(name: .long, help: "Do not recreate existing containers, even if their configuration has changed")
    var noRecreate = false
    @Flag(name: .long, help: "Also recreate dependencies (with --force-recreate)") var alwaysRecreateDeps = false
    @Flag(name: .long, help: "Do not start linked services") var noDeps = false
    @Flag(name: .long, help: "Remove containers for services not defined in the Compose file") var removeOrphans = false
    @Flag(
        name: [.customShort("V"), .long],
        help: "Recreate anonymous volumes instead of retrieving data from the previous containers")
    var renewAnonVolumes = false
    @Flag(name: .long, help: "Do not start the services after creating them") var noStart = false
    @Option(name: [.short, .long], help: ArgumentHelp("Shutdown timeout in seconds", valueName: "int"))
    var timeout: Int?

    func options(_ services: [String]) throws(RoostError) -> ProjectUpOptions {
        if forceRecreate, noRecreate {
            throw .invalid("--force-recreate and --no-recreate are incompatible")
        }
        var options = ProjectUpOptions()
        for text in scale {
            let parts = text.split(separator: "=").map(String.init)
            guard parts.count == 2, let count = Int(parts[1]), count >= 0 else {
                throw .invalid("invalid --scale \(text): expected SERVICE=NUM")
            }
            options.scale[parts[0]] = count
        }
        options.services = services
        options.forceRecreate = forceRecreate
        options.noRecreate = noRecreate
        options.recreateDependencies = alwaysRecreateDeps
        options.noDependencies = noDeps
        options.removeOrphans = removeOrphans
        options.renewVolumes = renewAnonVolumes
        options.noStart = noStart
        options.timeout = timeout
        return options
    }
}

extension ProjectUpRequest {
    init(_ project: Project, _ contents: [String: String], _ options: ProjectUpOptions = ProjectUpOptions()) {
        self.init()
        self.project = project.wire
        self.contents = contents
        self.options = options
    }
}

/// A request whose plan the engine executes. A plan is computed from the actual and the desired state, so repeating the request is safe.
protocol PlanRequest: Encodable {
    /// The request to send after the connection was lost: jobs that it has already run are not repeated.
    func resumed(after touched: Set<String>) -> Self
}

extension ProjectUpRequest: PlanRequest {
    func resumed(after touched: Set<String>) -> ProjectUpRequest {
        var request = self
        request.options.touched = touched.sorted()
        return request
    }
}

extension ProjectDownRequest: PlanRequest {
    func resumed(after touched: Set<String>) -> ProjectDownRequest { self }
}

extension ProjectStartRequest: PlanRequest {
    func resumed(after touched: Set<String>) -> ProjectStartRequest { self }
}

/// Has the engine execute a plan and shows its progress; throws at the end if a step failed.
enum PlanFollower {
    /// The command survives a restart of the engine. Returns the names of the objects that were acted on.
    @discardableResult
    static func follow(_ path: String, _ request: some PlanRequest) throws -> Set<String> {
        let client = try CommandContext.shared.client()
        if CommandContext.shared.isDryRun {
            let plan: PlanDescription = try client.post("roost/v1/projects/plan", [], request)
            Output.raw(plan.text ?? "")
            return []
        }
        var touched: Set<String> = []
        for _ in 0..<3 {
            let body = try JSON(encoding: touched.isEmpty ? request : request.resumed(after: touched))
            if try show(try client.open("POST", path, body: body, repeatable: true), &touched) { return touched }
        }
        throw RoostError(
            .unavailable, "lost the connection to the engine several times; run the command again to continue")
    }

    /// Returns false if the connection to the engine was lost before the end.
    private static func show(_ exchange: HTTPExchange, _ touched: inout Set<String>) throws -> Bool {
        let display = ProgressDisplay()
        while let event = try next(exchange, display) {
            for note in event.notes ?? [] { Output.error("note: \(note)") }
            if let object = event.object {
                touched.insert(object)
                display.update(object, event.text ?? "", event.state.map(Self.appearance) ?? .working)
            }
            guard event.done == true else { continue }
            let failures = event.failures ?? []
            for failure in failures { Output.error("\(failure.object): \(failure.message)") }
            if !failures.isEmpty { throw ExitCode(1) }
            return true
        }
        return false
    }

    private static func appearance(_ state: PlanEvent.State) -> ProgressDisplay.State {
        switch state {
        case .began, .skipped: .working
        case .finished: .done
        case .failed: .failed
        }
    }

    private static func next(_ exchange: HTTPExchange, _ display: ProgressDisplay) throws -> PlanEvent? {
        do { return try exchange.next(every: 100) { display.tick() } } catch let error as RoostError {
            if error.kind == .unavailable { return nil }
            throw error
        }
    }
}

struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Create and start containers",
        discussion: "Example: roost up -d --scale web=3")
    @Flag(name: [.short, .long], help: "Detached mode: Run containers in the background") var detach = false
    @Flag(name: .long, help: "Wait for services to be running or healthy. Implies detached mode") var wait = false
    @Option(
        name: .long,
        help: ArgumentHelp("Maximum time to wait for services to be running or healthy, in seconds", valueName: "int"))
    var waitTimeout: Int?
    @Option(name: .long, help: ArgumentHelp("Restrict attaching to the specified services", valueName: "service"))
    var attach: [String] = []
    @Option(
        name: .long, help: ArgumentHelp("Do not attach (stream logs) to the specified services", valueName: "service"))
    var noAttach: [String] = []
    @Flag(name: .long, help: "Also attach to log output of dependencies") var attachDependencies = false
    @Flag(name: .long, help: "Stop all containers if any container exits with failure")
    var abortOnContainerFailure = false
    @Flag(name: .long, help: "Do not build images, even if they have changed") var noBuild = false
    @Flag(name: .long, help: "Build images before starting containers (changed images are built anyway)")
    var build = false
    @Option(
        name: .long,
        help: ArgumentHelp("Pull image before running (always, missing, never or policy)", valueName: "string"))
    var pull: String?
    @Flag(name: .long, help: "Pull without printing progress information") var quietPull = false
    @Flag(name: .long, help: "Suppress the build output") var quietBuild = false
    @Flag(name: .long, inversion: .prefixedNo, help: "No effect; accepted for compatibility") var menu = false
    @Flag(name: [.customShort("y"), .long], help: "No effect; accepted for compatibility") var yes = false
    @Flag(name: [.short, .long], help: "Watch build context and rebuild/refresh containers when files are updated")
    var watch = false
    @Flag(name: .long, help: "Run the images pinned in compose.lock.json, or fail if the project differs")
    var locked = false
    @Flag(name: .long, help: "Print the plan and change nothing") var dryRun = false
    @Flag(name: .long, help: "Stop all containers if any container stops") var abortOnContainerExit = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Return the exit code of the selected service container. Implies --abort-on-container-exit",
            valueName: "service"))
    var exitCodeFrom: String?
    @Flag(name: .long, help: "Produce monochrome output") var noColor = false
    @Flag(name: .long, help: "Do not print prefix in logs") var noLogPrefix = false
    @Flag(name: .long, help: "Show timestamps") var timestamps = false
    @OptionGroup var settings: UpSettings
    @Argument(help: ArgumentHelp("Services to start, with their dependencies", valueName: "service"))
    var services: [String] = []

    /// Rejects conflicting flags, instead of silently ignoring one of them.
    func validate() throws {
        let aborts = abortOnContainerExit || abortOnContainerFailure || exitCodeFrom != nil
        if detach, aborts || !attach.isEmpty {
            throw ValidationError(
                "--detach cannot be combined with --abort-on-container-exit, --exit-code-from, --attach or --attach-dependencies"
            )
        }
        if wait, aborts { throw ValidationError("--wait cannot be combined with --abort-on-container-exit") }
        if build, noBuild { throw ValidationError("--build and --no-build are incompatible") }
    }

    func run() throws {
        let session = CommandContext.shared
        try session.client().requireRoost("roost up")
        var project = try session.loadProject(services: services)
        if locked { project = try ProjectLock.load(project).apply(to: project) }
        var request = ProjectUpRequest(project, try session.contents(project), try settings.options(services))
        let dryRun = dryRun || session.isDryRun
        if !dryRun, !locked {
            let wanted = settings.noDeps && !services.isEmpty ? services : project.needed(by: services).sorted()
            try ProjectImages(project, services: wanted).prepare(
                ImagePolicy(pull: pull, builds: build, neverBuilds: noBuild, quiet: quietPull))
        }
        if dryRun {
            request.options.assumesImages = true
            let plan: PlanDescription = try session.client().post("roost/v1/projects/plan", [], request)
            return Output.raw(plan.text ?? "")
        }
        let begin = Timestamp(nanoseconds: Clocks.wallNanoseconds()).rfc3339
        let name = project.name
        try Interrupts.handle {
            Output.error(
                "Interrupted: the engine continues to start project \(name); stop it with roost stop or roost down")
            Processes.exit(130)
        }
        let touched = try PlanFollower.follow("roost/v1/projects/up", request)
        if !settings.noStart, !session.isDryRun {
            try printRunningNote(project, except: touched)
        }
        if wait || waitTimeout != nil {
            try HealthWait(project: project, services: services, timeout: waitTimeout).run()
        }
        if watch, detach || wait {
            return try ProjectWatch(project, services: services, quiet: quietBuild, prunes: true).run { _ in false }
        }
        if detach || wait || settings.noStart { return }
        let watcher = watch ? try startWatch() : nil
        defer {
            if let watcher {
                try? Processes.signal(pid: watcher, 15)
                _ = try? Processes.collect(pid: watcher, wait: true)
                Output.error("Watch disabled")
            }
        }
        for name in attach + noAttach where project.services[name] == nil {
            throw RoostError.missing("no such service: \(name)")
        }
        let shown = try shownServices(project)
        let follower = LogFollower(
            style: Style(descriptor: 1, colour: noColor ? false : nil), prefix: !noLogPrefix, timestamps: timestamps,
            stopsWith: exitCodeFrom != nil || abortOnContainerExit || abortOnContainerFailure
                ? Array(project.services.keys) : [],
            stopsOnFailureOnly: abortOnContainerFailure && !abortOnContainerExit && exitCodeFrom == nil)
        let code = try follower.attach(project: project.name, services: shown, since: begin, timeout: settings.timeout)
        if let exitCodeFrom { throw ExitCode(try self.code(of: exitCodeFrom, project.name)) }
        if code != 0 { throw ExitCode(code) }
    }

    /// Runs `roost watch` in a separate process, so that a build does not block the log output.
    private func startWatch() throws -> Int32 {
        let words = ["watch", "--no-up", "--prune"] + (quietBuild ? ["--quiet"] : []) + services
        return try Processes.spawn(
            "/proc/self/exe", arguments: ["roost"] + CommandContext.shared.globalWords + words,
            environment: Processes.environment.map { "\($0.key)=\($0.value)" }, descriptors: [0, 1, 2])
    }

    /// Reports containers that are up to date as running: silence could mean that nothing runs.
    private func printRunningNote(_ project: Project, except touched: Set<String>) throws {
        let display = ProgressDisplay()
        let wanted = settings.noDeps && !services.isEmpty ? Set(services) : project.needed(by: services)
        for container in try CommandContext.shared.projectContainers(project.name, all: false) {
            let name = "Container \(container.name)"
            if !container.isOneOff, wanted.contains(container.service), !touched.contains(name) {
                display.update(name, "Running", .done)
            }
        }
    }

    private func shownServices(_ project: Project) throws -> [String] {
        let all = try project.services.keys.filter { try project.service($0)?.attach != false }
        let chosen = !attach.isEmpty ? attach : services.isEmpty || attachDependencies ? all : services
        return chosen.filter { !noAttach.contains($0) }
    }

    private func code(of service: String, _ project: String) throws -> Int32 {
        guard let id = try CommandContext.shared.projectContainers(project, services: [service]).first?.id else {
            return 1
        }
        return Int32(clamping: try CommandContext.shared.client().inspectContainer(id).state.exitCode)
    }
}

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what up would do and why, without changing anything",
        discussion: "Exits with 0 if there is nothing to do, 2 if there are changes.")
    @Flag(name: .long, help: "Print the plan as JSON") var json = false
    @OptionGroup var settings: UpSettings
    @Argument(help: ArgumentHelp("Services to plan, with their dependencies", valueName: "service"))
    var services: [String] = []

    func run() throws {
        let project = try CommandContext.shared.loadProject(services: services)
        var request = ProjectUpRequest(
            project, try CommandContext.shared.contents(project), try settings.options(services))
        request.options.assumesImages = true
        var plan: PlanDescription = try CommandContext.shared.client().post("roost/v1/projects/plan", [], request)
        let text = plan.text ?? ""
        plan.text = nil
        Output.raw(json ? try JSON(encoding: plan).text(indent: 2) + "\n" : text)
        if plan.changes { throw ExitCode(2) }
    }
}
