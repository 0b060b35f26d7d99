import ComposeModel
import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel
import Logging

/// The restricted sockets: persisted, and served again by the next engine.
package actor ScopedSockets {
    struct Entry: Sendable, Codable, Equatable {
        var path: String
        var mode: UInt32
        var scope: RequestScope
    }

    private let engine: Engine
    private var entries: [Entry] = []
    private var tasks: [String: Task<Void, Never>] = [:]
    private var server: Server?

    init(engine: Engine) { self.engine = engine }

    private nonisolated var file: String { engine.configuration.dataRoot + "/sockets.json" }
    private nonisolated var folder: String { engine.configuration.runRoot + "/sockets" }

    /// Serves the sockets of the previous engine again.
    package func restore(_ server: Server) {
        self.server = server
        guard let bytes = try? Files.read(file) else { return }
        do { entries = try Self.decode(bytes) } catch { return engine.log.error("\(file) cannot be read: \(error)") }
        for entry in entries {
            do { serve(try listen(entry), entry) } catch { engine.log.error("socket \(entry.path): \(error)") }
        }
    }

    package var isEmpty: Bool { entries.isEmpty }

    package func close() {
        for (path, task) in tasks {
            task.cancel()
            try? Files.remove(path)
        }
        try? Files.removeTree(folder)
    }

    private func listen(_ entry: Entry) throws -> OwnedFD {
        if entry.path.hasPrefix(folder + "/") { try Files.makeDirectories(folder, mode: 0o755) }
        return try Server.listen(entry.path, mode: entry.mode)
    }

    private func serve(_ socket: OwnedFD, _ entry: Entry) {
        guard let server else { return }
        let narrowed = server.narrowed(to: entry.scope)
        let log = engine.log
        tasks[entry.path] = Task {
            do {
                try await narrowed.run(socket) {
                    log.info("serving \(entry.path) for project \(entry.scope.project)")
                }
            } catch { if !Task.isCancelled { log.error("socket \(entry.path): \(error)") } }
        }
    }

    private func save() throws { try Files.replace(file, try Self.encode(entries), mode: 0o600) }

    // MARK: Requests

    nonisolated func list(_ request: Request) async throws -> Response {
        return try .json(encoding: await all().map(\.description))
    }

    private func all() -> [Entry] { entries }

    nonisolated func create(_ request: Request) async throws -> Response {
        let body = try await request.decode(SocketDescription.self)
        guard let project = body.project, !project.isEmpty else {
            throw RoostError.invalid("the socket's project is missing (--project NAME)")
        }
        // It becomes part of a path.
        guard ProjectName.isValid(project) else {
            throw RoostError.invalid(
                "invalid project name \"\(project)\": use lowercase letters, digits, _ and -, starting with a letter or digit"
            )
        }
        let scope = RequestScope(
            project: project, allowed: try RequestScope.permissions(body.allow ?? "read,logs,events"))
        let path = body.path ?? "\(folder)/\(project).sock"
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw RoostError.invalid("\(path): a socket's path must be absolute")
        }
        guard body.mode == nil || body.mode.map({ (0...0o777).contains($0) }) == true else {
            throw RoostError.invalid("invalid mode of the socket \(path): use an octal number up to 777")
        }
        let entry = Entry(path: path, mode: UInt32(clamping: body.mode ?? 0o660), scope: scope)
        try await add(entry)
        return try .json(encoding: entry.description, status: 201)
    }

    private func add(_ entry: Entry) throws {
        let known = entries.firstIndex { $0.path == entry.path }
        guard known != nil || !Files.exists(entry.path) else {
            throw RoostError.conflict("\(entry.path) already exists: choose another path with --path, or remove it")
        }
        tasks.removeValue(forKey: entry.path)?.cancel()
        let socket: OwnedFD
        do { socket = try listen(entry) } catch let error as SyscallError {
            throw RoostError.invalid("cannot listen on \(entry.path): \(error)")
        }
        if let known { entries[known] = entry } else { entries.append(entry) }
        try save()
        serve(socket, entry)
    }

    nonisolated func remove(_ request: Request) async throws -> Response {
        try await drop(request["path"] ?? "")
        return .status(204)
    }

    /// Removes sockets by path or by project.
    private func drop(_ name: String) throws {
        let gone = entries.filter { $0.path == name || $0.scope.project == name }
        guard !gone.isEmpty else { throw RoostError.missing("No such socket: \(name)") }
        entries.removeAll { gone.contains($0) }
        try save()
        for entry in gone {
            tasks.removeValue(forKey: entry.path)?.cancel()
            try? Files.remove(entry.path)
        }
    }

    // MARK: Encoding

    private static func encode(_ entries: [Entry]) throws -> [UInt8] {
        try JSON(encoding: entries.map(\.description)).bytes(indent: 1) + [10]
    }

    private static func decode(_ bytes: [UInt8]) throws -> [Entry] {
        try JSON(parsing: bytes).decode([SocketDescription].self).map(Entry.init)
    }
}

extension ScopedSockets.Entry {
    fileprivate init(_ description: SocketDescription) throws {
        path = description.path ?? ""
        mode = UInt32(clamping: description.mode ?? 0o660)
        scope = RequestScope(
            project: description.project ?? "", allowed: try RequestScope.permissions(description.allow ?? ""))
    }

    fileprivate var description: SocketDescription {
        var description = SocketDescription()
        description.path = path
        description.mode = Int64(mode)
        description.project = scope.project
        description.allow = scope.allowed.map(\.rawValue).sorted().joined(separator: ",")
        return description
    }
}
