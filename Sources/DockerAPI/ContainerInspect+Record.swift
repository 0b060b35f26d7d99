import EngineModel

/// A time in nanoseconds since 1970; 0 is Docker's zero time.
func timeText(_ nanoseconds: Int64) -> String {
    nanoseconds == 0 ? Timestamp.never : Timestamp(nanoseconds: nanoseconds).rfc3339
}

extension ContainerInspect {
    /// `directory` is the container's directory on the host, `log` the path of its log, `execs` the ids of its running execs.
    package init(
        _ record: ContainerRecord, networks: [String: NetworkRecord], directory: String, log: String, execs: [String]
    ) {
        self.init()
        id = record.id
        created = timeText(record.createdAt)
        path = record.arguments.first ?? ""
        arguments = Array(record.arguments.dropFirst())
        state = ContainerState(record.status)
        image = record.imageID
        // resolv.conf, hostname and hosts are in a tmpfs of the container, without a path on the host.
        logPath = log
        name = "/" + record.name
        restartCount = Int64(record.status.restartCount)
        driver = "overlay2"
        platform = "linux"
        execIDs = execs.isEmpty ? nil : execs
        let request = record.createRequest
        hostConfig = HostConfig(record, request?.hostConfig)
        graphDriver.data = ["UpperDir": directory + "/upper", "WorkDir": directory + "/work"]
        graphDriver.name = "overlay2"
        mounts = record.mountPoints
        config = ContainerConfig(record, request?.config)
        networkSettings = NetworkSettings(record, networks)
    }

    /// Before API version 1.45 the short id was one of the aliases on user-defined networks.
    package mutating func addShortAliases() {
        networkSettings.networks = networkSettings.networks.mapValues {
            var settings = $0
            if settings.dnsNames != nil { settings.aliases = (settings.aliases ?? []) + [String(id.prefix(12))] }
            return settings
        }
    }
}

extension ContainerRecord {
    /// The request that created the container; nil for a container of a project.
    package var createRequest: ContainerCreateRequest? {
        spec.request.flatMap { try? JSON(parsing: $0).decode(zeroIfAbsent: true) }
    }
}

extension ContainerState {
    fileprivate init(_ status: ContainerStatus) {
        self.init()
        self.status = status.phase.rawValue
        running = status.isRunning || status.phase == .restarting
        paused = status.phase == .paused
        restarting = status.phase == .restarting
        oomKilled = status.oomKilled
        pid = Int64(status.processID)
        exitCode = Int64(status.exitCode)
        error = status.errorMessage
        startedAt = timeText(status.startedAt)
        finishedAt = timeText(status.finishedAt)
        health = status.health.map(Health.init)
    }
}

extension Health {
    fileprivate init(_ status: HealthStatus) {
        self.init()
        self.status = status.verdict.rawValue
        failingStreak = Int64(status.failingStreak)
        log = status.probes.map { probe in
            var result = HealthcheckResult()
            result.start = timeText(probe.start)
            result.end = timeText(probe.end)
            result.exitCode = Int64(probe.exitCode)
            result.output = probe.output
            return result
        }
    }
}

extension ContainerConfig {
    /// The effective configuration: what was requested, completed by the image's.
    fileprivate init(_ record: ContainerRecord, _ request: ContainerConfig?) {
        self.init()
        let process = record.spec.process
        hostname = record.spec.hostname.isEmpty ? record.shortID : record.spec.hostname
        domainname = record.spec.domainname
        user = record.user
        attachStdin = process.attachInput
        attachStdout = process.attachOutput
        attachStderr = process.attachError
        let ports = record.spec.exposedPorts
        exposedPorts = ports.isEmpty ? nil : OrderedMap(ports.map { ($0.description, EmptyObject()) })
        tty = process.terminal
        openStdin = process.openInput
        stdinOnce = process.inputOnce
        environment = Self.environment(record)
        image = record.spec.image
        workingDirectory = record.workingDirectory
        labels = record.spec.labels
        stopTimeout = record.spec.stopTimeout.map(Int64.init)
        argsEscaped = request?.argsEscaped
        networkDisabled = request?.networkDisabled
        macAddress = request?.macAddress.flatMap { $0.isEmpty ? nil : $0 }
        onBuild = request?.onBuild
        shell = request?.shell.flatMap { $0.isEmpty ? nil : $0 }
        let merged = record.mergedConfig
        command = merged.command
        entrypoint = merged.entrypoint
        volumes = merged.volumes
        healthcheck = merged.healthcheck
        stopSignal = merged.stopSignal
    }

    /// The requested entries as sent, including duplicates and bare names; then those of the image only.
    private static func environment(_ record: ContainerRecord) -> [String]? {
        let own = record.spec.process.environment
        let names = Set(own.map { $0.prefix { $0 != "=" } })
        let all = own + record.environment.filter { !names.contains($0.prefix { $0 != "=" }) }
        return all.isEmpty ? nil : all
    }
}

extension ContainerRecord {
    /// The part of the configuration that images have too, merged.
    package var mergedConfig: ContainerConfig {
        if let program, let config = try? JSON(parsing: program).decode(ContainerConfig.self, zeroIfAbsent: true) {
            return config
        }
        // The user's entrypoint and command determine which part of the arguments comes from the image.
        let entrypoint = spec.process.entrypoint
        let command = spec.process.command ?? Array(arguments.dropFirst(entrypoint?.count ?? 0))
        let used = Array(arguments.dropLast(command.count))
        var config = ContainerConfig()
        config.command = command.isEmpty ? nil : ShellWords(command)
        config.entrypoint = used.isEmpty ? nil : ShellWords(used)
        config.healthcheck = healthcheck.map(HealthConfig.init)
        config.stopSignal = spec.stopSignal
        return config
    }
}

extension NetworkSettings {
    fileprivate init(_ record: ContainerRecord, _ networks: [String: NetworkRecord]) {
        self.init()
        let isRunning = record.status.isRunning
        sandboxID = isRunning ? record.id : ""
        sandboxKey = isRunning ? "/proc/\(record.status.processID)/ns/net" : ""
        if isRunning { ports = OrderedMap(record.openPorts.map { ($0.description, HostPort.list($1)) }) }
        self.networks = record.endpointSettings(networks)
        // The default bridge's endpoint is repeated here, as older clients expect.
        guard let main = self.networks["bridge"] else { return }
        endpointID = main.endpointID ?? ""
        gateway = main.gateway ?? ""
        globalIPv6Address = main.globalIPv6Address ?? ""
        ipAddress = main.ipAddress ?? ""
        ipv6Gateway = main.ipv6Gateway ?? ""
        macAddress = main.macAddress ?? ""
        globalIPv6PrefixLength = main.globalIPv6PrefixLength ?? 0
        ipPrefixLength = main.ipPrefixLength ?? 0
    }
}

extension HostPort {
    package init(address: String, port: String) {
        self.init()
        self.address = address
        self.port = port
    }

    /// Where a port is published; nil if it is not.
    fileprivate static func list(_ published: [PublishedPort]) -> [HostPort]? {
        guard !published.isEmpty else { return nil }
        return published.map { HostPort(address: $0.hostAddress.description, port: "\($0.hostPort)") }
    }
}
