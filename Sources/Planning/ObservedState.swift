import ComposeModel
import EngineModel

/// A container of the project as the engine has it.
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
    /// The service as it was when this container was made.
    public var definition: JSON
    /// Names of the networks that it is on; nil where that is not known.
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

/// What is, as far as a plan depends on it.
public struct ObservedState: Sendable, Equatable {
    public var containers: [ObservedContainer] = []
    public var networks: Set<String> = []
    public var volumes: Set<String> = []
    /// Of each network: driver, internal, subnets.
    public var networkFacts: [String: [String: String]] = [:]
    /// The driver's options of each volume.
    public var volumeOptions: [String: [String: String]] = [:]
    /// Image reference of a service → id; missing where there is no such image.
    public var images: [String: String] = [:]
    /// Volumes that are there and were not made by this project.
    public var foreignVolumes: Set<String> = []
    public init() {}

    /// Pairs in one line, to be compared and shown.
    public static func text(_ pairs: [String: String]) -> String {
        pairs.isEmpty
            ? "(none)" : pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

/// What the user wants of `up` beyond the file.
public struct UpOptions: Sendable, Equatable {
    public var services: [String] = []
    public var scale: [String: Int] = [:]
    public var forceRecreate = false
    /// With `forceRecreate` and named services: what these depend on, too.
    public var recreateDependencies = false
    public var noRecreate = false
    public var noDependencies = false
    public var removeOrphans = false
    public var renewVolumes = false
    public var noStart = false
    /// Images that are not here are taken for granted: `up` fetches and builds them before it asks for the plan.
    public var assumesImages = false
    public var timeoutSeconds: Int?
    /// A service that `run` creates one more container of: its networks, volumes and conditions are seen to, its replicas are left alone.
    public var oneOff: String?
    /// The objects that this command dealt with before its engine went away: a job among them that is done does not run a second time.
    public var touched: Set<String> = []
    public init() {}
}
