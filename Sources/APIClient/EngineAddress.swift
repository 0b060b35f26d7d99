import EngineModel
import LinuxKernel

/// An engine's address as the user gives it, and its TLS settings.
package struct EndpointDescription: Sendable, Equatable {
    /// `unix://…`, `ssh://…` or `tcp://…`.
    package var host: String
    /// The directory of `ca.pem`, `cert.pem` and `key.pem`.
    package var certificates: String?
    package var skipsVerification: Bool

    package init(host: String, certificates: String? = nil, skipsVerification: Bool = false) {
        self.host = host
        self.certificates = certificates
        self.skipsVerification = skipsVerification
    }
}

/// The TLS options of the command line (`--tls`, `--tlsverify` and their files).
package struct TransportSecurity: Sendable {
    package var isWanted = false
    /// Whether the server's certificate is verified.
    package var verifies = false
    /// CA, client certificate and key files; nil means the file in the default directory.
    package var files: [String?] = [nil, nil, nil]
    package init() {}
}

/// The address of the engine, and how to start it if it is not running.
package struct EngineAddress: Sendable {
    package var socket: String
    /// Set for the local engine of the run and data root; nil for an engine that the client does not start.
    package var start: StartPlan?

    package struct StartPlan: Sendable {
        package var executable: String
        package var dataRoot: String
        package var runRoot: String
    }

    /// Arguments of `roostd dial` for an engine behind a TCP port.
    var dialer: [String]?

    /// Arguments of ssh(1) for an engine on another machine; nil for a local socket.
    var shell: [String]?

    /// `ssh://[user@]host[:port][/path/to/socket]`: connects through `system dial-stdio` on the remote machine, as Docker's clients
    /// do; with `docker` if it has no `roost`.
    private static func remote(_ text: String) throws(RoostError) -> EngineAddress {
        let rest = text.dropFirst(6)
        let place = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(place.count)
        let ends = place.split(separator: "@", maxSplits: 1).map(String.init)
        let name = (ends.last ?? "").split(separator: ":").map(String.init)
        guard let host = name.first, !host.isEmpty, !host.hasPrefix("-"), !ends[0].hasPrefix("-") else {
            throw .invalid("invalid host \"\(text)\": expected ssh://user@host")
        }
        var words = ["ssh", "-o", "ConnectTimeout=30", "-T"]
        if ends.count > 1 { words += ["-l", ends[0]] }
        if name.count > 1 { words += ["-p", name[1]] }
        let chosen = path.isEmpty ? "" : " -H unix://\(path)"
        let dial =
            "if command -v roost >/dev/null; then exec roost\(chosen) system dial-stdio; else exec docker\(chosen) system dial-stdio; fi"
        var address = EngineAddress(socket: text, start: nil)
        address.shell = words + ["--", host, dial]
        return address
    }

    /// `tcp://host[:port]`, with TLS if there are certificates: those in `DOCKER_CERT_PATH`, or of a context.
    private static func far(_ endpoint: EndpointDescription, _ security: TransportSecurity) throws(RoostError)
        -> EngineAddress
    {
        let text = String(endpoint.host.dropFirst(6).prefix { $0 != "/" })
        var certificates = endpoint.certificates
        let verifies = security.verifies || environmentVariable("DOCKER_TLS_VERIFY").map { !$0.isEmpty } ?? false
        if certificates == nil, security.isWanted || verifies || environmentVariable("DOCKER_TLS") != nil {
            certificates =
                environmentVariable("DOCKER_CERT_PATH") ?? (environmentVariable("HOME") ?? "/root") + "/.docker"
        }
        var host = text
        var port = certificates == nil ? "2375" : "2376"
        if let cut = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            host = String(text[..<cut])
            port = String(text[text.index(after: cut)...])
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty, let number = Int(port), (1...65535).contains(number) else {
            throw .invalid("invalid host \"\(endpoint.host)\": expected tcp://host:port")
        }
        var address = EngineAddress(socket: endpoint.host, start: nil)
        var words = ["roostd", "dial", host, port]
        if let certificates, security.files.contains(where: { $0 != nil }) {
            // Files given explicitly must exist; default files are used if they exist.
            words += ["--tls-files"]
            for (name, file) in zip(["ca.pem", "cert.pem", "key.pem"], security.files) {
                let usual = "\(certificates)/\(name)"
                words.append(file ?? (Files.exists(usual) ? usual : ""))
            }
        } else if let certificates {
            words += ["--tls", certificates]
        }
        if endpoint.skipsVerification || (certificates != nil && endpoint.certificates == nil && !verifies) {
            words.append("--insecure")
        }
        address.dialer = words
        return address
    }

    private static var enginesProgram: String {
        (try? Processes.siblingExecutable("roostd")) ?? "/usr/local/bin/roostd"
    }

    /// Connects through a `roostd dial` process, which does TLS and name resolution; it exits with the connection.
    private static func call(_ words: [String]) throws -> OwnedFD {
        let program = enginesProgram
        guard Files.exists(program) else {
            throw RoostError.missing("\(program) is missing: it is needed to connect to engines over TCP")
        }
        let pair = try Sockets.pair(.stream)
        _ = try Processes.spawn(
            program, arguments: words, environment: Processes.environment.map { "\($0.key)=\($0.value)" },
            descriptors: [pair.1.raw, 2, 2])
        return pair.0
    }

    /// Connects through an ssh process, which exits with the connection.
    private static func dial(_ words: [String]) throws -> OwnedFD {
        let folders = (environmentVariable("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        guard let program = folders.map({ "\($0)/ssh" }).first(where: { Files.exists($0) }) else {
            throw RoostError.missing("ssh is not in PATH: install it to reach engines on other machines")
        }
        let pair = try Sockets.pair(.stream)
        _ = try Processes.spawn(
            program, arguments: words, environment: Processes.environment.map { "\($0.key)=\($0.value)" },
            descriptors: [pair.1.raw, pair.1.raw, 2])
        return pair.0
    }

    package init(socket: String, start: StartPlan?) {
        self.socket = socket
        self.start = start
    }

    /// In order of precedence: flags, the run root, ROOST_HOST, DOCKER_HOST, the current context, the local engine.
    ///
    /// `context` returns the endpoint of a context by name, or of the current context for nil.
    package static func choose(
        host: String?, context name: String?, runRoot: String?, dataRoot: String?,
        security: TransportSecurity = TransportSecurity(),
        context: (String?) throws(RoostError) -> EndpointDescription?
    ) throws(RoostError) -> EngineAddress {
        let root = runRoot ?? environmentVariable("ROOST_RUN_ROOT")
        if host != nil, name != nil { throw .invalid("conflicting options: cannot specify both --host and --context") }
        var endpoint = host.map { EndpointDescription(host: $0) }
        if endpoint == nil, let name { endpoint = try context(name) }
        if endpoint == nil, name == nil, root == nil {
            let given = environmentVariable("ROOST_HOST") ?? environmentVariable("DOCKER_HOST") ?? ""
            endpoint = given.isEmpty ? try context(nil) : EndpointDescription(host: given)
        }
        let given = endpoint?.host
        if let endpoint, let given, !given.isEmpty {
            if given.hasPrefix("ssh://") { return try remote(given) }
            if given.hasPrefix("tcp://") { return try far(endpoint, security) }
            guard given.hasPrefix("unix://") else {
                throw .invalid(
                    "host \"\(given)\" is not supported: use unix:///path/to/socket, ssh://user@host or tcp://host:port"
                )
            }
            return EngineAddress(socket: String(given.dropFirst(7)), start: nil)
        }
        let folder = root ?? "/run/roost"
        return EngineAddress(
            socket: folder + "/roost.sock",
            start: StartPlan(
                executable: enginesProgram,
                dataRoot: dataRoot ?? environmentVariable("ROOST_DATA_ROOT") ?? "/var/lib/roost", runRoot: folder))
    }

    /// Connects to the engine; starts it if it is the local one and is not running.
    package func connect(starting: Bool = true) throws -> OwnedFD {
        if let shell { return try Self.dial(shell) }
        if let dialer { return try Self.call(dialer) }
        do throws(SyscallError) { return try Sockets.connect(socket, .stream) } catch {
            if [Errno.access, Errno.notPermitted].contains(error.errno) {
                let advice =
                    start == nil
                    ? "" : ": join that group (usermod -aG roost USER, then log in again), or use sudo"
                throw RoostError(
                    .forbidden,
                    "permission denied: only root and \(Self.group(of: socket)) can use the engine's socket unix://\(socket)\(advice)"
                )
            }
            guard starting, let start, [Errno.noEntry, Errno.connectionRefused].contains(error.errno) else {
                throw RoostError(
                    .unavailable,
                    "Cannot connect to the \(start == nil ? "engine" : "Roost daemon") at unix://\(socket) (\(error.reason)). Is \(start == nil ? "it" : "the roost daemon") running?"
                )
            }
            guard Processes.effectiveUser == 0 else {
                throw RoostError(
                    .forbidden,
                    "permission denied: no engine is running at unix://\(socket), and only root can start one: sudo roost engine start (or systemctl enable --now roost.socket). Members of the group roost can then use it."
                )
            }
            return try Self.start(start, socket)
        }
    }

    /// The PID of the process that holds the local engine's socket while the engine sleeps; nil if it does not sleep.
    package var keeper: Int32? {
        guard let root = start?.runRoot, let text = try? Files.readText(root + EngineFiles.keeper, limit: 32),
            let pid = text.split(separator: "\n").first.flatMap({ Int32($0) }),
            (try? Files.readText("/proc/\(pid)/comm", limit: 64))?.hasPrefix("roost-keeper") == true
        else { return nil }
        return pid
    }

    /// Terminates the keeper of a sleeping engine, and removes its socket.
    package func end(_ keeper: Int32) throws {
        try Processes.signal(pid: keeper, 15)
        if let root = start?.runRoot { try? Files.remove(root + EngineFiles.keeper) }
        try? Files.remove(socket)
    }

    /// The address as a URL, as the user would write it.
    package var shown: String { socket.contains("://") ? socket : "unix://\(socket)" }

    /// The group that can use a socket besides root, by its name in group(5).
    private static func group(of socket: String) -> String {
        guard let number = try? Files.status(socket).group else { return "its group" }
        return "the group \(GroupFile.groups().first { $0.number == number }?.name ?? "\(number)")"
    }

    private static func start(_ plan: StartPlan, _ socket: String) throws -> OwnedFD {
        guard Files.exists(plan.executable) else {
            throw RoostError.failure("cannot start the engine: \(plan.executable) is missing")
        }
        let reason = plan.runRoot + "/engine.error"
        try? Files.remove(reason)
        let null = try Files.open("/dev/null", .readWrite)
        let path = environmentVariable("PATH") ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        var environment = ["PATH=\(path)"]
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"] {
            if let value = environmentVariable(name) { environment.append("\(name)=\(value)") }
        }
        if let debug = environmentVariable("ROOST_DEBUG") { environment.append("ROOST_DEBUG=\(debug)") }
        func spawn() throws -> Int32 {
            try Processes.spawn(
                plan.executable, arguments: ["roostd", "--data-root", plan.dataRoot, "--run-root", plan.runRoot],
                environment: environment, descriptors: [null.raw, null.raw, null.raw], newSession: true)
        }
        var pid = try spawn()
        let deadline = Clocks.monotonicNanoseconds() + 20_000_000_000
        while Clocks.monotonicNanoseconds() < deadline {
            if let connected = try? Sockets.connect(socket, .stream) { return connected }
            if let ended = (try? Processes.collect(pid: pid)) ?? nil {
                if let connected = try? Sockets.connect(socket, .stream) { return connected }
                if ended.status.code == EngineExit.alreadyServed {
                    // Another engine holds the lock: it will answer soon, or it is exiting and another start is needed.
                    Processes.pauseBriefly()
                    pid = try spawn()
                    continue
                }
                // The new engine has exited; the reason is in a file, if it got that far.
                let why =
                    (try? Files.readText(reason)).map { ": \($0)" }
                    ?? " (exit status \(ended.status.code)); see \(plan.dataRoot)/engine.log"
                throw RoostError.failure("failed to start the engine\(why)")
            }
            _ = try? waitUntilReady(null.raw, milliseconds: 0)
            Processes.pauseBriefly()
        }
        throw RoostError(.unavailable, "the engine did not start within 20 seconds; see \(plan.dataRoot)/engine.log")
    }
}
