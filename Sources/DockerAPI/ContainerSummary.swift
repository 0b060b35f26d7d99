import EngineModel

/// An entry of `GET /containers/json`.
public struct ContainerSummary: Codable, Sendable, Equatable {
    public var id: String = ""
    public var names: [String] = []
    public var image: String = ""
    public var imageID: String = ""
    public var command: String = ""
    /// Seconds since 1970.
    public var created: Int64 = 0
    public var ports: [Port] = []
    public var labels: [String: String] = [:]
    public var state: String = ""
    public var status: String = ""
    public var hostConfig: HostConfigSummary = HostConfigSummary()
    public var networkSettings: NetworkSettingsSummary = NetworkSettingsSummary()
    public var mounts: [MountPoint] = []
    public var sizeRW: Int64?
    public var sizeRootFS: Int64?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case names = "Names"
        case image = "Image"
        case imageID = "ImageID"
        case command = "Command"
        case created = "Created"
        case ports = "Ports"
        case labels = "Labels"
        case state = "State"
        case status = "Status"
        case hostConfig = "HostConfig"
        case networkSettings = "NetworkSettings"
        case mounts = "Mounts"
        case sizeRW = "SizeRw"
        case sizeRootFS = "SizeRootFs"
    }

    public init() {}

    /// A port of a container, published if it has a public port.
    public struct Port: Codable, Sendable, Equatable {
        public var address: String?
        public var privatePort: UInt16 = 0
        public var publicPort: UInt16?
        public var type = ""

        enum CodingKeys: String, CodingKey {
            case address = "IP"
            case privatePort = "PrivatePort"
            case publicPort = "PublicPort"
            case type = "Type"
        }

        public init() {}
    }

    public struct HostConfigSummary: Codable, Sendable, Equatable {
        public var networkMode = ""
        enum CodingKeys: String, CodingKey { case networkMode = "NetworkMode" }
        public init() {}
    }

    public struct NetworkSettingsSummary: Codable, Sendable, Equatable {
        public var networks: OrderedMap<EndpointSettings> = [:]
        enum CodingKeys: String, CodingKey { case networks = "Networks" }
        public init() {}
    }

    /// The name without its slash.
    public var name: String { String((names.first ?? "").dropFirst()) }
}

/// What Compose's labels say.
extension ContainerSummary {
    /// Empty for a container that belongs to no project.
    public var service: String { labels[ComposeLabel.service] ?? "" }
    /// The number of the replica.
    public var replica: String? { labels[ComposeLabel.number] }
    /// Whether it is a one-off container of `run`, and not a replica.
    public var isOneOff: Bool { labels[ComposeLabel.oneOff] == "True" }
}
