import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import NIOHTTP1
import OCI

/// Copies files to and from containers, and creates images from containers.
struct ArchiveHandlers: Sendable {
    let engine: Engine

    private func id(_ exchange: Exchange) -> String { exchange.request.path[1] }

    private func path(_ exchange: Exchange) throws -> String {
        guard let path = exchange.request["path"], !path.isEmpty else {
            throw RoostError.invalid("bad parameter: path cannot be empty")
        }
        return path
    }

    private static let header = "X-Docker-Container-Path-Stat"
    private static func encoded(_ status: PathStatus) throws -> String {
        Base64.encode(try JSON(encoding: status).bytes())
    }

    func head(_ exchange: Exchange) async throws {
        let status = try await engine.pathStatus(id(exchange), try path(exchange))
        try await exchange.head(
            200, [(Self.header, try Self.encoded(status)), ("Content-Length", "0")])
        try await exchange.end()
    }

    func get(_ exchange: Exchange) async throws {
        if exchange.request.method == .HEAD { return try await head(exchange) }
        let path = try path(exchange)
        let id = id(exchange)
        let status = try await engine.pathStatus(id, path)
        try await exchange.sendFile(
            engine, type: "application/x-tar", headers: [(Self.header, try Self.encoded(status))]
        ) { [engine] target in
            try await engine.archivePath(id, path, to: target)
        }
    }

    func put(_ exchange: Exchange) async throws {
        let request = exchange.request
        let folder = try path(exchange)
        let id = id(exchange)
        try await exchange.receiveFile(engine) { [engine] source in
            try await engine.extractArchive(
                id, into: folder, from: source, refusesKindChange: request.flag("noOverwriteDirNonDir"),
                keepsOwners: true)
        }
        try await exchange.answer(200)
    }

    /// Removes paths whose removal `watch` has seen; not part of Docker's API.
    func remove(_ exchange: Exchange) async throws {
        let paths = try await exchange.json()["Paths"].strings ?? []
        for path in paths where path.absolutePath == "/" || path.absolutePath == "/." {
            throw RoostError.invalid("bad parameter: \"\(path)\" is the root of the container")
        }
        try await engine.removePaths(id(exchange), paths)
        try await exchange.answer(204)
    }

    func export(_ exchange: Exchange) async throws {
        let id = try await engine.container(id(exchange)).id
        try await exchange.sendFile(engine, type: "application/octet-stream") { [engine] target in
            try await engine.exportContainer(id, to: target)
        }
    }

    func changes(_ exchange: Exchange) async throws {
        let list = try await engine.changes(id(exchange))
        try await exchange.answer(
            200,
            list.isEmpty
                ? .null : .array(list.map { ["Path": .string(FileName.shown($0.path)), "Kind": JSON($0.kind)] }))
    }

    func commit(_ exchange: Exchange) async throws {
        let request = exchange.request
        let body = try await exchange.json()
        var options = Engine.CommitOptions()
        options.author = request["author"] ?? ""
        options.comment = request["comment"] ?? ""
        options.changes = request.query["changes"] ?? []
        options.pauses = request["pause"].map { _ in request.flag("pause") } ?? true
        var name: ImageReference?
        if let repository = request["repo"], !repository.isEmpty {
            name = try ImageReference(repository: repository, tag: request["tag"])
        }
        if body.object?.isEmpty == false { options.body = body }
        let image = try await engine.commitContainer(
            request["container"] ?? "", as: name, options: options)
        try await exchange.answer(201, ["Id": .string(image.id.description)])
    }
}

extension Exchange {
    /// Answers with a stream that `work` writes into a pipe. A failure before the first byte is an error with a status.
    func sendFile(
        _ engine: Engine, type: String, headers: [(String, String)] = [],
        from work: @escaping @Sendable (OwnedFD) async throws -> Void
    ) async throws {
        let pipe = try Pipe()
        let writer = Task {
            defer { pipe.writing.close() }
            try await work(pipe.writing)
        }
        try setNonBlocking(pipe.reading.raw)
        do {
            while true {
                do throws(SyscallError) {
                    let bytes = try readSome(pipe.reading.raw, limit: 1 << 18)
                    if bytes.isEmpty { break }
                    if !answered { try? await head(200, [("Content-Type", type)] + headers) }
                    do { try await send(bytes) } catch {
                        throw SyscallError(call: "send", subject: "the client", errno: Errno.brokenPipe)
                    }
                } catch {
                    guard error.errno == Errno.again else { throw error }
                    await engine.waitReadable(pipe.reading)
                    try Task.checkCancellation()
                }
            }
        } catch {
            // The client has disconnected: the writer's pipe breaks.
            pipe.reading.close()
            _ = try? await writer.value
            throw error
        }
        try await writer.value
        if !answered { try await head(200, [("Content-Type", type)] + headers) }
        try await end()
    }

    /// Passes the request's body through a pipe to `use`, which reads it as a file.
    func receiveFile<Value: Sendable>(
        _ engine: Engine, _ use: @escaping @Sendable (OwnedFD) async throws -> Value
    ) async throws -> Value {
        let pipe = try Pipe()
        let reader = Task {
            defer { pipe.reading.close() }
            return try await use(pipe.reading)
        }
        do {
            while let bytes = try await nextBytes() {
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
