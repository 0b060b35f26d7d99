import EngineModel

/// A service: the attributes of its canonical form (Compose Specification, "Services top-level element").
package struct Service: Decodable, Sendable, Equatable {
    @Attribute package var annotations: [String: String]?
    @Attribute package var attach: Bool?
    package var blockIO: BlockIOConfig?
    package var build: Build?
    @Attribute package var addedCapabilities: [String]?
    @Attribute package var droppedCapabilities: [String]?
    @Attribute package var cgroup: String?
    @Attribute package var cgroupParent: String?
    @Attribute package var command: [String]?
    package var configs: [FileReference]?
    @Attribute package var containerName: String?
    @Attribute package var cpuCount: JSON?
    @Attribute package var cpuPercent: JSON?
    @Attribute package var cpuPeriod: Int64?
    @Attribute package var cpuQuota: Int64?
    @Attribute package var cpuRealtimePeriod: JSON?
    @Attribute package var cpuRealtimeRuntime: JSON?
    @Attribute package var cpuShares: Int64?
    @Attribute package var cpus: Double?
    @Attribute package var cpuset: String?
    @Attribute package var credentialSpec: JSON?
    package var dependsOn: OrderedMap<Dependency>?
    package var deploy: Deploy?
    package var develop: Develop?
    @Attribute package var deviceCgroupRules: [String]?
    package var devices: [ServiceDevice]?
    @Attribute package var dns: [String]?
    @Attribute package var dnsOptions: [String]?
    @Attribute package var dnsSearch: [String]?
    @Attribute package var domainname: String?
    @Attribute package var entrypoint: [String]?
    /// A variable without a value removes that of the image.
    package var environment: OrderedMap<String?>?
    @Attribute package var expose: [String]?
    @Attribute package var externalLinks: [String]?
    @Attribute package var extraHosts: [String]?
    package var gpus: [DeviceReservation]?
    @Attribute package var groups: [String]?
    package var healthcheck: Healthcheck?
    @Attribute package var hostname: String?
    @Attribute package var image: String?
    @Attribute package var isUnderInit: Bool?
    @Attribute package var ipc: String?
    @Attribute package var isolation: JSON?
    @Attribute package var labels: [String: String]?
    @Attribute package var links: [String]?
    package var logging: LoggingConfig?
    @Attribute package var macAddress: String?
    /// Bytes, like all sizes.
    @Attribute package var memoryLimit: Int64?
    @Attribute package var memoryReservation: Int64?
    @Attribute package var memorySwapLimit: Int64?
    @Attribute package var memorySwappiness: Int64?
    @Attribute package var models: JSON?
    @Attribute package var networkMode: String?
    package var networks: OrderedMap<ServiceNetwork?>?
    @Attribute package var oomKillDisable: Bool?
    @Attribute package var oomScoreAdjustment: Int64?
    @Attribute package var pid: String?
    @Attribute package var pidsLimit: Int64?
    @Attribute package var platform: String?
    package var ports: [ServicePort]?
    package var postStart: [Hook]?
    package var preStart: [Hook]?
    package var preStop: [Hook]?
    @Attribute package var privileged: Bool?
    @Attribute package var provider: JSON?
    @Attribute package var pullPolicy: String?
    @Attribute package var readOnly: Bool?
    @Attribute package var restart: String?
    @Attribute package var runtime: String?
    @Attribute package var scale: Int64?
    package var secrets: [FileReference]?
    @Attribute package var securityOptions: [String]?
    @Attribute package var sharedMemorySize: Int64?
    @Attribute package var stdinOpen: Bool?
    @Attribute package var stopGracePeriod: String?
    @Attribute package var stopSignal: String?
    @Attribute package var storageOptions: JSON?
    @Attribute package var sysctls: [String: String]?
    @Attribute package var tmpfs: [String]?
    @Attribute package var tty: Bool?
    package var ulimits: OrderedMap<UlimitValue>?
    @Attribute package var useAPISocket: Bool?
    @Attribute package var user: String?
    @Attribute package var userNamespaceMode: String?
    @Attribute package var uts: String?
    package var volumes: [ServiceVolume]?
    @Attribute package var volumesFrom: [String]?
    @Attribute package var workingDirectory: String?

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

    package init() {}
}

/// An entry of `depends_on`.
package struct Dependency: Decodable, Sendable, Equatable {
    @Attribute package var condition: String?
    @Attribute package var restart: Bool?
    @Attribute package var required: Bool?

    package init() {}
}

/// A health check. Times are durations.
package struct Healthcheck: Decodable, Sendable, Equatable {
    @Attribute package var test: [String]?
    @Attribute package var interval: String?
    @Attribute package var timeout: String?
    @Attribute package var startPeriod: String?
    @Attribute package var startInterval: String?
    @Attribute package var retries: Int64?
    @Attribute package var disable: Bool?

    enum CodingKeys: String, CodingKey {
        case test, interval, timeout, retries, disable
        case startPeriod = "start_period"
        case startInterval = "start_interval"
    }

    package init() {}
}

/// The log driver of a service.
package struct LoggingConfig: Decodable, Sendable, Equatable {
    @Attribute package var driver: String?
    @Attribute package var options: [String: String]?

    package init() {}
}

/// A command that runs in a container at a point of its life; those of `pre_start` run in a container of their own.
package struct Hook: Decodable, Sendable, Equatable {
    @Attribute package var command: [String]?
    @Attribute package var user: String?
    @Attribute package var privileged: Bool?
    @Attribute package var workingDirectory: String?
    package var environment: OrderedMap<String?>?
    @Attribute package var image: String?
    @Attribute package var perReplica: Bool?

    enum CodingKeys: String, CodingKey {
        case command, user, privileged, environment, image
        case workingDirectory = "working_dir"
        case perReplica = "per_replica"
    }

    package init() {}
}

/// `blkio_config`.
package struct BlockIOConfig: Decodable, Sendable, Equatable {
    @Attribute package var weight: Int64?
    package var weightDevice: [BlockDeviceLimit]?
    package var readBps: [BlockDeviceLimit]?
    package var writeBps: [BlockDeviceLimit]?
    package var readIOps: [BlockDeviceLimit]?
    package var writeIOps: [BlockDeviceLimit]?

    enum CodingKeys: String, CodingKey {
        case weight
        case weightDevice = "weight_device"
        case readBps = "device_read_bps"
        case writeBps = "device_write_bps"
        case readIOps = "device_read_iops"
        case writeIOps = "device_write_iops"
    }

    package init() {}
}

/// The weight or the rate of a block device.
package struct BlockDeviceLimit: Decodable, Sendable, Equatable {
    @Attribute package var path: String?
    @Attribute package var rate: Int64?
    @Attribute package var weight: Int64?

    package init() {}
}

/// A limit of `ulimits`: one number, or two.
package struct UlimitValue: Decodable, Sendable, Equatable {
    package var soft: Int64
    package var hard: Int64

    package init(from decoder: any Decoder) throws {
        let json = try JSON(from: decoder)
        soft = json.int ?? json["soft"].int ?? 0
        hard = json.int ?? json["hard"].int ?? 0
    }
}
