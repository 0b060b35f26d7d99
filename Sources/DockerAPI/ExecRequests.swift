import EngineModel

/// The body of `POST /containers/{id}/exec`.
public struct ExecCreateRequest: Codable, Sendable, Equatable {
    public var attachStdin: Bool?
    public var attachStdout: Bool?
    public var attachStderr: Bool?
    public var tty: Bool?
    public var privileged: Bool?
    public var user: String?
    public var workingDirectory: String?
    public var detachKeys: String?
    public var environment: [String]?
    public var command: [String]?
    /// Rows and columns.
    public var consoleSize: [UInt16]?

    enum CodingKeys: String, CodingKey {
        case attachStdin = "AttachStdin"
        case attachStdout = "AttachStdout"
        case attachStderr = "AttachStderr"
        case tty = "Tty"
        case privileged = "Privileged"
        case user = "User"
        case workingDirectory = "WorkingDir"
        case detachKeys = "DetachKeys"
        case environment = "Env"
        case command = "Cmd"
        case consoleSize = "ConsoleSize"
    }

    public init(command: [String]) { self.command = command }
}

/// The body of `POST /exec/{id}/start`.
public struct ExecStartRequest: Codable, Sendable, Equatable {
    public var detach: Bool?
    /// Whether the stream is raw. It may differ from the exec's own setting.
    public var tty: Bool?
    /// Rows and columns.
    public var consoleSize: [UInt16]?

    enum CodingKeys: String, CodingKey {
        case detach = "Detach"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
    }

    public init(detach: Bool, tty: Bool? = nil) {
        self.detach = detach
        self.tty = tty
    }
}

/// The answer of `GET /exec/{id}/json`.
public struct ExecInspect: Codable, Sendable, Equatable {
    public var id: String = ""
    public var running: Bool = false
    @NullIfNil public var exitCode: Int64?
    public var processConfig: ExecProcessConfig = ExecProcessConfig()
    public var openStdin: Bool = false
    public var openStderr: Bool = false
    public var openStdout: Bool = false
    public var canRemove: Bool = false
    public var containerID: String = ""
    public var detachKeys: String = ""
    public var pid: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case running = "Running"
        case exitCode = "ExitCode"
        case processConfig = "ProcessConfig"
        case openStdin = "OpenStdin"
        case openStderr = "OpenStderr"
        case openStdout = "OpenStdout"
        case canRemove = "CanRemove"
        case containerID = "ContainerID"
        case detachKeys = "DetachKeys"
        case pid = "Pid"
    }

    public init() {}
}

/// The process of an exec.
public struct ExecProcessConfig: Codable, Sendable, Equatable {
    public var tty: Bool = false
    public var entrypoint: String = ""
    public var arguments: [String] = []
    public var privileged: Bool = false
    public var user: String = ""

    public init() {}
}
