import APIServer
import EngineCore
import EngineModel
import Foundation
import ImageStore
import LinuxKernel
import Logging
import Synchronization

/// Takes the lock, recovers, serves, and leaves when it is told to or is not needed any more.
struct EngineProgram {
    let options: EngineOptions

    func run() async {
        MemoryAllocator.limitArenas(2)
        do { try await serve() } catch {
            let text = "roostd: \(error)\n"
            FileHandle.standardError.write(Data(text.utf8))
            if error is AlreadyServed { exit(EngineExit.alreadyServed) }
            // Whoever started us in the background looks for the reason here.
            try? Files.write(options.runRoot + "/engine.error", text)
            exit(1)
        }
    }

    private func serve() async throws {
        guard geteuid() == 0 else {
            throw RoostError(.forbidden, "the engine needs root: it makes namespaces, mounts and networks")
        }
        try Files.makeDirectories(options.runRoot, mode: 0o755)
        try Files.makeDirectories(options.dataRoot, mode: 0o711)
        let configuration = try makeConfiguration()
        let inherited = Inheritance.take()
        guard let lock = try inherited.lock ?? Files.lock(configuration.lock) else {
            throw AlreadyServed(runRoot: configuration.runRoot)
        }
        defer { lock.closeEarly() }
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
            // A listener that fails is made anew: an engine that nobody can reach helps nobody.
            while !Task.isCancelled {
                do {
                    try await server.run(listener.withLock { $0 }) {
                        log.info("serving \(configuration.socket), started by \(Processes.parentName)")
                    }
                    if Task.isCancelled { return }
                    log.error("the listener ended; listening again")
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
            log.info("leaving: \(reason)")
            isIdle = reason == .idle
            break
        }
        withExtendedLifetime(sources) {}
        // Whoever comes from now on waits in the backlog of the socket. Only an idle engine hands the socket on; others wait for no client.
        serving.cancel()
        if isIdle { _ = await serving.result }
        await engine.shutDown()
        await server.sockets.close()
        // systemd holds its socket, and starts an engine for whoever connects.
        if inherited.isSystemd { exit(0) }
        if isIdle {
            do {
                try keep(listener.withLock { $0 }, lock, configuration)
                exit(0)
            } catch { log.error("cannot leave the socket to a keeper: \(error)") }
        }
        try? Files.remove(configuration.socket)
        exit(0)
    }

    /// Leaves the socket to a small process that becomes the next engine when somebody connects.
    private func keep(_ listener: OwnedFD, _ lock: OwnedFD, _ configuration: EngineConfiguration) throws {
        let null = try Files.open("/dev/null", .readWrite)
        _ = try Processes.spawn(
            configuration.shimExecutable,
            arguments: ["roost-keeper", "keep", options.runRoot + EngineFiles.keeper, configuration.executable]
                + configuration.arguments,
            environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
            descriptors: [listener.raw, lock.raw, null.raw], newSession: true)
    }

    /// Several descriptors belong to each container, so the engine takes as many as it may have. Containers get the limit that it was
    /// started with, also from an engine that a shim brings back.
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
            shimExecutable: try Processes.beside("roost-shim"), trashSeconds: options.trashHours * 3600,
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
                // What a burst of work has freed goes back to the system.
                MemoryAllocator.trim()
                guard let limit else { continue }
                let isIdle = await engine.isIdle()
                // One that was started on purpose stays, and so does one whose sockets of projects nobody would hold.
                let stays = Files.exists(options.runRoot + EngineFiles.stay)
                let isAlone = await server.sockets.isEmpty
                idle = isIdle && isAlone && !stays ? idle + 5 : 0
                if idle >= limit { leave.yield(.idle) }
            }
        }
    }
}

/// Why the engine leaves.
private enum Leaving: Sendable, Equatable, CustomStringConvertible {
    case idle
    case signal(Int32)
    case request

    var description: String {
        switch self {
        case .idle: "nothing to do"
        case .signal(let number): "signal \(number)"
        case .request: "asked to"
        }
    }
}

/// Another engine has the lock: it serves already, is about to, or is about to leave.
private struct AlreadyServed: Error, CustomStringConvertible {
    let runRoot: String
    var description: String { "another engine serves \(runRoot) already; roost engine stop ends it" }
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
