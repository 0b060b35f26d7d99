import EngineModel

extension ContainerSpec {
    /// The specification that a client asks for. Throws for values that are not valid, and for settings that would be dangerous or
    /// misleading to ignore.
    package init(_ request: ContainerCreateRequest) throws {
        self.init()
        let host = request.hostConfig ?? HostConfig()
        image = request.config.image ?? ""
        if image.isEmpty { throw RoostError.invalid("no command specified") }
        try read(request.config)
        try read(host)
        try addVolumes(request.config.volumes ?? [:])
        try read(request.networkingConfig ?? NetworkingConfig())
        if request.config.networkDisabled == true {
            isNetworkDisabled = true
            network = .none
            endpoints = []
        }
        if let address = request.config.macAddress, !address.isEmpty { setMACAddress(address) }
        self.request = try JSON(encoding: request).withoutNulls.text()
    }

    /// Before API version 1.44 the MAC address was a member of the container; it applies to the first network.
    private mutating func setMACAddress(_ address: String) {
        if endpoints.isEmpty {
            switch network {
            case .bridge: endpoints = [EndpointSpec(network: "bridge")]
            case .named(let name): endpoints = [EndpointSpec(network: name)]
            case .host, .none, .container: break
            }
        }
        if !endpoints.isEmpty, endpoints[0].macAddress?.isEmpty != false { endpoints[0].macAddress = address }
    }

    private mutating func read(_ config: ContainerConfig) throws(RoostError) {
        process.command = config.command.flatMap { $0.words.isEmpty ? nil : $0.words }
        process.entrypoint = config.entrypoint?.words
        process.environment = config.environment ?? []
        for entry in process.environment where entry.hasPrefix("=") || entry.isEmpty {
            throw .invalid("invalid environment variable: \(entry)")
        }
        process.workingDirectory = Self.cleaned(config.workingDirectory ?? "")
        process.user = config.user ?? ""
        process.terminal = config.tty ?? false
        process.openInput = config.openStdin ?? false
        process.inputOnce = config.stdinOnce ?? false
        process.attachInput = config.attachStdin ?? false
        process.attachOutput = config.attachStdout ?? false
        process.attachError = config.attachStderr ?? false
        hostname = config.hostname ?? ""
        domainname = config.domainname ?? ""
        labels = config.labels ?? [:]
        stopSignal = config.stopSignal.flatMap { $0.isEmpty ? nil : $0 }
        stopTimeout = config.stopTimeout.map { Int(clamping: $0) }
        for key in config.exposedPorts?.keys ?? [] { exposedPorts += try ContainerPort.range(parsing: key) }
        healthcheck = config.healthcheck.map(HealthcheckSpec.init)
    }

    /// Adds anonymous volumes for targets without another mount.
    private mutating func addVolumes(_ volumes: OrderedMap<EmptyObject>) throws(RoostError) {
        var targets: Set<String> = []
        for index in mounts.indices {
            mounts[index].target = Self.cleaned(mounts[index].target)
            guard targets.insert(mounts[index].target).inserted else {
                throw .invalid("Duplicate mount point: \(mounts[index].target)")
            }
        }
        for target in volumes.keys.map(Self.cleaned) where targets.insert(target).inserted {
            mounts.append(MountSpec(source: .volume(name: nil, copy: true, subpath: ""), target: target))
        }
    }

    /// The path without trailing and duplicate slashes.
    private static func cleaned(_ path: String) -> String {
        guard path.hasPrefix("/") else { return path }
        return "/" + path.pathParts.filter { $0 != "." }.joined(separator: "/")
    }

    // MARK: Host configuration

