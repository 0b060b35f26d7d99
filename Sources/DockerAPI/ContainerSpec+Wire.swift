import EngineModel

extension ContainerSpec {
    /// Parses the body of `POST /containers/create`. Unknown members are ignored only if they cannot be limits.
    public init(wire body: JSON) throws(RoostError) {
        self.init()
        try WireTypes.check(body, WireTypes.create, "")
        image = body["Image"].string ?? ""
        if image.isEmpty { throw .invalid("no command specified") }
        try readConfig(body)
        try readHostConfig(body["HostConfig"])
        try readVolumes(body["Volumes"])
        try readNetworking(body["NetworkingConfig"])
        for key in ["Isolation", "VolumeDriver"] {
            if let text = body["HostConfig"][key].string, !text.isEmpty {
                wishes = (wishes ?? [:]).merging([key: text]) { $1 }
            }
        }
        asked = RequestedMembers.take(body)
        if body["NetworkDisabled"].bool == true {
            isNetworkDisabled = true
            network = .none
            endpoints = []
        }
        // Before API 1.44 the MAC address was a member of the container; it applies to the first network.
        if let address = body["MacAddress"].string, !address.isEmpty {
            if endpoints.isEmpty {
                switch network {
                case .bridge: endpoints = [EndpointSpec(network: "bridge")]
                case .named(let name): endpoints = [EndpointSpec(network: name)]
                default: break
                }
            }
            if !endpoints.isEmpty, endpoints[0].macAddress?.isEmpty != false { endpoints[0].macAddress = address }
        }
    }

    private mutating func readConfig(_ body: JSON) throws(RoostError) {
        process.command = try Self.words(body["Cmd"], "Cmd")
        process.entrypoint = try Self.words(body["Entrypoint"], "Entrypoint")
        process.environment = body["Env"].strings ?? []
        for entry in process.environment where entry.hasPrefix("=") || entry.isEmpty {
            throw .invalid("invalid environment variable: \(entry)")
        }
        process.workingDirectory = Self.cleaned(body["WorkingDir"].string ?? "")
        process.user = body["User"].string ?? ""
        process.terminal = body["Tty"].bool ?? false
        process.openInput = body["OpenStdin"].bool ?? false
        process.inputOnce = body["StdinOnce"].bool ?? false
        process.attachInput = body["AttachStdin"].bool ?? false
        process.attachOutput = body["AttachStdout"].bool ?? false
        process.attachError = body["AttachStderr"].bool ?? false
        hostname = body["Hostname"].string ?? ""
        domainname = body["Domainname"].string ?? ""
        labels = body["Labels"].stringMap ?? [:]
        stopSignal = body["StopSignal"].string.flatMap { $0.isEmpty ? nil : $0 }
        stopTimeout = body["StopTimeout"].int.map { Int(clamping: $0) }
        for (key, _) in body["ExposedPorts"].object ?? [] {
            let ends = key.split(separator: "/", maxSplits: 1).map(String.init)
            let range = (ends.first ?? "").split(separator: "-").map(String.init)
            let suffix = ends.count > 1 ? "/\(ends[1])" : ""
            let low = try ContainerPort(parsing: (range.first ?? "") + suffix)
            let high = try ContainerPort(parsing: (range.last ?? "") + suffix)
            guard low.number <= high.number else { throw .invalid("invalid port range \"\(key)\"") }
            exposedPorts += (low.number...high.number).map { ContainerPort($0, low.transport) }
        }
        let health = body["Healthcheck"]
        if !health.isNull {
            healthcheck = HealthcheckSpec(
                test: health["Test"].strings ?? [], interval: health["Interval"].int ?? 0,
                timeout: health["Timeout"].int ?? 0,
                startPeriod: health["StartPeriod"].int ?? 0, startInterval: health["StartInterval"].int ?? 0,
                retries: Int(clamping: health["Retries"].int ?? 0))
        }
    }

    /// Adds anonymous volumes for targets without another mount.
    private mutating func readVolumes(_ places: JSON) throws(RoostError) {
        var targets: Set<String> = []
        for index in mounts.indices {
            mounts[index].target = Self.cleaned(mounts[index].target)
            guard targets.insert(mounts[index].target).inserted else {
                throw .invalid("Duplicate mount point: \(mounts[index].target)")
            }
        }
        for (place, _) in places.object ?? [] {
            let target = Self.cleaned(place)
            guard targets.insert(target).inserted else { continue }
            mounts.append(MountSpec(source: .volume(name: nil, copy: true, subpath: ""), target: target))
        }
    }

