import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Runs `body` for each container. Continues after a failure and exits with 1 if there was one.
/// `words`: the progress words that Compose prints to standard error, before and after. Without compose the name is printed to standard
/// output, as Docker does.
func forEach(
    _ names: [(id: String, shown: String)], words: (doing: String, done: String)? = nil, _ body: (String) throws -> Void
) throws {
    var failed = false
    let words = CommandContext.shared.isCompose && !CommandContext.shared.isDryRun ? words : nil
    func tell(_ shown: String) {
        if let words {
            Output.error(" Container \(shown)  \(words.done)")
        } else if !CommandContext.shared.isDryRun {
            Output.line(shown)
        }
    }
    for name in names {
        do {
            if let words { Output.error(" Container \(name.shown)  \(words.doing)") }
            try body(name.id)
            tell(name.shown)
        } catch let error as RoostError {
            if error.kind == .notModified {
                tell(name.shown)
            } else {
                Output.error(CommandContext.shared.message(error))
                failed = true
            }
        }
    }
    if failed { throw ExitCode(1) }
}

/// Resolves names one by one, so that an unknown name does not stop the others.
/// `ignoresMissing`: a missing container is reported but is not a failure.
func forEachNamed(
    _ names: [String], all: Bool = true, ignoresMissing: Bool = false, words: (doing: String, done: String)? = nil,
    _ body: (String) throws -> Void
) throws {
    if CommandContext.shared.isCompose || names.isEmpty {
        return try forEach(try CommandContext.shared.resolve(names, all: all), words: words, body)
    }
    var failed = false
    for name in names {
        do { try forEach(try CommandContext.shared.resolve([name], all: all), body) } catch let error as RoostError {
            Output.error(CommandContext.shared.message(error))
            failed = failed || !(ignoresMissing && error.kind == .notFound)
        } catch is ExitCode { failed = true }
    }
    if failed { throw ExitCode(1) }
}

struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start stopped containers or services")
    @Flag(name: [.short, .long], help: "Attach STDOUT/STDERR and exit with the container's exit code")
    var attach = false
    @Flag(name: [.short, .long], help: "Attach container's STDIN") var interactive = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Override the key sequence for detaching a container (default ctrl-p,ctrl-q)", valueName: "string"))
    var detachKeys: String?
    @Flag(name: .long, help: "Wait for services to be running or healthy (compose)") var wait = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Maximum time to wait for services to be running or healthy, in seconds (compose)", valueName: "int"))
    var waitTimeout: Int?
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        try Arguments.need(names, "start", "to start all services of this project, use: roost compose start")
        let client = try CommandContext.shared.client()
        if CommandContext.shared.isCompose || names.isEmpty, !attach, !interactive { return try startServices() }
        guard attach || interactive else {
            return try forEachNamed(names, words: ("Starting", "Started")) {
                try client.call("POST", "containers/\($0)/start")
            }
        }
        let found = try CommandContext.shared.resolve(names)
        guard found.count == 1, let id = found.first?.id else {
            throw RoostError.invalid("you cannot start and attach multiple containers at once")
        }
        throw ExitCode(try Foreground(id: id, interactive: interactive, detachKeys: detachKeys).start())
    }

    /// Starts the existing containers of the named services and their dependencies, in dependency order.
    private func startServices() throws {
        let session = CommandContext.shared
        let project = try session.fileProject(services: names)
        for name in names where project.map({ $0.services[name] == nil }) == true {
            throw RoostError.missing("no such service: \(name)")
        }
        var request = ProjectStartRequest()
        request.project = try project?.name ?? session.projectNameOnly()
        request.services = project.map { $0.needed(by: names).sorted() } ?? names
        request.dependencies = project.map { project in
            OrderedMap(project.services.sorted { $0.key < $1.key }.map { ($0.key, $0.value["depends_on"]) })
        }
        if session.isDryRun {
            request.dryRun = true
            let plan: PlanDescription = try session.client().post(
                "roost/v1/projects/start", [("dryRun", "1")], request)
            return Output.raw(plan.text ?? "")
        }
        try PlanFollower.follow("roost/v1/projects/start", request)
        if wait || waitTimeout != nil, let project {
            try HealthWait(project: project, services: names, timeout: waitTimeout).run()
        }
    }
}

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop running containers or services",
        discussion: "Without names, roost compose stop stops all services of the project.")
    @Option(
        name: [.short, .customLong("timeout"), .customLong("time")],
        help: ArgumentHelp("Seconds to wait before killing the container", valueName: "int"))
    var timeout: Int?
    @Option(name: [.short, .long], help: ArgumentHelp("Signal to send to the container", valueName: "string"))
    var signal: String?
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        try Arguments.need(names, "stop", "to stop all services of this project, use: roost compose stop")
        let client = try CommandContext.shared.client()
        var query = timeout.map { [("t", String($0))] } ?? []
        if let signal { query.append(("signal", signal)) }
        var errors: [String] = []
        try forEachNamed(names, all: !names.isEmpty, words: ("Stopping", "Stopped")) {
            errors += try client.post("containers/\($0)/stop", query, as: ContainerWarnings.self).warnings ?? []
        }
        try Self.report(errors)
    }

    /// Prints errors of pre_stop hooks: the containers are stopped, but the command fails.
    static func report(_ errors: [String]) throws {
        for error in errors { Output.error(error) }
        if !errors.isEmpty { throw ExitCode(1) }
    }
}

