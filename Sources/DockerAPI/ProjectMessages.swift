import EngineModel

/// The body of `POST /roost/v1/projects/plan`, `up` and `hash`.
package struct ProjectUpRequest: Codable, Sendable, Equatable {
    /// The resolved project in the form of the Compose Specification.
    package var project: JSON = .null
    /// The contents of secrets and configs, by `secrets.NAME` and `configs.NAME`.
    package var contents: [String: String] = [:]
    package var options: ProjectUpOptions = ProjectUpOptions()

    package init() {}
}

/// The options of `up`.
package struct ProjectUpOptions: Codable, Sendable, Equatable {
    /// Empty for all.
    package var services: [String] = []
    package var scale: OrderedMap<Int> = [:]
    package var forceRecreate: Bool = false
    package var noRecreate: Bool = false
    package var recreateDependencies: Bool = false
    package var noDependencies: Bool = false
    package var removeOrphans: Bool = false
    package var renewVolumes: Bool = false
    package var noStart: Bool = false
    /// The client gets missing images before the plan is executed.
    package var assumesImages: Bool = false
    /// Seconds before a container that stops is killed.
    package var timeout: Int?
    /// The service of `run`, whose dependencies are started.
    package var oneOff: String?
    /// Objects that an interrupted execution has acted on.
    package var touched: [String] = []

    package init() {}
}

/// A plan: the answer of `POST /roost/v1/projects/plan`, and of `down` and `start` with `dryRun`.
package struct PlanDescription: Codable, Sendable, Equatable {
    package var project: String = ""
    package var changes: Bool = false
    package var steps: [Step] = []
    package var notes: [String] = []
    /// The plan as people read it.
    package var text: String?

    package init() {}

    package struct Step: Codable, Sendable, Equatable {
        package var number = 0
        package var action = ""
        package var object = ""
        package var reason = ""
        /// The numbers of the steps before it.
        package var after: [Int] = []
        package init() {}
    }
}

/// A line of the progress of a plan: first the number of steps, then events of steps, then the end.
package struct PlanEvent: Codable, Sendable, Equatable {
    package var steps: Int?
    package var notes: [String]?
    package var state: State?
    package var number: Int?
    package var object: String?
    package var reason: String?
    package var text: String?
    package var message: String?
    package var done: Bool?
    package var failures: [Failure]?

    package init() {}

    package enum State: String, Codable, Sendable { case began, finished, failed, skipped }

    /// A step that failed.
    package struct Failure: Codable, Sendable, Equatable {
        package var object: String
        package var message: String
        package init(object: String, message: String) {
            self.object = object
            self.message = message
        }
    }
}

/// The body of `POST /roost/v1/projects/run`: a one-off container of a service.
package struct ProjectRunRequest: Codable, Sendable, Equatable {
    package var project: JSON = .null
    package var contents: [String: String] = [:]
    package var service: String = ""
    package var command: [String]?
    package var entrypoint: [String]?
    package var environment: [String] = []
    package var user: String?
    package var workingDirectory: String?
    package var name: String?
    package var remove: Bool = false
    package var terminal: Bool = false
    package var input: Bool = false
    package var servicePorts: Bool = false
    package var useAliases: Bool = false
    /// Mounts, ports, labels and capabilities of the command line.
    package var more: ContainerCreateRequest?

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

    package init() {}
}

/// The body of `POST /roost/v1/projects/down`.
package struct ProjectDownRequest: Codable, Sendable, Equatable {
    package var project: String = ""
    package var services: [String] = []
    package var volumes: Bool = false
    /// Delete volumes instead of moving them to the trash.
    package var purge: Bool = false
    package var removeOrphans: Bool = false
    package var timeout: Int?
    package var model: Model?
    package var dryRun: Bool = false

    package init() {}

    /// What the project's file has, if there is one.
    package struct Model: Codable, Sendable, Equatable {
        package var services: [String] = []
        package var disabled: [String] = []
        package var networks: [String] = []
        package var volumes: [String] = []
        package init() {}
    }
}

/// The body of `POST /roost/v1/projects/start`.
package struct ProjectStartRequest: Codable, Sendable, Equatable {
    package var project: String = ""
    package var services: [String] = []
    /// `depends_on` of each service of the file.
    package var dependencies: OrderedMap<JSON>?
    package var dryRun: Bool = false

    package init() {}
}
