import EngineModel

/// The body of `POST /roost/v1/projects/plan`, `up` and `hash`.
public struct ProjectUpRequest: Codable, Sendable, Equatable {
    /// The resolved project in the form of the Compose Specification.
    public var project: JSON = .null
    /// The contents of secrets and configs, by `secrets.NAME` and `configs.NAME`.
    public var contents: [String: String] = [:]
    public var options: ProjectUpOptions = ProjectUpOptions()

    public init() {}
}

/// The options of `up`.
public struct ProjectUpOptions: Codable, Sendable, Equatable {
    /// Empty for all.
    public var services: [String] = []
    public var scale: OrderedMap<Int> = [:]
    public var forceRecreate: Bool = false
    public var noRecreate: Bool = false
    public var recreateDependencies: Bool = false
    public var noDependencies: Bool = false
    public var removeOrphans: Bool = false
    public var renewVolumes: Bool = false
    public var noStart: Bool = false
    /// The client gets missing images before the plan is executed.
    public var assumesImages: Bool = false
    /// Seconds before a container that stops is killed.
    public var timeout: Int?
    /// The service of `run`, whose dependencies are started.
    public var oneOff: String?
    /// Objects that an interrupted execution has acted on.
    public var touched: [String] = []

    public init() {}
}

/// A plan: the answer of `POST /roost/v1/projects/plan`, and of `down` and `start` with `dryRun`.
public struct PlanDescription: Codable, Sendable, Equatable {
    public var project: String = ""
    public var changes: Bool = false
    public var steps: [Step] = []
    public var notes: [String] = []
    /// The plan as people read it.
    public var text: String?

    public init() {}

    public struct Step: Codable, Sendable, Equatable {
        public var number = 0
        public var action = ""
        public var object = ""
        public var reason = ""
        /// The numbers of the steps before it.
        public var after: [Int] = []
        public init() {}
    }
}

/// A line of the progress of a plan: first the number of steps, then events of steps, then the end.
public struct PlanEvent: Codable, Sendable, Equatable {
    public var steps: Int?
    public var notes: [String]?
    public var state: State?
    public var number: Int?
    public var object: String?
    public var reason: String?
    public var text: String?
    public var message: String?
    public var done: Bool?
    public var failures: [Failure]?

    public init() {}

    public enum State: String, Codable, Sendable { case began, finished, failed, skipped }

    /// A step that failed.
    public struct Failure: Codable, Sendable, Equatable {
        public var object: String
        public var message: String
        public init(object: String, message: String) {
            self.object = object
            self.message = message
        }
    }
}

/// The body of `POST /roost/v1/projects/run`: a one-off container of a service.
public struct ProjectRunRequest: Codable, Sendable, Equatable {
    public var project: JSON = .null
    public var contents: [String: String] = [:]
    public var service: String = ""
    public var command: [String]?
    public var entrypoint: [String]?
    public var environment: [String] = []
    public var user: String?
    public var workingDirectory: String?
    public var name: String?
    public var remove: Bool = false
    public var terminal: Bool = false
    public var input: Bool = false
    public var servicePorts: Bool = false
    public var useAliases: Bool = false
    /// Mounts, ports, labels and capabilities of the command line.
    public var more: ContainerCreateRequest?

    enum CodingKeys: String, CodingKey {
        case project
        case contents
        case service
        case command
        case entrypoint
        case environment
        case user
        case workingDirectory = "workdir"
        case name
        case remove
        case terminal
        case input
        case servicePorts
        case useAliases
        case more
    }

    public init() {}
}

/// The body of `POST /roost/v1/projects/down`.
public struct ProjectDownRequest: Codable, Sendable, Equatable {
    public var project: String = ""
    public var services: [String] = []
    public var volumes: Bool = false
    /// Delete volumes instead of moving them to the trash.
    public var purge: Bool = false
    public var removeOrphans: Bool = false
    public var timeout: Int?
    public var model: Model?
    public var dryRun: Bool = false

    public init() {}

    /// What the project's file has, if there is one.
    public struct Model: Codable, Sendable, Equatable {
        public var services: [String] = []
        public var disabled: [String] = []
        public var networks: [String] = []
        public var volumes: [String] = []
        public init() {}
    }
}

/// The body of `POST /roost/v1/projects/start`.
public struct ProjectStartRequest: Codable, Sendable, Equatable {
    public var project: String = ""
    public var services: [String] = []
    /// `depends_on` of each service of the file.
    public var dependencies: OrderedMap<JSON>?
    public var dryRun: Bool = false

    public init() {}
}
