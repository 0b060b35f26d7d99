import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Synchronization

struct Attach: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach", abstract: "Attach local standard input, output, and error streams to a running container"
    )
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Override the key sequence for detaching a container (default ctrl-p,ctrl-q)", valueName: "string"))
    var detachKeys: String?
    @Flag(name: .long, help: "Do not attach STDIN") var noStdin = false
    @Flag(name: .long, inversion: .prefixedNo, help: "Proxy all received signals to the process") var sigProxy = true
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas (compose)", valueName: "int"))
    var index: Int?
    @Argument(help: ArgumentHelp("Container or service", valueName: "container")) var name: String
    func run() throws {
        guard let id = try CommandContext.shared.resolve([name], index: index).first?.id else { return }
        let state = try CommandContext.shared.client().inspectContainer(id).state
        if state.paused {
            throw RoostError.conflict("You cannot attach to a paused container, unpause it first")
        }
        if state.restarting {
            throw RoostError.conflict("You cannot attach to a restarting container, wait until it is running")
        }
        guard state.running else {
            throw RoostError.conflict("You cannot attach to a stopped container, start it first")
        }
        throw ExitCode(
            try Foreground(id: id, interactive: !noStdin, detachKeys: detachKeys, passesSignals: sigProxy)
                .attach())
    }
}

/// Runs a container in the foreground, or attaches to it. It attaches before the start, so that no output is lost.
struct Foreground {
    let id: String
    var interactive: Bool
    var detachKeys: String?
    var removes = false
    /// Whether the container has a TTY; nil if not known yet.
    var hasTerminal: Bool?
    /// Streams to attach (`stdin`, `stdout`, `stderr`); empty means all.
    var streams: [String] = []
    /// Forwards signals that the client receives to the container.
    var passesSignals = true

    /// The attached stream, and the instance ID of the engine that serves it.
    private func open(_ client: EngineClient, _ terminal: Bool) throws -> (stream: AttachedStream, engine: String?) {
        let chosen = Set(streams.map { $0.lowercased() })
        func wants(_ name: String) -> String { chosen.isEmpty || chosen.contains(name) ? "1" : "0" }
        var query = [
            ("stream", "1"), ("stdout", wants("stdout")), ("stderr", wants("stderr")),
            ("stdin", interactive ? "1" : "0"),
        ]
        if let keys = detachKeys ?? DockerConfiguration.preference("detachKeys") { query.append(("detachKeys", keys)) }
        let exchange = try client.hijack("containers/\(id)/attach", query)
        let interrupts = Mutex(0)
        let stream = AttachedStream(exchange: exchange, terminal: terminal, sendsInput: interactive) {
            [id] rows, columns in
            _ = try? client.call("POST", "containers/\(id)/resize", [("h", "\(rows)"), ("w", "\(columns)")])
        } signalled: { [id, passesSignals] number, leaving in
            guard passesSignals else {
                leaving()
                Processes.exit(128 + number)
            }
            // After the third signal, exit without waiting for the container or the engine.
            let count = interrupts.withLock { count in
                if number == 2 || number == 15 { count += 1 }
                return count
            }
            if count >= 3 {
                leaving()
                Output.error("got 3 SIGTERM/SIGINTs, forcefully exiting")
                Processes.exit(1)
            }
            try? Threads.detach { _ = try? client.call("POST", "containers/\(id)/kill", [("signal", "\(number)")]) }
        }
        return (stream, exchange.header(RoostHeader.instance))
    }

    private func terminal(_ client: EngineClient) throws -> Bool {
        try hasTerminal ?? client.inspectContainer(id).config.tty ?? false
    }

    func start() throws -> Int32 {
        let client = try CommandContext.shared.client()
        let hasTerminal = try terminal(client)
        let (stream, engine) = try open(client, hasTerminal)
        let end = try client.open(
            "POST", "containers/\(id)/wait", [("condition", removes ? "removed" : "next-exit")], starting: false)
        // The stream belongs to another engine instance: the output of the container would be lost.
        guard end.header(RoostHeader.instance) == engine else {
            throw RoostError(
                .unavailable, "The engine exited before container \(id.prefix(12)) was started; try again.")
        }
        do { _ = try client.open("POST", "containers/\(id)/start", starting: false).readAll() } catch let error
            as RoostError
        {
            if error.kind == .unavailable { throw error }
            Output.error(CommandContext.shared.message(error))
            return Self.code(ofFailure: error.message)
        }
        try stream.run()
        return try code(client, end)
    }

    /// Docker's exit codes: 127 if the command is not found, 126 if it cannot be executed, 125 for everything else.
    static func code(ofFailure text: String) -> Int32 {
        if text.contains("executable file not found") || text.contains("no such file or directory") { return 127 }
        let cannotRun = ["permission denied", "is a directory", "exec format error"]
        return cannotRun.contains(where: text.contains) ? 126 : 125
    }

    func attach() throws -> Int32 {
        let client = try CommandContext.shared.client()
        let hasTerminal = try terminal(client)
        let (stream, _) = try open(client, hasTerminal)
        // A changed window size makes a full-screen process redraw, so that a client that attaches late sees its screen.
        if hasTerminal, let window = Terminals.window(1) {
            _ = try? client.call(
                "POST", "containers/\(id)/resize", [("h", "\(window.rows + 1)"), ("w", "\(window.columns + 1)")])
        }
        let end = try client.open("POST", "containers/\(id)/wait", [("condition", "next-exit")])
        try stream.run()
        return try code(client, end)
    }

    /// The exit code of the container; 0 after a detach, as the container keeps running.
    private func code(_ client: EngineClient, _ end: HTTPExchange) throws -> Int32 {
        // Only keys typed at a TTY detach; otherwise the stream ended because the container or the engine exited.
        if interactive, (try? terminal(client)) == true, try !waitUntilReady(end.connection.raw, milliseconds: 100),
            let state = try? client.inspectContainer(id).state, state.running, !state.restarting
        {
            Output.error("read escape sequence")
            return 0
        }
        guard let code = try end.next(WaitResponse.self)?.statusCode else {
            throw RoostError(
                .unavailable,
                "The engine exited. The container keeps running; see its output with: roost logs \(id.prefix(12))"
            )
        }
        return Int32(clamping: code)
    }
}
