/// A change of a container's limits and restart policy; nil keeps a setting unchanged.
package struct ContainerUpdate: Sendable, Equatable {
    package var memoryBytes: Int64?
    package var memoryReservationBytes: Int64?
    package var memorySwapBytes: Int64?
    package var nanoCPUs: Int64?
    package var cpuShares: Int64?
    package var cpuPeriod: Int64?
    package var cpuQuota: Int64?
    /// 0 and -1 remove the limit.
    package var maximumProcesses: Int64?
    package var cpusetCPUs: String?
    package var cpusetMemories: String?
    package var blockWeight: UInt16?
    package var restartPolicy: RestartPolicySpec?

    package init() {}

    package func applied(to old: ResourceSpec) -> ResourceSpec {
        var new = old
        new.memoryBytes = memoryBytes ?? old.memoryBytes
        new.memoryReservationBytes = memoryReservationBytes ?? old.memoryReservationBytes
        new.memorySwapBytes = memorySwapBytes ?? old.memorySwapBytes
        new.nanoCPUs = nanoCPUs ?? old.nanoCPUs
        new.cpuShares = cpuShares ?? old.cpuShares
        new.cpuPeriod = cpuPeriod ?? old.cpuPeriod
        new.cpuQuota = cpuQuota ?? old.cpuQuota
        new.maximumProcesses = maximumProcesses ?? old.maximumProcesses
        new.cpusetCPUs = cpusetCPUs ?? old.cpusetCPUs
        new.cpusetMemories = cpusetMemories ?? old.cpusetMemories
        new.blockWeight = blockWeight ?? old.blockWeight
        return new
    }
}
