import APIServer
import EngineCore
import EngineModel
import Foundation
import ImageStore
import LinuxKernel
import Logging
import Synchronization

/// Takes the lock, recovers, serves, and exits on request or when it is idle.
struct EngineMain {
    let options: EngineOptions

    func run() async {
        MemoryAllocator.limitArenas(2)
        do { try await serve() } catch {
            let text = "roostd: \(error)\n"
            FileHandle.standardError.write(Data(text.utf8))
            if error is AlreadyServed { exit(EngineExit.alreadyServed) }
            // A process that started us in the background reads the reason here.
            try? Files.write(options.runRoot + "/engine.error", text)
            exit(1)
        }
    }

    private func serve() async throws {
        guard geteuid() == 0 else {
            throw RoostError(.forbidden, "the engine must run as root: it creates namespaces, mounts and networks")
        }
        try Files.makeDirectories(options.runRoot, mode: 0o755)
        try Files.makeDirectories(options.dataRoot, mode: 0o711)
        let configuration = try makeConfiguration()
        let inherited = Inheritance.take()
        guard let lock = try inherited.lock ?? Files.lock(configuration.lock) else {
            throw AlreadyServed(runRoot: configuration.runRoot)
        }
        defer { lock.close() }
        for name in ["/engine.error", EngineFiles.keeper] { try? Files.remove(options.runRoot + name) }
        Processes.ignore(13)
        try ConfinedHelper.prepare()
        let log = try makeLog()
        let engine = try Engine(configuration: configuration, log: log)
        try await engine.recover()
        let (stop, signal) = AsyncStream.makeStream(of: Leaving.self, bufferingPolicy: .bufferingNewest(1))
        let server = Server(engine: engine) { signal.yield(.request) }
        await server.sockets.restore(server)
        if let listener = try options.listener() { serve(listener, server, log) }
        let listener = Mutex(try inherited.socket ?? Server.listen(configuration.socket))
        let serving = Task {
            // A failed listener is recreated: an unreachable engine is of no use.
            while !Task.isCancelled {
                do {
                    try await server.run(listener.withLock { $0 }) {
                        log.info("serving \(configuration.socket), started by \(Processes.parentName)")
                    }
                    if Task.isCancelled { return }
                    log.error("the listener closed; listening again")
                } catch {
                    if Task.isCancelled { return }
                    log.error("the listener failed: \(error); listening again")
                }
                let fresh = try Server.listen(configuration.socket)
                listener.withLock { $0 = fresh }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        let sources = watchSignals(signal)
        watchIdleness(engine, server, signal)
        var isIdle = false
        for await reason in stop {
            log.info("exiting: \(reason)")
            isIdle = reason == .idle
            break
        }
        withExtendedLifetime(sources) {}
        // New clients wait in the socket's backlog. An idle engine finishes serving and passes the socket on; others wait for no client.
        serving.cancel()
        if isIdle { _ = await serving.result }
        await engine.shutDown()
        await server.sockets.close()
        // systemd holds its socket, and starts an engine for the next client.
        if inherited.isSystemd { exit(0) }
        if isIdle {
            do {
                try keep(listener.withLock { $0 }, lock, configuration)
                exit(0)
            } catch { log.error("cannot pass the socket to a keeper: \(error)") }
        }
        try? Files.remove(configuration.socket)
        exit(0)
    }

    /// Passes the socket to a small process that becomes the next engine when a client connects.
    private func keep(_ listener: OwnedFD, _ lock: OwnedFD, _ configuration: EngineConfiguration) throws {
        let null = try Files.open("/dev/null", .readWrite)
        _ = try Processes.spawn(
            configuration.shimExecutable,
            arguments: ["roost-keeper", "keep", options.runRoot + EngineFiles.keeper, configuration.executable]
                + configuration.arguments,
            environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
            descriptors: [listener.raw, lock.raw, null.raw], newSession: true)
    }

    /// Each container takes several file descriptors, so the engine raises its limit as far as it may. Containers get the limit with
    /// which it was started, also from an engine that a shim restarts.
    private func makeConfiguration() throws -> EngineConfiguration {
        let limit = Processes.raiseOpenFileLimit()
        var ulimits = options.defaultUlimits
        var arguments = options.arguments
        if !ulimits.contains(where: { $0.name == "nofile" }), limit.soft < limit.hard {
            let openFiles = UlimitSpec(
                name: "nofile", soft: Int64(clamping: limit.soft), hard: Int64(clamping: limit.hard))
            ulimits.append(openFiles)
            arguments += ["--default-ulimit", "nofile=\(openFiles.soft):\(openFiles.hard)"]
        }
        return EngineConfiguration(
            dataRoot: try Files.canonical(options.dataRoot), runRoot: try Files.canonical(options.runRoot),
            executable: try Files.canonical("/proc/self/exe"),
            shimExecutable: try Processes.siblingExecutable("roost-shim"), trashSeconds: options.trashHours * 3600,
            arguments: arguments, defaultUlimits: ulimits)
    }

    private func serve(_ listener: SecureListener, _ server: Server, _ log: Logger) {
        Task {
            do {
                try await server.run(listener) {
                    log.info("serving tcp://\(listener.host):\(listener.port) to clients with certificates")
                }
            } catch { log.error("tcp://\(listener.host):\(listener.port): \(error)") }
        }
    }

    private func makeLog() throws -> Logger {
        if options.logsToStandardError {
            LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        } else {
            let file = try Files.open(options.dataRoot + "/engine.log", [.writeOnly, .create, .append], mode: 0o640)
            LoggingSystem.bootstrap { _ in FileLog(file: file) }
        }
        var log = Logger(label: "roostd")
        log.logLevel = ProcessInfo.processInfo.environment["ROOST_DEBUG"] == nil ? .info : .debug
        return log
    }

    private func watchSignals(_ leave: AsyncStream<Leaving>.Continuation) -> [any DispatchSourceSignal] {
        [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { leave.yield(.signal(number)) }
            source.resume()
            return source
        }
    }

    private func watchIdleness(_ engine: Engine, _ server: Server, _ leave: AsyncStream<Leaving>.Continuation) {
        // A TCP port has no keeper.
        let limit = options.host == nil ? options.idleSeconds : nil
        Task {
            var idle = 0
            while true {
                try await Task.sleep(for: .seconds(5))
                // Memory freed after a burst of work is returned to the system.
                MemoryAllocator.trim()
                guard let limit else { continue }
                let isIdle = await engine.isIdle()
                // An engine that was started explicitly stays, and so does one with restricted sockets, which no keeper would hold.
                let stays = Files.exists(options.runRoot + EngineFiles.stay)
                let isAlone = await server.sockets.isEmpty
                idle = isIdle && isAlone && !stays ? idle + 5 : 0
                if idle >= limit { leave.yield(.idle) }
            }
        }
    }
}

/// Why the engine exits.
private enum Leaving: Sendable, Equatable, CustomStringConvertible {
    case idle
    case signal(Int32)
    case request

    var description: String {
        switch self {
        case .idle: "idle"
        case .signal(let number): "signal \(number)"
        case .request: "requested"
        }
    }
}

/// Another engine holds the lock: it is serving, starting or exiting.
private struct AlreadyServed: Error, CustomStringConvertible {
    let runRoot: String
    var description: String { "another engine is already serving \(runRoot); stop it with \"roost engine stop\"" }
}

/// One line per message: time, level, text.
struct FileLog: LogHandler {
    let file: OwnedFD
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Timestamp(nanoseconds: Clocks.wallNanoseconds()).rfc3339
        try? writeAll(file.raw, Array("\(time) \(event.level) \(event.message)\n".utf8))
    }
}
