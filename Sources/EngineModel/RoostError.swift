/// An error: a kind, which maps to an HTTP status, and one sentence that names the object and, if possible, the fix.
package struct RoostError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable, Codable {
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

    /// The cause, where a caller decides by it. In API responses it is the member `code`.
    package enum Code: String, Sendable {
        case imageNotFound = "image_not_found"
        /// The image exists, but not for the requested platform.
        case platformMismatch = "platform_mismatch"
        /// The process of an exec could not be started.
        case execFailed = "exec_failed"
        /// The Dockerfile is missing or invalid.
        case dockerfileInvalid = "dockerfile_invalid"
        /// A build restricted to cached steps needs a step that is not cached.
        case notCached = "not_cached"
        /// The build context is not a directory of the engine's host.
        case contextNotLocal = "context_not_local"
        case noSpace = "no_space"
        /// The reader of a helper's output has gone.
        case brokenPipe = "broken_pipe"
        /// The engine's API is older than the client's.
        case clientTooNew = "client_too_new"
        /// The logging driver keeps no log.
        case logsUnreadable = "logs_unreadable"
    }

    package let kind: Kind
    package let message: String
    package var code: Code?
    /// The line of the user's file, `Dockerfile:3`, that the message already names.
    package var location: String?
    /// Whether a client received the error from the engine; false if it occurred in this process.
    package var isEngines = false

    package init(_ kind: Kind, _ message: String, code: Code? = nil) {
        self.kind = kind
        self.message = message
        self.code = code
    }

    package var description: String { message }

    package static func invalid(_ message: String, code: Code? = nil) -> RoostError {
        RoostError(.invalidArgument, message, code: code)
    }
    package static func missing(_ message: String, code: Code? = nil) -> RoostError {
        RoostError(.notFound, message, code: code)
    }
    package static func conflict(_ message: String, code: Code? = nil) -> RoostError {
        RoostError(.conflict, message, code: code)
    }
    package static func failure(_ message: String, code: Code? = nil) -> RoostError {
        RoostError(.failure, message, code: code)
    }
}

/// Exit codes of the engine that its parent process evaluates.
package enum EngineExit {
    /// Another engine holds the lock of the same roots (EX_TEMPFAIL of sysexits.h).
    package static let alreadyServed: Int32 = 75
}

/// Files in the run root that the engine, its keeper and the CLI share.
package enum EngineFiles {
    /// Contains the PID of the keeper while the engine is idle and stopped.
    package static let keeper = "/engine.idle"
    /// Exists while the engine must not exit when idle.
    package static let stay = "/engine.stay"
}
