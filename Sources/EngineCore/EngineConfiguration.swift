import EngineModel

/// Where an engine keeps its things. Two engines with different roots never meet.
public struct EngineConfiguration: Sendable {
    public var dataRoot: String
    public var runRoot: String
    /// The engine's own program, for bringing it back.
    public var executable: String
    public var shimExecutable: String
    /// How registries are reached; read anew whenever one is.
    public var registryConfiguration = "/etc/roost/registries.json"
    /// How long volumes stay in the trash; 0 has no trash.
    public var trashSeconds: Int64
    /// The arguments with which a shim starts the engine again, so that it comes back as it was.
    public var arguments: [String]
    /// Limits of containers that ask for none of their own.
    public var defaultUlimits: [UlimitSpec]

    public init(
        dataRoot: String, runRoot: String, executable: String, shimExecutable: String, trashSeconds: Int64,
        arguments: [String], defaultUlimits: [UlimitSpec]
    ) {
        self.dataRoot = dataRoot
        self.runRoot = runRoot
        self.executable = executable
        self.shimExecutable = shimExecutable
        self.trashSeconds = trashSeconds
        self.arguments = arguments
        self.defaultUlimits = defaultUlimits
    }

    /// The API.
    public var socket: String { runRoot + "/roost.sock" }
    /// Where shims find the engine again.
    var shimSocket: String { runRoot + "/shims.sock" }
    public var lock: String { runRoot + "/engine.lock" }
    var revivalLock: String { runRoot + "/revival.lock" }
    var database: String { dataRoot + "/state.db" }
    /// Where a shim writes how its container has ended.
    func exitRecord(_ id: String) -> String { "\(runRoot)/containers/\(id)" }
    /// Where containers mount their roots, each in its own mount namespace; on the host nothing is ever mounted here.
    var mountPoint: String { runRoot + "/root" }
    func dataFolder(_ id: String) -> String { "\(dataRoot)/containers/\(id)" }
    var trash: String { dataRoot + "/trash" }
    /// A volume's own folder: what goes to the trash and what is removed.
    func volumePlace(_ name: String) -> String { "\(dataRoot)/volumes/\(name)" }
    /// Its content.
    func volumeFolder(_ name: String) -> String { volumePlace(name) + "/_data" }
}
