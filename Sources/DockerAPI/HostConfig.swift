import EngineModel

/// The configuration of a container that depends on the host.
public struct HostConfig: Codable, Sendable, Equatable {
    /// `SOURCE:TARGET[:OPTIONS]`.
    @NullIfNil public var binds: [String]?
    public var containerIDFile: String?
    public var logConfig: LogConfig?
    public var networkMode: String?
    @NullIfNil public var portBindings: OrderedMap<[HostPort]?>?
    public var restartPolicy: RestartPolicy?
    public var autoRemove: Bool?
    public var volumeDriver: String?
    @NullIfNil public var volumesFrom: [String]?
    /// Rows and columns.
    @NullIfNil public var consoleSize: [UInt16]?
    public var annotations: [String: String]?
    @NullIfNil public var addedCapabilities: [String]?
    @NullIfNil public var droppedCapabilities: [String]?
    public var cgroupNamespaceMode: String?
    @NullIfNil public var dns: [String]?
    @NullIfNil public var dnsOptions: [String]?
    @NullIfNil public var dnsSearch: [String]?
    @NullIfNil public var extraHosts: [String]?
    @NullIfNil public var additionalGroups: [String]?
    public var ipcMode: String?
    public var cgroup: String?
    @NullIfNil public var links: [String]?
    public var oomScoreAdjustment: Int64?
    public var pidMode: String?
    public var privileged: Bool?
    public var publishAllPorts: Bool?
    public var readOnlyRootFilesystem: Bool?
    @NullIfNil public var securityOptions: [String]?
    public var storageOptions: [String: String]?
    public var tmpfs: OrderedMap<String>?
    public var utsMode: String?
    public var userNamespaceMode: String?
    /// Bytes.
    public var shmSize: Int64?
    public var sysctls: [String: String]?
    public var runtime: String?
    public var isolation: String?
    public var cpuShares: Int64?
    /// Bytes.
    public var memory: Int64?
    public var nanoCPUs: Int64?
    public var cgroupParent: String?
    public var blkioWeight: Int64?
    @NullIfNil public var blkioWeightDevice: [WeightDevice]?
    @NullIfNil public var blkioDeviceReadBps: [ThrottleDevice]?
    @NullIfNil public var blkioDeviceWriteBps: [ThrottleDevice]?
    @NullIfNil public var blkioDeviceReadIOps: [ThrottleDevice]?
    @NullIfNil public var blkioDeviceWriteIOps: [ThrottleDevice]?
    /// Microseconds.
    public var cpuPeriod: Int64?
    public var cpuQuota: Int64?
    public var cpuRealtimePeriod: Int64?
    public var cpuRealtimeRuntime: Int64?
    public var cpusetCPUs: String?
    public var cpusetMems: String?
    @NullIfNil public var devices: [DeviceMapping]?
    @NullIfNil public var deviceCgroupRules: [String]?
    @NullIfNil public var deviceRequests: [DeviceRequest]?
    public var memoryReservation: Int64?
    public var memorySwap: Int64?
    @NullIfNil public var memorySwappiness: Int64?
    public var oomKillDisable: Bool?
    @NullIfNil public var pidsLimit: Int64?
    @NullIfNil public var ulimits: [Ulimit]?
    public var cpuCount: Int64?
    public var cpuPercent: Int64?
    public var ioMaximumIOps: Int64?
    public var ioMaximumBandwidth: Int64?
    public var mounts: [Mount]?
    @NullIfNil public var maskedPaths: [String]?
    @NullIfNil public var readOnlyPaths: [String]?
    public var isUnderInit: Bool?

