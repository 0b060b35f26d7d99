import EngineModel

/// `HostConfig.RestartPolicy` of requests and responses.
package struct RestartPolicy: Codable, Sendable, Equatable {
    package var name: String?
    package var maximumRetryCount: Int64?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case maximumRetryCount = "MaximumRetryCount"
    }

    package init(name: String?, maximumRetryCount: Int64?) {
        self.name = name
        self.maximumRetryCount = maximumRetryCount
    }

    package init(_ policy: RestartPolicySpec) {
        name = policy.name.rawValue
        maximumRetryCount = Int64(policy.maximumRetries)
    }
}

extension RestartPolicySpec {
    package init(_ wire: RestartPolicy) throws(RoostError) {
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
package struct ContainerUpdateRequest: Codable, Sendable, Equatable {
    package var memory: Int64?
    package var memoryReservation: Int64?
    package var memorySwap: Int64?
    package var nanoCPUs: Int64?
    package var cpuShares: Int64?
    package var cpuPeriod: Int64?
    package var cpuQuota: Int64?
    package var pidsLimit: Int64?
    package var cpusetCPUs: String?
    package var cpusetMems: String?
    package var blkioWeight: Int64?
    package var restartPolicy: RestartPolicy?

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

    package init() {}
}

extension ContainerUpdate {
    /// In a request, 0 and "" keep a limit unchanged; for `PidsLimit` only null does.
    package init(_ request: ContainerUpdateRequest) throws(RoostError) {
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