struct Restart: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Restart containers or services")
    @Option(
        name: [.short, .customLong("timeout"), .customLong("time")],
        help: ArgumentHelp("Seconds to wait before killing the container", valueName: "int"))
    var timeout: Int?
    @Option(name: [.short, .long], help: ArgumentHelp("Signal to send to the container", valueName: "string"))
    var signal: String?
    @Flag(name: .long, help: "Do not restart dependent services (compose)") var noDeps = false
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        try Arguments.need(names, "restart", "to restart all services of this project, use: roost compose restart")
        let client = try CommandContext.shared.client()
        var query = timeout.map { [("t", String($0))] } ?? []
        if let signal { query.append(("signal", signal)) }
        var errors: [String] = []
        try forEachNamed(names, words: ("Restarting", "Started")) {
            errors += try client.post("containers/\($0)/restart", query, as: ContainerWarnings.self).warnings ?? []
        }
        try Stop.report(errors)
        let services = CommandContext.shared.isCompose ? names : names.filter { !isContainer($0, client) }
        guard !noDeps, !services.isEmpty else { return }
        let dependents = try dependents(of: services)
        if !dependents.isEmpty {
            try forEach(try CommandContext.shared.resolve(dependents, all: false)) {
                try client.call("POST", "containers/\($0)/restart", timeout.map { [("t", String($0))] } ?? [])
            }
        }
    }

    private func isContainer(_ name: String, _ client: EngineClient) -> Bool {
        (try? client.inspectContainer(name)) != nil
    }

    /// Running services that depend on one of these with `restart: true`, directly or indirectly.
    private func dependents(of services: [String]) throws -> [String] {
        let project = try CommandContext.shared.loadProject()
        let bound = try BoundProject(project)
        let there = Set(
            try CommandContext.shared.projectContainers(project.name, all: false).map(\.service))
        var all = Set(services)
        var found: [String] = []
        var grows = true
        while grows {
            let more = bound.services.filter { name, service in
                !all.contains(name) && there.contains(name)
                    && (service.dependsOn ?? [:]).contains { all.contains($0.key) && $0.value.restart == true }
            }.keys.sorted()
            grows = !more.isEmpty
            all.formUnion(more)
            found += more
        }
        return found
    }
}

struct Kill: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Kill running containers or services")
    @Option(name: [.short, .long], help: ArgumentHelp("Signal to send to the container", valueName: "string"))
    var signal = "KILL"
    @Flag(name: .long, help: "Also kill containers for services not defined in the Compose file (compose)")
    var removeOrphans = false
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        try Arguments.need(names, "kill", "to kill all services of this project, use: roost compose kill")
        let client = try CommandContext.shared.client()
        // As in Compose, it is not an error if a service has no running container.
        let body: (String) throws -> Void = {
            try client.call("POST", "containers/\($0)/kill", [("signal", signal)])
        }
        guard CommandContext.shared.isCompose || names.isEmpty else {
            return try forEachNamed(names, words: ("Killing", "Killed"), body)
        }
        let found = try CommandContext.shared.resolve(
            names, all: false, includesOneOffs: true, includesOrphans: removeOrphans)
        if found.isEmpty { return Output.error("no container to kill") }
        try forEach(found, words: ("Killing", "Killed"), body)
    }
}

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause all processes within one or more containers")
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        try Arguments.need(names, "pause", "to pause all services of this project, use: roost compose pause")
        let client = try CommandContext.shared.client()
        try forEachNamed(names, all: !names.isEmpty, words: ("Pausing", "Paused")) {
            try client.call("POST", "containers/\($0)/pause")
        }
    }
}

