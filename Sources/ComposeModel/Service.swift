import EngineModel

/// A service: the attributes of its canonical form (Compose Specification, "Services top-level element").
public struct Service: Decodable, Sendable, Equatable {
    @Attribute public var annotations: [String: String]?
    @Attribute public var attach: Bool?
    public var blockIO: BlockIOConfig?
    public var build: Build?
    @Attribute public var addedCapabilities: [String]?
    @Attribute public var droppedCapabilities: [String]?
    @Attribute public var cgroup: String?
    @Attribute public var cgroupParent: String?
    @Attribute public var command: [String]?
    public var configs: [FileReference]?
    @Attribute public var containerName: String?
    @Attribute public var cpuCount: JSON?
    @Attribute public var cpuPercent: JSON?
    @Attribute public var cpuPeriod: Int64?
    @Attribute public var cpuQuota: Int64?
    @Attribute public var cpuRealtimePeriod: JSON?
    @Attribute public var cpuRealtimeRuntime: JSON?
    @Attribute public var cpuShares: Int64?
    @Attribute public var cpus: Double?
    @Attribute public var cpuset: String?
    @Attribute public var credentialSpec: JSON?
    public var dependsOn: OrderedMap<Dependency>?
    public var deploy: Deploy?
    public var develop: Develop?
    @Attribute public var deviceCgroupRules: [String]?
    public var devices: [ServiceDevice]?
    @Attribute public var dns: [String]?
    @Attribute public var dnsOptions: [String]?
    @Attribute public var dnsSearch: [String]?
    @Attribute public var domainname: String?
    @Attribute public var entrypoint: [String]?
    /// A variable without a value removes that of the image.
    public var environment: OrderedMap<String?>?
    @Attribute public var expose: [String]?
    @Attribute public var externalLinks: [String]?
    @Attribute public var extraHosts: [String]?
    public var gpus: [DeviceReservation]?
    @Attribute public var groups: [String]?
    public var healthcheck: Healthcheck?
    @Attribute public var hostname: String?
    @Attribute public var image: String?
    @Attribute public var isUnderInit: Bool?
    @Attribute public var ipc: String?
    @Attribute public var isolation: JSON?
    @Attribute public var labels: [String: String]?
    @Attribute public var links: [String]?
    public var logging: LoggingConfig?
    @Attribute public var macAddress: String?
    /// Bytes, like all sizes.
    @Attribute public var memoryLimit: Int64?
    @Attribute public var memoryReservation: Int64?
    @Attribute public var memorySwapLimit: Int64?
    @Attribute public var memorySwappiness: Int64?
    @Attribute public var models: JSON?
    @Attribute public var networkMode: String?
    public var networks: OrderedMap<ServiceNetwork?>?
    @Attribute public var oomKillDisable: Bool?
    @Attribute public var oomScoreAdjustment: Int64?
    @Attribute public var pid: String?
    @Attribute public var pidsLimit: Int64?
    @Attribute public var platform: String?
    public var ports: [ServicePort]?
    public var postStart: [Hook]?
    public var preStart: [Hook]?
    public var preStop: [Hook]?
    @Attribute public var privileged: Bool?
    @Attribute public var provider: JSON?
    @Attribute public var pullPolicy: String?
    @Attribute public var readOnly: Bool?
    @Attribute public var restart: String?
    @Attribute public var runtime: String?
    @Attribute public var scale: Int64?
    public var secrets: [FileReference]?
    @Attribute public var securityOptions: [String]?
    @Attribute public var sharedMemorySize: Int64?
    @Attribute public var stdinOpen: Bool?
    @Attribute public var stopGracePeriod: String?
    @Attribute public var stopSignal: String?
    @Attribute public var storageOptions: JSON?
    @Attribute public var sysctls: [String: String]?
    @Attribute public var tmpfs: [String]?
    @Attribute public var tty: Bool?
    public var ulimits: OrderedMap<UlimitValue>?
    @Attribute public var useAPISocket: Bool?
    @Attribute public var user: String?
    @Attribute public var userNamespaceMode: String?
    @Attribute public var uts: String?
    public var volumes: [ServiceVolume]?
    @Attribute public var volumesFrom: [String]?
    @Attribute public var workingDirectory: String?

