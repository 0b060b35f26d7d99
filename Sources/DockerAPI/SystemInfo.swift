import EngineModel

/// The answer of `GET /info`.
package struct SystemInfo: Codable, Sendable, Equatable {
    package var id: String = ""
    package var containers: Int = 0
    package var containersRunning: Int = 0
    package var containersPaused: Int = 0
    package var containersStopped: Int = 0
    package var images: Int = 0
    package var driver: String = ""
    package var driverStatus: [[String]] = []
    package var plugins: Plugins = Plugins()
    package var name: String = ""
    package var processors: Int = 0
    /// Bytes.
    package var memory: Int64 = 0
    package var memoryLimit: Bool = false
    package var swapLimit: Bool = false
    package var cpuCFSPeriod: Bool = false
    package var cpuCFSQuota: Bool = false
    package var cpuShares: Bool = false
    package var cpuSet: Bool = false
    package var pidsLimit: Bool = false
    package var ipv4Forwarding: Bool = false
    /// Up to API version 1.49.
    package var bridgeNfIptables: Bool?
    package var bridgeNfIp6tables: Bool?
    package var debug: Bool = false
    package var fileDescriptors: Int = 0
    package var oomKillDisable: Bool = false
    package var goroutines: Int = 0
    package var systemTime: String = ""
    package var loggingDriver: String = ""
    package var cgroupDriver: String = ""
    package var cgroupVersion: String = ""
    package var eventListeners: Int = 0
    package var kernelVersion: String = ""
    package var operatingSystem: String = ""
    package var osVersion: String = ""
    package var osType: String = ""
    package var architecture: String = ""
    package var indexServerAddress: String = ""
    package var registryConfig: RegistryConfig = RegistryConfig()
    @NullIfNil package var genericResources: [String]?
    package var dataRoot: String = ""
    package var httpProxy: String = ""
    package var httpsProxy: String = ""
    package var noProxy: String = ""
    package var labels: [String] = []
    package var experimentalBuild: Bool = false
    package var serverVersion: String = ""
    package var runtimes: OrderedMap<Runtime> = [:]
    package var defaultRuntime: String = ""
    package var containerdCommit: Commit = Commit()
    package var runcCommit: Commit = Commit()
    package var initCommit: Commit = Commit()
    package var cdiSpecDirs: [String] = []
    package var swarm: Swarm = Swarm()
    package var liveRestoreEnabled: Bool = false
    package var isolation: String = ""
    package var initBinary: String = ""
    package var securityOptions: [String] = []
    /// From API version 1.49.
    package var firewallBackend: FirewallBackend?
    @NullIfNil package var warnings: [String]?

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

    package init() {}

    /// What writes the packet rules.
    package struct FirewallBackend: Codable, Sendable, Equatable {
        package var driver: String
        enum CodingKeys: String, CodingKey { case driver = "Driver" }
        package init(driver: String) { self.driver = driver }
    }

    package struct Plugins: Codable, Sendable, Equatable {
        package var volume: [String] = []
        package var network: [String] = []
        @NullIfNil package var authorization: [String]?
        package var log: [String] = []

        enum CodingKeys: String, CodingKey {
            case volume = "Volume"
            case network = "Network"
            case authorization = "Authorization"
            case log = "Log"
        }

        package init() {}
    }

    package struct RegistryConfig: Codable, Sendable, Equatable {
        package var indexConfigs: OrderedMap<Index> = [:]
        package var insecureRegistryCIDRs: [String] = []
        @NullIfNil package var mirrors: [String]?

        enum CodingKeys: String, CodingKey {
            case indexConfigs = "IndexConfigs"
            case insecureRegistryCIDRs = "InsecureRegistryCIDRs"
            case mirrors = "Mirrors"
        }

        package init() {}

        package struct Index: Codable, Sendable, Equatable {
            package var mirrors: [String] = []
            package var name = ""
            package var official = false
            package var secure = false

            enum CodingKeys: String, CodingKey {
                case mirrors = "Mirrors"
                case name = "Name"
                case official = "Official"
                case secure = "Secure"
            }

            package init() {}
        }
    }

    package struct Runtime: Codable, Sendable, Equatable {
        package var path: String
        package init(path: String) { self.path = path }
    }

    package struct Commit: Codable, Sendable, Equatable {
        package var id = ""
        package var expected = ""

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case expected = "Expected"
        }

        package init() {}
    }

    /// This engine is never part of a swarm.
    package struct Swarm: Codable, Sendable, Equatable {
        package var nodeID = ""
        package var nodeAddress = ""
        package var localNodeState = "inactive"
        package var controlAvailable = false
        package var error = ""
        @NullIfNil package var remoteManagers: [String]?

        enum CodingKeys: String, CodingKey {
            case nodeID = "NodeID"
            case nodeAddress = "NodeAddr"
            case localNodeState = "LocalNodeState"
            case controlAvailable = "ControlAvailable"
            case error = "Error"
            case remoteManagers = "RemoteManagers"
        }

        package init() {}
    }

    /// As a client of this API version (major * 1000 + minor) knows it.
    package func adapted(toVersion version: Int) -> SystemInfo {
        var adapted = self
        if version < 1050 { (adapted.bridgeNfIptables, adapted.bridgeNfIp6tables) = (false, false) }
        if version < 1049 { adapted.firewallBackend = nil }
        return adapted
    }
}
