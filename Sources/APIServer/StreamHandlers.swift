import ContainerRuntime
import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel
import NIOHTTP1

/// Logs and attach: both read the log file, so that no reader ever slows a container down.
struct StreamHandlers: Sendable {
    let engine: Engine

    static let multiplexed = "application/vnd.docker.multiplexed-stream"
    static let raw = "application/vnd.docker.raw-stream"

    func logs(_ request: Request) async throws -> Response {
        let (record, path, folder) = try await engine.logPath(request.path[1])
        if record.spec.log.driver == "none" {
            throw RoostError(
                .unsupported, "configured logging driver does not support reading", code: .logsUnreadable)
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
        let framer = LogFramer(query, multiplexed: !terminal)
        let cursor = try await engine.logCursor(path, tail: query.tail)
        let type = terminal ? Self.raw : Self.multiplexed
        guard query.follow else {
            return .stream(type) { output in
                var (cursor, framer) = (cursor, framer)
                try await drain(&cursor, &framer, output)
            }
        }
        let change = try await OutputSignal(engine: engine, record: record, folder: folder, startsNow: false)
        let until = query.until
        return .stream(type) { output in
            var (cursor, framer) = (cursor, framer)
            // `until` ends the stream as the container's exit does.
            let limit = until.map { until in
                Task {
                    try? await Task.sleep(for: .nanoseconds(max(0, until.nanoseconds - Clocks.wallNanoseconds())))
                    change.end()
                }
            }
            defer { limit?.cancel() }
            for await _ in change.stream {
                let ended = change.hasEnded
                try await drain(&cursor, &framer, output)
                if ended { break }
            }
        }
    }

    /// Labels and variables that `--log-opt labels` and `env` name, in the format of Docker's log drivers.
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

    private func drain(_ cursor: inout LogCursor, _ framer: inout LogFramer, _ output: ResponseWriter) async throws {
        while true {
            let records = try cursor.next()
            if records.isEmpty { return }
            try await output.send(framer.bytes(records))
        }
    }

    func attach(_ request: Request) async throws -> Response {
        let (record, path, folder) = try await engine.logPath(request.path[1])
        if record.status.phase == .paused {
            throw RoostError.conflict("Container \(record.id) is paused, unpause the container before attach.")
        }
        let terminal = record.spec.process.terminal
        var query = LogQuery()
        query.output = request.flag("stdout")
        query.error = request.flag("stderr")
        let cursor = try await engine.logCursor(path, tail: request.flag("logs") ? nil : 0)
        let framer = LogFramer(query, multiplexed: !terminal)
        // Registered before the client is answered: a start that follows cannot be missed.
        let change = try await OutputSignal(engine: engine, record: record, folder: folder, startsNow: true)
        let detach = try DetachKeys(request["detachKeys"])
        await engine.announceAttach(record)
        await engine.beginReading(record.id, change)
        let type = terminal || !request.headers["Upgrade"].contains("tcp") ? Self.raw : Self.multiplexed
        var response = Response.upgrade(type) { [engine] stream in
            var (cursor, framer) = (cursor, framer)
            do {
                try await attach(stream, to: record, request, detach: terminal ? detach : nil, change, &cursor, &framer)
            } catch {
                await engine.endReading(record.id, change)
                throw error
            }
        }
        response.onAbandon = { [engine] in await engine.endReading(record.id, change) }
        return response
    }

    private func attach(
        _ stream: DuplexStream, to record: ContainerRecord, _ request: Request, detach: DetachKeys?,
        _ change: OutputSignal, _ cursor: inout LogCursor, _ framer: inout LogFramer
    ) async throws {
        guard request.flag("stream") else {
            try await drain(&cursor, &framer, stream.output)
            await engine.endReading(record.id, change)
            return await stream.finishOutput()
        }
        let feed = InputFeed()
        let wantsInput = request.flag("stdin") && record.spec.process.openInput
        let input = Task { [engine] in
            if wantsInput {
                await InputPump(engine: engine, record: record, detach: detach).run(
                    stream.input, through: feed, stop: change.end)
            } else {
                while (try? await stream.input.next()) != nil {}
            }
        }
        let isWanted = request.flag("stdout") || request.flag("stderr")
        do { try await copyOutput(of: record, change, &cursor, &framer, isWanted ? stream.output : nil) } catch {
            input.cancel()
            throw error
        }
        await stream.finishOutput()
        feed.end()
        // Before the client closes its side: the container's exit is announced when its output has been read.
        await engine.endReading(record.id, change)
        await input.value
    }

    private func copyOutput(
        of record: ContainerRecord, _ change: OutputSignal, _ cursor: inout LogCursor, _ framer: inout LogFramer,
        _ output: ResponseWriter?
    ) async throws {
        guard let output else {
            for await _ in change.stream where change.hasEnded { break }
            return
        }
        for await _ in change.stream {
            let ended = change.hasEnded
            try await drain(&cursor, &framer, output)
            for piece in change.takePieces() {
                try await output.send(framer.bytes(piece.bytes, isError: piece.isError))
            }
            if ended { break }
        }
        guard let notice = await engine.unloggedNotice(record.id) else { return }
        try await output.send(framer.bytes(Array(notice.utf8), isError: true))
    }
}

/// The keys that detach from a terminal without stopping the process (`--detach-keys`).
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

/// Finds the keys in chunks of input; a partial match that fails is passed on.
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

/// Passes a client's input to a process, as fast as the process reads.
struct InputPump: Sendable {
    let engine: Engine
    let record: ContainerRecord
    let detach: DetachKeys?

