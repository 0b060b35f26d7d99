import EngineModel

/// Paths and defaults of an engine. Two engines with different roots do not interfere.
package struct EngineConfiguration: Sendable {
    package var dataRoot: String
    package var runRoot: String
    /// The engine's own executable, for restarting it.
    package var executable: String
    package var shimExecutable: String
    /// How registries are reached; read again for each session.
    package var registryConfiguration = "/etc/roost/registries.json"
    /// How long volumes stay in the trash, in seconds; 0 disables the trash.
    package var trashSeconds: Int64
    /// The arguments with which a shim starts the engine again.
    package var arguments: [String]
    /// Limits of containers that set none of their own.
    package var defaultUlimits: [UlimitSpec]

    package init(
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

    /// The API socket.
    package var socket: String { runRoot + "/roost.sock" }
    /// The socket on which shims reconnect to a new engine.
    var shimSocket: String { runRoot + "/shims.sock" }
    package var lock: String { runRoot + "/engine.lock" }
    var revivalLock: String { runRoot + "/revival.lock" }
    var database: String { dataRoot + "/state.db" }
    /// The file in which a shim records its container's exit.
    func exitRecord(_ id: String) -> String { "\(runRoot)/containers/\(id)" }
    /// Where root file systems are mounted, each in its own mount namespace; on the host nothing is ever mounted here.
    var mountPoint: String { runRoot + "/root" }
    func containerDirectory(_ id: String) -> String { "\(dataRoot)/containers/\(id)" }
    var trash: String { dataRoot + "/trash" }
    /// A volume's own directory, which is moved to the trash or removed as a whole.
    func volumePath(_ name: String) -> String { "\(dataRoot)/volumes/\(name)" }
    /// The volume's content.
    func volumeDirectory(_ name: String) -> String { volumePath(name) + "/_data" }
}
