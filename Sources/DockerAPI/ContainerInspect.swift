import EngineModel

/// The answer of `GET /containers/{id}/json`.
package struct ContainerInspect: Codable, Sendable, Equatable {
    package var id: String = ""
    package var created: String = ""
    package var path: String = ""
    package var arguments: [String] = []
    package var state: ContainerState = ContainerState()
    package var image: String = ""
    package var resolvConfPath: String = ""
    package var hostnamePath: String = ""
    package var hostsPath: String = ""
    package var logPath: String = ""
    package var name: String = ""
    package var restartCount: Int64 = 0
    package var driver: String = ""
    package var platform: String = ""
    package var mountLabel: String = ""
    package var processLabel: String = ""
    package var appArmorProfile: String = ""
    @NullIfNil package var execIDs: [String]?
    package var hostConfig: HostConfig = HostConfig()
    package var graphDriver: GraphDriver = GraphDriver()
    package var mounts: [MountPoint] = []
    package var config: ContainerConfig = ContainerConfig()
    package var networkSettings: NetworkSettings = NetworkSettings()
    /// Bytes in the container's own layer.
    package var sizeRW: Int64?
    package var sizeRootFS: Int64?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case path = "Path"
        case arguments = "Args"
        case state = "State"
        case image = "Image"
        case resolvConfPath = "ResolvConfPath"
        case hostnamePath = "HostnamePath"
        case hostsPath = "HostsPath"
        case logPath = "LogPath"
        case name = "Name"
        case restartCount = "RestartCount"
        case driver = "Driver"
        case platform = "Platform"
        case mountLabel = "MountLabel"
        case processLabel = "ProcessLabel"
        case appArmorProfile = "AppArmorProfile"
        case execIDs = "ExecIDs"
        case hostConfig = "HostConfig"
        case graphDriver = "GraphDriver"
        case mounts = "Mounts"
        case config = "Config"
        case networkSettings = "NetworkSettings"
        case sizeRW = "SizeRw"
        case sizeRootFS = "SizeRootFs"
    }

    package init() {}
}

/// The state of a container.
package struct ContainerState: Codable, Sendable, Equatable {
    package var status: String = ""
    package var running: Bool = false
    package var paused: Bool = false
    package var restarting: Bool = false
    package var oomKilled: Bool = false
    package var dead: Bool = false
    package var pid: Int64 = 0
    package var exitCode: Int64 = 0
    package var error: String = ""
    package var startedAt: String = ""
    package var finishedAt: String = ""
    package var health: Health?

    enum CodingKeys: String, CodingKey {
        case status = "Status"
        case running = "Running"
        case paused = "Paused"
        case restarting = "Restarting"
        case oomKilled = "OOMKilled"
        case dead = "Dead"
        case pid = "Pid"
        case exitCode = "ExitCode"
        case error = "Error"
        case startedAt = "StartedAt"
        case finishedAt = "FinishedAt"
        case health = "Health"
    }

    package init() {}
}

/// The health of a container.
package struct Health: Codable, Sendable, Equatable {
    package var status: String = ""
    package var failingStreak: Int64 = 0
    package var log: [HealthcheckResult] = []

    enum CodingKeys: String, CodingKey {
        case status = "Status"
        case failingStreak = "FailingStreak"
        case log = "Log"
    }

    package init() {}
}

/// One run of a health check.
package struct HealthcheckResult: Codable, Sendable, Equatable {
    package var start: String = ""
    package var end: String = ""
    package var exitCode: Int64 = 0
    package var output: String = ""

    enum CodingKeys: String, CodingKey {
        case start = "Start"
        case end = "End"
        case exitCode = "ExitCode"
        case output = "Output"
    }

    package init() {}
}

/// Where the files of a container or image are.
package struct GraphDriver: Codable, Sendable, Equatable {
    package var data: [String: String] = [:]
    package var name: String = ""

    enum CodingKeys: String, CodingKey {
        case data = "Data"
        case name = "Name"
    }

    package init() {}
}

/// A mount of a container.
package struct MountPoint: Codable, Sendable, Equatable {
    package var type: String = ""
    package var name: String?
    package var source: String = ""
    package var destination: String = ""
    package var driver: String?
    package var mode: String = ""
    package var isWritable: Bool = false
    package var propagation: String = ""

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case name = "Name"
        case source = "Source"
        case destination = "Destination"
        case driver = "Driver"
        case mode = "Mode"
        case isWritable = "RW"
        case propagation = "Propagation"
    }

    package init() {}
}

/// The networks of a container. The members of a single endpoint repeat that of the default bridge.
package struct NetworkSettings: Codable, Sendable, Equatable {
    package var bridge: String = ""
    package var sandboxID: String = ""
    package var sandboxKey: String = ""
    package var ports: OrderedMap<[HostPort]?> = [:]
    package var hairpinMode: Bool = false
    package var linkLocalIPv6Address: String = ""
    package var linkLocalIPv6PrefixLength: Int = 0
    @NullIfNil package var secondaryIPAddresses: [String]?
    @NullIfNil package var secondaryIPv6Addresses: [String]?
    package var endpointID: String = ""
    package var gateway: String = ""
    package var globalIPv6Address: String = ""
    package var ipAddress: String = ""
    package var ipv6Gateway: String = ""
    package var macAddress: String = ""
    package var globalIPv6PrefixLength: Int = 0
    package var ipPrefixLength: Int = 0
    package var networks: OrderedMap<EndpointSettings> = [:]

    enum CodingKeys: String, CodingKey {
        case bridge = "Bridge"
        case sandboxID = "SandboxID"
        case sandboxKey = "SandboxKey"
        case ports = "Ports"
        case hairpinMode = "HairpinMode"
        case linkLocalIPv6Address = "LinkLocalIPv6Address"
        case linkLocalIPv6PrefixLength = "LinkLocalIPv6PrefixLen"
        case secondaryIPAddresses = "SecondaryIPAddresses"
        case secondaryIPv6Addresses = "SecondaryIPv6Addresses"
        case endpointID = "EndpointID"
        case gateway = "Gateway"
        case globalIPv6Address = "GlobalIPv6Address"
        case ipAddress = "IPAddress"
        case ipv6Gateway = "IPv6Gateway"
        case macAddress = "MacAddress"
        case globalIPv6PrefixLength = "GlobalIPv6PrefixLen"
        case ipPrefixLength = "IPPrefixLen"
        case networks = "Networks"
    }

    package init() {}
}