struct Unpause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unpause", abstract: "Unpause all processes within one or more containers")
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        try Arguments.need(names, "unpause", "to unpause all services of this project, use: roost compose unpause")
        let client = try CommandContext.shared.client()
        try forEachNamed(names, all: !names.isEmpty, words: ("Unpausing", "Unpaused")) {
            try client.call("POST", "containers/\($0)/unpause")
        }
    }
}

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove one or more containers",
        discussion: "With compose, removes stopped service containers; it never prompts, so -f has no effect.",
        aliases: ["remove"])
    @Flag(name: [.short, .long], help: "Force the removal of a running container (uses SIGKILL)") var force = false
    @Flag(name: [.short, .long], help: "Remove anonymous volumes associated with the container") var volumes = false
    @Flag(name: [.short, .long], help: "Stop the containers before removing them") var stop = false
    @Flag(name: [.short, .long], help: "Remove the specified link (container/alias)") var link = false
    @Flag(name: [.customShort("a"), .customLong("all")], help: .hidden) var all = false
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []
    func run() throws {
        let client = try CommandContext.shared.client()
        if CommandContext.shared.isCompose { return try removeServices(client) }
        try Arguments.need(names, "rm", "to remove the stopped containers of this project, use: roost compose rm")
        if link { return try removeLinks(client) }
        try forEachNamed(names, ignoresMissing: force) { id in
            if stop {
                do { try client.call("POST", "containers/\(id)/stop") } catch let error as RoostError
                    where error.kind == .notModified
                {}
            }
            try client.call("DELETE", "containers/\(id)", [("force", force ? "1" : "0"), ("v", volumes ? "1" : "0")])
        }
    }

    private func removeLinks(_ client: EngineClient) throws {
        try forEach(names.map { ($0, $0) }) { try client.call("DELETE", "containers/\($0)", [("link", "1")]) }
    }

    /// As in Compose, keeps running containers unless `--stop` is given.
    private func removeServices(_ client: EngineClient) throws {
        let session = CommandContext.shared
        let found = try session.projectContainers(try session.projectNameOnly(), services: names)
        if stop {
            for container in found where container.state == "running" {
                try client.call("POST", "containers/\(container.id)/stop")
            }
        }
        let gone = found.filter { stop || !["running", "paused"].contains($0.state) }
        if gone.isEmpty { return Output.error("No stopped containers") }
        try forEach(gone.map { ($0.id, $0.name) }, words: ("Removing", "Removed")) {
            try client.call("DELETE", "containers/\($0)", [("v", volumes ? "1" : "0")])
        }
    }
}

struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rename", abstract: "Rename a container")
    @Argument(help: ArgumentHelp("Container", valueName: "container")) var name: String
    @Argument(help: ArgumentHelp("New name", valueName: "new-name")) var newName: String
    func run() throws {
        try CommandContext.shared.client().call(
            "POST", "containers/\(EngineClient.encode(name))/rename", [("name", newName)])
    }
}

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Block until containers stop, then print their exit codes")
    @Flag(name: .long, help: "Stop and remove the project when the first container stops (compose)")
    var downProject = false
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String]
    func run() throws {
        if CommandContext.shared.isCompose { return try ComposeViews.wait(names, downProject: downProject) }
        var failed = false
        for name in names {
            do {
                for (id, _) in try CommandContext.shared.resolve([name]) {
                    let end = try CommandContext.shared.client().open("POST", "containers/\(id)/wait").next(
                        WaitResponse.self)
                    Output.line("\(end?.statusCode ?? 0)")
                }
            } catch let error as RoostError {
                Output.error(CommandContext.shared.message(error))
                failed = true
            }
        }
        if failed { throw ExitCode(1) }
    }
}

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Display the running processes of a container")
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Container and ps options (compose: services)", valueName: "container"))
    var names: [String] = []
    func run() throws {
        if names.first == "--help" || names.first == "-h" { throw CleanExit.helpRequest(Self.self) }
        if CommandContext.shared.isCompose { return try ComposeViews.top(names) }
        try Arguments.need(names, "top", "to show all services of this project, use: roost compose top")
        for (id, _) in try CommandContext.shared.resolve(Array(names.prefix(1))) {
            let query = names.count > 1 ? [("ps_args", names.dropFirst().joined(separator: " "))] : []
            let top: TopResponse = try CommandContext.shared.client().get("containers/\(id)/top", query)
            var table = Table(top.titles)
            for row in top.processes { table.add(row) }
            Output.raw(table.text)
        }
    }
}

struct Port: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "List port mappings of a container")
    @Option(name: .customLong("protocol"), help: ArgumentHelp("Protocol: tcp or udp (compose)", valueName: "string"))
    var transport = "tcp"
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas", valueName: "int"))
    var index: Int?
    @Argument(help: ArgumentHelp("Container or service", valueName: "container")) var name: String
    @Argument(help: ArgumentHelp("Private port (e.g. 80 or 80/udp)", valueName: "private-port")) var port: String?
    func run() throws {
        if CommandContext.shared.isCompose {
            return try ComposeViews.port(name, port, transport: transport, index: max(1, index ?? 1))
        }
        // An index selects a replica of a service; without one the name may be that of a container.
        if let index { return try ComposeViews.port(name, port, transport: transport, index: max(1, index)) }
        for (id, _) in try CommandContext.shared.resolve([name]) {
            let ports = try CommandContext.shared.client().inspectContainer(id).networkSettings.ports
            var isThere = port == nil
            for (inside, bindings) in ports where port == nil || inside == port || inside == "\(port ?? "")/tcp" {
                for binding in bindings ?? [] {
                    isThere = true
                    Output.line(port == nil ? "\(inside) -> \(binding.text)" : binding.text)
                }
            }
            if !isThere {
                let wanted = (port ?? "").contains("/") ? port ?? "" : "\(port ?? "")/tcp"
                throw RoostError.missing("no public port '\(wanted)' published for \(name)")
            }
        }
    }
}