    private mutating func read(_ host: HostConfig) throws(RoostError) {
        try refuse(host)
        try readMounts(host)
        try readPorts(host.portBindings ?? [:])
        publishAllPorts = host.publishAllPorts ?? false
        if let policy = host.restartPolicy { restartPolicy = try RestartPolicySpec(policy) }
        removeWhenStopped = host.autoRemove ?? false
        runsUnderInit = host.isUnderInit ?? false
        cgroupParent = host.cgroupParent ?? ""
        annotations = host.annotations ?? [:]
        volumesFrom = host.volumesFrom ?? []
        deviceRules = host.deviceCgroupRules ?? []
        log.driver = host.logConfig?.type ?? ""
        log.options = host.logConfig?.config ?? [:]
        process.additionalGroups = host.additionalGroups ?? []
        try readNamespaces(host)
        try readMemory(host)
        try readDNS(host)
        readSecurity(host)
        try readResources(host)
        try readDevices(host)
    }

    /// Rejects settings that would be dangerous or misleading to ignore.
    private func refuse(_ host: HostConfig) throws(RoostError) {
        if let mode = host.userNamespaceMode, !["", "host"].contains(mode) {
            throw RoostError(.unsupported, "user namespaces are not supported yet")
        }
        if let isolation = host.isolation, !["", "default"].contains(isolation.lowercased()) {
            throw .invalid("invalid isolation (\(isolation)): linux only supports 'default'")
        }
        for (value, name) in [(host.ioMaximumIOps, "IOPs"), (host.ioMaximumBandwidth, "bandwidth")]
        where value ?? 0 != 0 {
            throw .invalid("invalid option: QoS maximum \(name) configuration is not supported on linux")
        }
        if let runtime = host.runtime, !["", "runc", "roost", "io.containerd.runc.v2"].contains(runtime) {
            throw .invalid("unknown or invalid runtime name: \(runtime)")
        }
        if host.deviceRequests?.isEmpty == false {
            throw RoostError(
                .failure,
                "could not select device driver \"\" with capabilities: [[gpu]]: this engine has no device drivers")
        }
        if host.blkioWeightDevice?.isEmpty == false {
            throw RoostError(.unsupported, "BlkioWeightDevice is not supported yet")
        }
        if host.storageOptions?.isEmpty == false {
            throw .invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
        }
    }

    private mutating func readMounts(_ host: HostConfig) throws(RoostError) {
        for bind in host.binds ?? [] { mounts.append(try MountSpec(bind: bind)) }
        for mount in host.mounts ?? [] { mounts.append(try MountSpec(mount)) }
        for (target, options) in host.tmpfs ?? [:] {
            let list = options.split(separator: ",").map(String.init)
            mounts.append(MountSpec(source: .tmpfs(options: list), target: target, readOnly: list.contains("ro")))
        }
    }

    private mutating func readPorts(_ bindings: OrderedMap<[HostPort]?>) throws(RoostError) {
        for (key, ports) in bindings {
            guard let port = try? ContainerPort(parsing: key) else {
                throw .invalid("invalid port specification: \"\(key)\"")
            }
            for binding in ports ?? [] {
                portBindings.append(try PortBinding(port, on: binding))
                if !exposedPorts.contains(port) { exposedPorts.append(port) }
            }
        }
    }

    private mutating func readNamespaces(_ host: HostConfig) throws(RoostError) {
        network = NetworkMode(host.networkMode ?? "")
        ipc = try SharedNamespace(host.ipcMode ?? "", field: "IPC", modes: ["private", "shareable", "none"])
        pid = try SharedNamespace(host.pidMode ?? "", field: "PID")
        uts = try SharedNamespace(host.utsMode ?? "", field: "UTS", joins: false)
        cgroupNamespace = try SharedNamespace(
            host.cgroupNamespaceMode ?? "", field: "cgroup namespace", modes: ["private"], joins: false)
    }

    private mutating func readMemory(_ host: HostConfig) throws(RoostError) {
        if let size = host.shmSize, size < 0 { throw .invalid("SHM size can not be less than 0") }
        // IPC mode none has no /dev/shm.
        if host.ipcMode == "none" {
            sharedMemoryBytes = 0
        } else if let size = host.shmSize, size > 0 {
            sharedMemoryBytes = size
        }
        guard let value = host.memorySwappiness, value != -1 else { return }
        guard (0...100).contains(value) else {
            throw .invalid("invalid value: \(value), valid memory swappiness range is 0-100")
        }
        swappiness = value
    }

