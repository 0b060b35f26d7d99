import EngineModel

/// `HostConfig.RestartPolicy` of requests and responses.
public struct RestartPolicy: Codable, Sendable, Equatable {
    public var name: String?
    public var maximumRetryCount: Int64?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case maximumRetryCount = "MaximumRetryCount"
    }

    public init(name: String?, maximumRetryCount: Int64?) {
        self.name = name
        self.maximumRetryCount = maximumRetryCount
    }

    public init(_ policy: RestartPolicySpec) {
        name = policy.name.rawValue
        maximumRetryCount = Int64(policy.maximumRetries)
    }
}

extension RestartPolicySpec {
    public init(_ wire: RestartPolicy) throws(RoostError) {
        let policy = wire.name ?? ""
        guard let name = policy.isEmpty ? .no : Name(rawValue: policy) else {
            throw .invalid(
                "invalid restart policy: unknown policy '\(policy)'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )
        }
        let retries = Int(clamping: wire.maximumRetryCount ?? 0)
        if retries != 0, name != .onFailure {
            throw .invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'")
        }
        if retries < 0 { throw .invalid("invalid restart policy: maximum retry count cannot be negative") }
        self.init(name, maximumRetries: retries)
    }
}

/// The body of `POST /containers/{id}/update`: limits as in `HostConfig`, and the restart policy.
public struct ContainerUpdateRequest: Codable, Sendable, Equatable {
    public var memory: Int64?
    public var memoryReservation: Int64?
    public var memorySwap: Int64?
    public var nanoCPUs: Int64?
    public var cpuShares: Int64?
    public var cpuPeriod: Int64?
    public var cpuQuota: Int64?
    public var pidsLimit: Int64?
    public var cpusetCPUs: String?
    public var cpusetMems: String?
    public var blkioWeight: Int64?
    public var restartPolicy: RestartPolicy?

    enum CodingKeys: String, CodingKey {
        case memory = "Memory"
        case memoryReservation = "MemoryReservation"
        case memorySwap = "MemorySwap"
        case nanoCPUs = "NanoCpus"
        case cpuShares = "CpuShares"
        case cpuPeriod = "CpuPeriod"
        case cpuQuota = "CpuQuota"
        case pidsLimit = "PidsLimit"
        case cpusetCPUs = "CpusetCpus"
        case cpusetMems = "CpusetMems"
        case blkioWeight = "BlkioWeight"
        case restartPolicy = "RestartPolicy"
    }

    public init() {}
}

extension ContainerUpdate {
    /// In a request, 0 and "" keep a limit unchanged; for `PidsLimit` only null does.
    public init(_ request: ContainerUpdateRequest) throws(RoostError) {
        self.init()
        func given(_ value: Int64?) -> Int64? { value == 0 ? nil : value }
        func given(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
        memoryBytes = given(request.memory)
        memoryReservationBytes = given(request.memoryReservation)
        memorySwapBytes = given(request.memorySwap)
        nanoCPUs = given(request.nanoCPUs)
        cpuShares = given(request.cpuShares)
        cpuPeriod = given(request.cpuPeriod)
        cpuQuota = given(request.cpuQuota)
        maximumProcesses = request.pidsLimit.map { $0 == 0 ? -1 : $0 }
        cpusetCPUs = given(request.cpusetCPUs)
        cpusetMemories = given(request.cpusetMems)
        if let weight = given(request.blkioWeight) {
            guard let fitting = UInt16(exactly: weight) else {
                throw .invalid("range of blkio weight is from 10 to 1000")
            }
            blockWeight = fitting
        }
        if let policy = request.restartPolicy, policy.name?.isEmpty == false || policy.maximumRetryCount ?? 0 != 0 {
            restartPolicy = try RestartPolicySpec(policy)
        }
    }
}
