import APIClient
import ArgumentParser
import ComposeModel
import EngineModel
import LinuxKernel
import Terminal

/// Does one thing to each name; goes on after a failure and ends with 1 if there was one.
/// `words`: what is being done to a service's container and what has been done, as Compose says it on standard error; the containers
/// of nobody's project are named on standard output, as Docker does.
func forEach(
    _ names: [(id: String, shown: String)], words: (doing: String, done: String)? = nil, _ body: (String) throws -> Void
) throws {
    var failed = false
    let words = Session.shared.isCompose && !Session.shared.isDryRun ? words : nil
    func tell(_ shown: String) {
        if let words {
            Output.error(" Container \(shown)  \(words.done)")
        } else if !Session.shared.isDryRun {
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
                Output.error(Session.shared.prefixed(error.message))
                failed = true
            }
        }
    }
    if failed { throw Leave(code: 1) }
}

/// Resolves names one by one, so that a wrong one does not keep the others from their turn.
/// `ignoresMissing`: what is not there is told, and no failure.
func forEachNamed(
    _ names: [String], all: Bool = true, ignoresMissing: Bool = false, words: (doing: String, done: String)? = nil,
    _ body: (String) throws -> Void
) throws {
    if Session.shared.isCompose || names.isEmpty {
        return try forEach(try Session.shared.resolve(names, all: all), words: words, body)
    }
    var failed = false
    for name in names {
        do { try forEach(try Session.shared.resolve([name], all: all), body) } catch let error as RoostError {
            Output.error(Session.shared.prefixed(error.message))
            failed = failed || !(ignoresMissing && error.kind == .notFound)
        } catch is Leave { failed = true }
    }
    if failed { throw Leave(code: 1) }
}

struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start stopped containers, or services of the project.")
    @Flag(name: [.short, .long], help: "Show the output and end with the container's code.") var attach = false
    @Flag(name: [.short, .long], help: "Send standard input to the container.") var interactive = false
    @Option(name: .long, help: "Keys to leave with (default ctrl-p,ctrl-q).") var detachKeys: String?
    @Flag(name: .long, help: "Compose: return when everything is healthy.") var wait = false
    @Option(name: .long, help: "Compose: seconds to wait at most.") var waitTimeout: Int?
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        try Arguments.need(names, "start", "for every service of this project: roost compose start")
        let client = try Session.shared.client()
        guard attach || interactive else {
            try forEachNamed(names, words: ("Starting", "Started")) {
                try client.call("POST", "containers/\($0)/start")
            }
            if Session.shared.isCompose, wait || waitTimeout != nil {
                let project = try Session.shared.loadProject()
                try HealthWait(project: project, services: names, timeout: waitTimeout).run()
            }
            return
        }
        let found = try Session.shared.resolve(names)
        guard found.count == 1, let id = found.first?.id else {
            throw RoostError.invalid("you cannot start and attach multiple containers at once")
        }
        throw Leave(code: try Foreground(id: id, interactive: interactive, detachKeys: detachKeys).start())
    }
}

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop containers; they stay stopped.",
        discussion: "roost compose stop without names: every service of the project in this folder.")
    @Option(
        name: [.short, .customLong("timeout"), .customLong("time")],
        help: "Seconds between the stop signal and SIGKILL.") var timeout: Int?
    @Option(name: [.short, .long], help: "Another signal than the container's own.") var signal: String?
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        try Arguments.need(names, "stop", "for every service of this project: roost compose stop")
        let client = try Session.shared.client()
        var query = timeout.map { [("t", String($0))] } ?? []
        if let signal { query.append(("signal", signal)) }
        try forEachNamed(names, all: !names.isEmpty, words: ("Stopping", "Stopped")) {
            try client.call("POST", "containers/\($0)/stop", query)
        }
    }
}

