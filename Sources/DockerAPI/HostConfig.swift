import EngineModel

/// The configuration of a container that depends on the host.
package struct HostConfig: Codable, Sendable, Equatable {
    /// `SOURCE:TARGET[:OPTIONS]`.
    @NullIfNil package var binds: [String]?
    package var containerIDFile: String?
    package var logConfig: LogConfig?
    package var networkMode: String?
    @NullIfNil package var portBindings: OrderedMap<[HostPort]?>?
    package var restartPolicy: RestartPolicy?
    package var autoRemove: Bool?
    package var volumeDriver: String?
    @NullIfNil package var volumesFrom: [String]?
    /// Rows and columns.
    @NullIfNil package var consoleSize: [UInt16]?
    package var annotations: [String: String]?
    @NullIfNil package var addedCapabilities: [String]?
    @NullIfNil package var droppedCapabilities: [String]?
    package var cgroupNamespaceMode: String?
    @NullIfNil package var dns: [String]?
    @NullIfNil package var dnsOptions: [String]?
    @NullIfNil package var dnsSearch: [String]?
    @NullIfNil package var extraHosts: [String]?
    @NullIfNil package var additionalGroups: [String]?
    package var ipcMode: String?
    package var cgroup: String?
    @NullIfNil package var links: [String]?
    package var oomScoreAdjustment: Int64?
    package var pidMode: String?
    package var privileged: Bool?
    package var publishAllPorts: Bool?
    package var readOnlyRootFilesystem: Bool?
    @NullIfNil package var securityOptions: [String]?
    package var storageOptions: [String: String]?
    package var tmpfs: OrderedMap<String>?
    package var utsMode: String?
    package var userNamespaceMode: String?
    /// Bytes.
    package var shmSize: Int64?
    package var sysctls: [String: String]?
    package var runtime: String?
    package var isolation: String?
    package var cpuShares: Int64?
    /// Bytes.
    package var memory: Int64?
    package var nanoCPUs: Int64?
    package var cgroupParent: String?
    package var blkioWeight: Int64?
    @NullIfNil package var blkioWeightDevice: [WeightDevice]?
    @NullIfNil package var blkioDeviceReadBps: [ThrottleDevice]?
    @NullIfNil package var blkioDeviceWriteBps: [ThrottleDevice]?
    @NullIfNil package var blkioDeviceReadIOps: [ThrottleDevice]?
    @NullIfNil package var blkioDeviceWriteIOps: [ThrottleDevice]?
    /// Microseconds.
    package var cpuPeriod: Int64?
    package var cpuQuota: Int64?
    package var cpuRealtimePeriod: Int64?
    package var cpuRealtimeRuntime: Int64?
    package var cpusetCPUs: String?
    package var cpusetMems: String?
    @NullIfNil package var devices: [DeviceMapping]?
    @NullIfNil package var deviceCgroupRules: [String]?
    @NullIfNil package var deviceRequests: [DeviceRequest]?
    package var memoryReservation: Int64?
    package var memorySwap: Int64?
    @NullIfNil package var memorySwappiness: Int64?
    package var oomKillDisable: Bool?
    @NullIfNil package var pidsLimit: Int64?
    @NullIfNil package var ulimits: [Ulimit]?
    package var cpuCount: Int64?
    package var cpuPercent: Int64?
    package var ioMaximumIOps: Int64?
    package var ioMaximumBandwidth: Int64?
    package var mounts: [Mount]?
    @NullIfNil package var maskedPaths: [String]?
    @NullIfNil package var readOnlyPaths: [String]?
    package var isUnderInit: Bool?

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

    package init() {}
}

/// An address and a port of the host.
package struct HostPort: Codable, Sendable, Equatable {
    package var address: String?
    package var port: String?

    enum CodingKeys: String, CodingKey {
        case address = "HostIp"
        case port = "HostPort"
    }

    package init() {}
}

/// The log driver of a container and its options.
package struct LogConfig: Codable, Sendable, Equatable {
    package var type: String?
    package var config: [String: String]?

    enum CodingKeys: String, CodingKey {
        case type = "Type"
        case config = "Config"
    }

    package init() {}
}

