/// What went wrong, as a kind that the API can answer with and one sentence that names the object and, where it can, what to do.
public struct RoostError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: String, Sendable, Codable {
        /// The request makes no sense: 400.
        case invalidArgument
        case unauthorized
        /// Allowed to nobody: 403.
        case forbidden
        case notFound
        /// The state of things does not allow it now: 409.
        case conflict
        /// Nothing to do: it is so already: 304.
        case notModified
        case unsupported
        case unavailable
        /// The kernel, the disk or we have failed: 500.
        case failure
    }

    public let kind: Kind
    public let message: String
    /// Whether the engine has said it to a client; else it was found out here.
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

/// How the engine's program ends when whoever has started it must know why.
public enum EngineExit {
    /// Another engine has the lock of these roots (EX_TEMPFAIL of sysexits.h).
    public static let alreadyServed: Int32 = 75
}

/// Files of the run root that the engine, its keeper and the command line know.
public enum EngineFiles {
    /// Holds the process number of the keeper while the engine sleeps.
    public static let keeper = "/engine.idle"
    /// There while the engine is not to leave when it has nothing to do.
    public static let stay = "/engine.stay"
}