struct Restart: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop and start containers, or services.")
    @Option(
        name: [.short, .customLong("timeout"), .customLong("time")],
        help: "Seconds between the stop signal and SIGKILL.") var timeout: Int?
    @Option(name: [.short, .long], help: "Another signal than the container's own.") var signal: String?
    @Flag(name: .long, help: "Compose: not the services that are restarted with these.") var noDeps = false
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        try Arguments.need(names, "restart", "for every service of this project: roost compose restart")
        let client = try Session.shared.client()
        var query = timeout.map { [("t", String($0))] } ?? []
        if let signal { query.append(("signal", signal)) }
        try forEachNamed(names, words: ("Restarting", "Started")) {
            try client.call("POST", "containers/\($0)/restart", query)
        }
        let services = Session.shared.isCompose ? names : names.filter { !isContainer($0, client) }
        guard !noDeps, !services.isEmpty else { return }
        let dependents = try dependents(of: services)
        if !dependents.isEmpty {
            try forEach(try Session.shared.resolve(dependents, all: false)) {
                try client.call("POST", "containers/\($0)/restart", timeout.map { [("t", String($0))] } ?? [])
            }
        }
    }

    private func isContainer(_ name: String, _ client: EngineClient) -> Bool {
        (try? client.call("GET", "containers/\(EngineClient.encode(name))/json")) != nil
    }

    /// Services whose `depends_on` says that they are restarted with one of these, and whose containers there are.
    private func dependents(of services: [String]) throws -> [String] {
        let project = try Session.shared.loadProject()
        let there = Set(
            try Session.shared.projectContainers(project.name, all: false).compactMap {
                $0["Labels"]["com.docker.compose.service"].string
            })
        var all = Set(services)
        var found: [String] = []
        var grows = true
        while grows {
            let more = project.services.filter { name, service in
                !all.contains(name) && there.contains(name)
                    && (service["depends_on"].object ?? []).contains {
                        all.contains($0.key) && $0.value["restart"].bool == true
                    }
            }.keys.sorted()
            grows = !more.isEmpty
            all.formUnion(more)
            found += more
        }
        return found
    }
}

struct Kill: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "kill", abstract: "Send a signal to containers.")
    @Option(name: [.short, .long], help: "The signal.") var signal = "KILL"
    @Flag(name: .long, help: "Compose: containers of services that the file has no more, too.") var removeOrphans =
        false
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        try Arguments.need(names, "kill", "for every service of this project: roost compose kill")
        let client = try Session.shared.client()
        // A service without a running container has nothing to be killed, which is no failure in Compose.
        if Session.shared.isCompose, try Session.shared.resolve(names, all: false).isEmpty {
            return Output.error("no container to kill")
        }
        try forEachNamed(names, all: !names.isEmpty && !Session.shared.isCompose, words: ("Killing", "Killed")) {
            try client.call("POST", "containers/\($0)/kill", [("signal", signal)])
        }
    }
}

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Freeze every process of containers.")
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        try Arguments.need(names, "pause", "for every service of this project: roost compose pause")
        let client = try Session.shared.client()
        try forEachNamed(names, all: !names.isEmpty, words: ("Pausing", "Paused")) {
            try client.call("POST", "containers/\($0)/pause")
        }
    }
}

struct Unpause: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unpause", abstract: "Let frozen containers go on.")
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        try Arguments.need(names, "unpause", "for every service of this project: roost compose unpause")
        let client = try Session.shared.client()
        try forEachNamed(names, all: !names.isEmpty, words: ("Unpausing", "Unpaused")) {
            try client.call("POST", "containers/\($0)/unpause")
        }
    }
}

struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove containers.",
        discussion: "With compose: those that are stopped; -f is accepted, since nothing is asked.",
        aliases: ["remove"])
    @Flag(name: [.short, .long], help: "Kill those that run.") var force = false
    @Flag(name: [.short, .long], help: "Remove their anonymous volumes.") var volumes = false
    @Flag(name: [.short, .long], help: "Stop them first.") var stop = false
    @Flag(name: [.short, .long], help: "Remove a link: container/alias.") var link = false
    @Flag(name: [.customShort("a"), .customLong("all")], help: .hidden) var all = false
    @Argument(help: "Containers, or services.") var names: [String] = []
    func run() throws {
        let client = try Session.shared.client()
        if Session.shared.isCompose { return try removeServices(client) }
        try Arguments.need(names, "rm", "for the stopped services of this project: roost compose rm")
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

    /// As in Compose: what runs stays, unless it is to be stopped first.
    private func removeServices(_ client: EngineClient) throws {
        let session = Session.shared
        let found = try session.projectContainers(try session.projectNameOnly(), services: names)
        if stop {
            for container in found where container["State"].string == "running" {
                try client.call("POST", "containers/\(container["Id"].string ?? "")/stop")
            }
        }
        let gone = found.filter { stop || !["running", "paused"].contains($0["State"].string ?? "") }
        if gone.isEmpty { return Output.error("No stopped containers") }
        try forEach(gone.map { ($0["Id"].string ?? "", ComposeViews.name($0)) }, words: ("Removing", "Removed")) {
            try client.call("DELETE", "containers/\($0)", [("v", volumes ? "1" : "0")])
        }
    }
}

struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rename", abstract: "Give a container another name.")
    @Argument var name: String
    @Argument var newName: String
    func run() throws {
        try Session.shared.client().call("POST", "containers/\(EngineClient.encode(name))/rename", [("name", newName)])
    }
}

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until containers have ended and print their exit codes.")
    @Flag(name: .long, help: "Bring the project down when the first has ended (compose).") var downProject = false
    @Argument(help: "Containers, or services.") var names: [String]
    func run() throws {
        if Session.shared.isCompose { return try ComposeViews.wait(names, downProject: downProject) }
        var failed = false
        for name in names {
            do {
                for (id, _) in try Session.shared.resolve([name]) {
                    let answer = try Session.shared.client().open("POST", "containers/\(id)/wait").nextLine()
                    Output.line("\(answer?["StatusCode"].int ?? 0)")
                }
            } catch let error as RoostError {
                Output.error(Session.shared.prefixed(error.message))
                failed = true
            }
        }
        if failed { throw Leave(code: 1) }
    }
}

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "top", abstract: "Show the processes of a container.")
    @Argument(parsing: .captureForPassthrough, help: "A container and options of ps; with compose, services.")
    var names: [String] = []
    func run() throws {
        if names.first == "--help" || names.first == "-h" { throw CleanExit.helpRequest(Self.self) }
        if Session.shared.isCompose { return try ComposeViews.top(names) }
        try Arguments.need(names, "top", "for every service of this project: roost compose top")
        for (id, _) in try Session.shared.resolve(Array(names.prefix(1))) {
            let query = names.count > 1 ? [("ps_args", names.dropFirst().joined(separator: " "))] : []
            let json = try Session.shared.client().call("GET", "containers/\(id)/top", query)
            var table = Table(json["Titles"].strings ?? [])
            for row in json["Processes"].array ?? [] { table.add(row.strings ?? []) }
            Output.raw(table.text)
        }
    }
}

struct Port: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "Show where a container's ports are published.")
    @Option(name: .customLong("protocol"), help: "tcp or udp (compose).") var transport = "tcp"
    @Option(name: .long, help: "Which replica of a service.") var index: Int?
    @Argument(help: "A container, or a service.") var name: String
    @Argument(help: "Only this port: 80 or 80/udp.") var port: String?
    func run() throws {
        if Session.shared.isCompose {
            return try ComposeViews.port(name, port, transport: transport, index: max(1, index ?? 1))
        }
        // A replica is a service's; without it the name may be a container's.
        if let index { return try ComposeViews.port(name, port, transport: transport, index: max(1, index)) }
        for (id, _) in try Session.shared.resolve([name]) {
            let ports = try Session.shared.client().call("GET", "containers/\(id)/json")["NetworkSettings"]["Ports"]
            var isThere = port == nil
            for (inside, bindings) in ports.object ?? [] {
                if let port, inside != port, inside != "\(port)/tcp" { continue }
                for binding in bindings.array ?? [] {
                    isThere = true
                    let address = binding["HostIp"].string ?? ""
                    let place =
                        (address.contains(":") ? "[\(address)]" : address) + ":" + (binding["HostPort"].string ?? "")
                    Output.line(port == nil ? "\(inside) -> \(place)" : place)
                }
            }
            if !isThere {
                let wanted = (port ?? "").contains("/") ? port ?? "" : "\(port ?? "")/tcp"
                throw RoostError.missing("no public port '\(wanted)' published for \(name)")
            }
        }
    }
}