/// An entry of `HostConfig.Mounts`.
package struct Mount: Codable, Sendable, Equatable {
    package var type: String?
    package var source: String?
    package var target: String?
    package var readOnly: Bool?
    package var consistency: String?
    package var bindOptions: BindOptions?
    package var volumeOptions: VolumeOptions?
    package var imageOptions: ImageOptions?
    package var tmpfsOptions: TmpfsOptions?

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

    package init() {}
}

/// Options of a bind mount.
package struct BindOptions: Codable, Sendable, Equatable {
    package var propagation: String?
    package var nonRecursive: Bool?
    package var createMountpoint: Bool?
    package var readOnlyNonRecursive: Bool?
    package var readOnlyForceRecursive: Bool?

    enum CodingKeys: String, CodingKey {
        case propagation = "Propagation"
        case nonRecursive = "NonRecursive"
        case createMountpoint = "CreateMountpoint"
        case readOnlyNonRecursive = "ReadOnlyNonRecursive"
        case readOnlyForceRecursive = "ReadOnlyForceRecursive"
    }

    package init() {}
}

/// Options of a volume mount.
package struct VolumeOptions: Codable, Sendable, Equatable {
    package var noCopy: Bool?
    package var labels: [String: String]?
    package var subpath: String?
    package var driverConfig: DriverConfig?

    enum CodingKeys: String, CodingKey {
        case noCopy = "NoCopy"
        case labels = "Labels"
        case subpath = "Subpath"
        case driverConfig = "DriverConfig"
    }

    package init() {}
}

/// The driver of a volume that is created for a mount.
package struct DriverConfig: Codable, Sendable, Equatable {
    package var name: String?
    package var options: [String: String]?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case options = "Options"
    }

    package init() {}
}

/// Options of an image mount.
package struct ImageOptions: Codable, Sendable, Equatable {
    package var subpath: String?

    enum CodingKeys: String, CodingKey {
        case subpath = "Subpath"
    }

    package init() {}
}

/// Options of a tmpfs.
package struct TmpfsOptions: Codable, Sendable, Equatable {
    package var sizeBytes: Int64?
    package var mode: Int64?
    /// Flags and pairs: `[["noexec"], ["uid", "1000"]]`.
    package var options: [[String]]?

    enum CodingKeys: String, CodingKey {
        case sizeBytes = "SizeBytes"
        case mode = "Mode"
        case options = "Options"
    }

    package init() {}
}

/// A device of the host in a container.
package struct DeviceMapping: Codable, Sendable, Equatable {
    package var pathOnHost: String?
    package var pathInContainer: String?
    package var cgroupPermissions: String?

    enum CodingKeys: String, CodingKey {
        case pathOnHost = "PathOnHost"
        case pathInContainer = "PathInContainer"
        case cgroupPermissions = "CgroupPermissions"
    }

    package init() {}
}

/// A request for devices from a driver, such as GPUs.
package struct DeviceRequest: Codable, Sendable, Equatable {
    package var driver: String?
    package var count: Int64?
    package var deviceIDs: [String]?
    package var capabilities: [[String]]?
    package var options: [String: String]?

    enum CodingKeys: String, CodingKey {
        case driver = "Driver"
        case count = "Count"
        case deviceIDs = "DeviceIDs"
        case capabilities = "Capabilities"
        case options = "Options"
    }

    package init() {}
}

/// A resource limit of a process (setrlimit(2)); -1 is unlimited.
package struct Ulimit: Codable, Sendable, Equatable {
    package var name: String?
    package var hard: Int64?
    package var soft: Int64?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case hard = "Hard"
        case soft = "Soft"
    }

    package init() {}
}

/// A rate limit of a block device, in bytes or operations per second.
package struct ThrottleDevice: Codable, Sendable, Equatable {
    package var path: String?
    package var rate: Int64?

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case rate = "Rate"
    }

    package init() {}
}

/// The relative weight of a block device.
package struct WeightDevice: Codable, Sendable, Equatable {
    package var path: String?
    package var weight: Int64?

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case weight = "Weight"
    }

    package init() {}
}