    /// The path without trailing and duplicate slashes.
    private static func cleaned(_ path: String) -> String {
        guard path.hasPrefix("/") else { return path }
        return "/" + path.pathParts.filter { $0 != "." }.joined(separator: "/")
    }

    /// A list of strings, or one string.
    private static func words(_ value: JSON, _ field: String) throws(RoostError) -> [String]? {
        switch value {
        case .null: return nil
        case .string(let text):
            try WireTypes.refuseNUL(text, field)
            return text.isEmpty ? nil : [text]
        case .array(let list):
            let words = list.compactMap(\.string)
            guard words.count == list.count else { throw .invalid("invalid \(field): every element must be a string") }
            for word in words { try WireTypes.refuseNUL(word, field) }
            return words.isEmpty && field == "Cmd" ? nil : words
        default: throw .invalid("invalid \(field): expected a list of strings")
        }
    }

    private mutating func readHostConfig(_ host: JSON) throws(RoostError) {
        for bind in host["Binds"].strings ?? [] { mounts.append(try MountSpec(bind: bind)) }
        for mount in host["Mounts"].array ?? [] { mounts.append(try MountSpec(wire: mount)) }
        for (target, options) in host["Tmpfs"].object ?? [] {
            let list = (options.string ?? "").split(separator: ",").map(String.init)
            mounts.append(MountSpec(source: .tmpfs(options: list), target: target, readOnly: list.contains("ro")))
        }
        try readPorts(host["PortBindings"])
        publishAllPorts = host["PublishAllPorts"].bool ?? false
        restartPolicy = try RestartPolicySpec(
            RestartPolicy(
                name: host["RestartPolicy"]["Name"].string,
                maximumRetryCount: host["RestartPolicy"]["MaximumRetryCount"].int))
        removeWhenStopped = host["AutoRemove"].bool ?? false
        network = NetworkMode(host["NetworkMode"].string ?? "")
        runsUnderInit = host["Init"].bool ?? false
        ipc = try SharedNamespace(
            host["IpcMode"].string ?? "", field: "IPC", modes: ["private", "shareable", "none"])
        pid = try SharedNamespace(host["PidMode"].string ?? "", field: "PID")
        uts = try SharedNamespace(host["UTSMode"].string ?? "", field: "UTS", joins: false)
        controlGroupNamespace = try SharedNamespace(
            host["CgroupnsMode"].string ?? "", field: "cgroup namespace", modes: ["private"], joins: false)
        if host["StorageOpt"].object?.isEmpty == false {
            throw .invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
        }
        controlGroupParent = host["CgroupParent"].string ?? ""
        if let size = host["ShmSize"].int, size < 0 { throw .invalid("SHM size can not be less than 0") }
        // IPC mode none has no /dev/shm.
        sharedMemoryBytes =
            host["IpcMode"].string == "none" ? 0 : host["ShmSize"].int.flatMap { $0 > 0 ? $0 : nil } ?? 64 << 20
        if let value = host["MemorySwappiness"].int, value != -1 {
            guard (0...100).contains(value) else {
                throw .invalid("invalid value: \(value), valid memory swappiness range is 0-100")
            }
            swappiness = value
        }
        annotations = host["Annotations"].stringMap ?? [:]
        volumesFrom = host["VolumesFrom"].strings ?? []
        deviceRules = host["DeviceCgroupRules"].strings ?? []
        log.driver = host["LogConfig"]["Type"].string ?? ""
        log.options = host["LogConfig"]["Config"].stringMap ?? [:]
        process.additionalGroups = host["GroupAdd"].strings ?? []
        try readDNS(host)
        readSecurity(host)
        try readResources(host)
        try refuse(host)
    }