    enum CodingKeys: String, CodingKey {
        case binds = "Binds"
        case containerIDFile = "ContainerIDFile"
        case logConfig = "LogConfig"
        case networkMode = "NetworkMode"
        case portBindings = "PortBindings"
        case restartPolicy = "RestartPolicy"
        case autoRemove = "AutoRemove"
        case volumeDriver = "VolumeDriver"
        case volumesFrom = "VolumesFrom"
        case consoleSize = "ConsoleSize"
        case annotations = "Annotations"
        case addedCapabilities = "CapAdd"
        case droppedCapabilities = "CapDrop"
        case cgroupNamespaceMode = "CgroupnsMode"
        case dns = "Dns"
        case dnsOptions = "DnsOptions"
        case dnsSearch = "DnsSearch"
        case extraHosts = "ExtraHosts"
        case additionalGroups = "GroupAdd"
        case ipcMode = "IpcMode"
        case cgroup = "Cgroup"
        case links = "Links"
        case oomScoreAdjustment = "OomScoreAdj"
        case pidMode = "PidMode"
        case privileged = "Privileged"
        case publishAllPorts = "PublishAllPorts"
        case readOnlyRootFilesystem = "ReadonlyRootfs"
        case securityOptions = "SecurityOpt"
        case storageOptions = "StorageOpt"
        case tmpfs = "Tmpfs"
        case utsMode = "UTSMode"
        case userNamespaceMode = "UsernsMode"
        case shmSize = "ShmSize"
        case sysctls = "Sysctls"
        case runtime = "Runtime"
        case isolation = "Isolation"
        case cpuShares = "CpuShares"
        case memory = "Memory"
        case nanoCPUs = "NanoCpus"
        case cgroupParent = "CgroupParent"
        case blkioWeight = "BlkioWeight"
        case blkioWeightDevice = "BlkioWeightDevice"
        case blkioDeviceReadBps = "BlkioDeviceReadBps"
        case blkioDeviceWriteBps = "BlkioDeviceWriteBps"
        case blkioDeviceReadIOps = "BlkioDeviceReadIOps"
        case blkioDeviceWriteIOps = "BlkioDeviceWriteIOps"
        case cpuPeriod = "CpuPeriod"
        case cpuQuota = "CpuQuota"
        case cpuRealtimePeriod = "CpuRealtimePeriod"
        case cpuRealtimeRuntime = "CpuRealtimeRuntime"
        case cpusetCPUs = "CpusetCpus"
        case cpusetMems = "CpusetMems"
        case devices = "Devices"
        case deviceCgroupRules = "DeviceCgroupRules"
        case deviceRequests = "DeviceRequests"
        case memoryReservation = "MemoryReservation"
        case memorySwap = "MemorySwap"
        case memorySwappiness = "MemorySwappiness"
        case oomKillDisable = "OomKillDisable"
        case pidsLimit = "PidsLimit"
        case ulimits = "Ulimits"
        case cpuCount = "CpuCount"
        case cpuPercent = "CpuPercent"
        case ioMaximumIOps = "IOMaximumIOps"
        case ioMaximumBandwidth = "IOMaximumBandwidth"
        case mounts = "Mounts"
        case maskedPaths = "MaskedPaths"
        case readOnlyPaths = "ReadonlyPaths"
        case isUnderInit = "Init"
    }

    public init() {}
}

/// An address and a port of the host.
public struct HostPort: Codable, Sendable, Equatable {
    public var address: String?
    public var port: String?

    enum CodingKeys: String, CodingKey {
        case address = "HostIp"
        case port = "HostPort"
    }

    public init() {}
}

/// The log driver of a container and its options.
public struct LogConfig: Codable, Sendable, Equatable {
    public var type: String?
    public var config: [String: String]?

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case config = "Config"
    }

    public init() {}
}

/// An entry of `HostConfig.Mounts`.
public struct Mount: Codable, Sendable, Equatable {
    public var type: String?
    public var source: String?
    public var target: String?
    public var readOnly: Bool?
    public var consistency: String?
    public var bindOptions: BindOptions?
    public var volumeOptions: VolumeOptions?
    public var imageOptions: ImageOptions?
    public var tmpfsOptions: TmpfsOptions?

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case source = "Source"
        case target = "Target"
        case readOnly = "ReadOnly"
        case consistency = "Consistency"
        case bindOptions = "BindOptions"
        case volumeOptions = "VolumeOptions"
        case imageOptions = "ImageOptions"
        case tmpfsOptions = "TmpfsOptions"
    }

    public init() {}
}