    func run(_ source: RequestBody, through feed: InputFeed, stop: () -> Void) async {
        var scanner = detach.map(DetachScanner.init)
        while let bytes = try? await source.next() {
            let (passed, isDetached) = scanner?.scan(bytes) ?? (bytes, false)
            // The container may not have started yet.
            guard let target = await feed.target(record.id, engine),
                await feed.write(passed, to: target, engine)
            else { return await feed.drain(source) }
            if isDetached {
                await engine.announce(record.id, "detach")
                stop()
                return await feed.drain(source)
            }
        }
        // As in Docker only a client with exclusive input (StdinOnce) closes it.
        guard record.spec.process.inputOnce, !record.spec.process.terminal else { return }
        if await feed.target(record.id, engine) != nil { await engine.closeInput(record.id) }
    }

    /// Reads a stream to its end. A slow client slows down only its own stream. After a cancellation at most as much as a pipe can hold
    /// is read.
    static func read(_ file: OwnedFD, _ engine: Engine, _ send: ([UInt8]) async throws -> Void) async {
        try? setNonBlocking(file.raw)
        var rest = 1 << 16
        while rest > 0 {
            var bytes: [UInt8] = []
            do throws(SyscallError) { bytes = try readSome(file.raw, limit: 65536) } catch {
                guard error.errno == Errno.again, !Task.isCancelled else { return }
                await engine.waitReadable(file)
                continue
            }
            if bytes.isEmpty { return }
            if Task.isCancelled { rest -= bytes.count }
            // If the client has disconnected, the process keeps running and its output is discarded.
            do { try await send(bytes) } catch {}
        }
    }

    static func write(_ bytes: [UInt8], to target: OwnedFD, _ engine: Engine) async -> Bool {
        try? setNonBlocking(target.raw)
        var rest = bytes[...]
        while !rest.isEmpty {
            do throws(SyscallError) { rest = rest.dropFirst(try writeSome(target.raw, rest)) } catch {
                // Other tasks may wait for the same descriptor, and the loop has one handler for each.
                guard error.errno == Errno.again, !Task.isCancelled, let own = try? target.duplicate() else {
                    return false
                }
                await engine.waitWritable(own)
            }
        }
        return true
    }
}
