import EngineModel

/// A network, as `GET /networks` and `GET /networks/{id}` return it.
public struct NetworkInspect: Codable, Sendable, Equatable {
    public var name: String = ""
    public var id: String = ""
    public var created: String = ""
    public var scope: String = ""
    public var driver: String = ""
    public var enableIPv4: Bool = false
    public var enableIPv6: Bool = false
    public var ipam: IPAM = IPAM()
    public var isInternal: Bool = false
    public var attachable: Bool = false
    public var ingress: Bool = false
    public var configFrom: NetworkCreateRequest.ConfigReference = NetworkCreateRequest.ConfigReference()
    public var configOnly: Bool = false
    public var containers: OrderedMap<Member> = [:]
    public var options: [String: String] = [:]
    public var labels: [String: String] = [:]

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case id = "Id"
        case created = "Created"
        case scope = "Scope"
        case driver = "Driver"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case ipam = "IPAM"
        case isInternal = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configFrom = "ConfigFrom"
        case configOnly = "ConfigOnly"
        case containers = "Containers"
        case options = "Options"
        case labels = "Labels"
    }

    public init() {}

    /// How addresses are managed.
    public struct IPAM: Codable, Sendable, Equatable {
        public var driver = ""
        @NullIfNil public var options: [String: String]?
        @NullIfNil public var config: [NetworkCreateRequest.Pool]?

        enum CodingKeys: String, CodingKey {
            case driver = "Driver"
            case options = "Options"
            case config = "Config"
        }

        public init() {}
    }

    /// A container in the network. Addresses are with their prefix length.
    public struct Member: Codable, Sendable, Equatable {
        public var name = ""
        public var endpointID = ""
        public var macAddress = ""
        public var ipv4Address = ""
        public var ipv6Address = ""

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case endpointID = "EndpointID"
            case macAddress = "MacAddress"
            case ipv4Address = "IPv4Address"
            case ipv6Address = "IPv6Address"
        }

        public init() {}
    }
}

/// The answer of `POST /networks/create`.
public struct NetworkCreateResponse: Codable, Sendable, Equatable {
    public var id: String = ""
    public var warning: String = ""

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warning = "Warning"
    }

    public init() {}
}
