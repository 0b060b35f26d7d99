import EngineModel

/// The body of `POST /containers/create`: the configuration, with two more members.
public struct ContainerCreateRequest: Codable, Sendable, Equatable {
    public var config = ContainerConfig()
    public var hostConfig: HostConfig?
    public var networkingConfig: NetworkingConfig?

    enum CodingKeys: String, CodingKey {
        case hostConfig = "HostConfig"
        case networkingConfig = "NetworkingConfig"
    }

    public init() {}

    public init(from decoder: any Decoder) throws {
        config = try ContainerConfig(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hostConfig = try container.decodeIfPresent(HostConfig.self, forKey: .hostConfig)
        networkingConfig = try container.decodeIfPresent(NetworkingConfig.self, forKey: .networkingConfig)
    }

    public func encode(to encoder: any Encoder) throws {
        try config.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(hostConfig, forKey: .hostConfig)
        try container.encodeIfPresent(networkingConfig, forKey: .networkingConfig)
    }
}

/// The networks of a new container.
public struct NetworkingConfig: Codable, Sendable, Equatable {
    public var endpointsConfig: OrderedMap<EndpointSettings>?

    enum CodingKeys: String, CodingKey {
        case endpointsConfig = "EndpointsConfig"
    }

    public init() {}
}

/// The answer of `POST /containers/create`.
public struct ContainerCreateResponse: Codable, Sendable, Equatable {
    public var id: String = ""
    public var warnings: [String] = []

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warnings = "Warnings"
    }

    public init() {}
}
