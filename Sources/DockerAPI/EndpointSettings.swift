import EngineModel

/// A container in a network: what a client asks for, and what it gets.
public struct EndpointSettings: Codable, Sendable, Equatable {
    @NullIfNil public var ipamConfig: EndpointIPAMConfig?
    @NullIfNil public var links: [String]?
    @NullIfNil public var aliases: [String]?
    public var macAddress: String?
    @NullIfNil public var driverOptions: [String: String]?
    public var gatewayPriority: Int64?
    public var networkID: String?
    public var endpointID: String?
    public var gateway: String?
    public var ipAddress: String?
    public var ipPrefixLength: Int?
    public var ipv6Gateway: String?
    public var globalIPv6Address: String?
    public var globalIPv6PrefixLength: Int?
    @NullIfNil public var dnsNames: [String]?

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

    public init() {}
}

/// The addresses that a client asks for.
public struct EndpointIPAMConfig: Codable, Sendable, Equatable {
    public var ipv4Address: String?
    public var ipv6Address: String?
    public var linkLocalIPs: [String]?

    enum CodingKeys: String, CodingKey {
        case ipv4Address = "IPv4Address"
        case ipv6Address = "IPv6Address"
        case linkLocalIPs = "LinkLocalIPs"
    }

    public init() {}
}

/// The body of `POST /networks/{id}/connect`.
public struct NetworkConnectRequest: Codable, Sendable, Equatable {
    public var container: String?
    public var endpointConfig: EndpointSettings?

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case endpointConfig = "EndpointConfig"
    }

    public init() {}
}

/// The body of `POST /networks/{id}/disconnect`.
public struct NetworkDisconnectRequest: Codable, Sendable, Equatable {
    public var container: String?
    public var force: Bool?

    enum CodingKeys: String, CodingKey {
        case container = "Container"
        case force = "Force"
    }

    public init() {}
}