    enum CodingKeys: String, CodingKey {
        case annotations, attach, build, cgroup, command, configs, cpus, cpuset, deploy, develop, devices, dns,
            domainname, entrypoint, environment, expose, gpus, healthcheck, hostname, image, ipc, isolation, labels,
            links, logging, models, networks, pid, platform, ports, privileged, provider, restart, runtime, scale,
            secrets, sysctls, tmpfs, tty, ulimits, user, uts, volumes
        case blockIO = "blkio_config"
        case addedCapabilities = "cap_add"
        case droppedCapabilities = "cap_drop"
        case cgroupParent = "cgroup_parent"
        case containerName = "container_name"
        case cpuCount = "cpu_count"
        case cpuPercent = "cpu_percent"
        case cpuPeriod = "cpu_period"
        case cpuQuota = "cpu_quota"
        case cpuRealtimePeriod = "cpu_rt_period"
        case cpuRealtimeRuntime = "cpu_rt_runtime"
        case cpuShares = "cpu_shares"
        case credentialSpec = "credential_spec"
        case dependsOn = "depends_on"
        case deviceCgroupRules = "device_cgroup_rules"
        case dnsOptions = "dns_opt"
        case dnsSearch = "dns_search"
        case externalLinks = "external_links"
        case extraHosts = "extra_hosts"
        case groups = "group_add"
        case isUnderInit = "init"
        case macAddress = "mac_address"
        case memoryLimit = "mem_limit"
        case memoryReservation = "mem_reservation"
        case memorySwapLimit = "memswap_limit"
        case memorySwappiness = "mem_swappiness"
        case networkMode = "network_mode"
        case oomKillDisable = "oom_kill_disable"
        case oomScoreAdjustment = "oom_score_adj"
        case pidsLimit = "pids_limit"
        case postStart = "post_start"
        case preStart = "pre_start"
        case preStop = "pre_stop"
        case pullPolicy = "pull_policy"
        case readOnly = "read_only"
        case securityOptions = "security_opt"
        case sharedMemorySize = "shm_size"
        case stdinOpen = "stdin_open"
        case stopGracePeriod = "stop_grace_period"
        case stopSignal = "stop_signal"
        case storageOptions = "storage_opt"
        case useAPISocket = "use_api_socket"
        case userNamespaceMode = "userns_mode"
        case volumesFrom = "volumes_from"
        case workingDirectory = "working_dir"
    }

    public init() {}
}

/// An entry of `depends_on`.
public struct Dependency: Decodable, Sendable, Equatable {
    @Attribute public var condition: String?
    @Attribute public var restart: Bool?
    @Attribute public var required: Bool?

    public init() {}
}

/// A health check. Times are durations.
public struct Healthcheck: Decodable, Sendable, Equatable {
    @Attribute public var test: [String]?
    @Attribute public var interval: String?
    @Attribute public var timeout: String?
    @Attribute public var startPeriod: String?
    @Attribute public var startInterval: String?
    @Attribute public var retries: Int64?
    @Attribute public var disable: Bool?

    enum CodingKeys: String, CodingKey {
        case test, interval, timeout, retries, disable
        case startPeriod = "start_period"
        case startInterval = "start_interval"
    }

    public init() {}
}

/// The log driver of a service.
public struct LoggingConfig: Decodable, Sendable, Equatable {
    @Attribute public var driver: String?
    @Attribute public var options: [String: String]?

    public init() {}
}

/// A command that runs in a container at a point of its life; those of `pre_start` run in a container of their own.
public struct Hook: Decodable, Sendable, Equatable {
    @Attribute public var command: [String]?
    @Attribute public var user: String?
    @Attribute public var privileged: Bool?
    @Attribute public var workingDirectory: String?
    public var environment: OrderedMap<String?>?
    @Attribute public var image: String?
    @Attribute public var perReplica: Bool?

    enum CodingKeys: String, CodingKey {
        case command, user, privileged, environment, image
        case workingDirectory = "working_dir"
        case perReplica = "per_replica"
    }

    public init() {}
}

/// `blkio_config`.
public struct BlockIOConfig: Decodable, Sendable, Equatable {
    @Attribute public var weight: Int64?
    public var weightDevice: [BlockDeviceLimit]?
    public var readBps: [BlockDeviceLimit]?
    public var writeBps: [BlockDeviceLimit]?
    public var readIOps: [BlockDeviceLimit]?
    public var writeIOps: [BlockDeviceLimit]?

    enum CodingKeys: String, CodingKey {
        case weight
        case weightDevice = "weight_device"
        case readBps = "device_read_bps"
        case writeBps = "device_write_bps"
        case readIOps = "device_read_iops"
        case writeIOps = "device_write_iops"
    }

    public init() {}
}

/// The weight or the rate of a block device.
public struct BlockDeviceLimit: Decodable, Sendable, Equatable {
    @Attribute public var path: String?
    @Attribute public var rate: Int64?
    @Attribute public var weight: Int64?

    public init() {}
}

/// A limit of `ulimits`: one number, or two.
public struct UlimitValue: Decodable, Sendable, Equatable {
    public var soft: Int64
    public var hard: Int64

    public init(from decoder: any Decoder) throws {
        let json = try JSON(from: decoder)
        soft = json.int ?? json["soft"].int ?? 0
        hard = json.int ?? json["hard"].int ?? 0
    }
}