    private mutating func readDNS(_ host: HostConfig) throws(RoostError) {
        for text in host.dns ?? [] {
            guard let address = IPAddress(text) else { throw .invalid("invalid IP address in dns: \(text)") }
            dns.servers.append(address)
        }
        // One entry may contain several words, as in resolv.conf(5); an empty one disables the host's search domains.
        func words(_ entries: [String]?) -> [String] {
            (entries ?? []).flatMap { entry in
                entry.isEmpty ? ["."] : entry.split { $0 == " " || $0 == "\t" }.map(String.init)
            }
        }
        dns.search = words(host.dnsSearch)
        dns.options = words(host.dnsOptions).filter { $0 != "." }
        dns.extraHosts = host.extraHosts ?? []
        dns.links = host.links ?? []
    }

    private mutating func readSecurity(_ host: HostConfig) {
        security.privileged = host.privileged ?? false
        security.addedCapabilities = host.addedCapabilities ?? []
        security.droppedCapabilities = host.droppedCapabilities ?? []
        security.readOnlyRoot = host.readOnlyRootFilesystem ?? false
        security.options = host.securityOptions ?? []
        security.sysctls = host.sysctls ?? [:]
        security.maskedPaths = host.maskedPaths
        security.readOnlyPaths = host.readOnlyPaths
    }

    private mutating func readResources(_ host: HostConfig) throws(RoostError) {
        resources.memoryBytes = host.memory ?? 0
        resources.memoryReservationBytes = host.memoryReservation ?? 0
        resources.memorySwapBytes = host.memorySwap ?? 0
        resources.nanoCPUs = host.nanoCPUs ?? 0
        resources.cpuShares = host.cpuShares ?? 0
        resources.cpuPeriod = host.cpuPeriod ?? 0
        resources.cpuQuota = host.cpuQuota ?? 0
        resources.cpusetCPUs = host.cpusetCPUs ?? ""
        resources.cpusetMemories = host.cpusetMems ?? ""
        resources.maximumProcesses = host.pidsLimit ?? 0
        guard let weight = UInt16(exactly: host.blkioWeight ?? 0) else {
            throw .invalid("range of blkio weight is from 10 to 1000")
        }
        resources.blockWeight = weight
        guard let score = Int32(exactly: host.oomScoreAdjustment ?? 0) else {
            throw .invalid("range for oom score adj is [-1000, 1000]")
        }
        resources.oomScoreAdj = score
        resources.disablesOutOfMemoryKiller = host.oomKillDisable ?? false
        resources.limits = (host.ulimits ?? []).map {
            UlimitSpec(name: $0.name ?? "", soft: $0.soft ?? 0, hard: $0.hard ?? 0)
        }
    }

    private mutating func readDevices(_ host: HostConfig) throws(RoostError) {
        let kinds: [([ThrottleDevice]?, DeviceRate.Kind)] = [
            (host.blkioDeviceReadBps, .readBytes), (host.blkioDeviceWriteBps, .writeBytes),
            (host.blkioDeviceReadIOps, .readOperations), (host.blkioDeviceWriteIOps, .writeOperations),
        ]
        let rates = kinds.flatMap { devices, kind in
            (devices ?? []).map { DeviceRate(kind: kind, device: $0.path ?? "", rate: $0.rate ?? 0) }
        }
        resources.deviceRates = rates.isEmpty ? nil : rates
        for device in host.devices ?? [] {
            let path = device.pathOnHost ?? ""
            let permissions = device.cgroupPermissions ?? "rwm"
            guard permissions.allSatisfy({ "rwm".contains($0) }) else {
                throw .invalid("invalid device mode: \(permissions)")
            }
            devices.append(
                DeviceSpec(
                    hostPath: path, containerPath: device.pathInContainer.flatMap { $0.isEmpty ? nil : $0 } ?? path,
                    permissions: permissions))
        }
    }

    // MARK: Networks

