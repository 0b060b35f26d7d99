import EngineModel

/// The configuration of an image (OCI image specification, "Image Configuration"; Docker adds OnBuild, Healthcheck and Shell).
public struct ImageConfiguration: Sendable, Codable, Equatable {
    public var created: String?
    public var author: String?
    public var architecture: String
    public var os: String
    public var variant: String?
    public var config: Runtime?
    public var rootfs: RootFS
    public var history: [History]?

    public init(architecture: String, created: String?, config: Runtime, rootfs: RootFS, history: [History]) {
        self.created = created
        self.architecture = architecture
        os = "linux"
        self.config = config
        self.rootfs = rootfs
        self.history = history
    }

    /// The defaults for containers of the image.
    public struct Runtime: Sendable, Codable, Equatable {
        public var user: String?
        public var exposedPorts: [String: Empty]?
        public var env: [String]?
        public var entrypoint: [String]?
        public var cmd: [String]?
        public var volumes: [String: Empty]?
        public var workingDir: String?
        public var labels: [String: String]?
        public var stopSignal: String?
        public var healthcheck: Healthcheck?
        public var shell: [String]?
        public var onBuild: [String]?

        public init() {}

        enum CodingKeys: String, CodingKey {
            case user = "User"
            case exposedPorts = "ExposedPorts"
            case env = "Env"
            case entrypoint = "Entrypoint"
            case cmd = "Cmd"
            case volumes = "Volumes"
            case workingDir = "WorkingDir"
            case labels = "Labels"
            case stopSignal = "StopSignal"
            case healthcheck = "Healthcheck"
            case shell = "Shell"
            case onBuild = "OnBuild"
        }
    }

    public struct Empty: Sendable, Codable, Equatable { public init() {} }

    public struct Healthcheck: Sendable, Codable, Equatable {
        public var test: [String]?
        public var interval: Int64?
        public var timeout: Int64?
        public var startPeriod: Int64?
        public var startInterval: Int64?
        public var retries: Int?
        public init() {}

        enum CodingKeys: String, CodingKey {
            case test = "Test"
            case interval = "Interval"
            case timeout = "Timeout"
            case startPeriod = "StartPeriod"
            case startInterval = "StartInterval"
            case retries = "Retries"
        }

        public var spec: HealthcheckSpec {
            HealthcheckSpec(
                test: test ?? [], interval: interval ?? 0, timeout: timeout ?? 0, startPeriod: startPeriod ?? 0,
                startInterval: startInterval ?? 0, retries: retries ?? 0)
        }
    }

    public struct RootFS: Sendable, Codable, Equatable {
        public var type: String
        public var diffIDs: [Digest]
        public init(diffIDs: [Digest]) {
            type = "layers"
            self.diffIDs = diffIDs
        }
        enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    public struct History: Sendable, Codable, Equatable {
        public var created: String?
        public var createdBy: String?
        public var author: String?
        public var comment: String?
        public var emptyLayer: Bool?
        public init(created: String?, createdBy: String?, comment: String?) {
            self.created = created
            self.createdBy = createdBy
            self.comment = comment
        }
        enum CodingKeys: String, CodingKey {
            case created, author, comment
            case createdBy = "created_by"
            case emptyLayer = "empty_layer"
        }
    }
}
