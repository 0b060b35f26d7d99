import EngineModel

/// The configuration of a container that does not depend on the host: `Config` of `inspect`, and the top level of a create request.
package struct ContainerConfig: Codable, Sendable, Equatable {
    package var hostname: String?
    package var domainname: String?
    package var user: String?
    package var attachStdin: Bool?
    package var attachStdout: Bool?
    package var attachStderr: Bool?
    package var exposedPorts: OrderedMap<EmptyObject>?
    package var tty: Bool?
    package var openStdin: Bool?
    package var stdinOnce: Bool?
    /// `NAME=VALUE`; a bare name removes the image's variable.
    @NullIfNil package var environment: [String]?
    @NullIfNil package var command: ShellWords?
    package var healthcheck: HealthConfig?
    package var argsEscaped: Bool?
    package var image: String?
    /// Targets of anonymous volumes.
    @NullIfNil package var volumes: OrderedMap<EmptyObject>?
    package var workingDirectory: String?
    @NullIfNil package var entrypoint: ShellWords?
    package var networkDisabled: Bool?
    /// Up to API version 1.43.
    package var macAddress: String?
    @NullIfNil package var onBuild: [String]?
    @NullIfNil package var labels: [String: String]?
    package var stopSignal: String?
    /// Seconds.
    package var stopTimeout: Int64?
    package var shell: [String]?

    enum CodingKeys: String, CodingKey {
        case hostname = "Hostname"
        case domainname = "Domainname"
        case user = "User"
        case attachStdin = "AttachStdin"
        case attachStdout = "AttachStdout"
        case attachStderr = "AttachStderr"
        case exposedPorts = "ExposedPorts"
        case tty = "Tty"
        case openStdin = "OpenStdin"
        case stdinOnce = "StdinOnce"
        case environment = "Env"
        case command = "Cmd"
        case healthcheck = "Healthcheck"
        case argsEscaped = "ArgsEscaped"
        case image = "Image"
        case volumes = "Volumes"
        case workingDirectory = "WorkingDir"
        case entrypoint = "Entrypoint"
        case networkDisabled = "NetworkDisabled"
        case macAddress = "MacAddress"
        case onBuild = "OnBuild"
        case labels = "Labels"
        case stopSignal = "StopSignal"
        case stopTimeout = "StopTimeout"
        case shell = "Shell"
    }

    package init() {}
}

/// A health check. Times are in nanoseconds; 0 means the default.
package struct HealthConfig: Codable, Sendable, Equatable {
    package var test: [String]?
    package var interval: Int64?
    package var timeout: Int64?
    package var startPeriod: Int64?
    package var startInterval: Int64?
    package var retries: Int64?

    enum CodingKeys: String, CodingKey {
        case test = "Test"
        case interval = "Interval"
        case timeout = "Timeout"
        case startPeriod = "StartPeriod"
        case startInterval = "StartInterval"
        case retries = "Retries"
    }

    package init() {}
}

/// A command: a list of words, or in requests a single one.
package struct ShellWords: Codable, Sendable, Equatable {
    package var words: [String]

    package init(_ words: [String]) { self.words = words }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let word = try? container.decode(String.self) {
            words = word.isEmpty ? [] : [word]
        } else {
            words = try container.decode([String].self)
        }
    }

    package func encode(to encoder: any Encoder) throws { try words.encode(to: encoder) }
}
