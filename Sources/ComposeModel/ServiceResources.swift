import EngineModel

/// An entry of `ports`.
public struct ServicePort: Decodable, Sendable, Equatable {
    @Attribute public var target: Int64?
    /// A port or a range.
    @Attribute public var published: String?
    @Attribute public var hostAddress: String?
    @Attribute public var transport: String?
    @Attribute public var mode: String?

    enum CodingKeys: String, CodingKey {
        case target, published, mode
        case hostAddress = "host_ip"
        case transport = "protocol"
    }

    public init() {}
}

/// An entry of `volumes` of a service.
public struct ServiceVolume: Decodable, Sendable, Equatable {
    @Attribute public var type: String?
    @Attribute public var source: String?
    @Attribute public var target: String?
    @Attribute public var readOnly: Bool?
    public var bind: Bind?
    public var volume: VolumeOptions?
    public var tmpfs: TmpfsOptions?
    public var image: ImageOptions?

    enum CodingKeys: String, CodingKey {
        case type, source, target, bind, volume, tmpfs, image
        case readOnly = "read_only"
    }

    public init() {}

    public struct Bind: Decodable, Sendable, Equatable {
        @Attribute public var propagation: String?
        @Attribute public var createHostPath: Bool?
        @Attribute public var recursive: String?

        enum CodingKeys: String, CodingKey {
            case propagation, recursive
            case createHostPath = "create_host_path"
        }

        public init() {}
    }

    public struct VolumeOptions: Decodable, Sendable, Equatable {
        @Attribute public var nocopy: Bool?
        @Attribute public var subpath: String?
        @Attribute public var labels: [String: String]?
        public init() {}
    }

    public struct TmpfsOptions: Decodable, Sendable, Equatable {
        /// Bytes, as text.
        @Attribute public var size: String?
        @Attribute public var mode: Int64?
        public init() {}
    }

    public struct ImageOptions: Decodable, Sendable, Equatable {
        @Attribute public var subpath: String?
        public init() {}
    }
}

/// The settings of a service in a network.
public struct ServiceNetwork: Decodable, Sendable, Equatable {
    @Attribute public var aliases: [String]?
    @Attribute public var ipv4Address: String?
    @Attribute public var ipv6Address: String?
    @Attribute public var linkLocalIPs: [String]?
    @Attribute public var macAddress: String?
    @Attribute public var interfaceName: String?
    @Attribute public var driverOptions: [String: String]?
    @Attribute public var priority: Double?
    @Attribute public var gatewayPriority: Int64?

    enum CodingKeys: String, CodingKey {
        case aliases, priority
        case ipv4Address = "ipv4_address"
        case ipv6Address = "ipv6_address"
        case linkLocalIPs = "link_local_ips"
        case macAddress = "mac_address"
        case interfaceName = "interface_name"
        case driverOptions = "driver_opts"
        case gatewayPriority = "gw_priority"
    }

    public init() {}
}

/// A secret or config in a service, or a secret in a build.
public struct FileReference: Decodable, Sendable, Equatable {
    @Attribute public var source: String?
    @Attribute public var target: String?
    @Attribute public var uid: String?
    @Attribute public var gid: String?
    @Attribute public var mode: Int64?

    public init() {}
}

/// A device of the host in a service.
public struct ServiceDevice: Decodable, Sendable, Equatable {
    @Attribute public var source: String?
    @Attribute public var target: String?
    @Attribute public var permissions: String?

    public init() {}
}

/// A request for devices from a driver: an entry of `gpus`, or of the reservations of `deploy`.
public struct DeviceReservation: Decodable, Sendable, Equatable {
    @Attribute public var driver: String?
    @Attribute public var count: Int64?
    @Attribute public var deviceIDs: [String]?
    @Attribute public var capabilities: [String]?
    @Attribute public var options: [String: String]?

    enum CodingKeys: String, CodingKey {
        case driver, count, capabilities, options
        case deviceIDs = "device_ids"
    }

    public init() {}
}

/// A network of the project.
public struct Network: Decodable, Sendable, Equatable {
    @Attribute public var name: String?
    @Attribute public var driver: String?
    @Attribute public var driverOptions: [String: String]?
    @Attribute public var isInternal: Bool?
    @Attribute public var attachable: Bool?
    @Attribute public var enableIPv4: Bool?
    @Attribute public var enableIPv6: Bool?
    @Attribute public var labels: [String: String]?
    @Attribute public var isExternal: Bool?
    public var ipam: IPAM?

    enum CodingKeys: String, CodingKey {
        case name, driver, attachable, labels, ipam
        case driverOptions = "driver_opts"
        case isInternal = "internal"
        case enableIPv4 = "enable_ipv4"
        case enableIPv6 = "enable_ipv6"
        case isExternal = "external"
    }

    public init() {}

    public struct IPAM: Decodable, Sendable, Equatable {
        public var config: [Pool]?
        public init() {}
    }

    /// A subnet and what is allocated from it.
    public struct Pool: Decodable, Sendable, Equatable {
        @Attribute public var subnet: String?
        @Attribute public var ipRange: String?
        @Attribute public var gateway: String?
        @Attribute public var auxiliaryAddresses: [String: String]?

        enum CodingKeys: String, CodingKey {
            case subnet, gateway
            case ipRange = "ip_range"
            case auxiliaryAddresses = "aux_addresses"
        }

        public init() {}
    }
}

/// A volume of the project.
public struct Volume: Decodable, Sendable, Equatable {
    @Attribute public var name: String?
    @Attribute public var driver: String?
    @Attribute public var driverOptions: [String: String]?
    @Attribute public var labels: [String: String]?
    @Attribute public var isExternal: Bool?

    enum CodingKeys: String, CodingKey {
        case name, driver, labels
        case driverOptions = "driver_opts"
        case isExternal = "external"
    }

    public init() {}
}

/// A secret or config of the project: where its content comes from.
public struct FileSource: Decodable, Sendable, Equatable {
    @Attribute public var file: String?
    @Attribute public var environment: String?
    @Attribute public var content: String?

    public init() {}
}
