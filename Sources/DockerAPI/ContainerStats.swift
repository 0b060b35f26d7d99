import EngineModel

/// The answer of `GET /containers/{id}/stats`.
public struct ContainerStats: Codable, Sendable, Equatable {
    public var name: String = ""
    public var id: String = ""
    public var read: String = ""
    public var preread: String = ""
    public var pids: PidsStats = PidsStats()
    public var blockIO: BlockIOStats = BlockIOStats()
    public var processes: Int64 = 0
    public var storage: EmptyObject = EmptyObject()
    public var cpu: CPUStats = CPUStats()
    public var previousCPU: CPUStats = CPUStats()
    public var memory: MemoryStats = MemoryStats()
    /// Counters of each interface, such as `rx_bytes`.
    public var networks: OrderedMap<OrderedMap<UInt64>>?

    enum CodingKeys: String, CodingKey {
        case name
        case id
        case read
        case preread
        case pids = "pids_stats"
        case blockIO = "blkio_stats"
        case processes = "num_procs"
        case storage = "storage_stats"
        case cpu = "cpu_stats"
        case previousCPU = "precpu_stats"
        case memory = "memory_stats"
        case networks
    }

    public init() {}
}

/// The processes of a container.
public struct PidsStats: Codable, Sendable, Equatable {
    public var current: Int64?
    public var limit: Int64?

    public init() {}
}

/// CPU time. Times are in nanoseconds.
public struct CPUStats: Codable, Sendable, Equatable {
    public var usage: CPUUsage = CPUUsage()
    public var systemUsage: Int64?
    public var onlineCPUs: Int?
    public var throttling: ThrottlingData = ThrottlingData()

    enum CodingKeys: String, CodingKey {
        case usage = "cpu_usage"
        case systemUsage = "system_cpu_usage"
        case onlineCPUs = "online_cpus"
        case throttling = "throttling_data"
    }

    public init() {}
}

/// The CPU time of a container, in nanoseconds.
public struct CPUUsage: Codable, Sendable, Equatable {
    public var total: UInt64 = 0
    public var inKernelMode: UInt64 = 0
    public var inUserMode: UInt64 = 0
    public var perCPU: [UInt64]?

    enum CodingKeys: String, CodingKey {
        case total = "total_usage"
        case inKernelMode = "usage_in_kernelmode"
        case inUserMode = "usage_in_usermode"
        case perCPU = "percpu_usage"
    }

    public init() {}
}

/// How often the CPU quota has stopped a container.
public struct ThrottlingData: Codable, Sendable, Equatable {
    public var periods: UInt64 = 0
    public var throttledPeriods: UInt64 = 0
    public var throttledTime: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case periods
        case throttledPeriods = "throttled_periods"
        case throttledTime = "throttled_time"
    }

    public init() {}
}

/// The memory of a container, in bytes.
public struct MemoryStats: Codable, Sendable, Equatable {
    public var usage: UInt64?
    public var limit: UInt64?
    public var maximumUsage: UInt64?
    public var statistics: OrderedMap<UInt64>?

    enum CodingKeys: String, CodingKey {
        case usage
        case limit
        case maximumUsage = "max_usage"
        case statistics = "stats"
    }

    public init() {}
}

/// Transfers from and to block devices.
public struct BlockIOStats: Codable, Sendable, Equatable {
    public var serviceBytes: [BlockIOEntry] = []
    public var serviced: [BlockIOEntry] = []
    public var queue: [BlockIOEntry] = []
    public var serviceTime: [BlockIOEntry] = []
    public var waitTime: [BlockIOEntry] = []
    public var merged: [BlockIOEntry] = []
    public var time: [BlockIOEntry] = []
    public var sectors: [BlockIOEntry] = []

    enum CodingKeys: String, CodingKey {
        case serviceBytes = "io_service_bytes_recursive"
        case serviced = "io_serviced_recursive"
        case queue = "io_queue_recursive"
        case serviceTime = "io_service_time_recursive"
        case waitTime = "io_wait_time_recursive"
        case merged = "io_merged_recursive"
        case time = "io_time_recursive"
        case sectors = "sectors_recursive"
    }

    public init() {}
}

/// A counter of one device and operation.
public struct BlockIOEntry: Codable, Sendable, Equatable {
    public var major: UInt64 = 0
    public var minor: UInt64 = 0
    public var operation: String = ""
    public var value: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case major
        case minor
        case operation = "op"
        case value
    }

    public init() {}
}
