import ComposeModel
import EngineModel

/// The current state of a container of the project.
public struct ObservedContainer: Sendable, Equatable {
    public var id: String
    public var name: String
    public var service: String
    public var number: Int
    public var configHash: String
    public var imageID: String
    public var phase: ContainerPhase
    public var exitCode: Int32
    public var stoppedByUser: Bool
    /// The definition of the service when the container was created; null for containers of other tools.
    public var definition: JSON
    /// Names of the connected networks; nil if unknown.
    public var networks: Set<String>?

    public init(
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
public struct ObservedState: Sendable, Equatable {
    public var containers: [ObservedContainer] = []
    public var networks: Set<String> = []
    public var volumes: Set<String> = []
    /// By network: driver, internal, subnets, driver_opts, labels, ipv4, ipv6, and others (containers outside the project).
    public var networkFacts: [String: [String: String]] = [:]
    /// The driver options of each volume.
    public var volumeOptions: [String: [String: String]] = [:]
    /// Image reference → image ID; only images that exist locally.
    public var images: [String: String] = [:]
    /// Existing volumes that were not created by this project.
    public var foreignVolumes: Set<String> = []
    public init() {}

    /// Pairs as one line, for comparison and display.
    public static func text(_ pairs: [String: String]) -> String {
        pairs.isEmpty
            ? "(none)" : pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

/// The options of `up`.
public struct UpOptions: Sendable, Equatable {
    public var services: [String] = []
    public var scale: [String: Int] = [:]
    public var forceRecreate = false
    /// With `forceRecreate` and named services: recreates their dependencies, too.
    public var recreateDependencies = false
    public var noRecreate = false
    public var noDependencies = false
    public var removeOrphans = false
    public var renewVolumes = false
    public var noStart = false
    /// Treats missing images as present: `up` pulls and builds them before it requests its plan.
    public var assumesImages = false
    public var timeoutSeconds: Int?
    /// The service of a one-off container of `run`: its networks, volumes and dependencies are planned, its replicas are not changed.
    public var oneOff: String?
    /// Objects that this command handled before its engine exited: a completed job among them does not run again.
    public var touched: Set<String> = []
    public init() {}
}
