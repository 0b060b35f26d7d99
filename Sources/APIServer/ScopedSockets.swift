import ComposeModel
import EngineCore
import EngineModel
import LinuxKernel
import Logging

/// The restricted sockets: persisted, and served again by the next engine.
public actor ScopedSockets {
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
    public func restore(_ server: Server) {
        self.server = server
        guard let bytes = try? Files.read(file) else { return }
        do { entries = try Self.decode(bytes) } catch { return engine.log.error("\(file) cannot be read: \(error)") }
        for entry in entries {
            do { serve(try listen(entry), entry) } catch { engine.log.error("socket \(entry.path): \(error)") }
        }
    }

    public var isEmpty: Bool { entries.isEmpty }

    public func close() {
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

    private func save() throws { try Files.replace(file, Self.encode(entries), mode: 0o600) }

    // MARK: Requests

    nonisolated func list(_ exchange: Exchange) async throws {
        try await exchange.answer(200, .array(await all().map(Self.json)))
    }

    private func all() -> [Entry] { entries }

    nonisolated func create(_ exchange: Exchange) async throws {
        let body = try await exchange.json()
        guard let project = body["project"].string, !project.isEmpty else {
            throw RoostError.invalid("the socket's project is missing (--project NAME)")
        }
        // It becomes part of a path.
        guard ProjectName.isValid(project) else {
            throw RoostError.invalid(
                "invalid project name \"\(project)\": use lowercase letters, digits, _ and -, starting with a letter or digit"
            )
        }
        let scope = RequestScope(
            project: project, allowed: try RequestScope.permissions(body["allow"].string ?? "read,logs,events"))
        let path = body["path"].string ?? "\(folder)/\(project).sock"
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw RoostError.invalid("\(path): a socket's path must be absolute")
        }
        guard body["mode"].isNull || body["mode"].int.map({ (0...0o777).contains($0) }) == true else {
            throw RoostError.invalid("invalid mode of the socket \(path): use an octal number up to 777")
        }
        let entry = Entry(path: path, mode: UInt32(clamping: body["mode"].int ?? 0o660), scope: scope)
        try await add(entry)
        try await exchange.answer(201, Self.json(entry))
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

    nonisolated func remove(_ exchange: Exchange) async throws {
        try await drop(exchange.request["path"] ?? "")
        try await exchange.answer(204)
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

    private static func json(_ entry: Entry) -> JSON {
        [
            "path": .string(entry.path), "mode": JSON(Int64(entry.mode)), "project": .string(entry.scope.project),
            "allow": .string(entry.scope.allowed.map(\.rawValue).sorted().joined(separator: ",")),
        ]
    }

    private static func encode(_ entries: [Entry]) -> [UInt8] { JSON.array(entries.map(json)).bytes(indent: 1) + [10] }

    private static func decode(_ bytes: [UInt8]) throws -> [Entry] {
        try (JSON(parsing: bytes).array ?? []).map { json in
            Entry(
                path: json["path"].string ?? "", mode: UInt32(clamping: json["mode"].int ?? 0o660),
                scope: RequestScope(
                    project: json["project"].string ?? "",
                    allowed: try RequestScope.permissions(json["allow"].string ?? "")))
        }
    }
}
