import ContainerRuntime
import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel

/// Logs and attach: both read the log file, so that no reader ever slows a container down.
struct StreamHandlers: Sendable {
    let engine: Engine

    static let multiplexed = "application/vnd.docker.multiplexed-stream"
    static let raw = "application/vnd.docker.raw-stream"

    func logs(_ exchange: Exchange) async throws {
        let request = exchange.request
        let (record, path, folder) = try await engine.logPath(request.path[1])
        if record.spec.log.driver == "none" {
            throw RoostError(.unsupported, "configured logging driver does not support reading")
        }
        var query = LogQuery()
        query.output = request.flag("stdout")
        query.error = request.flag("stderr")
        guard query.output || query.error else {
            throw RoostError.invalid("Bad parameters: you must choose at least one stream")
        }
        query.timestamps = request.flag("timestamps")
        query.follow = request.flag("follow")
        if request.flag("details") { query.details = Self.details(record) }
        if let tail = request["tail"], tail != "all", !tail.isEmpty, let count = Int(tail), count >= 0 {
            query.tail = count
        }
        query.since = try time(request, "since")
        query.until = try time(request, "until")
        let terminal = record.spec.process.terminal
        var framer = LogFramer(query, multiplexed: !terminal)
        var cursor = query.tail.map { LogCursor(path: path, tail: $0) } ?? LogCursor(path: path)
        guard query.follow else {
            try await exchange.startStream(terminal ? Self.raw : Self.multiplexed)
            try await drain(&cursor, &framer, exchange)
            return try await exchange.end()
        }
        let change = try await OutputSignal(engine: engine, record: record, folder: folder, startsNow: false)
        try await exchange.startStream(terminal ? Self.raw : Self.multiplexed)
        for await _ in change.stream {
            let ended = change.hasEnded
            try await drain(&cursor, &framer, exchange)
            if ended { break }
        }
        try await exchange.end()
    }

    /// Labels and variables that `--log-opt labels` and `env` name, as Docker's log drivers write them down.
    private static func details(_ record: ContainerRecord) -> String {
        func names(_ option: String) -> [String] {
            (record.spec.log.options[option] ?? "").split(separator: ",").map(String.init)
        }
        var found: [String: String] = [:]
        for name in names("labels") { found[name] = record.spec.labels[name] }
        for variable in record.environment {
            let pair = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2, names("env").contains(String(pair[0])) { found[String(pair[0])] = String(pair[1]) }
        }
        return found.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    }

    private func time(_ request: Request, _ name: String) throws(RoostError) -> Timestamp? {
        guard let text = request[name], !text.isEmpty, text != "0" else { return nil }
        guard let time = Timestamp(parsing: text) else { throw .invalid("invalid value for \"\(name)\": \(text)") }
        return time
    }

    private func drain(_ cursor: inout LogCursor, _ framer: inout LogFramer, _ exchange: Exchange) async throws {
        while true {
            let records = try cursor.next()
            if records.isEmpty { return }
            try await exchange.send(framer.bytes(records))
        }
    }

    func attach(_ exchange: Exchange) async throws {
        let request = exchange.request
        let (record, path, folder) = try await engine.logPath(request.path[1])
        if record.status.phase == .paused {
            throw RoostError.conflict("Container \(record.id) is paused, unpause the container before attach.")
        }
        let terminal = record.spec.process.terminal
        var query = LogQuery()
        query.output = request.flag("stdout")
        query.error = request.flag("stderr")
        var cursor = request.flag("logs") ? LogCursor(path: path) : LogCursor(path: path, tail: 0)
        var framer = LogFramer(query, multiplexed: !terminal)
        // Registered before the client is answered: what it starts next cannot be missed.
        let change = try await OutputSignal(engine: engine, record: record, folder: folder, startsNow: true)
        let detach = try DetachKeys(request["detachKeys"])
        await engine.announceAttach(record)
        await engine.beginReading(record.id)
        let engine = engine
        defer { Task { await engine.endReading(record.id) } }
        try await exchange.takeOver(
            terminal || !request.headers["Upgrade"].contains("tcp") ? Self.raw : Self.multiplexed)
        guard request.flag("stream") else {
            try await drain(&cursor, &framer, exchange)
            return await exchange.finishOutput()
        }
        let shared = SendableExchange(exchange)
        let wantsInput = request.flag("stdin") && record.spec.process.openInput
        let input = Task { [engine] in
            if wantsInput {
                await InputPump(engine: engine, record: record, detach: terminal ? detach : nil).run(
                    shared.exchange, stop: change.end)
            } else {
                while (try? await shared.exchange.nextBytes()) != nil {}
            }
        }
        defer { input.cancel() }
        if query.output || query.error {
            await engine.setLogHeld(record.id, true)
            for await _ in change.stream {
                let ended = change.hasEnded
                try await drain(&cursor, &framer, exchange)
                if ended { break }
            }
            await engine.setLogHeld(record.id, false)
        } else {
            for await _ in change.stream where change.hasEnded { break }
        }
        await exchange.finishOutput()
    }
}

