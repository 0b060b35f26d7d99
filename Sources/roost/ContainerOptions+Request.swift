import APIClient
import ComposeFile
import DockerAPI
import EngineModel
import LinuxKernel

/// Converts the options of `run` and `create` to the API's create request.
extension ContainerOptions {
    func request(_ words: [String], attach isAttached: Bool) throws -> ContainerCreateRequest {
        guard let image = words.first else { throw RoostError.invalid("an image is required") }
        var request = ContainerCreateRequest()
        request.config = try config(image, Array(words.dropFirst()), attach: isAttached)
        request.hostConfig = try hostConfig()
        request.networkingConfig = NetworkingConfig()
        request.networkingConfig?.endpointsConfig = try networks().endpoints
        return request
    }

    private func config(_ image: String, _ command: [String], attach isAttached: Bool) throws -> ContainerConfig {
        var config = ContainerConfig()
        config.image = image
        config.tty = tty
        config.openStdin = interactive
        config.stdinOnce = interactive && isAttached
        try chooseStreams(&config, attach: isAttached)
        if !command.isEmpty { config.command = ShellWords(command) }
        config.entrypoint = entrypoint.map { ShellWords([$0]) }
        config.environment = try variables()
        config.workingDirectory = workdir
        config.user = user
        config.hostname = hostname
        config.stopSignal = stopSignal
        config.domainname = domainname
        config.macAddress = macAddress
        config.stopTimeout = stopTimeout.map(Int64.init)
        config.labels = Self.map(try labelFile.flatMap(Self.lines) + label)
        config.exposedPorts = OrderedMap(expose.map { ($0, EmptyObject()) })
        config.volumes = OrderedMap(volume.filter { !$0.contains(":") }.map { ($0, EmptyObject()) })
        config.healthcheck = try healthcheck()
        return config
    }

    /// -i alone attaches STDIN; -a lists the streams to attach, and then only those are attached.
    private func chooseStreams(_ config: inout ContainerConfig, attach isAttached: Bool) throws(RoostError) {
        let chosen = Set(attach.map { $0.lowercased() })
        for name in chosen where !["stdin", "stdout", "stderr"].contains(name) {
            throw .invalid("valid streams are STDIN, STDOUT and STDERR")
        }
        config.attachStdin = isAttached && (interactive || chosen.contains("stdin"))
        config.attachStdout = isAttached && (chosen.isEmpty || chosen.contains("stdout"))
        config.attachStderr = isAttached && (chosen.isEmpty || chosen.contains("stderr"))
    }

    /// Proxies from the client's configuration, then variables from files, then those of the command line; later ones win.
    private func variables() throws -> [String] {
        var list: [String] = []
        for file in envFile { list += try Self.lines(file).map(Variables.complete) }
        list += try env.map(Variables.complete)
        let names = Set(list.map { $0.prefix { $0 != "=" } })
        let proxies = try DockerConfiguration.load().proxies(for: CommandContext.shared.host)
        return proxies.filter { !names.contains($0.name[...]) }.map { "\($0.name)=\($0.value)" } + list
    }

    /// The lines of an env or label file, without comments and empty lines.
    static func lines(_ path: String) throws -> [String] {
        let text: String
        do throws(SyscallError) { text = try Files.readText(CommandContext.shared.absolute(path)) } catch {
            throw RoostError.invalid("open \(path): \(error.reason)")
        }
        return text.split(separator: "\n").map { $0.drop(while: \.isWhitespace) }.filter {
            !$0.isEmpty && !$0.hasPrefix("#")
        }.map { $0.hasSuffix("\r") ? String($0.dropLast()) : String($0) }
    }

    private func healthcheck() throws(RoostError) -> HealthConfig? {
        let times = [healthInterval, healthTimeout, healthStartPeriod, healthStartInterval]
        let isSet = healthCmd != nil || healthRetries != nil || times.contains { $0 != nil }
        if !isSet, !noHealthcheck { return nil }
        var check = HealthConfig()
        if noHealthcheck {
            if isSet { throw .invalid("--no-healthcheck conflicts with --health-* options") }
            check.test = ["NONE"]
            return check
        }
        check.test = healthCmd.map { ["CMD-SHELL", $0] }
        check.interval = try healthInterval.map(Self.span)
        check.timeout = try healthTimeout.map(Self.span)
        check.startPeriod = try healthStartPeriod.map(Self.span)
        check.startInterval = try healthStartInterval.map(Self.span)
        check.retries = healthRetries.map(Int64.init)
        return check
    }

