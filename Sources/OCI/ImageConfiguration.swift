import EngineModel

/// The configuration of an image (OCI image specification, "Image Configuration"; Docker adds OnBuild, Healthcheck and Shell).
package struct ImageConfiguration: Sendable, Codable, Equatable {
    package var created: String?
    package var author: String?
    package var architecture: String
    package var os: String
    package var variant: String?
    package var config: Runtime?
    package var rootfs: RootFS
    package var history: [History]?

    package init(architecture: String, created: String?, config: Runtime, rootfs: RootFS, history: [History]) {
        self.created = created
        self.architecture = architecture
        os = "linux"
        self.config = config
        self.rootfs = rootfs
        self.history = history
    }

    /// The defaults for containers of the image.
    package struct Runtime: Sendable, Codable, Equatable {
        package var user: String?
        package var exposedPorts: [String: Empty]?
        package var env: [String]?
        package var entrypoint: [String]?
        package var cmd: [String]?
        package var volumes: [String: Empty]?
        package var workingDir: String?
        package var labels: [String: String]?
        package var stopSignal: String?
        package var healthcheck: Healthcheck?
        package var shell: [String]?
        package var onBuild: [String]?

        package init() {}

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

    package struct Empty: Sendable, Codable, Equatable { package init() {} }

    package struct Healthcheck: Sendable, Codable, Equatable {
        package var test: [String]?
        package var interval: Int64?
        package var timeout: Int64?
        package var startPeriod: Int64?
        package var startInterval: Int64?
        package var retries: Int?
        package init() {}

        enum CodingKeys: String, CodingKey {
            case test = "Test"
            case interval = "Interval"
            case timeout = "Timeout"
            case startPeriod = "StartPeriod"
            case startInterval = "StartInterval"
            case retries = "Retries"
        }

        package var spec: HealthcheckSpec {
            HealthcheckSpec(
                test: test ?? [], interval: interval ?? 0, timeout: timeout ?? 0, startPeriod: startPeriod ?? 0,
                startInterval: startInterval ?? 0, retries: retries ?? 0)
        }
    }

    package struct RootFS: Sendable, Codable, Equatable {
        package var type: String
        package var diffIDs: [Digest]
        package init(diffIDs: [Digest]) {
            type = "layers"
            self.diffIDs = diffIDs
        }
        enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    package struct History: Sendable, Codable, Equatable {
        package var created: String?
        package var createdBy: String?
        package var author: String?
        package var comment: String?
        package var emptyLayer: Bool?
        package init(created: String?, createdBy: String?, comment: String?) {
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
