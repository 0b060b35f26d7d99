import ComposeModel
import EngineModel

/// Translation of security settings, devices and limits.
extension ServiceTranslation {
    func addSecurity(_ service: Service, to spec: inout ContainerSpec) {
        spec.deviceRules = service.deviceCgroupRules ?? []
        spec.cgroupNamespace = service.cgroup == "host" ? .host : .own
        spec.security.privileged = service.privileged ?? false
        spec.security.addedCapabilities = SecuritySpec.normalized(capabilities: service.addedCapabilities ?? [])
        spec.security.droppedCapabilities = SecuritySpec.normalized(capabilities: service.droppedCapabilities ?? [])
        spec.security.readOnlyRoot = service.readOnly ?? false
        spec.security.options = service.securityOptions ?? []
        spec.security.sysctls = service.sysctls ?? [:]
        spec.devices = (service.devices ?? []).map { device in
            let source = device.source ?? ""
            return DeviceSpec(
                hostPath: source, containerPath: device.target ?? source, permissions: device.permissions ?? "rwm")
        }
    }

    func addResources(_ service: Service, to spec: inout ContainerSpec) {
        let limits = service.deploy?.resources?.limits
        let reserved = service.deploy?.resources?.reservations
        spec.resources.memoryBytes = limits?.memory ?? service.memoryLimit ?? 0
        spec.resources.memoryReservationBytes = reserved?.memory ?? service.memoryReservation ?? 0
        spec.resources.memorySwapBytes = service.memorySwapLimit ?? 0
        spec.resources.nanoCPUs = Int64(((limits?.cpus ?? service.cpus ?? 0) * 1e9).rounded())
        spec.resources.maximumProcesses = limits?.pids ?? service.pidsLimit ?? 0
        spec.resources.cpuShares = service.cpuShares ?? 0
        spec.resources.cpuPeriod = service.cpuPeriod ?? 0
        spec.resources.cpuQuota = service.cpuQuota ?? 0
        spec.resources.cpusetCPUs = service.cpuset ?? ""
        spec.resources.oomScoreAdj = Int32(clamping: service.oomScoreAdjustment ?? 0)
        spec.resources.disablesOutOfMemoryKiller = service.oomKillDisable ?? false
        spec.resources.limits = (service.ulimits ?? [:]).map { name, limit in
            UlimitSpec(name: name, soft: limit.soft, hard: limit.hard)
        }
        spec.cgroupParent = service.cgroupParent ?? ""
        spec.swappiness = service.memorySwappiness
        if let size = service.sharedMemorySize { spec.sharedMemoryBytes = size }
    }

    /// The weight and the rates of block devices (`blkio_config`).
    func addBlockDevices(_ name: String, _ service: Service, to spec: inout ContainerSpec) throws(RoostError) {
        guard let block = service.blockIO else { return }
        if block.weightDevice?.isEmpty == false {
            throw RoostError(
                .unsupported,
                "service \(name): weight_device is not supported; use blkio_config.weight or a rate for the device (\(place(name, "blkio_config.weight_device")))"
            )
        }
        spec.resources.blockWeight = UInt16(clamping: block.weight ?? 0)
        let kinds: [([BlockDeviceLimit]?, DeviceRate.Kind)] = [
            (block.readBps, .readBytes), (block.writeBps, .writeBytes), (block.readIOps, .readOperations),
            (block.writeIOps, .writeOperations),
        ]
        let rates = kinds.flatMap { limits, kind in
            (limits ?? []).map { DeviceRate(kind: kind, device: $0.path ?? "", rate: $0.rate ?? 0) }
        }
        if !rates.isEmpty { spec.resources.deviceRates = rates }
    }
}
