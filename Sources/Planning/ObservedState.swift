import ComposeModel
import EngineModel

/// The current state of a container of the project.
package struct ObservedContainer: Sendable, Equatable {
    package var id: String
    package var name: String
    package var service: String
    package var number: Int
    package var configHash: String
    package var imageID: String
    package var phase: ContainerPhase
    package var exitCode: Int32
    package var stoppedByUser: Bool
    /// The definition of the service when the container was created; null for containers of other tools.
    package var definition: JSON
    /// Names of the connected networks; nil if unknown.
    package var networks: Set<String>?

    package init(
        id: String, name: String, service: String, number: Int, configHash: String, imageID: String,
        phase: ContainerPhase, exitCode: Int32, stoppedByUser: Bool, definition: JSON
    ) {
        self.id = id
        self.name = name
        self.service = service
        self.number = number
        self.configHash = configHash
        self.imageID = imageID
        self.phase = phase
        self.exitCode = exitCode
        self.stoppedByUser = stoppedByUser
        self.definition = definition
    }

    var runs: Bool { phase == .running || phase == .restarting }
}

/// The current state that a plan depends on.
package struct ObservedState: Sendable, Equatable {
    package var containers: [ObservedContainer] = []
    package var networks: Set<String> = []
    package var volumes: Set<String> = []
    /// By network: driver, internal, subnets, driver_opts, labels, ipv4, ipv6, and others (containers outside the project).
    package var networkFacts: [String: [String: String]] = [:]
    /// The driver options of each volume.
    package var volumeOptions: [String: [String: String]] = [:]
    /// Image reference → image ID; only images that exist locally.
    package var images: [String: String] = [:]
    /// Existing volumes that were not created by this project.
    package var foreignVolumes: Set<String> = []
    package init() {}

    /// Pairs as one line, for comparison and display.
    package static func text(_ pairs: [String: String]) -> String {
        pairs.isEmpty
            ? "(none)" : pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

/// The options of `up`.
package struct UpOptions: Sendable, Equatable {
    package var services: [String] = []
    package var scale: [String: Int] = [:]
    package var forceRecreate = false
    /// With `forceRecreate` and named services: recreates their dependencies, too.
    package var recreateDependencies = false
    package var noRecreate = false
    package var noDependencies = false
    package var removeOrphans = false
    package var renewVolumes = false
    package var noStart = false
    /// Treats missing images as present: `up` pulls and builds them before it requests its plan.
    package var assumesImages = false
    package var timeoutSeconds: Int?
    /// The service of a one-off container of `run`: its networks, volumes and dependencies are planned, its replicas are not changed.
    package var oneOff: String?
    /// Objects that this command handled before its engine exited: a completed job among them does not run again.
    package var touched: Set<String> = []
    package init() {}
}