struct Attach: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "Join a running container's input and output.")
    @Option(name: .long, help: "Keys to leave with (default ctrl-p,ctrl-q).") var detachKeys: String?
    @Flag(name: .long, help: "Send no input.") var noStdin = false
    @Flag(name: .long, inversion: .prefixedNo, help: "Pass signals on.") var sigProxy = true
    @Option(name: .long, help: "Compose: which replica of the service.") var index: Int?
    @Argument var name: String
    func run() throws {
        guard let id = try Session.shared.resolve([name], index: index).first?.id else { return }
        let state = try Session.shared.client().call("GET", "containers/\(id)/json")["State"]
        if state["Paused"].bool == true {
            throw RoostError.conflict("You cannot attach to a paused container, unpause it first")
        }
        if state["Restarting"].bool == true {
            throw RoostError.conflict("You cannot attach to a restarting container, wait until it is running")
        }
        guard state["Running"].bool == true else {
            throw RoostError.conflict("You cannot attach to a stopped container, start it first")
        }
        throw Leave(
            code: try Foreground(id: id, interactive: !noStdin, detachKeys: detachKeys, passesSignals: sigProxy)
                .attach())
    }
}

/// A container in the foreground: attached before it starts, so that nothing of its output is missed.
struct Foreground {
    let id: String
    var interactive: Bool
    var detachKeys: String?
    var removes = false
    /// Whether it has a terminal, where that is known already.
    var hasTerminal: Bool?
    /// `stdin`, `stdout`, `stderr`; empty is all that there are.
    var streams: [String] = []
    /// Signals that arrive here go to the container.
    var passesSignals = true

    private func open(_ client: EngineClient, _ terminal: Bool) throws -> AttachedStream {
        let chosen = Set(streams.map { $0.lowercased() })
        func wants(_ name: String) -> String { chosen.isEmpty || chosen.contains(name) ? "1" : "0" }
        var query = [
            ("stream", "1"), ("stdout", wants("stdout")), ("stderr", wants("stderr")),
            ("stdin", interactive ? "1" : "0"),
        ]
        if let keys = detachKeys ?? DockerConfiguration.preference("detachKeys") { query.append(("detachKeys", keys)) }
        let exchange = try client.takeOver("containers/\(id)/attach", query)
        return AttachedStream(exchange: exchange, terminal: terminal, sendsInput: interactive) { rows, columns in
            _ = try? client.call("POST", "containers/\(id)/resize", [("h", "\(rows)"), ("w", "\(columns)")])
        } signalled: { number in
            guard passesSignals else { Processes.exit(128 + number) }
            _ = try? client.call("POST", "containers/\(id)/kill", [("signal", "\(number)")])
        }
    }

    private func terminal(_ client: EngineClient) throws -> Bool {
        try hasTerminal ?? client.call("GET", "containers/\(id)/json")["Config"]["Tty"].bool ?? false
    }

    func start() throws -> Int32 {
        let client = try Session.shared.client()
        let hasTerminal = try terminal(client)
        let stream = try open(client, hasTerminal)
        let end = try client.open("POST", "containers/\(id)/wait", [("condition", removes ? "removed" : "next-exit")])
        do { try client.call("POST", "containers/\(id)/start") } catch let error as RoostError {
            if error.kind == .unavailable { throw error }
            Output.error(Session.shared.prefixed(error.message))
            return Self.code(ofFailure: error.message)
        }
        try stream.run()
        return try code(client, end)
    }

    /// Docker's codes: 127 for a program that is not there, 126 for one that may not run, 125 for everything else.
    static func code(ofFailure text: String) -> Int32 {
        if text.contains("executable file not found") || text.contains("no such file or directory") { return 127 }
        let cannotRun = ["permission denied", "is a directory", "exec format error"]
        return cannotRun.contains(where: text.contains) ? 126 : 125
    }

    func attach() throws -> Int32 {
        let client = try Session.shared.client()
        let stream = try open(client, try terminal(client))
        let end = try client.open("POST", "containers/\(id)/wait", [("condition", "next-exit")])
        try stream.run()
        return try code(client, end)
    }