/// Options of a bind mount.
public struct BindOptions: Codable, Sendable, Equatable {
    public var propagation: String?
    public var nonRecursive: Bool?
    public var createMountpoint: Bool?
    public var readOnlyNonRecursive: Bool?
    public var readOnlyForceRecursive: Bool?

    enum CodingKeys: String, CodingKey {
        case propagation = "Propagation"
        case nonRecursive = "NonRecursive"
        case createMountpoint = "CreateMountpoint"
        case readOnlyNonRecursive = "ReadOnlyNonRecursive"
        case readOnlyForceRecursive = "ReadOnlyForceRecursive"
    }

    public init() {}
}

/// Options of a volume mount.
public struct VolumeOptions: Codable, Sendable, Equatable {
    public var noCopy: Bool?
    public var labels: [String: String]?
    public var subpath: String?
    public var driverConfig: DriverConfig?

    enum CodingKeys: String, CodingKey {
        case noCopy = "NoCopy"
        case labels = "Labels"
        case subpath = "Subpath"
        case driverConfig = "DriverConfig"
    }

    public init() {}
}

/// The driver of a volume that is created for a mount.
public struct DriverConfig: Codable, Sendable, Equatable {
    public var name: String?
    public var options: [String: String]?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case options = "Options"
    }

    public init() {}
}

/// Options of an image mount.
public struct ImageOptions: Codable, Sendable, Equatable {
    public var subpath: String?

    enum CodingKeys: String, CodingKey {
        case subpath = "Subpath"
    }

    public init() {}
}

/// Options of a tmpfs.
public struct TmpfsOptions: Codable, Sendable, Equatable {
    public var sizeBytes: Int64?
    public var mode: Int64?
    /// Flags and pairs: `[["noexec"], ["uid", "1000"]]`.
    public var options: [[String]]?

    enum CodingKeys: String, CodingKey {
        case sizeBytes = "SizeBytes"
        case mode = "Mode"
        case options = "Options"
    }

    public init() {}
}

/// A device of the host in a container.
public struct DeviceMapping: Codable, Sendable, Equatable {
    public var pathOnHost: String?
    public var pathInContainer: String?
    public var cgroupPermissions: String?

    enum CodingKeys: String, CodingKey {
        case pathOnHost = "PathOnHost"
        case pathInContainer = "PathInContainer"
        case cgroupPermissions = "CgroupPermissions"
    }

    public init() {}
}

/// A request for devices from a driver, such as GPUs.
public struct DeviceRequest: Codable, Sendable, Equatable {
    public var driver: String?
    public var count: Int64?
    public var deviceIDs: [String]?
    public var capabilities: [[String]]?
    public var options: [String: String]?

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case count = "Count"
        case deviceIDs = "DeviceIDs"
        case capabilities = "Capabilities"
        case options = "Options"
    }

    public init() {}
}

/// A resource limit of a process (setrlimit(2)); -1 is unlimited.
public struct Ulimit: Codable, Sendable, Equatable {
    public var name: String?
    public var hard: Int64?
    public var soft: Int64?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case hard = "Hard"
        case soft = "Soft"
    }

    public init() {}
}

/// A rate limit of a block device, in bytes or operations per second.
public struct ThrottleDevice: Codable, Sendable, Equatable {
    public var path: String?
    public var rate: Int64?

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case rate = "Rate"
    }

    public init() {}
}

/// The relative weight of a block device.
public struct WeightDevice: Codable, Sendable, Equatable {
    public var path: String?
    public var weight: Int64?

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case weight = "Weight"
    }

    public init() {}
}
