/// An error: a kind, which maps to an HTTP status, and one sentence that names the object and, if possible, the fix.
public struct RoostError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable, Codable {
        /// The request is invalid: 400.
        case invalidArgument
        case unauthorized
        /// Not permitted: 403.
        case forbidden
        case notFound
        /// The current state does not allow it: 409.
        case conflict
        /// Already in the requested state: 304.
        case notModified
        case unsupported
        case unavailable
        /// An error of the kernel, the disk or the engine itself: 500.
        case failure
    }

    public let kind: Kind
    public let message: String
    /// Whether a client received the error from the engine; false if it occurred in this process.
    public var isEngines = false

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }

    public static func invalid(_ message: String) -> RoostError { RoostError(.invalidArgument, message) }
    public static func missing(_ message: String) -> RoostError { RoostError(.notFound, message) }
    public static func conflict(_ message: String) -> RoostError { RoostError(.conflict, message) }
    public static func failure(_ message: String) -> RoostError { RoostError(.failure, message) }
}

/// Exit codes of the engine that its parent process evaluates.
public enum EngineExit {
    /// Another engine holds the lock of the same roots (EX_TEMPFAIL of sysexits.h).
    public static let alreadyServed: Int32 = 75
}

/// Files in the run root that the engine, its keeper and the CLI share.
public enum EngineFiles {
    /// Contains the PID of the keeper while the engine is idle and stopped.
    public static let keeper = "/engine.idle"
    /// Exists while the engine must not exit when idle.
    public static let stay = "/engine.stay"
}