    private static func span(_ text: String) throws(RoostError) -> Int64 {
        guard let value = TimeSpan.parse(text) else { throw .invalid("invalid duration \"\(text)\" (e.g. 30s)") }
        return value
    }

    /// `NAME=VALUE` arguments; of several with the same name the last counts.
    static func map(_ texts: [String]) -> [String: String] {
        Dictionary(texts.map(pair)) { $1 }
    }

    static func pair(_ text: String) -> (String, String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }

    static func size(_ text: String) throws(RoostError) -> Int64 { try size(text, named: "") }

    /// The size that an option gives, in bytes; -1 is unlimited.
    static func sizeOption(_ option: String, _ text: String) throws(RoostError) -> Int64 {
        try size(text, named: " for \(option)")
    }

    private static func size(_ text: String, named name: String) throws(RoostError) -> Int64 {
        if text == "-1" { return -1 }
        guard let value = ByteSize.parse(text) else {
            throw .invalid("invalid size \"\(text)\"\(name) (e.g. 512m, 2g)")
        }
        return value
    }

    /// The network mode, and the endpoint settings of each network by name.
    private func networks() throws(RoostError) -> (mode: String, endpoints: OrderedMap<EndpointSettings>) {
        var found: [NetworkFlag] = []
        for text in network { found.append(try NetworkFlag(text)) }
        let hasOwn = !networkAlias.isEmpty || ip != nil || ip6 != nil || !linkLocalIP.isEmpty
        if found.isEmpty, hasOwn { found = [try NetworkFlag("default")] }
        guard !found.isEmpty else { return ("default", [:]) }
        if hasOwn {
            if found[0].isLong {
                throw .invalid(
                    "conflicting options: cannot specify both --network-alias or --ip and per-network options")
            }
            found[0].aliases += networkAlias
            found[0].address4 = ip ?? found[0].address4
            found[0].address6 = ip6 ?? found[0].address6
            found[0].linkLocal += linkLocalIP
        }
        let needed = found.count > 1 || found.contains { $0.hasSettings }
        return (found[0].name, needed ? OrderedMap(found.map { ($0.name, $0.settings) }) : [:])
    }

    private func hostConfig() throws -> HostConfig {
        var host = HostConfig()
        host.autoRemove = rm
        host.publishAllPorts = publishAll
        host.readOnlyRootFilesystem = readOnly
        host.isUnderInit = runsInit ? true : nil
        if tty, let window = Terminals.window(1) { host.consoleSize = [window.rows, window.columns] }
        host.networkMode = try networks().mode
        host.portBindings = HostPort.map(try publish.flatMap { text throws(RoostError) in try PortBinding.parse(text) })
        host.restartPolicy = try restart.map { RestartPolicy(try RestartPolicySpec(parsing: $0)) }
        host.runtime = runtime
        host.annotations = Self.pairs(annotation)
        host.storageOptions = Self.pairs(storageOpt)
        host.sysctls = Self.pairs(sysctl)
        if logDriver != nil || !logOpt.isEmpty {
            var log = LogConfig()
            log.type = logDriver ?? "json-file"
            log.config = Self.map(logOpt)
            host.logConfig = log
        }
        setMounts(&host)
        host.mounts = try mount.map { try MountFlag($0).mount }
        setNamespaces(&host)
        try setSecurity(&host)
        try setResources(&host)
        try setDevices(&host)
        return host
    }

    private static func given(_ list: [String]) -> [String]? { list.isEmpty ? nil : list }
    private static func pairs(_ list: [String]) -> [String: String]? { list.isEmpty ? nil : map(list) }

    private func setNamespaces(_ host: inout HostConfig) {
        host.ipcMode = ipc
        host.pidMode = pid
        host.utsMode = uts
        host.cgroupNamespaceMode = cgroupns
        host.userNamespaceMode = userns
        host.isolation = isolation
        host.extraHosts = Self.given(addHost)
        host.dns = Self.given(dns)
        host.dnsSearch = Self.given(dnsSearch)
        host.dnsOptions = Self.given(dnsOption)
        host.links = Self.given(link)
    }

