import EngineModel

/// The body of `POST /containers/create`: the configuration, with two more members.
package struct ContainerCreateRequest: Codable, Sendable, Equatable {
    package var config = ContainerConfig()
    package var hostConfig: HostConfig?
    package var networkingConfig: NetworkingConfig?

    enum CodingKeys: String, CodingKey {
        case hostConfig = "HostConfig"
        case networkingConfig = "NetworkingConfig"
    }

    package init() {}

    package init(from decoder: any Decoder) throws {
        config = try ContainerConfig(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        hostConfig = try container.decodeIfPresent(HostConfig.self, forKey: .hostConfig)
        networkingConfig = try container.decodeIfPresent(NetworkingConfig.self, forKey: .networkingConfig)
    }

    package func encode(to encoder: any Encoder) throws {
        try config.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(hostConfig, forKey: .hostConfig)
        try container.encodeIfPresent(networkingConfig, forKey: .networkingConfig)
    }
}

/// The networks of a new container.
package struct NetworkingConfig: Codable, Sendable, Equatable {
    package var endpointsConfig: OrderedMap<EndpointSettings>?

    enum CodingKeys: String, CodingKey {
        case endpointsConfig = "EndpointsConfig"
    }

    package init() {}
}

/// The answer of `POST /containers/create`.
package struct ContainerCreateResponse: Codable, Sendable, Equatable {
    package var id: String = ""
    package var warnings: [String] = []

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warnings = "Warnings"
    }

    package init() {}
}