    /// After a detach the container runs on, and there is no code yet.
    private func code(_ client: EngineClient, _ end: HTTPExchange) throws -> Int32 {
        // Only keys that are typed at a terminal detach; else the stream has ended, or the engine has.
        if interactive, (try? terminal(client)) == true, try !waitUntilReady(end.connection.raw, milliseconds: 100),
            let state = try? client.call("GET", "containers/\(id)/json")["State"], state["Running"].bool == true,
            state["Restarting"].bool != true
        {
            Output.error("read escape sequence")
            return 0
        }
        guard let ended = try end.nextLine(), let code = ended["StatusCode"].int else {
            throw RoostError(
                .unavailable,
                "The engine ended while the container ran. The container runs on; its output is in roost logs \(id.prefix(12))."
            )
        }
        return Int32(clamping: code)
    }
}

struct Exec: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a program in a running container.",
        discussion: "Example: roost exec -it web sh")
    @Flag(name: [.short, .long], help: "Send standard input.") var interactive = false
    @Flag(name: [.short, .long], help: "Give it a terminal.") var tty = false
    @Flag(name: [.customShort("T"), .long, .customLong("no-TTY")], help: "Give it no terminal (compose).")
    var noTty = false
    @Flag(name: [.short, .long], help: "Return at once.") var detach = false
    @Option(name: .long, help: "Set variables from a file.") var envFile: [String] = []
    @Option(name: .long, help: "Keys to leave with (default ctrl-p,ctrl-q).") var detachKeys: String?
    @Flag(name: .long, help: "Give it every right.") var privileged = false
    @Option(name: [.short, .long], help: "Set a variable.") var env: [String] = []
    @Option(name: [.short, .long], help: "As this user.") var user: String?
    @Option(name: [.short, .long], help: "In this folder.") var workdir: String?
    @Option(name: .long, help: "Which replica of a service.") var index: Int?
    @Argument(parsing: .captureForPassthrough, help: "Container or service, program, arguments.") var words: [String]

    func run() throws {
        if words.first == "--help" { throw CleanExit.helpRequest(Self.self) }
        let words = try PassedWords.checked(words, of: Session.shared.isCompose ? "compose exec" : "exec")
        guard let name = words.first, words.count > 1 else {
            throw Arguments.Missing(text: "\"roost exec\" requires at least 2 arguments.")
        }
        let client = try Session.shared.client()
        let found = try Session.shared.resolve([name], all: false)
        guard let id = found.dropFirst(max(0, (index ?? 1) - 1)).first?.id else {
            throw RoostError.missing("no running container for \(name)")
        }
        // As in Compose: a terminal if there is one here.
        let compose = Session.shared.isCompose
        let terminal = compose ? !noTty && Terminals.isTerminal(0) && Terminals.isTerminal(1) : tty
        let input = compose ? !detach : interactive
        if terminal, input, !Terminals.isTerminal(0) { throw RoostError.invalid("the input device is not a TTY") }
        var body: JSON = [
            "AttachStdin": .bool(input), "AttachStdout": true, "AttachStderr": true, "Tty": .bool(terminal),
            "Cmd": JSON(Array(words.dropFirst())), "Privileged": .bool(privileged),
        ]
        body.set(
            "Env",
            JSON(try envFile.flatMap(ContainerOptions.lines).map(Variables.complete) + env.map(Variables.complete)))
        if let keys = detachKeys ?? DockerConfiguration.preference("detachKeys") {
            body.set("DetachKeys", .string(keys))
        }
        if let user { body.set("User", .string(user)) }
        if let workdir { body.set("WorkingDir", .string(workdir)) }
        let exec = try client.call("POST", "containers/\(id)/exec", body: body)["Id"].string ?? ""
        if detach {
            try client.call("POST", "exec/\(exec)/start", body: ["Detach": true])
            return
        }
        let exchange = try client.takeOver("exec/\(exec)/start", body: ["Detach": false, "Tty": .bool(terminal)])
        try AttachedStream(exchange: exchange, terminal: terminal, sendsInput: input) { rows, columns in
            _ = try? client.call("POST", "exec/\(exec)/resize", [("h", "\(rows)"), ("w", "\(columns)")])
        } signalled: { number in
            if number == 2 || number == 15 { Processes.exit(128 + number) }
        }.run()
        throw Leave(code: Int32(clamping: try client.call("GET", "exec/\(exec)/json")["ExitCode"].int ?? 0))
    }
}

