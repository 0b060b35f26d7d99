import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel

extension Response {
    /// A response that `work` writes into a pipe. A failure before the first byte is an error with a status.
    static func file(
        _ engine: Engine, type: String, headers: [(String, String)] = [],
        from work: @escaping @Sendable (OwnedFD) async throws -> Void
    ) async throws -> Response {
        let pipe = try Pipe()
        let writer = Task {
            defer { pipe.writing.close() }
            try await work(pipe.writing)
        }
        try setNonBlocking(pipe.reading.raw)
        /// A client that has disconnected breaks the writer's pipe.
        @Sendable func abandon() async {
            pipe.reading.close()
            _ = try? await writer.value
        }
        let first: [UInt8]
        do { first = try await next(pipe.reading, engine) } catch {
            await abandon()
            throw error
        }
        if first.isEmpty { try await writer.value }
        var response = stream(type, headers: headers) { output in
            do {
                var bytes = first
                while !bytes.isEmpty {
                    try await output.send(bytes)
                    bytes = try await next(pipe.reading, engine)
                }
            } catch {
                await abandon()
                throw error
            }
            try await writer.value
        }
        response.onAbandon = abandon
        return response
    }

    /// The next bytes of a pipe; empty at its end.
    private static func next(_ file: OwnedFD, _ engine: Engine) async throws -> [UInt8] {
        while true {
            do throws(SyscallError) { return try readSome(file.raw, limit: 1 << 18) } catch {
                guard error.errno == Errno.again else { throw error }
                await engine.waitReadable(file)
                try Task.checkCancellation()
            }
        }
    }

    /// Runs work that reports lines of JSON. A client that disconnects cancels it, and nothing of it is left behind.
    ///
    /// A failure before the first line is thrown if `early` throws it; every other one is the last line of the stream, as `failure`
    /// describes it.
    static func progress(
        startsAtOnce: Bool = false, early: (any Error) throws -> Void,
        failure: @escaping (any Error) -> ProgressMessage,
        _ work:
            @escaping @Sendable (_ report: @escaping @Sendable (any Encodable & Sendable) -> Void) async throws -> Void
    ) async throws -> Response {
        let (lines, continuation) = AsyncThrowingStream.makeStream(of: (any Encodable & Sendable).self)
        let task = Task {
            do {
                try await work { continuation.yield($0) }
                continuation.finish()
            } catch { continuation.finish(throwing: error) }
        }
        @Sendable func cancel() async {
            task.cancel()
            _ = await task.result
        }
        var iterator = lines.makeAsyncIterator()
        var first: (any Encodable & Sendable)?
        var failed: (any Error)?
        if !startsAtOnce {
            do { first = try await iterator.next() } catch {
                await cancel()
                try early(error)
                failed = error
            }
        }
        let (line, initial, rest) = (first, failed, iterator)
        var response = stream("application/json") { output in
            var rest = rest
            do {
                if let initial { throw initial }
                if let line { try await output.progress(line) }
                while let line = try await rest.next() {
                    try await output.progress(line)
                }
            } catch {
                await cancel()
                if Router.isDisconnect(error) { throw error }
                try await output.progress(failure(error))
            }
            await cancel()
        }
        response.onAbandon = cancel
        return response
    }
}

extension RequestBody {
    /// Passes the body through a pipe to `use`, which reads it as a file.
    func file<Value: Sendable>(
        _ engine: Engine, _ use: @escaping @Sendable (OwnedFD) async throws -> Value
    ) async throws -> Value {
        let pipe = try Pipe()
        let reader = Task {
            defer { pipe.reading.close() }
            return try await use(pipe.reading)
        }
        do {
            while let bytes = try await next() {
                guard await InputPump.write(bytes, to: pipe.writing, engine) else { break }
            }
        } catch {
            // The client has disconnected in the middle: the reader finds the stream truncated.
            pipe.writing.close()
            _ = try? await reader.value
            throw error
        }
        pipe.writing.close()
        return try await reader.value
    }
}
