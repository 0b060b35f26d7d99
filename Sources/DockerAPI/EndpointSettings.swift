import EngineModel

/// A container in a network: what a client asks for, and what it gets.
package struct EndpointSettings: Codable, Sendable, Equatable {
    @NullIfNil package var ipamConfig: EndpointIPAMConfig?
    @NullIfNil package var links: [String]?
    @NullIfNil package var aliases: [String]?
    package var macAddress: String?
    @NullIfNil package var driverOptions: [String: String]?
    package var gatewayPriority: Int64?
    package var networkID: String?
    package var endpointID: String?
    package var gateway: String?
    package var ipAddress: String?
    package var ipPrefixLength: Int?
    package var ipv6Gateway: String?
    package var globalIPv6Address: String?
    package var globalIPv6PrefixLength: Int?
    @NullIfNil package var dnsNames: [String]?

    enum CodingKeys: String, CodingKey {
        case ipamConfig = "IPAMConfig"
        case links = "Links"
        case aliases = "Aliases"
        case macAddress = "MacAddress"
        case driverOptions = "DriverOpts"
        case gatewayPriority = "GwPriority"
        case networkID = "NetworkID"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case ipAddress = "IPAddress"
        case ipPrefixLength = "IPPrefixLen"
        case ipv6Gateway = "IPv6Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case globalIPv6PrefixLength = "GlobalIPv6PrefixLen"
        case dnsNames = "DNSNames"
    }

    package init() {}
}

/// The addresses that a client asks for.
package struct EndpointIPAMConfig: Codable, Sendable, Equatable {
    package var ipv4Address: String?
    package var ipv6Address: String?
    package var linkLocalIPs: [String]?

    enum CodingKeys: String, CodingKey {
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
        case linkLocalIPs = "LinkLocalIPs"
    }

    package init() {}
}

/// The body of `POST /networks/{id}/connect`.
package struct NetworkConnectRequest: Codable, Sendable, Equatable {
    package var container: String?
    package var endpointConfig: EndpointSettings?

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case endpointConfig = "EndpointConfig"
    }

    package init() {}
}

/// The body of `POST /networks/{id}/disconnect`.
package struct NetworkDisconnectRequest: Codable, Sendable, Equatable {
    package var container: String?
    package var force: Bool?

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case force = "Force"
    }

    package init() {}
}
