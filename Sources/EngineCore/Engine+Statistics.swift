import DockerAPI
import EngineModel
import LinuxKernel

extension Engine {
    /// The resource usage of a container. `previous` is the sample before it, from which clients compute rates.
    package func statistics(_ reference: String, after previous: ContainerStats?) throws -> ContainerStats {
        let record = try container(reference)
        var stats = ContainerStats()
        stats.name = "/" + record.name
        stats.id = record.id
        stats.preread = Timestamp.never
        stats.read = Timestamp.never
        guard record.status.isRunning || record.status.phase == .paused else { return stats }
        let usage = cgroup(of: record).usage()
        let facts = hostFacts()
        stats.read = Timestamp(nanoseconds: now).rfc3339
        stats.pids = PidsStats(usage, limit: record.spec.resources.maximumProcesses)
        stats.cpu = CPUStats(usage)
        stats.cpu.systemUsage = ProcessTable.systemNanoseconds()
        stats.cpu.onlineCPUs = facts.processors
        if let previous { (stats.preread, stats.previousCPU) = (previous.read, previous.cpu) }
        stats.memory = MemoryStats(usage, hostMemory: UInt64(facts.memoryBytes))
        if !usage.transfers.isEmpty {
            stats.blockIO.serviceBytes = usage.transfers.map { BlockIOEntry($0, $0.bytes) }
            stats.blockIO.serviced = usage.transfers.map { BlockIOEntry($0, $0.count) }
        }
        stats.networks = OrderedMap(
            interfaceCounters(record.id).map { name, counters in
                (name, OrderedMap(counters.map { ($0.0, UInt64(clamping: $0.1)) }))
            })
        return stats
    }
}

extension PidsStats {
    fileprivate init(_ usage: CgroupUsage, limit: Int64) {
        self.init()
        current = Int64(usage.processes)
        if limit > 0 { self.limit = limit }
    }
}

extension CPUStats {
    fileprivate init(_ cgroup: CgroupUsage) {
        self.init()
        usage.total = cgroup.cpuNanoseconds
        usage.inKernelMode = cgroup.cpuSystemNanoseconds
        usage.inUserMode = cgroup.cpuUserNanoseconds
        if !cgroup.cpuNanosecondsEach.isEmpty { usage.perCPU = cgroup.cpuNanosecondsEach }
        throttling.periods = cgroup.periods.count
        throttling.throttledPeriods = cgroup.periods.throttled
        throttling.throttledTime = cgroup.periods.throttledNanoseconds
    }
}

extension MemoryStats {
    /// Without a limit of its own a container is limited by the host's memory.
    fileprivate init(_ cgroup: CgroupUsage, hostMemory: UInt64) {
        self.init()
        let isUnlimited = cgroup.memoryLimit == 0 || cgroup.memoryLimit > 1 << 60
        usage = cgroup.memoryBytes
        limit = isUnlimited ? hostMemory : cgroup.memoryLimit
        maximumUsage = cgroup.memoryPeakBytes
        statistics = OrderedMap(cgroup.memoryStatistics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}

extension BlockIOEntry {
    fileprivate init(_ transfer: BlockTransfer, _ value: UInt64) {
        self.init()
        major = transfer.major
        minor = transfer.minor
        operation = transfer.operation
        self.value = value
    }
}