    private func setSecurity(_ host: inout HostConfig) throws {
        host.privileged = privileged
        host.addedCapabilities = Self.given(SecuritySpec.normalized(capabilities: capAdd))
        host.droppedCapabilities = Self.given(SecuritySpec.normalized(capabilities: capDrop))
        host.additionalGroups = Self.given(groupAdd)
        let security = try securityOpt.map(SecurityFlag.expanded)
        host.securityOptions = Self.given(security.filter { $0 != "systempaths=unconfined" })
        if security.contains("systempaths=unconfined") { (host.maskedPaths, host.readOnlyPaths) = ([], []) }
    }

    private func setResources(_ host: inout HostConfig) throws {
        host.memory = try memory.map { try Self.sizeOption("--memory", $0) }
        host.memorySwap = try memorySwap.map { try Self.sizeOption("--memory-swap", $0) }
        host.memoryReservation = try memoryReservation.map { try Self.sizeOption("--memory-reservation", $0) }
        host.shmSize = try shmSize.map { try Self.sizeOption("--shm-size", $0) }
        host.memorySwappiness = memorySwappiness.map(Int64.init)
        host.oomKillDisable = oomKillDisable ? true : nil
        host.oomScoreAdjustment = oomScoreAdj.map(Int64.init)
        host.nanoCPUs = cpus.map { Int64(($0 * 1e9).rounded()) }
        host.cpuShares = cpuShares.map(Int64.init)
        host.cpuPeriod = cpuPeriod.map(Int64.init)
        host.cpuQuota = cpuQuota.map(Int64.init)
        host.cpusetCPUs = cpusetCpus
        host.cpusetMems = cpusetMems
        host.pidsLimit = pidsLimit.map(Int64.init)
        host.blkioWeight = blkioWeight.map(Int64.init)
        host.cgroupParent = cgroupParent
        host.ulimits = try ulimit.map { Ulimit(try UlimitSpec(parsing: $0)) }
    }

    private func setMounts(_ host: inout HostConfig) {
        var binds = volume.filter { $0.contains(":") }.map { text in
            let isPath = text.hasPrefix(".") || text.hasPrefix("~")
            guard isPath else { return text }
            let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            return ([CommandContext.shared.absolute(parts[0])] + parts.dropFirst()).joined(separator: ":")
        }
        if useAPISocket, case .success(let address) = CommandContext.shared.address {
            let path = address.socket.hasPrefix("unix://") ? String(address.socket.dropFirst(7)) : address.socket
            if path.hasPrefix("/") { binds.append("\(path):/var/run/docker.sock") }
        }
        host.binds = binds
        host.volumesFrom = Self.given(volumesFrom)
        host.volumeDriver = volumeDriver
        host.tmpfs = OrderedMap(
            tmpfs.map { text in
                let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            })
    }

    private func setDevices(_ host: inout HostConfig) throws {
        host.devices = device.map(DeviceMapping.init(flag:))
        host.deviceCgroupRules = Self.given(deviceCgroupRule)
        func number(_ text: String) throws -> Int64 {
            guard let value = Int64(text), value >= 0 else { throw RoostError.invalid("invalid rate: \(text)") }
            return value
        }
        host.blkioDeviceReadBps = try Self.given(deviceReadBps)?.map { try ThrottleDevice(flag: $0, Self.size) }
        host.blkioDeviceWriteBps = try Self.given(deviceWriteBps)?.map { try ThrottleDevice(flag: $0, Self.size) }
        host.blkioDeviceReadIOps = try Self.given(deviceReadOperations)?.map { try ThrottleDevice(flag: $0, number) }
        host.blkioDeviceWriteIOps = try Self.given(deviceWriteOperations)?.map { try ThrottleDevice(flag: $0, number) }
        host.blkioWeightDevice = Self.given(blkioWeightDevice)?.map { text in
            let parts = text.split(separator: ":").map(String.init)
            var device = WeightDevice()
            device.path = parts[0]
            device.weight = Int64(parts.last ?? "") ?? 0
            return device
        }
        if let gpus {
            var request = DeviceRequest()
            request.driver = ""
            request.count = Int64(gpus) ?? -1
            request.capabilities = [["gpu"]]
            request.options = [:]
            host.deviceRequests = [request]
        }
    }
}

