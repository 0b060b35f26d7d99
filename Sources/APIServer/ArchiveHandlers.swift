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

    private func path(_ request: Request) throws -> String {
        guard let path = request["path"], !path.isEmpty else {
            throw RoostError.invalid("bad parameter: path cannot be empty")
        }
        return path
    }

    private static let header = "X-Docker-Container-Path-Stat"
    private static func encoded(_ status: PathStatus) throws -> String {
        Base64.encode(try JSON(encoding: status).bytes())
    }

    func get(_ request: Request) async throws -> Response {
        let path = try path(request)
        let id = request.name
        let headers = [(Self.header, try Self.encoded(try await engine.pathStatus(id, path)))]
        if request.method == .HEAD { return Response(headers: headers, body: .bytes([])) }
        return try await .file(engine, type: "application/x-tar", headers: headers) { [engine] target in
            try await engine.archivePath(id, path, to: target)
        }
    }

    func put(_ request: Request) async throws -> Response {
        let folder = try path(request)
        let id = request.name
        try await request.body.file(engine) { [engine] source in
            try await engine.extractArchive(
                id, into: folder, from: source, refusesKindChange: request.flag("noOverwriteDirNonDir"),
                keepsOwners: true)
        }
        return .status(200)
    }

    /// Removes paths whose removal `watch` has seen; not part of Docker's API.
    func remove(_ request: Request) async throws -> Response {
        let paths = try await request.decode(RemovedPaths.self).paths ?? []
        for path in paths where path.absolutePath == "/" || path.absolutePath == "/." {
            throw RoostError.invalid("bad parameter: \"\(path)\" is the root of the container")
        }
        try await engine.removePaths(request.name, paths)
        return .status(204)
    }

    func export(_ request: Request) async throws -> Response {
        let id = try await engine.container(request.name).id
        return try await .file(engine, type: "application/octet-stream") { [engine] target in
            try await engine.exportContainer(id, to: target)
        }
    }

    func changes(_ request: Request) async throws -> Response {
        let changes = try await engine.changes(request.name).map { change in
            var entry = FilesystemChange()
            entry.path = FileName.shown(change.path)
            entry.kind = Int64(change.kind)
            return entry
        }
        return try changes.isEmpty ? .json(JSON.null) : .json(encoding: changes)
    }

    func commit(_ request: Request) async throws -> Response {
        let config = try await request.decode(ContainerConfig.self)
        var options = Engine.CommitOptions()
        options.author = request["author"] ?? ""
        options.comment = request["comment"] ?? ""
        options.changes = request.query["changes"] ?? []
        options.pauses = request["pause"].map { _ in request.flag("pause") } ?? true
        var name: ImageReference?
        if let repository = request["repo"], !repository.isEmpty {
            name = try ImageReference(repository: repository, tag: request["tag"])
        }
        options.config = config
        let image = try await engine.commitContainer(
            request["container"] ?? "", as: name, options: options)
        return try .json(encoding: ObjectID(image.id.description), status: 201)
    }
}
