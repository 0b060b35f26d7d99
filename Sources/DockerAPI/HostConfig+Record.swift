import EngineModel

extension HostConfig {
    /// The host configuration of a container as `inspect` shows it: members that the engine stores as they were sent, and the current
    /// state of those that it can change (limits, mode names, restart policies).
    init(_ record: ContainerRecord, _ request: HostConfig?) {
        let spec = record.spec
        self = request ?? HostConfig(mountsOf: record)
        removeEmptyMembers()
        containerIDFile = containerIDFile ?? ""
        logConfig = LogConfig()
        logConfig?.type = spec.log.driver.isEmpty ? "json-file" : spec.log.driver
        logConfig?.config = spec.log.options
        if portBindings == nil, !spec.portBindings.isEmpty { portBindings = HostPort.map(spec.portBindings) }
        restartPolicy = RestartPolicy(spec.restartPolicy)
        autoRemove = spec.removeWhenStopped
        volumeDriver = volumeDriver ?? ""
        consoleSize = consoleSize ?? [0, 0]
        cgroup = cgroup ?? ""
        links =
            spec.dns.links.isEmpty
            ? nil : spec.dns.parsedLinks.map { "/\($0.target):/\(record.name)/\($0.alias)" }
        publishAllPorts = spec.publishAllPorts
        runtime = "runc"
        isolation = isolation ?? ""
        isUnderInit = isUnderInit ?? (spec.runsUnderInit ? true : nil)
        additionalGroups = additionalGroups ?? Self.list(spec.process.additionalGroups)
        volumesFrom = volumesFrom ?? Self.list(spec.volumesFrom)
        showNamespaces(spec)
        showDNS(spec.dns)
        showSecurity(spec.security)
        showResources(spec)
        showDevices(spec)
    }

    private static func list(_ values: [String]) -> [String]? { values.isEmpty ? nil : values }

    /// Members that Docker omits when they are empty.
    private mutating func removeEmptyMembers() {
        if annotations?.isEmpty == true { annotations = nil }
        if mounts?.isEmpty == true { mounts = nil }
        if storageOptions?.isEmpty == true { storageOptions = nil }
        if sysctls?.isEmpty == true { sysctls = nil }
        if tmpfs?.isEmpty == true { tmpfs = nil }
    }

    /// For a container of a project: its mounts in the short form.
    private init(mountsOf record: ContainerRecord) {
        self.init()
        let spec = record.spec
        let inherited =
            spec.volumesFrom.isEmpty ? [] : Set(record.mounts.map(\.target)).subtracting(spec.mounts.map(\.target))
        var binds: [String] = []
        var tmpfs: OrderedMap<String> = [:]
        for mount in record.mounts where !inherited.contains(mount.target) {
            let mode = mount.readOnly ? ":ro" : ""
            switch mount.kind {
            case .image: break
            case .bind: binds.append("\(mount.hostPath):\(mount.target)\(mode)")
            case .volume:
                if !mount.isAnonymous { binds.append("\(mount.volumeName ?? ""):\(mount.target)\(mode)") }
            case .tmpfs: tmpfs[mount.target] = mount.options.joined(separator: ",")
            }
        }
        self.binds = Self.list(binds)
        self.tmpfs = tmpfs.isEmpty ? nil : tmpfs
        annotations = spec.annotations.filter { !$0.key.hasPrefix("io.roost.") }
        sysctls = spec.security.sysctls
    }

    private mutating func showNamespaces(_ spec: ContainerSpec) {
        func mode(_ namespace: SharedNamespace, _ own: String) -> String {
            switch namespace {
            case .own: own
            case .host: "host"
            case .container(let other): "container:\(other)"
            }
        }
        networkMode = spec.network.text
        cgroupNamespaceMode = mode(spec.cgroupNamespace, "private")
        let requested = ipcMode.flatMap { $0.isEmpty ? nil : $0 }
        ipcMode = mode(spec.ipc, requested ?? "private")
        pidMode = mode(spec.pid, "")
        utsMode = mode(spec.uts, "")
        userNamespaceMode = userNamespaceMode ?? ""
    }