extension DeviceMapping {
    /// `HOST[:CONTAINER][:PERMISSIONS]`.
    fileprivate init(flag text: String) {
        self.init()
        let parts = text.split(separator: ":").map(String.init)
        // `host:rwm` gives permissions but no path in the container.
        let isMode = parts.count == 2 && !parts[1].isEmpty && parts[1].allSatisfy { "rwm".contains($0) }
        pathOnHost = parts.first ?? ""
        pathInContainer = parts.count > 1 && !isMode ? parts[1] : pathOnHost
        cgroupPermissions = isMode ? parts[1] : parts.count > 2 ? parts[2] : "rwm"
    }
}

extension ThrottleDevice {
    /// `/dev/PATH:RATE`.
    fileprivate init(flag text: String, _ value: (String) throws -> Int64) throws {
        guard let cut = text.lastIndex(of: ":"), text.hasPrefix("/dev/") else {
            throw RoostError.invalid("bad format for path: \(text). Expected /dev/PATH:RATE")
        }
        self.init()
        path = String(text[..<cut])
        rate = try value(String(text[text.index(after: cut)...]))
    }
}

/// `--network`: a name, or `name=NETWORK,alias=…,ip=…` (Docker, "docker run", "Connect a container to a network").
struct NetworkFlag {
    var name = ""
    var isLong = false
    var aliases: [String] = []
    var address4: String?
    var address6: String?
    var linkLocal: [String] = []
    private var macAddress: String?
    private var priority: Int?
    private var options: [String: String] = [:]

    init(_ text: String) throws(RoostError) {
        guard text.contains("=") else {
            name = text
            return
        }
        isLong = true
        for field in text.split(separator: ",") {
            let parts = field.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { throw .invalid("invalid --network field \(field): expected key=value") }
            switch parts[0].lowercased() {
            case "name": name = parts[1]
            case "alias": aliases.append(parts[1])
            case "ip": address4 = parts[1]
            case "ip6": address6 = parts[1]
            case "mac-address": macAddress = parts[1]
            case "link-local-ip": linkLocal.append(parts[1])
            case "gw-priority":
                guard let number = Int(parts[1]) else { throw .invalid("invalid gw-priority: \(parts[1])") }
                priority = number
            case "driver-opt":
                let option = ContainerOptions.pair(parts[1])
                options[option.0] = option.1
            default: throw .invalid("invalid field key \(parts[0]) in --network \(text)")
            }
        }
        if name.isEmpty { throw .invalid("--network \(text): network name is not specified") }
    }

    var hasSettings: Bool {
        !aliases.isEmpty || address4 != nil || address6 != nil || !linkLocal.isEmpty || macAddress != nil
            || priority != nil || !options.isEmpty
    }

    var settings: EndpointSettings {
        var settings = EndpointSettings()
        settings.aliases = aliases.isEmpty ? nil : aliases
        if address4 != nil || address6 != nil || !linkLocal.isEmpty {
            var addresses = EndpointIPAMConfig()
            addresses.ipv4Address = address4
            addresses.ipv6Address = address6
            addresses.linkLocalIPs = linkLocal.isEmpty ? nil : linkLocal
            settings.ipamConfig = addresses
        }
        settings.macAddress = macAddress
        settings.gatewayPriority = priority.map(Int64.init)
        settings.driverOptions = options.isEmpty ? nil : options
        return settings
    }
}

/// `--security-opt`: seccomp profile files are read by the client, since the engine may run on another machine.
enum SecurityFlag {
    static func expanded(_ option: String) throws -> String { try expanded(option, in: nil) }

    static func expanded(_ option: String, in folder: String?) throws -> String {
        let cut = option.firstIndex { $0 == "=" || $0 == ":" } ?? option.endIndex
        guard option[..<cut] == "seccomp", cut != option.endIndex else { return option }
        let value = String(option[option.index(after: cut)...])
        if ["unconfined", "builtin"].contains(value) || value.hasPrefix("{") { return "seccomp=" + value }
        let path =
            value.hasPrefix("/")
            ? value
            : folder.map { PathRules.resolve(value, in: $0, home: nil) } ?? CommandContext.shared.absolute(value)
        let bytes: [UInt8]
        do throws(SyscallError) { bytes = try Files.read(path) } catch {
            throw RoostError.invalid("opening seccomp profile (\(value)) failed: \(error.reason)")
        }
        do { return "seccomp=" + (try JSON(parsing: bytes)).text() } catch {
            throw RoostError.invalid("seccomp profile \(path) is not valid JSON: \(error)")
        }
    }
}