enum Variables {
    /// `-e NAME` takes the value from here; without one it is left out by an empty name.
    static func complete(_ text: String) throws(RoostError) -> String {
        if text.hasPrefix("=") || text.isEmpty { throw .invalid("invalid environment variable: \(text)") }
        if text.contains("=") { return text }
        return environmentVariable(text).map { "\(text)=\($0)" } ?? text
    }
}

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the output of a container, or of the project's services.")
    @Flag(name: [.short, .long], help: "Go on with what comes.") var follow = false
    @Flag(name: [.short, .long], help: "Time in front of each line.") var timestamps = false
    @Option(name: [.customShort("n"), .long], help: "Only so many lines from the end.") var tail = "all"
    @Option(name: .long, help: "Only what is newer: a time, or 10m.") var since: String?
    @Option(name: .long, help: "Only what is older.") var until: String?
    @Flag(name: .long, help: "No colours.") var noColor = false
    @Flag(name: .long, help: "No names in front.") var noLogPrefix = false
    @Flag(name: .long, help: "Accepted: logs of this engine have no details.") var details = false
    @Option(name: .long, help: "Compose: only this replica.") var index: Int?
    @Flag(name: .long, help: "Service after service instead of by time: for reports of test runs.") var grouped = false
    @Argument(help: "A container, or services.") var names: [String] = []

    func run() throws {
        var query = [("tail", tail)]
        if let since { query.append(("since", try Self.time(since))) }
        if let until { query.append(("until", try Self.time(until))) }
        if !Session.shared.isCompose, names.count == 1, let name = names.first,
            (try? Session.shared.client().call("GET", "containers/\(EngineClient.encode(name))/json")) != nil
        {
            return try single(name, query)
        }
        if !Session.shared.isCompose, let first = names.first, (try? Session.shared.loadProject()) == nil {
            throw RoostError.missing("No such container: \(first)")
        }
        let (name, services) = try scope()
        let follower = LogFollower(
            style: Style(descriptor: 1, wish: noColor ? false : nil), prefix: !noLogPrefix, timestamps: timestamps)
        if follow {
            let code = try follower.attach(
                project: name, services: services, since: try since.map(Self.time), timeout: nil,
                stopsOnSignal: false, tail: tail)
            if code != 0 { throw Leave(code: code) }
        } else {
            try follower.printHistory(
                try Session.shared.projectContainers(name, services: names).filter { container in
                    index.map { "\($0)" == container["Labels"]["com.docker.compose.container-number"].string } ?? true
                }, query, grouped: grouped)
        }
    }

    /// The project and its services; a project that runs needs no file to be looked at.
    private func scope() throws -> (name: String, services: [String]) {
        let session = Session.shared
        if let name = session.projectName, session.files.isEmpty, (try? session.loadProject()) == nil {
            let there = try session.projectContainers(name).compactMap {
                $0["Labels"]["com.docker.compose.service"].string
            }
            return (name, names.isEmpty ? Array(Set(there)).sorted() : names)
        }
        let project = try session.loadProject(services: names)
        for name in names where project.services[name] == nil { throw RoostError.missing("no such service: \(name)") }
        return (project.name, names.isEmpty ? Array(project.services.keys) : names)
    }

    private func single(_ name: String, _ query: [(String, String)]) throws {
        let client = try Session.shared.client()
        let plain =
            try client.call("GET", "containers/\(EngineClient.encode(name))/json")["Config"]["Tty"].bool ?? false
        let all =
            query + [
                ("stdout", "1"), ("stderr", "1"), ("timestamps", timestamps ? "1" : "0"),
                ("follow", follow ? "1" : "0"),
            ]
        let exchange = try client.open("GET", "containers/\(EngineClient.encode(name))/logs", all)
        var demultiplexer = Demultiplexer(plain: plain)
        while true {
            let bytes = try exchange.read()
            if bytes.isEmpty { return }
            try demultiplexer.write(bytes)
        }
    }

    /// A point in time, or a length of time before now.
    static func time(_ text: String) throws(RoostError) -> String {
        if let span = TimeSpan.parse(text), Timestamp(parsing: text) == nil {
            return Timestamp(nanoseconds: Clocks.wallNanoseconds() - span).rfc3339
        }
        guard Timestamp(parsing: text) != nil else {
            throw .invalid("\"\(text)\" is neither a time nor a duration such as 10m")
        }
        return text
    }
}
