import EngineModel

/// The body of `POST /roost/v1/build/check`.
public struct DockerfileCheckRequest: Codable, Sendable, Equatable {
    public var text: String = ""

    public init() {}
}

/// What a check of a Dockerfile has found.
public struct DockerfileCheckReport: Codable, Sendable, Equatable {
    public var warnings: [DockerfileWarning] = []

    public init() {}
}

/// A warning about a line of a Dockerfile.
public struct DockerfileWarning: Codable, Sendable, Equatable {
    public var line: Int = 0
    public var message: String = ""

    public init() {}
}

/// The header `X-Roost-Build` of `POST /build`: what our own command line asks for beyond Docker's parameters.
public struct BuildOptions: Codable, Sendable, Equatable {
    /// Report every event of a step, for a display.
    public var rich: Bool = false
    /// Fail instead of running a step.
    public var onlyCached: Bool = false
    /// The text of the Dockerfile.
    public var dockerfile: String?
    /// The context, if it is a directory of the engine's host.
    public var folder: LocalDirectory?
    /// In base64, by id.
    public var secrets: OrderedMap<String>?
    public var agentSockets: [String: String]?
    public var contexts: OrderedMap<String>?
    public var cacheImports: [BuildCacheReference]?
    public var cacheExports: [BuildCacheReference]?

    public init() {}
}

/// A directory with its device and inode, so that the engine can tell whether it sees the same one.
public struct LocalDirectory: Codable, Sendable, Equatable {
    public var path: String = ""
    public var device: Int64?
    public var inode: Int64?

    public init() {}
}

/// A build cache in a registry or a directory.
public struct BuildCacheReference: Codable, Sendable, Equatable {
    public var registry: String?
    public var folder: LocalDirectory?
    /// `min` or `max`.
    public var mode: String?
    public var ignoreError: Bool?

    public init() {}
}

/// A line of Docker's progress streams: of builds, pulls, pushes, imports and loads.
public struct ProgressMessage: Codable, Sendable, Equatable {
    public var stream: String?
    public var status: String?
    public var progressDetail: ProgressDetail?
    public var progress: String?
    public var id: String?
    public var aux: ProgressResult?
    public var errorDetail: ErrorDetail?
    public var error: String?
    /// The code of the error (`RoostError.Code`).
    public var code: String?

    public init() {}

    public struct ErrorDetail: Codable, Sendable, Equatable {
        /// The exit code of a build step's process.
        public var code: Int32?
        public var message = ""
        public init() {}
    }
}

/// How much of a transfer is done, in bytes; without members if it is not known.
public struct ProgressDetail: Codable, Sendable, Equatable {
    public var current: Int64?
    public var total: Int64?

    public init() {}
}

/// The result of a build or a push.
public struct ProgressResult: Codable, Sendable, Equatable {
    public var id: String?
    public var tag: String?
    public var digest: String?
    public var size: Int64?

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case tag = "Tag"
        case digest = "Digest"
        case size = "Size"
    }

    public init() {}
}

/// A line of the stream of a build with `rich`: an event, or as in `ProgressMessage` the result or an error.
public struct BuildEventMessage: Codable, Sendable, Equatable {
    public var event: Kind?
    public var step: Int?
    public var total: Int?
    public var stage: String?
    public var text: String?
    public var container: String?
    public var isError: Bool?
    public var image: String?
    public var count: Int?
    public var aux: ProgressResult?
    public var errorDetail: ProgressMessage.ErrorDetail?
    public var error: String?
    public var code: String?

    enum CodingKeys: String, CodingKey {
        case event
        case step
        case total = "of"
        case stage
        case text
        case container
        case isError
        case image
        case count
        case aux
        case errorDetail
        case error
        case code
    }

    public init() {}

    public enum Kind: String, Codable, Sendable {
        case began, cached, triggers, running, output, removed, finished, warning, transfer
    }
}
