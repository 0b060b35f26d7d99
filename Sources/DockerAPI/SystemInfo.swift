import EngineModel

/// The answer of `GET /info`.
public struct SystemInfo: Codable, Sendable, Equatable {
    public var id: String = ""
    public var containers: Int = 0
    public var containersRunning: Int = 0
    public var containersPaused: Int = 0
    public var containersStopped: Int = 0
    public var images: Int = 0
    public var driver: String = ""
    public var driverStatus: [[String]] = []
    public var plugins: Plugins = Plugins()
    public var name: String = ""
    public var processors: Int = 0
    /// Bytes.
    public var memory: Int64 = 0
    public var memoryLimit: Bool = false
    public var swapLimit: Bool = false
    public var cpuCFSPeriod: Bool = false
    public var cpuCFSQuota: Bool = false
    public var cpuShares: Bool = false
    public var cpuSet: Bool = false
    public var pidsLimit: Bool = false
    public var ipv4Forwarding: Bool = false
    /// Up to API version 1.49.
    public var bridgeNfIptables: Bool?
    public var bridgeNfIp6tables: Bool?
    public var debug: Bool = false
    public var fileDescriptors: Int = 0
    public var oomKillDisable: Bool = false
    public var goroutines: Int = 0
    public var systemTime: String = ""
    public var loggingDriver: String = ""
    public var cgroupDriver: String = ""
    public var cgroupVersion: String = ""
    public var eventListeners: Int = 0
    public var kernelVersion: String = ""
    public var operatingSystem: String = ""
    public var osVersion: String = ""
    public var osType: String = ""
    public var architecture: String = ""
    public var indexServerAddress: String = ""
    public var registryConfig: RegistryConfig = RegistryConfig()
    @NullIfNil public var genericResources: [String]?
    public var dataRoot: String = ""
    public var httpProxy: String = ""
    public var httpsProxy: String = ""
    public var noProxy: String = ""
    public var labels: [String] = []
    public var experimentalBuild: Bool = false
    public var serverVersion: String = ""
    public var runtimes: OrderedMap<Runtime> = [:]
    public var defaultRuntime: String = ""
    public var containerdCommit: Commit = Commit()
    public var runcCommit: Commit = Commit()
    public var initCommit: Commit = Commit()
    public var cdiSpecDirs: [String] = []
    public var swarm: Swarm = Swarm()
    public var liveRestoreEnabled: Bool = false
    public var isolation: String = ""
    public var initBinary: String = ""
    public var securityOptions: [String] = []
    /// From API version 1.49.
    public var firewallBackend: FirewallBackend?
    @NullIfNil public var warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case containers = "Containers"
        case containersRunning = "ContainersRunning"
        case containersPaused = "ContainersPaused"
        case containersStopped = "ContainersStopped"
        case images = "Images"
        case driver = "Driver"
        case driverStatus = "DriverStatus"
        case plugins = "Plugins"
        case name = "Name"
        case processors = "NCPU"
        case memory = "MemTotal"
        case memoryLimit = "MemoryLimit"
        case swapLimit = "SwapLimit"
        case cpuCFSPeriod = "CpuCfsPeriod"
        case cpuCFSQuota = "CpuCfsQuota"
        case cpuShares = "CPUShares"
        case cpuSet = "CPUSet"
        case pidsLimit = "PidsLimit"
        case ipv4Forwarding = "IPv4Forwarding"
        case bridgeNfIptables = "BridgeNfIptables"
        case bridgeNfIp6tables = "BridgeNfIp6tables"
        case debug = "Debug"
        case fileDescriptors = "NFd"
        case oomKillDisable = "OomKillDisable"
        case goroutines = "NGoroutines"
        case systemTime = "SystemTime"
        case loggingDriver = "LoggingDriver"
        case cgroupDriver = "CgroupDriver"
        case cgroupVersion = "CgroupVersion"
        case eventListeners = "NEventsListener"
        case kernelVersion = "KernelVersion"
        case operatingSystem = "OperatingSystem"
        case osVersion = "OSVersion"
        case osType = "OSType"
        case architecture = "Architecture"
        case indexServerAddress = "IndexServerAddress"
        case registryConfig = "RegistryConfig"
        case genericResources = "GenericResources"
        case dataRoot = "DockerRootDir"
        case httpProxy = "HttpProxy"
        case httpsProxy = "HttpsProxy"
        case noProxy = "NoProxy"
        case labels = "Labels"
        case experimentalBuild = "ExperimentalBuild"
        case serverVersion = "ServerVersion"
        case runtimes = "Runtimes"
        case defaultRuntime = "DefaultRuntime"
        case containerdCommit = "ContainerdCommit"
        case runcCommit = "RuncCommit"
        case initCommit = "InitCommit"
        case cdiSpecDirs = "CDISpecDirs"
        case swarm = "Swarm"
        case liveRestoreEnabled = "LiveRestoreEnabled"
        case isolation = "Isolation"
        case initBinary = "InitBinary"
        case securityOptions = "SecurityOptions"
        case firewallBackend = "FirewallBackend"
        case warnings = "Warnings"
    }

    public init() {}

    /// What writes the packet rules.
    public struct FirewallBackend: Codable, Sendable, Equatable {
        public var driver: String
        enum CodingKeys: String, CodingKey { case driver = "Driver" }
        public init(driver: String) { self.driver = driver }
    }

    public struct Plugins: Codable, Sendable, Equatable {
        public var volume: [String] = []
        public var network: [String] = []
        @NullIfNil public var authorization: [String]?
        public var log: [String] = []

        enum CodingKeys: String, CodingKey {
            case volume = "Volume"
            case network = "Network"
            case authorization = "Authorization"
            case log = "Log"
        }

        public init() {}
    }

    public struct RegistryConfig: Codable, Sendable, Equatable {
        public var indexConfigs: OrderedMap<Index> = [:]
        public var insecureRegistryCIDRs: [String] = []
        @NullIfNil public var mirrors: [String]?

        enum CodingKeys: String, CodingKey {
            case indexConfigs = "IndexConfigs"
            case insecureRegistryCIDRs = "InsecureRegistryCIDRs"
            case mirrors = "Mirrors"
        }

        public init() {}

        public struct Index: Codable, Sendable, Equatable {
            public var mirrors: [String] = []
            public var name = ""
            public var official = false
            public var secure = false

            enum CodingKeys: String, CodingKey {
                case mirrors = "Mirrors"
                case name = "Name"
                case official = "Official"
                case secure = "Secure"
            }

            public init() {}
        }
    }

    public struct Runtime: Codable, Sendable, Equatable {
        public var path: String
        public init(path: String) { self.path = path }
    }

    public struct Commit: Codable, Sendable, Equatable {
        public var id = ""
        public var expected = ""

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case expected = "Expected"
        }

        public init() {}
    }

    /// This engine is never part of a swarm.
    public struct Swarm: Codable, Sendable, Equatable {
        public var nodeID = ""
        public var nodeAddress = ""
        public var localNodeState = "inactive"
        public var controlAvailable = false
        public var error = ""
        @NullIfNil public var remoteManagers: [String]?

        enum CodingKeys: String, CodingKey {
            case nodeID = "NodeID"
            case nodeAddress = "NodeAddr"
            case localNodeState = "LocalNodeState"
            case controlAvailable = "ControlAvailable"
            case error = "Error"
            case remoteManagers = "RemoteManagers"
        }

        public init() {}
    }

    /// As a client of this API version (major * 1000 + minor) knows it.
    public func adapted(toVersion version: Int) -> SystemInfo {
        var adapted = self
        if version < 1050 { (adapted.bridgeNfIptables, adapted.bridgeNfIp6tables) = (false, false) }
        if version < 1049 { adapted.firewallBackend = nil }
        return adapted
    }
}
