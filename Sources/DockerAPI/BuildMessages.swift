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
