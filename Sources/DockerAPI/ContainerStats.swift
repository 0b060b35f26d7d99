import EngineModel

/// The answer of `GET /containers/{id}/stats`.
package struct ContainerStats: Codable, Sendable, Equatable {
    package var name: String = ""
    package var id: String = ""
    package var read: String = ""
    package var preread: String = ""
    package var pids: PidsStats = PidsStats()
    package var blockIO: BlockIOStats = BlockIOStats()
    package var processes: Int64 = 0
    package var storage: EmptyObject = EmptyObject()
    package var cpu: CPUStats = CPUStats()
    package var previousCPU: CPUStats = CPUStats()
    package var memory: MemoryStats = MemoryStats()
    /// Counters of each interface, such as `rx_bytes`.
    package var networks: OrderedMap<OrderedMap<UInt64>>?

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

    package init() {}
}

/// The processes of a container.
package struct PidsStats: Codable, Sendable, Equatable {
    package var current: Int64?
    package var limit: Int64?

    package init() {}
}

/// CPU time. Times are in nanoseconds.
package struct CPUStats: Codable, Sendable, Equatable {
    package var usage: CPUUsage = CPUUsage()
    package var systemUsage: Int64?
    package var onlineCPUs: Int?
    package var throttling: ThrottlingData = ThrottlingData()

    enum CodingKeys: String, CodingKey {
        case usage = "cpu_usage"
        case systemUsage = "system_cpu_usage"
        case onlineCPUs = "online_cpus"
        case throttling = "throttling_data"
    }

    package init() {}
}

/// The CPU time of a container, in nanoseconds.
package struct CPUUsage: Codable, Sendable, Equatable {
    package var total: UInt64 = 0
    package var inKernelMode: UInt64 = 0
    package var inUserMode: UInt64 = 0
    package var perCPU: [UInt64]?

    enum CodingKeys: String, CodingKey {
        case total = "total_usage"
        case inKernelMode = "usage_in_kernelmode"
        case inUserMode = "usage_in_usermode"
        case perCPU = "percpu_usage"
    }

    package init() {}
}

/// How often the CPU quota has stopped a container.
package struct ThrottlingData: Codable, Sendable, Equatable {
    package var periods: UInt64 = 0
    package var throttledPeriods: UInt64 = 0
    package var throttledTime: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case periods
        case throttledPeriods = "throttled_periods"
        case throttledTime = "throttled_time"
    }

    package init() {}
}

/// The memory of a container, in bytes.
package struct MemoryStats: Codable, Sendable, Equatable {
    package var usage: UInt64?
    package var limit: UInt64?
    package var maximumUsage: UInt64?
    package var statistics: OrderedMap<UInt64>?

    enum CodingKeys: String, CodingKey {
        case usage
        case limit
        case maximumUsage = "max_usage"
        case statistics = "stats"
    }

    package init() {}
}

/// Transfers from and to block devices.
package struct BlockIOStats: Codable, Sendable, Equatable {
    package var serviceBytes: [BlockIOEntry] = []
    package var serviced: [BlockIOEntry] = []
    package var queue: [BlockIOEntry] = []
    package var serviceTime: [BlockIOEntry] = []
    package var waitTime: [BlockIOEntry] = []
    package var merged: [BlockIOEntry] = []
    package var time: [BlockIOEntry] = []
    package var sectors: [BlockIOEntry] = []

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

    package init() {}
}

/// A counter of one device and operation.
package struct BlockIOEntry: Codable, Sendable, Equatable {
    package var major: UInt64 = 0
    package var minor: UInt64 = 0
    package var operation: String = ""
    package var value: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case major
        case minor
        case operation = "op"
        case value
    }

    package init() {}
}
