import EngineModel

/// The answer of `GET /containers/{id}/json`.
public struct ContainerInspect: Codable, Sendable, Equatable {
    public var id: String = ""
    public var created: String = ""
    public var path: String = ""
    public var arguments: [String] = []
    public var state: ContainerState = ContainerState()
    public var image: String = ""
    public var resolvConfPath: String = ""
    public var hostnamePath: String = ""
    public var hostsPath: String = ""
    public var logPath: String = ""
    public var name: String = ""
    public var restartCount: Int64 = 0
    public var driver: String = ""
    public var platform: String = ""
    public var mountLabel: String = ""
    public var processLabel: String = ""
    public var appArmorProfile: String = ""
    @NullIfNil public var execIDs: [String]?
    public var hostConfig: HostConfig = HostConfig()
    public var graphDriver: GraphDriver = GraphDriver()
    public var mounts: [MountPoint] = []
    public var config: ContainerConfig = ContainerConfig()
    public var networkSettings: NetworkSettings = NetworkSettings()
    /// Bytes in the container's own layer.
    public var sizeRW: Int64?
    public var sizeRootFS: Int64?

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

    public init() {}
}

/// The state of a container.
public struct ContainerState: Codable, Sendable, Equatable {
    public var status: String = ""
    public var running: Bool = false
    public var paused: Bool = false
    public var restarting: Bool = false
    public var oomKilled: Bool = false
    public var dead: Bool = false
    public var pid: Int64 = 0
    public var exitCode: Int64 = 0
    public var error: String = ""
    public var startedAt: String = ""
    public var finishedAt: String = ""
    public var health: Health?

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

    public init() {}
}

/// The health of a container.
public struct Health: Codable, Sendable, Equatable {
    public var status: String = ""
    public var failingStreak: Int64 = 0
    public var log: [HealthcheckResult] = []

    enum CodingKeys: String, CodingKey {
        case status = "Status"
        case failingStreak = "FailingStreak"
        case log = "Log"
    }

    public init() {}
}

/// One run of a health check.
public struct HealthcheckResult: Codable, Sendable, Equatable {
    public var start: String = ""
    public var end: String = ""
    public var exitCode: Int64 = 0
    public var output: String = ""

    enum CodingKeys: String, CodingKey {
        case start = "Start"
        case end = "End"
        case exitCode = "ExitCode"
        case output = "Output"
    }

    public init() {}
}

/// Where the files of a container or image are.
public struct GraphDriver: Codable, Sendable, Equatable {
    public var data: [String: String] = [:]
    public var name: String = ""

    enum CodingKeys: String, CodingKey {
        case data = "Data"
        case name = "Name"
    }

    public init() {}
}

/// A mount of a container.
public struct MountPoint: Codable, Sendable, Equatable {
    public var type: String = ""
    public var name: String?
    public var source: String = ""
    public var destination: String = ""
    public var driver: String?
    public var mode: String = ""
    public var isWritable: Bool = false
    public var propagation: String = ""

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

    public init() {}
}

/// The networks of a container. The members of a single endpoint repeat that of the default bridge.
public struct NetworkSettings: Codable, Sendable, Equatable {
    public var bridge: String = ""
    public var sandboxID: String = ""
    public var sandboxKey: String = ""
    public var ports: OrderedMap<[HostPort]?> = [:]
    public var hairpinMode: Bool = false
    public var linkLocalIPv6Address: String = ""
    public var linkLocalIPv6PrefixLength: Int = 0
    @NullIfNil public var secondaryIPAddresses: [String]?
    @NullIfNil public var secondaryIPv6Addresses: [String]?
    public var endpointID: String = ""
    public var gateway: String = ""
    public var globalIPv6Address: String = ""
    public var ipAddress: String = ""
    public var ipv6Gateway: String = ""
    public var macAddress: String = ""
    public var globalIPv6PrefixLength: Int = 0
    public var ipPrefixLength: Int = 0
    public var networks: OrderedMap<EndpointSettings> = [:]

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

    public init() {}
}
