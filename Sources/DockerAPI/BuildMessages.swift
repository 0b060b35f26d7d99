import EngineModel

/// The body of `POST /roost/v1/build/check`.
package struct DockerfileCheckRequest: Codable, Sendable, Equatable {
    package var text: String = ""

    package init() {}
}

/// What a check of a Dockerfile has found.
package struct DockerfileCheckReport: Codable, Sendable, Equatable {
    package var warnings: [DockerfileWarning] = []

    package init() {}
}

/// A warning about a line of a Dockerfile.
package struct DockerfileWarning: Codable, Sendable, Equatable {
    package var line: Int = 0
    package var message: String = ""

    package init() {}
}

/// The header `X-Roost-Build` of `POST /build`: what our own command line asks for beyond Docker's parameters.
package struct BuildOptions: Codable, Sendable, Equatable {
    /// Report every event of a step, for a display.
    package var rich: Bool = false
    /// Fail instead of running a step.
    package var onlyCached: Bool = false
    /// The text of the Dockerfile.
    package var dockerfile: String?
    /// The context, if it is a directory of the engine's host.
    package var folder: LocalDirectory?
    /// In base64, by id.
    package var secrets: OrderedMap<String>?
    package var agentSockets: [String: String]?
    package var contexts: OrderedMap<String>?
    package var cacheImports: [BuildCacheReference]?
    package var cacheExports: [BuildCacheReference]?

    package init() {}
}

/// A directory with its device and inode, so that the engine can tell whether it sees the same one.
package struct LocalDirectory: Codable, Sendable, Equatable {
    package var path: String = ""
    package var device: Int64?
    package var inode: Int64?

    package init() {}
}

/// A build cache in a registry or a directory.
package struct BuildCacheReference: Codable, Sendable, Equatable {
    package var registry: String?
    package var folder: LocalDirectory?
    /// `min` or `max`.
    package var mode: String?
    package var ignoreError: Bool?

    package init() {}
}

/// A line of Docker's progress streams: of builds, pulls, pushes, imports and loads.
package struct ProgressMessage: Codable, Sendable, Equatable {
    package var stream: String?
    package var status: String?
    package var progressDetail: ProgressDetail?
    package var progress: String?
    package var id: String?
    package var aux: ProgressResult?
    package var errorDetail: ErrorDetail?
    package var error: String?
    /// The code of the error (`RoostError.Code`).
    package var code: String?

    package init() {}

    package struct ErrorDetail: Codable, Sendable, Equatable {
        /// The exit code of a build step's process.
        package var code: Int32?
        package var message = ""
        package init() {}
    }
}

/// How much of a transfer is done, in bytes; without members if it is not known.
package struct ProgressDetail: Codable, Sendable, Equatable {
    package var current: Int64?
    package var total: Int64?

    package init() {}
}

/// The result of a build or a push.
package struct ProgressResult: Codable, Sendable, Equatable {
    package var id: String?
    package var tag: String?
    package var digest: String?
    package var size: Int64?

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case tag = "Tag"
        case digest = "Digest"
        case size = "Size"
    }

    package init() {}
}

/// A line of the stream of a build with `rich`: an event, or as in `ProgressMessage` the result or an error.
package struct BuildEventMessage: Codable, Sendable, Equatable {
    package var event: Kind?
    package var step: Int?
    package var total: Int?
    package var stage: String?
    package var text: String?
    package var container: String?
    package var isError: Bool?
    package var image: String?
    package var count: Int?
    package var aux: ProgressResult?
    package var errorDetail: ProgressMessage.ErrorDetail?
    package var error: String?
    package var code: String?

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

    package init() {}

    package enum Kind: String, Codable, Sendable {
        case began, cached, triggers, running, output, removed, finished, warning, transfer
    }
}
