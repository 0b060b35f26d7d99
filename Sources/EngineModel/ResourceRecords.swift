/// A network of the engine.
package struct NetworkRecord: Sendable, Equatable, Codable {
    package var id: String
    package var name: String
    package var driver: String
    package var createdAt: Int64
    package var subnet4: Subnet?
    package var gateway4: IPAddress?
    package var subnet6: Subnet?
    package var gateway6: IPAddress?
    /// Without external connectivity.
    package var isInternal: Bool
    package var labels: [String: String]
    package var options: [String: String]
    /// The bridge interface on the host, at most 15 bytes; empty for the host and none networks.
    package var bridge: String
    package var ranges: [Subnet]?
    package var auxiliary: [String: IPAddress]?
    /// As requested; without effect, because networks of one host are always attachable.
    package var isAttachable: Bool?
    /// The requested subnets and gateways; `inspect` shows the gateway of a subnet that the engine chose.
    package var requestedSubnets: [Subnet]?
    package var requestedGateways: [IPAddress]?
    package var addressOptions: [String: String]?

    package init(
        id: String, name: String, driver: String, createdAt: Int64, subnet4: Subnet?, gateway4: IPAddress?,
        subnet6: Subnet?, gateway6: IPAddress?, isInternal: Bool, labels: [String: String], options: [String: String],
        bridge: String
    ) {
        self.id = id
        self.name = name
        self.driver = driver
        self.createdAt = createdAt
        self.subnet4 = subnet4
        self.gateway4 = gateway4
        self.subnet6 = subnet6
        self.gateway6 = gateway6
        self.isInternal = isInternal
        self.labels = labels
        self.options = options
        self.bridge = bridge
    }

    package var isPredefined: Bool { ["bridge", "host", "none"].contains(name) }
}

/// The requested configuration of a network.
package struct NetworkSpec: Sendable, Equatable, Codable {
    package var name: String
    package var driver = "bridge"
    package var subnets: [Subnet] = []
    package var gateways: [IPAddress] = []
    package var isInternal = false
    package var enableVersion4 = true
    package var enableVersion6 = false
    package var labels: [String: String] = [:]
    package var options: [String: String] = [:]
    /// Parts of the subnets from which addresses are allocated.
    package var ranges: [Subnet] = []
    /// Reserved addresses, by host name.
    package var auxiliary: [String: IPAddress] = [:]
    package var isAttachable = false
    /// Options of the IPAM driver; only stored and shown.
    package var addressOptions: [String: String]?
    package init(name: String) { self.name = name }
}

/// What happens to volumes when their container or project is removed.
package enum VolumeDisposition: String, Sendable, Equatable, Codable {
    case keep
    /// Deletes them.
    case remove
    /// Moves them to the trash, from where they can be restored until they expire.
    case trash
}

/// A removed volume that can still be restored.
package struct TrashedVolume: Sendable, Equatable, Codable {
    package var id: String
    package var volume: VolumeRecord
    /// Nanoseconds since 1970.
    package var removedAt: Int64
    package init(id: String, volume: VolumeRecord, removedAt: Int64) {
        self.id = id
        self.volume = volume
        self.removedAt = removedAt
    }
}

/// A volume of the engine.
package struct VolumeRecord: Sendable, Equatable, Codable {
    package var name: String
    package var createdAt: Int64
    package var labels: [String: String]
    package var options: [String: String]
    package var isAnonymous: Bool
    package init(name: String, createdAt: Int64, labels: [String: String], options: [String: String], isAnonymous: Bool)
    {
        self.name = name
        self.createdAt = createdAt
        self.labels = labels
        self.options = options
        self.isAnonymous = isAnonymous
    }
}

/// The endpoint of a container in a network; its addresses are kept across restarts.
package struct EndpointRecord: Sendable, Equatable, Codable {
    package var networkID: String
    package var networkName: String
    package var address4: IPAddress?
    package var address6: IPAddress?
    package var macAddress: String
    package var aliases: [String]
    package var gatewayPriority: Int
    /// The number of the container's interface; nil means the index in the list.
    package var number: Int?
    /// The requested settings, as `inspect` shows them.
    package var requested: RequestedEndpoint?
    package init(
        networkID: String, networkName: String, address4: IPAddress?, address6: IPAddress?, macAddress: String,
        aliases: [String], gatewayPriority: Int
    ) {
        self.networkID = networkID
        self.networkName = networkName
        self.address4 = address4
        self.address6 = address6
        self.macAddress = macAddress
        self.aliases = aliases
        self.gatewayPriority = gatewayPriority
    }
}

