import EngineModel
import GRDB
import ImageStore
import OCI

/// The engine's persistent state. SQLite in WAL mode; names, addresses and ports are unique by constraint.
struct StateStore: Sendable {
    private let queue: DatabaseQueue

    init(path: String) throws {
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(
                sql: """
                    PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
                    PRAGMA wal_autocheckpoint = 200
                    """)
        }
        queue = try DatabaseQueue(path: path, configuration: configuration)
        try migrate()
    }

    private func migrate() throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("first") { database in
            try database.execute(
                sql: """
                    CREATE TABLE container (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
                    CREATE TABLE network (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
                    CREATE TABLE volume (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
                    CREATE TABLE image (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
                    CREATE TABLE tag (reference TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES image (id)) STRICT;
                    CREATE TABLE lease (network TEXT NOT NULL, address TEXT NOT NULL, owner TEXT NOT NULL,
                        PRIMARY KEY (network, address)) STRICT;
                    CREATE TABLE port (transport TEXT NOT NULL, address TEXT NOT NULL, number INTEGER NOT NULL, owner TEXT NOT NULL,
                        PRIMARY KEY (transport, address, number)) STRICT;
                    CREATE TABLE project (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
                    """)
        }
        // Columns that change often are separate from large ones.
        migrator.registerMigration("status") { database in
            try database.execute(sql: "ALTER TABLE container ADD COLUMN status TEXT NOT NULL DEFAULT ''")
        }
        migrator.registerMigration("builds") { database in
            try database.execute(
                sql: """
                    CREATE TABLE build_step (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
                    CREATE TABLE build_time (key TEXT PRIMARY KEY, time TEXT NOT NULL) STRICT;
                    """)
        }
        migrator.registerMigration("trash") { database in
            try database.execute(sql: "CREATE TABLE trash (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT")
        }
        migrator.registerMigration("member-names") { database in
            try Self.rename(RenamedMember.ofContainers, in: "record", of: "container", database)
            try Self.rename(RenamedMember.ofStatus, in: "status", of: "container", database)
            try Self.rename(RenamedMember.ofNetworks, in: "record", of: "network", database)
        }
        try migrator.migrate(queue)
    }

    private static func rename(
        _ members: [RenamedMember], in column: String, of table: String, _ database: Database
    ) throws {
        let rows = try Row.fetchAll(database, sql: "SELECT id, \(column) FROM \(table) WHERE \(column) <> ''")
        for row in rows {
            let (id, text): (String, String) = (row["id"], row[column])
            // A row that cannot be read is reported when it is loaded.
            guard let value = try? JSON(parsing: text) else { continue }
            try database.execute(
                sql: "UPDATE \(table) SET \(column) = ? WHERE id = ?",
                arguments: [members.reduce(value) { $1.apply(to: $0) }.text(), id])
        }
    }

    /// Whether a row was refused because its key, e.g. a container's name, exists already.
    static func isDuplicate(_ error: any Error) -> Bool {
        let code = (error as? DatabaseError)?.extendedResultCode
        return code == .SQLITE_CONSTRAINT_UNIQUE || code == .SQLITE_CONSTRAINT_PRIMARYKEY
    }

    private static func text(_ value: some Encodable) throws -> String {
        try JSON(encoding: value).text()
    }

    private static func value<Value: Decodable>(_ text: String, _ type: Value.Type) throws -> Value {
        try JSON(parsing: text).decode(type)
    }

    private func write(_ sql: String, _ arguments: StatementArguments) throws {
        do { try queue.write { try $0.cachedStatement(sql: sql).execute(arguments: arguments) } } catch let error
            as DatabaseError
        {
            if error.resultCode == .SQLITE_FULL {
                throw RoostError.failure("no space left on device for the engine's database \(queue.path)")
            }
            throw error
        }
    }

    private func all<Value: Decodable>(_ table: String, _ type: Value.Type) throws -> [Value] {
        try queue.read { database in
            try String.fetchAll(database, sql: "SELECT record FROM \(table)").map { try Self.value($0, type) }
        }
    }

    func containers() async throws -> [ContainerRecord] {
        let rows: [(record: String, status: String)] = try await queue.read { database in
            try Row.fetchAll(database, sql: "SELECT record, status FROM container").map { ($0["record"], $0["status"]) }
        }
        // With many containers most of a recovery is decoding: it is spread over the CPUs.
        let share = max(32, rows.count / HostFacts.processors + 1)
        return try await withThrowingTaskGroup(of: [ContainerRecord].self) { group in
            for start in stride(from: 0, to: rows.count, by: share) {
                let part = rows[start..<min(start + share, rows.count)]
                group.addTask { try part.map(Self.container) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private static func container(_ row: (record: String, status: String)) throws -> ContainerRecord {
        var record = try value(row.record, ContainerRecord.self)
        if !row.status.isEmpty {
            let state = try value(row.status, StoredStatus.self)
            record.status = state.status
            record.publishedPorts = state.publishedPorts
        }
        return record
    }

    /// Saves the whole container, and its leases if it is new.
    func save(_ record: ContainerRecord, leases: [EndpointRecord] = []) throws {
        let arguments: StatementArguments = [
            record.id, record.name, try Self.text(record), try Self.text(StoredStatus(record)),
        ]
        try queue.write { database in
            try database.cachedStatement(
                sql: """
                    INSERT INTO container (id, name, record, status) VALUES (?, ?, ?, ?) ON CONFLICT (id)
                    DO UPDATE SET name = excluded.name, record = excluded.record, status = excluded.status
                    """
            ).execute(arguments: arguments)
            for endpoint in leases {
                for address in [endpoint.address4, endpoint.address6].compactMap({ $0 }) {
                    try database.cachedStatement(sql: "INSERT OR REPLACE INTO lease VALUES (?, ?, ?)").execute(
                        arguments: [endpoint.networkID, address.description, record.id])
                }
            }
        }
    }

    /// Saves only the status and the published ports.
    func saveStatus(_ record: ContainerRecord) throws {
        try write("UPDATE container SET status = ? WHERE id = ?", [Self.text(StoredStatus(record)), record.id])
    }

    /// Removes the container with its leases and ports, in one transaction.
    func removeContainer(_ id: String) throws {
        try queue.write { database in
            for (table, column) in [("container", "id"), ("lease", "owner"), ("port", "owner")] {
                try database.execute(sql: "DELETE FROM \(table) WHERE \(column) = ?", arguments: [id])
            }
        }
    }

    func networks() throws -> [NetworkRecord] { try all("network", NetworkRecord.self) }
    func save(_ record: NetworkRecord) throws {
        try write("INSERT OR REPLACE INTO network VALUES (?, ?, ?)", [record.id, record.name, Self.text(record)])
    }
    func removeNetwork(_ id: String) throws {
        try queue.write { database in
            try database.execute(sql: "DELETE FROM network WHERE id = ?", arguments: [id])
            try database.execute(sql: "DELETE FROM lease WHERE network = ?", arguments: [id])
        }
    }

    func volumes() throws -> [VolumeRecord] { try all("volume", VolumeRecord.self) }
    func save(_ record: VolumeRecord) throws {
        try write("INSERT OR REPLACE INTO volume VALUES (?, ?)", [record.name, Self.text(record)])
    }
    func removeVolume(_ name: String) throws { try write("DELETE FROM volume WHERE name = ?", [name]) }

    func trash() throws -> [TrashedVolume] { try all("trash", TrashedVolume.self) }
    /// Moves a volume's row to the trash, in one transaction.
    func moveToTrash(_ record: TrashedVolume) throws {
        let text = try Self.text(record)
        try queue.write { database in
            try database.execute(sql: "INSERT INTO trash VALUES (?, ?)", arguments: [record.id, text])
            try database.execute(sql: "DELETE FROM volume WHERE name = ?", arguments: [record.volume.name])
        }
    }
    func restoreFromTrash(_ id: String, as volume: VolumeRecord) throws {
        let text = try Self.text(volume)
        try queue.write { database in
            try database.execute(sql: "INSERT INTO volume VALUES (?, ?)", arguments: [volume.name, text])
            try database.execute(sql: "DELETE FROM trash WHERE id = ?", arguments: [id])
        }
    }
    func removeTrash(_ id: String) throws { try write("DELETE FROM trash WHERE id = ?", [id]) }

    func images() throws -> [StoredImage] { try all("image", StoredImage.self) }
    func save(_ image: StoredImage) throws {
        try write("INSERT OR REPLACE INTO image VALUES (?, ?)", [image.id.hex, Self.text(image)])
    }
    func removeImage(_ id: Digest) throws {
        try queue.write { database in
            try database.execute(sql: "DELETE FROM tag WHERE image = ?", arguments: [id.hex])
            try database.execute(sql: "DELETE FROM image WHERE id = ?", arguments: [id.hex])
        }
    }
    func tags() throws -> [String: Digest] {
        try queue.read { database in
            var tags: [String: Digest] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT reference, image FROM tag") {
                let hex: String = row["image"]
                tags[row["reference"]] = Digest(hex: hex)
            }
            return tags
        }
    }
    func setTag(_ reference: String, _ image: Digest) throws {
        try write("INSERT OR REPLACE INTO tag VALUES (?, ?)", [reference, image.hex])
    }
    func removeTag(_ reference: String) throws { try write("DELETE FROM tag WHERE reference = ?", [reference]) }

    func buildSteps() throws -> [Digest: BuildCacheEntry] {
        try queue.read { database in
            var found: [Digest: BuildCacheEntry] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT key, record FROM build_step") {
                let (key, text): (String, String) = (row["key"], row["record"])
                guard let digest = Digest(hex: key) else { continue }
                found[digest] = try Self.value(text, BuildCacheEntry.self)
            }
            return found
        }
    }
    func saveBuildStep(_ key: Digest, _ entry: BuildCacheEntry) throws {
        try write("INSERT OR REPLACE INTO build_step VALUES (?, ?)", [key.hex, Self.text(entry)])
    }
    func removeBuildStep(_ key: Digest) throws { try write("DELETE FROM build_step WHERE key = ?", [key.hex]) }
    func buildTimes() throws -> [Digest: String] {
        try queue.read { database in
            var found: [Digest: String] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT key, time FROM build_time") {
                let key: String = row["key"]
                if let digest = Digest(hex: key) { found[digest] = row["time"] }
            }
            return found
        }
    }
    func saveBuildTime(_ key: Digest, _ time: String) throws {
        try write("INSERT OR REPLACE INTO build_time VALUES (?, ?)", [key.hex, time])
    }
    func removeBuildTimes() throws { try write("DELETE FROM build_time", []) }

    /// All leases as network id, address, owner.
    func leases() throws -> [(network: String, address: String, owner: String)] {
        try queue.read { database in
            try Row.fetchAll(database, sql: "SELECT network, address, owner FROM lease").map {
                ($0["network"], $0["address"], $0["owner"])
            }
        }
    }
    func removeLeases(network: String, owner: String) throws {
        try write("DELETE FROM lease WHERE network = ? AND owner = ?", [network, owner])
    }
    func addPorts(_ ports: [PublishedPort], owner: String) throws {
        try queue.write { database in
            for port in ports {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO port VALUES (?, ?, ?, ?)",
                    arguments: [
                        port.container.transport.rawValue, port.hostAddress.description, Int(port.hostPort), owner,
                    ])
            }
        }
    }
    func removePorts(owner: String) throws { try write("DELETE FROM port WHERE owner = ?", [owner]) }

    func projects() throws -> [StoredProject] { try all("project", StoredProject.self) }
    func save(_ project: StoredProject) throws {
        try write("INSERT OR REPLACE INTO project VALUES (?, ?)", [project.name, Self.text(project)])
    }
    func removeProject(_ name: String) throws { try write("DELETE FROM project WHERE name = ?", [name]) }
}

/// The part of a container's record that changes while the container exists.
private struct StoredStatus: Codable {
    var status: ContainerStatus
    var publishedPorts: [PublishedPort]

    init(_ record: ContainerRecord) {
        status = record.status
        publishedPorts = record.publishedPorts
    }
}

/// The reconciler's record of a project that was brought up.
struct StoredProject: Sendable, Codable {
    var name: String
    /// The services whose containers must run although they have no restart policy.
    var services: [String]
}
