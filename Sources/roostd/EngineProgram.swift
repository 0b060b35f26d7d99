import APIServer
import EngineCore
import EngineModel
import Foundation
import ImageStore
import LinuxKernel
import Logging

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
        let configuration = EngineConfiguration(
            dataRoot: try Files.canonical(options.dataRoot), runRoot: try Files.canonical(options.runRoot),
            executable: try Files.canonical("/proc/self/exe"),
            shimExecutable: try Processes.beside("roost-shim"), trashSeconds: options.trashHours * 3600)
        guard let lock = try Files.lock(configuration.lock) else {
            throw AlreadyServed(runRoot: configuration.runRoot)
        }
        defer { lock.closeEarly() }
        try? Files.remove(options.runRoot + "/engine.error")
        Processes.ignore(13)
        try ConfinedHelper.prepare()
        let log = try makeLog()
        let engine = try Engine(configuration: configuration, log: log)
        try await engine.recover()
        let (stop, signal) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        let server = Server(engine: engine) { signal.yield("asked to") }
        await server.sockets.restore(server)
        if let listener = try options.listener() { serve(listener, server, log) }
        let serving = Task {
            var inherited = inheritedSocket()
            // A listener that fails is made anew: an engine that nobody can reach helps nobody.
            while !Task.isCancelled {
                do {
                    try await server.run(path: configuration.socket, inherited: inherited) {
                        log.info("serving \(configuration.socket), started by \(Processes.parentName)")
                    }
                    log.error("the listener ended; listening again")
                } catch { log.error("the listener failed: \(error); listening again") }
                inherited = nil
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        let sources = watchSignals(signal)
        watchIdleness(engine, signal)
        for await reason in stop {
            log.info("leaving: \(reason)")
            break
        }
        withExtendedLifetime(sources) {}
        await engine.shutDown()
        serving.cancel()
        await server.sockets.close()
        try? Files.remove(configuration.socket)
        exit(0)
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

    /// systemd's socket activation: one socket, as descriptor 3 (sd_listen_fds(3)).
    private func inheritedSocket() -> Int32? {
        let environment = ProcessInfo.processInfo.environment
        return environment["LISTEN_FDS"] == "1" && environment["LISTEN_PID"] == String(getpid()) ? 3 : nil
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

    private func watchSignals(_ leave: AsyncStream<String>.Continuation) -> [any DispatchSourceSignal] {
        [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { leave.yield("signal \(number)") }
            source.resume()
            return source
        }
    }

    private func watchIdleness(_ engine: Engine, _ leave: AsyncStream<String>.Continuation) {
        Task {
            var idle = 0
            while true {
                try await Task.sleep(for: .seconds(5))
                // What a burst of work has freed goes back to the system.
                MemoryAllocator.trim()
                idle = await engine.isIdle() ? idle + 5 : 0
                if let limit = options.idleSeconds, idle >= limit {
                    leave.yield("nothing to do for \(limit) seconds")
                }
            }
        }
    }
}

/// Another engine has the lock: it serves already, is about to, or is about to leave.
private struct AlreadyServed: Error, CustomStringConvertible {
    let runRoot: String
    var description: String { "another engine serves \(runRoot) already" }
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