/// The requested settings of an endpoint, as `inspect` shows them.
package struct RequestedEndpoint: Sendable, Equatable, Codable {
    package var address4: IPAddress?
    package var address6: IPAddress?
    package var linkLocal: [String]
    package var links: [String]
    package var driverOptions: [String: String]
    package var macAddress: String?
    package init(
        address4: IPAddress? = nil, address6: IPAddress? = nil, linkLocal: [String] = [], links: [String] = [],
        driverOptions: [String: String] = [:], macAddress: String? = nil
    ) {
        self.macAddress = macAddress
        self.address4 = address4
        self.address6 = address6
        self.linkLocal = linkLocal
        self.links = links
        self.driverOptions = driverOptions
    }
}

/// A resolved mount of a container.
package struct MountRecord: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Codable { case bind, volume, tmpfs, image }
    package var kind: Kind
    package var volumeName: String?
    package var hostPath: String
    package var target: String
    package var readOnly: Bool
    package var propagation: String
    package var options: [String]
    package var isAnonymous: Bool
    package var copiesImage: Bool
    package var isRecursive: Bool
    /// Submounts of a read-only mount stay writable.
    package var isReadOnlyNonRecursive: Bool?
    /// A path in the volume or image, resolved within its root.
    package var subpath: String?
    /// The mounted image.
    package var imageID: String?
    package init(
        kind: Kind, volumeName: String? = nil, hostPath: String, target: String, readOnly: Bool,
        propagation: String = "", options: [String] = [], isAnonymous: Bool = false, copiesImage: Bool = false,
        isRecursive: Bool = true, subpath: String? = nil, imageID: String? = nil
    ) {
        self.kind = kind
        self.volumeName = volumeName
        self.hostPath = hostPath
        self.target = target
        self.readOnly = readOnly
        self.propagation = propagation
        self.options = options
        self.isAnonymous = isAnonymous
        self.copiesImage = copiesImage
        self.isRecursive = isRecursive
        self.subpath = subpath
        self.imageID = imageID
    }
}

extension ContainerRecord {
    /// Whether the container was created from the image or mounts it.
    package func uses(image id: String) -> Bool { imageID == id || mounts.contains { $0.imageID == id } }
}

/// The stored record of a container.
package struct ContainerRecord: Sendable, Equatable, Codable {
    package var id: String
    package var name: String
    package var createdAt: Int64
    package var spec: ContainerSpec
    package var status: ContainerStatus
    package var imageID: String
    /// The process configuration, merged from spec and image.
    package var arguments: [String]
    package var environment: [String]
    package var workingDirectory: String
    package var user: String
    package var stopSignal: String
    package var healthcheck: HealthcheckSpec?
    package var mounts: [MountRecord]
    package var endpoints: [EndpointRecord]
    package var publishedPorts: [PublishedPort]
    /// The configuration merged from specification and image as in Docker, as JSON (`ContainerConfig`): `inspect` shows it, and `commit`
    /// writes it into an image.
    package var program: String?

    package init(
        id: String, name: String, createdAt: Int64, spec: ContainerSpec, status: ContainerStatus, imageID: String,
        arguments: [String], environment: [String], workingDirectory: String, user: String, stopSignal: String,
        healthcheck: HealthcheckSpec?, mounts: [MountRecord], endpoints: [EndpointRecord],
        publishedPorts: [PublishedPort]
    ) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.spec = spec
        self.status = status
        self.imageID = imageID
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.stopSignal = stopSignal
        self.healthcheck = healthcheck
        self.mounts = mounts
        self.endpoints = endpoints
        self.publishedPorts = publishedPorts
    }

    package var shortID: String { String(id.prefix(12)) }

    /// Whether it is a one-off container of `run`, which belongs to a service but is not one of its replicas.
    package var isOneOff: Bool { spec.labels[ComposeLabel.oneOff] == "True" }
}