/// What the user types to leave a terminal without ending the program (`--detach-keys`).
struct DetachKeys: Sendable {
    let keys: [UInt8]

    init(_ text: String?) throws(RoostError) {
        guard let text, !text.isEmpty else {
            keys = [16, 17]
            return
        }
        var bytes: [UInt8] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let symbols: [Character: UInt8] = ["@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31]
            if part.hasPrefix("ctrl-"), let last = part.last, part.count == 6,
                let code = symbols[last] ?? last.asciiValue.map({ $0 & 31 })
            {
                bytes.append(code)
            } else if part.utf8.count == 1, let byte = part.utf8.first {
                bytes.append(byte)
            } else {
                throw .invalid(
                    "Invalid detach keys (\(text)) provided: use a letter, or ctrl- and a letter or one of @ [ \\ ] ^ _"
                )
            }
        }
        keys = bytes
    }
}

/// Finds the keys in what comes in pieces; keys that turn out to be something else are passed on.
struct DetachScanner: Sendable {
    let keys: [UInt8]
    private var matched = 0

    init(_ keys: DetachKeys) { self.keys = keys.keys }

    /// The bytes to pass on, and whether the keys are complete.
    mutating func scan(_ bytes: [UInt8]) -> (passed: [UInt8], detached: Bool) {
        var passed: [UInt8] = []
        for byte in bytes {
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count { return (passed, true) }
                continue
            }
            passed += keys[..<matched]
            matched = byte == keys[0] ? 1 : 0
            if matched == 0 { passed.append(byte) }
        }
        return (passed, false)
    }
}

/// Carries what a client sends into a program, as fast as the program reads.
struct InputPump: Sendable {
    let engine: Engine
    let record: ContainerRecord
    let detach: DetachKeys?

    func run(_ exchange: Exchange, stop: () -> Void) async {
        var scanner = detach.map(DetachScanner.init)
        while let bytes = try? await exchange.nextBytes() {
            let (passed, detached) = scanner?.scan(bytes) ?? (bytes, false)
            guard let target = await waitForInput() else { return }
            guard await Self.write(passed, to: target, engine) else { return }
            if detached {
                await engine.announce(record.id, "detach")
                return stop()
            }
        }
        if record.spec.process.inputOnce || !record.spec.process.terminal { await engine.closeInput(record.id) }
    }

    /// The container may not have started yet.
    private func waitForInput() async -> OwnedFD? {
        while !Task.isCancelled {
            if let target = await engine.input(record.id) { return target }
            guard let phase = try? await engine.container(record.id).status.phase,
                phase == .created || phase == .running
            else { return nil }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }

    /// Reads a stream to its end. A slow client slows its own stream down, nobody else.
    static func read(_ file: OwnedFD, _ engine: Engine, _ send: ([UInt8]) async throws -> Void) async {
        try? setNonBlocking(file.raw)
        while true {
            var bytes: [UInt8] = []
            do throws(SyscallError) { bytes = try readSome(file.raw, limit: 65536) } catch {
                guard error.errno == Errno.again else { return }
                await engine.waitReadable(file)
                continue
            }
            if bytes.isEmpty { return }
            // A client that has gone: the program goes on, its output goes nowhere.
            do { try await send(bytes) } catch {}
        }
    }

    static func write(_ bytes: [UInt8], to target: OwnedFD, _ engine: Engine) async -> Bool {
        try? setNonBlocking(target.raw)
        var rest = bytes[...]
        while !rest.isEmpty {
            do throws(SyscallError) { rest = rest.dropFirst(try writeSome(target.raw, rest)) } catch {
                if error.errno != Errno.again { return false }
                await engine.waitWritable(target)
            }
        }
        return true
    }
}
