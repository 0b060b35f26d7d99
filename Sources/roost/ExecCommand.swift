import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel

struct Exec: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Execute a command in a running container",
        usage: "roost exec [OPTIONS] CONTAINER COMMAND [ARG...]",
        discussion: "Example: roost exec -it web sh")
    @Flag(name: [.short, .long], help: "Keep STDIN open even if not attached") var interactive = false
    @Flag(name: [.short, .long], help: "Allocate a pseudo-TTY") var tty = false
    @Flag(name: [.customShort("T"), .long, .customLong("no-TTY")], help: "Disable pseudo-TTY allocation (compose)")
    var noTty = false
    @Flag(name: [.short, .long], help: "Detached mode: run command in the background") var detach = false
    @Option(name: .long, help: ArgumentHelp("Read in a file of environment variables", valueName: "list"))
    var envFile: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Override the key sequence for detaching a container (default ctrl-p,ctrl-q)", valueName: "string"))
    var detachKeys: String?
    @Flag(name: .long, help: "Give extended privileges to the command") var privileged = false
    @Option(name: [.short, .long], help: ArgumentHelp("Set environment variables", valueName: "list"))
    var env: [String] = []
    @Option(name: [.short, .long], help: ArgumentHelp("Username or UID (name|uid[:group|gid])", valueName: "string"))
    var user: String?
    @Option(name: [.short, .long], help: ArgumentHelp("Working directory inside the container", valueName: "string"))
    var workdir: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas", valueName: "int"))
    var index: Int?
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Container or service, command and arguments", valueName: "args"))
    var words: [String]

    func run() throws {
        if words.first == "--help" { throw CleanExit.helpRequest(Self.self) }
        let words = try PassthroughArguments.checked(
            words, of: CommandContext.shared.isCompose ? "compose exec" : "exec")
        guard let name = words.first, words.count > 1 else {
            throw Arguments.Missing(text: "\"roost exec\" requires at least 2 arguments.")
        }
        let client = try CommandContext.shared.client()
        // As in Compose, allocate a TTY if the client has one.
        let compose = CommandContext.shared.isCompose
        let terminal = compose ? !noTty && Terminals.isTerminal(0) && Terminals.isTerminal(1) : tty
        let input = compose ? !detach : interactive
        if terminal, input, !Terminals.isTerminal(0) { throw RoostError.invalid("the input device is not a TTY") }
        let window = terminal ? Terminals.window(1).map { [$0.rows, $0.columns] } : nil
        var request = ExecCreateRequest(command: Array(words.dropFirst()))
        request.attachStdin = input
        request.attachStdout = true
        request.attachStderr = true
        request.tty = terminal
        request.privileged = privileged
        request.environment =
            try envFile.flatMap(ContainerOptions.lines).map(Variables.complete) + env.map(Variables.complete)
        request.detachKeys = detachKeys ?? DockerConfiguration.preference("detachKeys")
        request.consoleSize = window
        request.user = user
        request.workingDirectory = workdir
        let exec = try create(name, request, client)
        var start = ExecStartRequest(detach: detach)
        if detach {
            try client.call("POST", "exec/\(exec)/start", body: JSON(encoding: start))
            return
        }
        start.tty = terminal
        start.consoleSize = window
        let exchange = try client.hijack("exec/\(exec)/start", body: JSON(encoding: start))
        try AttachedStream(exchange: exchange, terminal: terminal, sendsInput: input) { rows, columns in
            _ = try? client.call("POST", "exec/\(exec)/resize", [("h", "\(rows)"), ("w", "\(columns)")])
        } signalled: { number, leaving in
            // As with Docker, the client exits and the process keeps running. SIGHUP and SIGQUIT must end the client as well.
            guard [1, 2, 3, 15].contains(number) else { return }
            leaving()
            Processes.exit(128 + number)
        }.run()
        throw ExitCode(Int32(clamping: try client.get("exec/\(exec)/json", as: ExecInspect.self).exitCode ?? 0))
    }

    /// Tries the name as a container first, which saves a request in the common case; otherwise resolves it as a service.
    private func create(_ name: String, _ request: ExecCreateRequest, _ client: EngineClient) throws -> String {
        func ask(_ id: String) throws -> String {
            try client.post("containers/\(EngineClient.encode(id))/exec", [], request, as: ObjectID.self).id
        }
        if !CommandContext.shared.isCompose, index == nil {
            do { return try ask(name) } catch let error as RoostError where error.kind == .notFound {}
        }
        let found = try CommandContext.shared.resolve([name], all: false)
        guard let id = found.dropFirst(max(0, (index ?? 1) - 1)).first?.id else {
            throw RoostError.missing("no running container for \(name)")
        }
        return try ask(id)
    }
}

enum Variables {
    /// `-e NAME` takes the value from the client's environment; if it is not set there, the bare name is sent.
    static func complete(_ text: String) throws(RoostError) -> String {
        if text.hasPrefix("=") || text.isEmpty { throw .invalid("invalid environment variable: \(text)") }
        if text.contains("=") { return text }
        return environmentVariable(text).map { "\(text)=\($0)" } ?? text
    }
}
