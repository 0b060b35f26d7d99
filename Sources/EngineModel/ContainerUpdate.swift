/// A change of a container's limits and restart policy; nil keeps a setting unchanged.
public struct ContainerUpdate: Sendable, Equatable {
    public var memoryBytes: Int64?
    public var memoryReservationBytes: Int64?
    public var memorySwapBytes: Int64?
    public var nanoCPUs: Int64?
    public var cpuShares: Int64?
    public var cpuPeriod: Int64?
    public var cpuQuota: Int64?
    /// 0 and -1 remove the limit.
    public var maximumProcesses: Int64?
    public var cpusetCPUs: String?
    public var cpusetMemories: String?
    public var blockWeight: UInt16?
    public var restartPolicy: RestartPolicySpec?

    public init() {}

    public func applied(to old: ResourceSpec) -> ResourceSpec {
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