    /// Rejects settings that would be dangerous or misleading to ignore.
    private func refuse(_ host: JSON) throws(RoostError) {
        if host["UsernsMode"].string.map({ !["", "host"].contains($0) }) == true {
            throw RoostError(.unsupported, "user namespaces are not supported yet")
        }
        if let isolation = host["Isolation"].string, !["", "default"].contains(isolation.lowercased()) {
            throw .invalid("invalid isolation (\(isolation)): linux only supports 'default'")
        }
        for (field, name) in [("IOMaximumIOps", "IOPs"), ("IOMaximumBandwidth", "bandwidth")]
        where (host[field].int ?? 0) != 0 {
            throw .invalid("invalid option: QoS maximum \(name) configuration is not supported on linux")
        }
        if let runtime = host["Runtime"].string, !["", "runc", "roost", "io.containerd.runc.v2"].contains(runtime) {
            throw .invalid("unknown or invalid runtime name: \(runtime)")
        }
        if host["DeviceRequests"].array?.isEmpty == false {
            throw RoostError(
                .failure,
                "could not select device driver \"\" with capabilities: [[gpu]]: this engine has no device drivers")
        }
        if host["BlkioWeightDevice"].array?.isEmpty == false {
            throw RoostError(.unsupported, "BlkioWeightDevice is not supported yet")
        }
    }

    private mutating func readPorts(_ bindings: JSON) throws(RoostError) {
        for (key, list) in bindings.object ?? [] {
            guard let port = try? ContainerPort(parsing: key) else {
                throw .invalid("invalid port specification: \"\(key)\"")
            }
            for binding in list.array ?? [] {
                let address = binding["HostIp"].string ?? ""
                let number = binding["HostPort"].string ?? ""
                guard address.isEmpty || IPAddress(address) != nil else {
                    throw .invalid("invalid IP address: \(address)")
                }
                let ends = number.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map {
                    UInt16(port: $0)
                }
                let low = number.isEmpty ? 0 : ends.first.flatMap { $0 }
                let high = number.isEmpty ? 0 : ends.last.flatMap { $0 }
                guard let low, let high, low <= high else {
                    throw .invalid("invalid port specification: \"\(number)\"")
                }
                let parsed = IPAddress(address)
                portBindings.append(
                    PortBinding(
                        container: port,
                        hostAddress: parsed?.isUnspecified == true && parsed?.isVersion6 == false ? .any4 : parsed,
                        hostPorts: low...high))
                if !exposedPorts.contains(port) { exposedPorts.append(port) }
            }
        }
    }

    private mutating func readDNS(_ host: JSON) throws(RoostError) {
        for text in host["Dns"].strings ?? [] {
            guard let address = IPAddress(text) else { throw .invalid("invalid IP address in dns: \(text)") }
            dns.servers.append(address)
        }
        // One entry may contain several words, as in resolv.conf(5); an empty one disables the host's search domains.
        func words(_ key: String) -> [String] {
            (host[key].strings ?? []).flatMap { entry in
                entry.isEmpty ? ["."] : entry.split { $0 == " " || $0 == "\t" }.map(String.init)
            }
        }
        dns.search = words("DnsSearch")
        dns.options = words("DnsOptions").filter { $0 != "." }
        dns.extraHosts = host["ExtraHosts"].strings ?? []
        dns.links = host["Links"].strings ?? []
    }

    private mutating func readSecurity(_ host: JSON) {
        security.privileged = host["Privileged"].bool ?? false
        security.addedCapabilities = host["CapAdd"].strings ?? []
        security.droppedCapabilities = host["CapDrop"].strings ?? []
        security.readOnlyRoot = host["ReadonlyRootfs"].bool ?? false
        security.options = host["SecurityOpt"].strings ?? []
        security.sysctls = host["Sysctls"].stringMap ?? [:]
        security.maskedPaths = host["MaskedPaths"].strings
        security.readOnlyPaths = host["ReadonlyPaths"].strings
    }