    private mutating func read(_ networking: NetworkingConfig) throws(RoostError) {
        for (name, settings) in networking.endpointsConfig ?? [:] {
            endpoints.append(try EndpointSpec(network: name, settings))
        }
        // The network of the mode comes first; it gets a default endpoint if it has no settings.
        switch network {
        case .named(let name):
            if !endpoints.contains(where: { $0.network == name }) {
                endpoints.insert(EndpointSpec(network: name), at: 0)
            }
        case .bridge:
            for index in endpoints.indices where endpoints[index].network == "default" {
                endpoints[index].network = "bridge"
            }
        case .host:
            if !dns.links.isEmpty {
                throw .invalid(
                    "conflicting options: host type networking can't be used with links. This would result in undefined behavior"
                )
            }
            endpoints = []
        case .container:
            try refuseNetworkSettings()
            endpoints = []
        case .none: endpoints = []
        }
    }

    /// A container in the network namespace of another one cannot have settings of its own (Docker, runconfig/errors.go).
    private func refuseNetworkSettings() throws(RoostError) {
        if !portBindings.isEmpty || publishAllPorts {
            throw .invalid("conflicting options: port publishing and the container type network mode")
        }
        if !dns.servers.isEmpty { throw .invalid("conflicting options: dns and the network mode") }
        if !dns.extraHosts.isEmpty {
            throw .invalid("conflicting options: custom host-to-IP mapping and the network mode")
        }
        if !dns.links.isEmpty {
            throw .invalid(
                "conflicting options: container type network can't be used with links. This would result in undefined behavior"
            )
        }
        if !exposedPorts.isEmpty {
            throw .invalid("conflicting options: port exposing and the container type network mode")
        }
    }
}

extension HealthcheckSpec {
    package init(_ wire: HealthConfig) {
        self.init(
            test: wire.test ?? [], interval: wire.interval ?? 0, timeout: wire.timeout ?? 0,
            startPeriod: wire.startPeriod ?? 0, startInterval: wire.startInterval ?? 0,
            retries: Int(clamping: wire.retries ?? 0))
    }
}

extension HealthConfig {
    /// Docker omits members without a value.
    package init(_ spec: HealthcheckSpec) {
        self.init()
        func given(_ value: Int64) -> Int64? { value == 0 ? nil : value }
        test = spec.test.isEmpty ? nil : spec.test
        interval = given(spec.interval)
        timeout = given(spec.timeout)
        startPeriod = given(spec.startPeriod)
        startInterval = given(spec.startInterval)
        retries = given(Int64(spec.retries))
    }
}

extension PortBinding {
    fileprivate init(_ container: ContainerPort, on host: HostPort) throws(RoostError) {
        let address = host.address ?? ""
        let number = host.port ?? ""
        guard address.isEmpty || IPAddress(address) != nil else { throw .invalid("invalid IP address: \(address)") }
        let ends = number.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map {
            UInt16(port: $0)
        }
        let low = number.isEmpty ? 0 : ends.first.flatMap { $0 }
        let high = number.isEmpty ? 0 : ends.last.flatMap { $0 }
        guard let low, let high, low <= high else { throw .invalid("invalid port specification: \"\(number)\"") }
        let parsed = IPAddress(address)
        let isAny = parsed?.isUnspecified == true && parsed?.isVersion6 == false
        self.init(container: container, hostAddress: isAny ? .any4 : parsed, hostPorts: low...high)
    }
}

extension EndpointSpec {
    /// Throws for addresses that are not valid.
    package init(network: String, _ settings: EndpointSettings) throws(RoostError) {
        func address(_ text: String?, _ version: String) throws(RoostError) -> IPAddress? {
            guard let text, !text.isEmpty else { return nil }
            guard let parsed = IPAddress(text) else { throw .invalid("invalid \(version) address: \(text)") }
            return parsed
        }
        let addresses = settings.ipamConfig
        self.init(
            network: network, aliases: settings.aliases ?? [],
            address4: try address(addresses?.ipv4Address, "IPv4"),
            address6: try address(addresses?.ipv6Address, "IPv6"), macAddress: settings.macAddress,
            gatewayPriority: Int(clamping: settings.gatewayPriority ?? 0))
        linkLocal = addresses?.linkLocalIPs
        links = settings.links
        driverOptions = settings.driverOptions
    }
}