    private mutating func showDNS(_ spec: DNSSpec) {
        dns = dns ?? Self.list(spec.servers.map(\.description))
        dnsOptions = dnsOptions ?? Self.list(spec.options)
        dnsSearch = dnsSearch ?? Self.list(spec.search)
        extraHosts = extraHosts ?? Self.list(spec.extraHosts)
    }

    private mutating func showSecurity(_ spec: SecuritySpec) {
        addedCapabilities = addedCapabilities ?? Self.list(spec.addedCapabilities)
        droppedCapabilities = droppedCapabilities ?? Self.list(spec.droppedCapabilities)
        privileged = spec.privileged
        readOnlyRootFilesystem = spec.readOnlyRoot
        securityOptions = securityOptions ?? Self.list(spec.options)
        maskedPaths = spec.privileged ? nil : maskedPaths ?? SystemPaths.masked
        readOnlyPaths = spec.privileged ? nil : readOnlyPaths ?? SystemPaths.readOnly
    }

    private mutating func showResources(_ spec: ContainerSpec) {
        let resources = spec.resources
        if shmSize ?? 0 == 0 { shmSize = spec.sharedMemoryBytes }
        oomScoreAdjustment = Int64(resources.oomScoreAdj)
        cpuShares = resources.cpuShares
        memory = resources.memoryBytes
        nanoCPUs = resources.nanoCPUs
        cgroupParent = spec.cgroupParent
        blkioWeight = Int64(resources.blockWeight)
        cpuPeriod = resources.cpuPeriod
        cpuQuota = resources.cpuQuota
        cpuRealtimePeriod = cpuRealtimePeriod ?? 0
        cpuRealtimeRuntime = cpuRealtimeRuntime ?? 0
        cpusetCPUs = resources.cpusetCPUs
        cpusetMems = resources.cpusetMemories
        memoryReservation = resources.memoryReservationBytes
        memorySwap = resources.memorySwapBytes == 0 ? Self.doubled(resources.memoryBytes) : resources.memorySwapBytes
        memorySwappiness = spec.swappiness
        oomKillDisable = resources.disablesOutOfMemoryKiller
        pidsLimit = resources.maximumProcesses <= 0 ? nil : resources.maximumProcesses
        cpuCount = cpuCount ?? 0
        cpuPercent = cpuPercent ?? 0
        ioMaximumIOps = ioMaximumIOps ?? 0
        ioMaximumBandwidth = ioMaximumBandwidth ?? 0
        if ulimits == nil, !resources.limits.isEmpty { ulimits = resources.limits.map(Ulimit.init) }
    }

    private mutating func showDevices(_ spec: ContainerSpec) {
        if devices == nil, !spec.devices.isEmpty { devices = spec.devices.map(DeviceMapping.init) }
        deviceCgroupRules = deviceCgroupRules ?? Self.list(spec.deviceRules)
    }

    /// Docker's default for memory plus swap: twice the memory limit, or unlimited on overflow.
    private static func doubled(_ bytes: Int64) -> Int64 {
        let (value, overflow) = bytes.multipliedReportingOverflow(by: 2)
        return overflow ? -1 : value
    }
}

extension Ulimit {
    package init(_ limit: UlimitSpec) {
        self.init()
        name = limit.name
        hard = limit.hard
        soft = limit.soft
    }
}

extension DeviceMapping {
    package init(_ device: DeviceSpec) {
        self.init()
        pathOnHost = device.hostPath
        pathInContainer = device.containerPath
        cgroupPermissions = device.permissions
    }
}

extension HostPort {
    /// Lists of host addresses and ports by container port, as in `HostConfig.PortBindings`.
    package static func map(_ bindings: [PortBinding]) -> OrderedMap<[HostPort]?> {
        var ports: [String: [HostPort]] = [:]
        for binding in bindings {
            let range = binding.hostPorts
            let number =
                range.lowerBound == 0
                ? "" : range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
            ports[binding.container.description, default: []].append(
                HostPort(address: binding.hostAddress?.description ?? "", port: number))
        }
        return OrderedMap(ports.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
}
