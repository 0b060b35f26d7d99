import EngineModel

/// A network, as `GET /networks` and `GET /networks/{id}` return it.
package struct NetworkInspect: Codable, Sendable, Equatable {
    package var name: String = ""
    package var id: String = ""
    package var created: String = ""
    package var scope: String = ""
    package var driver: String = ""
    package var enableIPv4: Bool = false
    package var enableIPv6: Bool = false
    package var ipam: IPAM = IPAM()
    package var isInternal: Bool = false
    package var attachable: Bool = false
    package var ingress: Bool = false
    package var configFrom: NetworkCreateRequest.ConfigReference = NetworkCreateRequest.ConfigReference()
    package var configOnly: Bool = false
    package var containers: OrderedMap<Member> = [:]
    package var options: [String: String] = [:]
    package var labels: [String: String] = [:]

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

    package init() {}

    /// How addresses are managed.
    package struct IPAM: Codable, Sendable, Equatable {
        package var driver = ""
        @NullIfNil package var options: [String: String]?
        @NullIfNil package var config: [NetworkCreateRequest.Pool]?

        enum CodingKeys: String, CodingKey {
            case driver = "Driver"
            case options = "Options"
            case config = "Config"
        }

        package init() {}
    }

    /// A container in the network. Addresses are with their prefix length.
    package struct Member: Codable, Sendable, Equatable {
        package var name = ""
        package var endpointID = ""
        package var macAddress = ""
        package var ipv4Address = ""
        package var ipv6Address = ""

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case endpointID = "EndpointID"
            case macAddress = "MacAddress"
            case ipv4Address = "IPv4Address"
            case ipv6Address = "IPv6Address"
        }

        package init() {}
    }
}

/// The answer of `POST /networks/create`.
package struct NetworkCreateResponse: Codable, Sendable, Equatable {
    package var id: String = ""
    package var warning: String = ""

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case warning = "Warning"
    }

    package init() {}
}
