import EngineModel

/// An entry of `ports`.
package struct ServicePort: Decodable, Sendable, Equatable {
    @Attribute package var target: Int64?
    /// A port or a range.
    @Attribute package var published: String?
    @Attribute package var hostAddress: String?
    @Attribute package var transport: String?
    @Attribute package var mode: String?

    enum CodingKeys: String, CodingKey {
        case target, published, mode
        case hostAddress = "host_ip"
        case transport = "protocol"
    }

    package init() {}
}

/// An entry of `volumes` of a service.
package struct ServiceVolume: Decodable, Sendable, Equatable {
    @Attribute package var type: String?
    @Attribute package var source: String?
    @Attribute package var target: String?
    @Attribute package var readOnly: Bool?
    package var bind: Bind?
    package var volume: VolumeOptions?
    package var tmpfs: TmpfsOptions?
    package var image: ImageOptions?

    enum CodingKeys: String, CodingKey {
        case type, source, target, bind, volume, tmpfs, image
        case readOnly = "read_only"
    }

    package init() {}

    package struct Bind: Decodable, Sendable, Equatable {
        @Attribute package var propagation: String?
        @Attribute package var createHostPath: Bool?
        @Attribute package var recursive: String?

        enum CodingKeys: String, CodingKey {
            case propagation, recursive
            case createHostPath = "create_host_path"
        }

        package init() {}
    }

    package struct VolumeOptions: Decodable, Sendable, Equatable {
        @Attribute package var nocopy: Bool?
        @Attribute package var subpath: String?
        @Attribute package var labels: [String: String]?
        package init() {}
    }

    package struct TmpfsOptions: Decodable, Sendable, Equatable {
        /// Bytes, as text.
        @Attribute package var size: String?
        @Attribute package var mode: Int64?
        package init() {}
    }

    package struct ImageOptions: Decodable, Sendable, Equatable {
        @Attribute package var subpath: String?
        package init() {}
    }
}

/// The settings of a service in a network.
package struct ServiceNetwork: Decodable, Sendable, Equatable {
    @Attribute package var aliases: [String]?
    @Attribute package var ipv4Address: String?
    @Attribute package var ipv6Address: String?
    @Attribute package var linkLocalIPs: [String]?
    @Attribute package var macAddress: String?
    @Attribute package var interfaceName: String?
    @Attribute package var driverOptions: [String: String]?
    @Attribute package var priority: Double?
    @Attribute package var gatewayPriority: Int64?

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

    package init() {}
}

/// A secret or config in a service, or a secret in a build.
package struct FileReference: Decodable, Sendable, Equatable {
    @Attribute package var source: String?
    @Attribute package var target: String?
    @Attribute package var uid: String?
    @Attribute package var gid: String?
    @Attribute package var mode: Int64?

    package init() {}
}

/// A device of the host in a service.
package struct ServiceDevice: Decodable, Sendable, Equatable {
    @Attribute package var source: String?
    @Attribute package var target: String?
    @Attribute package var permissions: String?

    package init() {}
}

/// A request for devices from a driver: an entry of `gpus`, or of the reservations of `deploy`.
package struct DeviceReservation: Decodable, Sendable, Equatable {
    @Attribute package var driver: String?
    @Attribute package var count: Int64?
    @Attribute package var deviceIDs: [String]?
    @Attribute package var capabilities: [String]?
    @Attribute package var options: [String: String]?

    enum CodingKeys: String, CodingKey {
        case driver, count, capabilities, options
        case deviceIDs = "device_ids"
    }

    package init() {}
}

/// A network of the project.
package struct Network: Decodable, Sendable, Equatable {
    @Attribute package var name: String?
    @Attribute package var driver: String?
    @Attribute package var driverOptions: [String: String]?
    @Attribute package var isInternal: Bool?
    @Attribute package var attachable: Bool?
    @Attribute package var enableIPv4: Bool?
    @Attribute package var enableIPv6: Bool?
    @Attribute package var labels: [String: String]?
    @Attribute package var isExternal: Bool?
    package var ipam: IPAM?

    enum CodingKeys: String, CodingKey {
        case name, driver, attachable, labels, ipam
        case driverOptions = "driver_opts"
        case isInternal = "internal"
        case enableIPv4 = "enable_ipv4"
        case enableIPv6 = "enable_ipv6"
        case isExternal = "external"
    }

    package init() {}

    package struct IPAM: Decodable, Sendable, Equatable {
        package var config: [Pool]?
        package init() {}
    }

    /// A subnet and what is allocated from it.
    package struct Pool: Decodable, Sendable, Equatable {
        @Attribute package var subnet: String?
        @Attribute package var ipRange: String?
        @Attribute package var gateway: String?
        @Attribute package var auxiliaryAddresses: [String: String]?

        enum CodingKeys: String, CodingKey {
            case subnet, gateway
            case ipRange = "ip_range"
            case auxiliaryAddresses = "aux_addresses"
        }

        package init() {}
    }
}

/// A volume of the project.
package struct Volume: Decodable, Sendable, Equatable {
    @Attribute package var name: String?
    @Attribute package var driver: String?
    @Attribute package var driverOptions: [String: String]?
    @Attribute package var labels: [String: String]?
    @Attribute package var isExternal: Bool?

    enum CodingKeys: String, CodingKey {
        case name, driver, labels
        case driverOptions = "driver_opts"
        case isExternal = "external"
    }

    package init() {}
}

/// A secret or config of the project: where its content comes from.
package struct FileSource: Decodable, Sendable, Equatable {
    @Attribute package var file: String?
    @Attribute package var environment: String?
    @Attribute package var content: String?

    package init() {}
}
