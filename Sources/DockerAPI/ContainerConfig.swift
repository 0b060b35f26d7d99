import EngineModel

/// The configuration of a container that does not depend on the host: `Config` of `inspect`, and the top level of a create request.
public struct ContainerConfig: Codable, Sendable, Equatable {
    public var hostname: String?
    public var domainname: String?
    public var user: String?
    public var attachStdin: Bool?
    public var attachStdout: Bool?
    public var attachStderr: Bool?
    public var exposedPorts: OrderedMap<EmptyObject>?
    public var tty: Bool?
    public var openStdin: Bool?
    public var stdinOnce: Bool?
    /// `NAME=VALUE`; a bare name removes the image's variable.
    @NullIfNil public var environment: [String]?
    @NullIfNil public var command: ShellWords?
    public var healthcheck: HealthConfig?
    public var argsEscaped: Bool?
    public var image: String?
    /// Targets of anonymous volumes.
    @NullIfNil public var volumes: OrderedMap<EmptyObject>?
    public var workingDirectory: String?
    @NullIfNil public var entrypoint: ShellWords?
    public var networkDisabled: Bool?
    /// Up to API version 1.43.
    public var macAddress: String?
    @NullIfNil public var onBuild: [String]?
    @NullIfNil public var labels: [String: String]?
    public var stopSignal: String?
    /// Seconds.
    public var stopTimeout: Int64?
    public var shell: [String]?

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

    public init() {}
}

/// A health check. Times are in nanoseconds; 0 means the default.
public struct HealthConfig: Codable, Sendable, Equatable {
    public var test: [String]?
    public var interval: Int64?
    public var timeout: Int64?
    public var startPeriod: Int64?
    public var startInterval: Int64?
    public var retries: Int64?

    enum CodingKeys: String, CodingKey {
        case test = "Test"
        case interval = "Interval"
        case timeout = "Timeout"
        case startPeriod = "StartPeriod"
        case startInterval = "StartInterval"
        case retries = "Retries"
    }

    public init() {}
}

/// A command: a list of words, or in requests a single one.
public struct ShellWords: Codable, Sendable, Equatable {
    public var words: [String]

    public init(_ words: [String]) { self.words = words }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let word = try? container.decode(String.self) {
            words = word.isEmpty ? [] : [word]
        } else {
            words = try container.decode([String].self)
        }
    }

    public func encode(to encoder: any Encoder) throws { try words.encode(to: encoder) }
}