    private mutating func readResources(_ host: JSON) throws(RoostError) {
        func number(_ key: String) -> Int64 { host[key].int ?? 0 }
        resources.memoryBytes = number("Memory")
        resources.memoryReservationBytes = number("MemoryReservation")
        resources.memorySwapBytes = number("MemorySwap")
        resources.nanoCPUs = number("NanoCpus")
        resources.cpuShares = number("CpuShares")
        resources.cpuPeriod = number("CpuPeriod")
        resources.cpuQuota = number("CpuQuota")
        resources.cpusetCPUs = host["CpusetCpus"].string ?? ""
        resources.cpusetMemories = host["CpusetMems"].string ?? ""
        resources.maximumProcesses = number("PidsLimit")
        guard let weight = UInt16(exactly: number("BlkioWeight")) else {
            throw .invalid("range of blkio weight is from 10 to 1000")
        }
        resources.blockWeight = weight
        for (key, kind) in [
            ("BlkioDeviceReadBps", DeviceRate.Kind.readBytes), ("BlkioDeviceWriteBps", .writeBytes),
            ("BlkioDeviceReadIOps", .readOperations), ("BlkioDeviceWriteIOps", .writeOperations),
        ] {
            for entry in host[key].array ?? [] {
                resources.deviceRates =
                    (resources.deviceRates ?? [])
                    + [DeviceRate(kind: kind, device: entry["Path"].string ?? "", rate: entry["Rate"].int ?? 0)]
            }
        }
        guard let score = Int32(exactly: number("OomScoreAdj")) else {
            throw .invalid("range for oom score adj is [-1000, 1000]")
        }
        resources.outOfMemoryScore = score
        resources.disablesOutOfMemoryKiller = host["OomKillDisable"].bool ?? false
        for limit in host["Ulimits"].array ?? [] {
            resources.limits.append(
                UlimitSpec(name: limit["Name"].string ?? "", soft: limit["Soft"].int ?? 0, hard: limit["Hard"].int ?? 0)
            )
        }
        for device in host["Devices"].array ?? [] {
            let path = device["PathOnHost"].string ?? ""
            let permissions = device["CgroupPermissions"].string ?? "rwm"
            guard permissions.allSatisfy({ "rwm".contains($0) }) else {
                throw .invalid("invalid device mode: \(permissions)")
            }
            devices.append(
                DeviceSpec(
                    hostPath: path,
                    containerPath: device["PathInContainer"].string.flatMap { $0.isEmpty ? nil : $0 } ?? path,
                    permissions: permissions))
        }
    }

    private mutating func readNetworking(_ networking: JSON) throws(RoostError) {
        for (name, settings) in networking["EndpointsConfig"].object ?? [] {
            endpoints.append(try EndpointSpec(network: name, wire: settings))
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
            endpoints = []
        case .none: endpoints = []
        }
    }
}

extension EndpointSpec {
    /// Parses an entry of `EndpointsConfig`.
    public init(network: String, wire settings: JSON) throws(RoostError) {
        let addresses = settings["IPAMConfig"]
        func address(_ key: String) throws(RoostError) -> IPAddress? {
            guard let text = addresses[key].string, !text.isEmpty else { return nil }
            guard let parsed = IPAddress(text) else {
                throw .invalid("invalid \(key == "IPv4Address" ? "IPv4" : "IPv6") address: \(text)")
            }
            return parsed
        }
        self.init(
            network: network, aliases: settings["Aliases"].strings ?? [], address4: try address("IPv4Address"),
            address6: try address("IPv6Address"), macAddress: settings["MacAddress"].string,
            gatewayPriority: Int(clamping: settings["GwPriority"].int ?? 0))
        linkLocal = addresses["LinkLocalIPs"].strings
        links = settings["Links"].strings
        driverOptions = settings["DriverOpts"].stringMap
    }
}

extension MountSpec {
    /// Parses the short form `source:target[:options]`: a path is a bind mount, a name a volume.
    public init(bind text: String) throws(RoostError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), !parts[0].isEmpty, !parts[1].isEmpty else {
            throw .invalid("invalid volume specification: '\(text)'")
        }
        let options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
        let known: Set<String> = [
            "ro", "rw", "z", "Z", "nocopy", "private", "rprivate", "shared", "rshared", "slave", "rslave", "cached",
            "delegated", "consistent", "default",
        ]
        for option in options where !known.contains(option) {
            throw .invalid("invalid mode: \(parts[2]) in volume specification '\(text)'")
        }
        guard parts[1].hasPrefix("/") else {
            throw .invalid(
                "invalid volume specification: '\(text)': invalid mount config for type \"volume\": invalid mount path: '\(parts[1])' mount path must be absolute"
            )
        }
        guard parts[1] != "/" else {
            throw .invalid("invalid volume specification: '\(text)': destination can't be '/'")
        }
        let propagation =
            options.first { ["private", "rprivate", "shared", "rshared", "slave", "rslave"].contains($0) } ?? ""
        if parts[0].hasPrefix("/") {
            self.init(
                source: .bind(path: parts[0], propagation: propagation, create: true, recursive: true),
                target: parts[1], readOnly: options.contains("ro"))
            written = text
        } else {
            self.init(
                source: .volume(name: parts[0], copy: !options.contains("nocopy"), subpath: ""), target: parts[1],
                readOnly: options.contains("ro"))
            written = text
        }
    }
}
