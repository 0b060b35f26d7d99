import EngineModel

/// An entry of `GET /containers/json`.
package struct ContainerSummary: Codable, Sendable, Equatable {
    package var id: String = ""
    package var names: [String] = []
    package var image: String = ""
    package var imageID: String = ""
    package var command: String = ""
    /// Seconds since 1970.
    package var created: Int64 = 0
    package var ports: [Port] = []
    package var labels: [String: String] = [:]
    package var state: String = ""
    package var status: String = ""
    package var hostConfig: HostConfigSummary = HostConfigSummary()
    package var networkSettings: NetworkSettingsSummary = NetworkSettingsSummary()
    package var mounts: [MountPoint] = []
    package var sizeRW: Int64?
    package var sizeRootFS: Int64?

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

    package init() {}

    /// A port of a container, published if it has a public port.
    package struct Port: Codable, Sendable, Equatable {
        package var address: String?
        package var privatePort: UInt16 = 0
        package var publicPort: UInt16?
        package var type = ""

        enum CodingKeys: String, CodingKey {
            case address = "IP"
            case privatePort = "PrivatePort"
            case publicPort = "PublicPort"
            case type = "Type"
        }

        package init() {}
    }

    package struct HostConfigSummary: Codable, Sendable, Equatable {
        package var networkMode = ""
        enum CodingKeys: String, CodingKey { case networkMode = "NetworkMode" }
        package init() {}
    }

    package struct NetworkSettingsSummary: Codable, Sendable, Equatable {
        package var networks: OrderedMap<EndpointSettings> = [:]
        enum CodingKeys: String, CodingKey { case networks = "Networks" }
        package init() {}
    }

    /// The name without its slash.
    package var name: String { String((names.first ?? "").dropFirst()) }
}

/// What Compose's labels say.
extension ContainerSummary {
    /// Empty for a container that belongs to no project.
    package var service: String { labels[ComposeLabel.service] ?? "" }
    /// The number of the replica.
    package var replica: String? { labels[ComposeLabel.number] }
    /// Whether it is a one-off container of `run`, and not a replica.
    package var isOneOff: Bool { labels[ComposeLabel.oneOff] == "True" }
}
