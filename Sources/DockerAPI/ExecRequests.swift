import EngineModel

/// The body of `POST /containers/{id}/exec`.
package struct ExecCreateRequest: Codable, Sendable, Equatable {
    package var attachStdin: Bool?
    package var attachStdout: Bool?
    package var attachStderr: Bool?
    package var tty: Bool?
    package var privileged: Bool?
    package var user: String?
    package var workingDirectory: String?
    package var detachKeys: String?
    package var environment: [String]?
    package var command: [String]?
    /// Rows and columns.
    package var consoleSize: [UInt16]?

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

    package init(command: [String]) { self.command = command }
}

/// The body of `POST /exec/{id}/start`.
package struct ExecStartRequest: Codable, Sendable, Equatable {
    package var detach: Bool?
    /// Whether the stream is raw. It may differ from the exec's own setting.
    package var tty: Bool?
    /// Rows and columns.
    package var consoleSize: [UInt16]?

    enum CodingKeys: String, CodingKey {
        case detach = "Detach"
        case tty = "Tty"
        case consoleSize = "ConsoleSize"
    }

    package init(detach: Bool, tty: Bool? = nil) {
        self.detach = detach
        self.tty = tty
    }
}

/// The answer of `GET /exec/{id}/json`.
package struct ExecInspect: Codable, Sendable, Equatable {
    package var id: String = ""
    package var running: Bool = false
    @NullIfNil package var exitCode: Int64?
    package var processConfig: ExecProcessConfig = ExecProcessConfig()
    package var openStdin: Bool = false
    package var openStderr: Bool = false
    package var openStdout: Bool = false
    package var canRemove: Bool = false
    package var containerID: String = ""
    package var detachKeys: String = ""
    package var pid: Int64 = 0

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

    package init() {}
}

/// The process of an exec.
package struct ExecProcessConfig: Codable, Sendable, Equatable {
    package var tty: Bool = false
    package var entrypoint: String = ""
    package var arguments: [String] = []
    package var privileged: Bool = false
    package var user: String = ""

    package init() {}
}
