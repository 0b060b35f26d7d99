/// A network of the engine.
public struct NetworkRecord: Sendable, Equatable, Codable {
    public var id: String
    public var name: String
    public var driver: String
    public var createdAt: Int64
    public var subnet4: Subnet?
    public var gateway4: IPAddress?
    public var subnet6: Subnet?
    public var gateway6: IPAddress?
    /// Without external connectivity.
    public var isInternal: Bool
    public var labels: [String: String]
    public var options: [String: String]
    /// The bridge interface on the host, at most 15 bytes; empty for the host and none networks.
    public var bridge: String
    public var ranges: [Subnet]?
    public var auxiliary: [String: IPAddress]?
    /// As requested; without effect, because networks of one host are always attachable.
    public var isAttachable: Bool?
    /// The requested subnets and gateways; `inspect` shows the gateway of a subnet that the engine chose.
    public var askedSubnets: [Subnet]?
    public var askedGateways: [IPAddress]?
    public var addressOptions: [String: String]?

    public init(
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

    public var isPredefined: Bool { ["bridge", "host", "none"].contains(name) }
}

/// The requested configuration of a network.
public struct NetworkSpec: Sendable, Equatable, Codable {
    public var name: String
    public var driver = "bridge"
    public var subnets: [Subnet] = []
    public var gateways: [IPAddress] = []
    public var isInternal = false
    public var enableVersion4 = true
    public var enableVersion6 = false
    public var labels: [String: String] = [:]
    public var options: [String: String] = [:]
    /// Parts of the subnets from which addresses are allocated.
    public var ranges: [Subnet] = []
    /// Reserved addresses, by host name.
    public var auxiliary: [String: IPAddress] = [:]
    public var isAttachable = false
    /// Options of the IPAM driver; only stored and shown.
    public var addressOptions: [String: String]?
    public init(name: String) { self.name = name }
}

/// What happens to volumes when their container or project is removed.
public enum VolumeDisposition: String, Sendable, Equatable, Codable {
    case keep
    /// Deletes them.
    case remove
    /// Moves them to the trash, from where they can be restored until they expire.
    case trash
}

/// A removed volume that can still be restored.
public struct TrashedVolume: Sendable, Equatable, Codable {
    public var id: String
    public var volume: VolumeRecord
    /// Nanoseconds since 1970.
    public var removedAt: Int64
    public init(id: String, volume: VolumeRecord, removedAt: Int64) {
        self.id = id
        self.volume = volume
        self.removedAt = removedAt
    }
}

/// A volume of the engine.
public struct VolumeRecord: Sendable, Equatable, Codable {
    public var name: String
    public var createdAt: Int64
    public var labels: [String: String]
    public var options: [String: String]
    public var isAnonymous: Bool
    public init(name: String, createdAt: Int64, labels: [String: String], options: [String: String], isAnonymous: Bool)
    {
        self.name = name
        self.createdAt = createdAt
        self.labels = labels
        self.options = options
        self.isAnonymous = isAnonymous
    }
}

/// The endpoint of a container in a network; its addresses are kept across restarts.
public struct EndpointRecord: Sendable, Equatable, Codable {
    public var networkID: String
    public var networkName: String
    public var address4: IPAddress?
    public var address6: IPAddress?
    public var macAddress: String
    public var aliases: [String]
    public var gatewayPriority: Int
    /// The number of the container's interface; nil means the index in the list.
    public var number: Int?
    /// The requested settings, as `inspect` shows them.
    public var wish: RequestedEndpoint?
    public init(
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
public struct RequestedEndpoint: Sendable, Equatable, Codable {
    public var address4: IPAddress?
    public var address6: IPAddress?
    public var linkLocal: [String]
    public var links: [String]
    public var driverOptions: [String: String]
    public var macAddress: String?
    public init(
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
public struct MountRecord: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable { case bind, volume, tmpfs, image }
    public var kind: Kind
    public var volumeName: String?
    public var hostPath: String
    public var target: String
    public var readOnly: Bool
    public var propagation: String
    public var options: [String]
    public var isAnonymous: Bool
    public var copiesImage: Bool
    public var isRecursive: Bool
    /// Submounts of a read-only mount stay writable.
    public var isReadOnlyAtTopAlone: Bool?
    /// A path in the volume or image, resolved within its root.
    public var subpath: String?
    /// The mounted image.
    public var imageID: String?
    public init(
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
    public func uses(image id: String) -> Bool { imageID == id || mounts.contains { $0.imageID == id } }
}

/// The stored record of a container.
public struct ContainerRecord: Sendable, Equatable, Codable {
    public var id: String
    public var name: String
    public var createdAt: Int64
    public var spec: ContainerSpec
    public var status: ContainerStatus
    public var imageID: String
    /// The process configuration, merged from spec and image.
    public var arguments: [String]
    public var environment: [String]
    public var workingDirectory: String
    public var user: String
    public var stopSignal: String
    public var healthcheck: HealthcheckSpec?
    public var mounts: [MountRecord]
    public var endpoints: [EndpointRecord]
    public var publishedPorts: [PublishedPort]
    /// The configuration merged from specification and image as in Docker, as JSON (`ContainerConfig`): `inspect` shows it, and `commit`
    /// writes it into an image.
    public var program: String?

    public init(
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

    public var shortID: String { String(id.prefix(12)) }

    /// Whether it is a one-off container of `run`, which belongs to a service but is not one of its replicas.
    public var isOneOff: Bool { spec.labels[ComposeLabel.oneOff] == "True" }
}
