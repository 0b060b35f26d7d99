import APIClient
import ComposeFile
import EngineModel
import LinuxKernel

/// Converts the options of `run` and `create` to the API's create request.
extension ContainerOptions {
    /// The body of the create request.
    func body(_ words: [String], attach isAttached: Bool) throws -> JSON {
        guard let image = words.first else { throw RoostError.invalid("an image is required") }
        // -i alone attaches STDIN; -a lists the streams to attach, and then only those are attached.
        let chosen = Set(attach.map { $0.lowercased() })
        for name in chosen where !["stdin", "stdout", "stderr"].contains(name) {
            throw RoostError.invalid("valid streams are STDIN, STDOUT and STDERR")
        }
        let input = isAttached && (chosen.isEmpty ? interactive : chosen.contains("stdin") || interactive)
        var json: JSON = [
            "Image": .string(image), "Tty": .bool(tty), "OpenStdin": .bool(interactive),
            "StdinOnce": .bool(interactive && isAttached), "AttachStdin": .bool(input),
            "AttachStdout": .bool(isAttached && (chosen.isEmpty || chosen.contains("stdout"))),
            "AttachStderr": .bool(isAttached && (chosen.isEmpty || chosen.contains("stderr"))),
        ]
        if words.count > 1 { json.set("Cmd", JSON(Array(words.dropFirst()))) }
        if let entrypoint { json.set("Entrypoint", entrypoint.isEmpty ? [""] : [.string(entrypoint)]) }
        json.set("Env", JSON(try variables()))
        for (key, value) in [
            ("WorkingDir", workdir), ("User", user), ("Hostname", hostname), ("StopSignal", stopSignal),
            ("Domainname", domainname), ("MacAddress", macAddress),
        ] { if let value { json.set(key, .string(value)) } }
        if let stopTimeout { json.set("StopTimeout", JSON(stopTimeout)) }
        let labels = try labelFile.flatMap(Self.lines) + label
        json.set("Labels", .object(labels.map(Self.pair).map { ($0.0, .string($0.1)) }))
        json.set("ExposedPorts", .object(expose.map { ($0, .object([])) }))
        if let check = try healthcheck() { json.set("Healthcheck", check) }
        json.set("HostConfig", try hostConfig(&json))
        json.set("NetworkingConfig", ["EndpointsConfig": .object(try networks().endpoints)])
        return json
    }

    /// Proxies from the client's configuration, then variables from files, then those of the command line; later ones win.
    private func variables() throws -> [String] {
        var list: [String] = []
        for file in envFile { list += try Self.lines(file).map(Variables.complete) }
        list += try env.map(Variables.complete)
        let names = Set(list.map { $0.prefix { $0 != "=" } })
        let proxies = try DockerConfiguration.load().proxies(for: Session.shared.host)
        return proxies.filter { !names.contains($0.name[...]) }.map { "\($0.name)=\($0.value)" } + list
    }

    /// The lines of an env or label file, without comments and empty lines.
    static func lines(_ path: String) throws -> [String] {
        let text: String
        do throws(SyscallError) { text = try Files.readText(Session.shared.absolute(path)) } catch {
            throw RoostError.invalid("open \(path): \(error.reason)")
        }
        return text.split(separator: "\n").map { $0.drop(while: \.isWhitespace) }.filter {
            !$0.isEmpty && !$0.hasPrefix("#")
        }.map { $0.hasSuffix("\r") ? String($0.dropLast()) : String($0) }
    }

    private func healthcheck() throws(RoostError) -> JSON? {
        let times = [
            ("Interval", healthInterval), ("Timeout", healthTimeout), ("StartPeriod", healthStartPeriod),
            ("StartInterval", healthStartInterval),
        ]
        let isSet = healthCmd != nil || healthRetries != nil || times.contains { $0.1 != nil }
        if noHealthcheck {
            if isSet { throw .invalid("--no-healthcheck conflicts with --health-* options") }
            return ["Test": ["NONE"]]
        }
        guard isSet else { return nil }
        var check: JSON = .object([])
        if let healthCmd { check.set("Test", ["CMD-SHELL", .string(healthCmd)]) }
        for (key, text) in times { if let text { check.set(key, JSON(try Self.span(text))) } }
        if let healthRetries { check.set("Retries", JSON(healthRetries)) }
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
    private func networks() throws(RoostError) -> (mode: String, endpoints: [(key: String, value: JSON)]) {
        var found: [NetworkFlag] = []
        for text in network { found.append(try NetworkFlag(text)) }
        let hasOwn = !networkAlias.isEmpty || ip != nil || ip6 != nil || !linkLocalIP.isEmpty
        if found.isEmpty, hasOwn { found = [try NetworkFlag("default")] }
        guard !found.isEmpty else { return ("default", []) }
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
        return (found[0].name, needed ? found.map { ($0.name, $0.json) } : [])
    }

    private func hostConfig(_ json: inout JSON) throws -> JSON {
        var host: JSON = [
            "AutoRemove": .bool(rm), "PublishAllPorts": .bool(publishAll), "Privileged": .bool(privileged),
            "ReadonlyRootfs": .bool(readOnly),
        ]
        if runsInit { host.set("Init", true) }
        if tty, let window = Terminals.window(1) {
            host.set("ConsoleSize", [JSON(window.rows), JSON(window.columns)])
        }
        if oomKillDisable { host.set("OomKillDisable", true) }
        addMounts(&host, &json)
        host.set("Mounts", .array(try mount.map { try MountFlag($0).json }))
        host.set("PortBindings", try portBindings())
        host.set("NetworkMode", .string(try networks().mode))
        if let restart {
            let policy = try RestartPolicySpec(parsing: restart)
            host.set(
                "RestartPolicy",
                ["Name": .string(policy.name.rawValue), "MaximumRetryCount": JSON(policy.maximumRetries)])
        }
        let security = try securityOpt.map(SecurityFlag.expanded)
        for (key, list) in [
            ("CapAdd", SecuritySpec.normalized(capabilities: capAdd)),
            ("CapDrop", SecuritySpec.normalized(capabilities: capDrop)),
            ("SecurityOpt", security.filter { $0 != "systempaths=unconfined" }),
            ("ExtraHosts", addHost), ("Dns", dns), ("DnsSearch", dnsSearch), ("DnsOptions", dnsOption),
            ("GroupAdd", groupAdd), ("Links", link), ("VolumesFrom", volumesFrom),
            ("DeviceCgroupRules", deviceCgroupRule),
        ] where !list.isEmpty {
            host.set(key, JSON(list))
        }
        if security.contains("systempaths=unconfined") {
            host.set("MaskedPaths", [])
            host.set("ReadonlyPaths", [])
        }
        for (key, text) in [
            ("IpcMode", ipc), ("PidMode", pid), ("UTSMode", uts), ("CpusetCpus", cpusetCpus),
            ("CpusetMems", cpusetMems),
            ("CgroupnsMode", cgroupns), ("CgroupParent", cgroupParent), ("UsernsMode", userns), ("Runtime", runtime),
            ("VolumeDriver", volumeDriver), ("Isolation", isolation),
        ] { if let text { host.set(key, .string(text)) } }
        for (key, option, text) in [
            ("Memory", "--memory", memory), ("MemorySwap", "--memory-swap", memorySwap),
            ("ShmSize", "--shm-size", shmSize), ("MemoryReservation", "--memory-reservation", memoryReservation),
        ] { if let text { host.set(key, JSON(try Self.sizeOption(option, text))) } }
        for (key, number) in [
            ("CpuShares", cpuShares), ("PidsLimit", pidsLimit), ("OomScoreAdj", oomScoreAdj), ("CpuPeriod", cpuPeriod),
            ("CpuQuota", cpuQuota), ("BlkioWeight", blkioWeight), ("MemorySwappiness", memorySwappiness),
        ] { if let number { host.set(key, JSON(number)) } }
        if let cpus { host.set("NanoCpus", JSON(Int64((cpus * 1e9).rounded()))) }
        try addDevices(&host)
        host.set("Ulimits", .array(try ulimit.map(Self.ulimit)))
        for (key, list) in [("Sysctls", sysctl), ("Annotations", annotation), ("StorageOpt", storageOpt)]
        where !list.isEmpty {
            host.set(key, .object(list.map(Self.pair).map { ($0.0, .string($0.1)) }))
        }
        if logDriver != nil || !logOpt.isEmpty {
            host.set(
                "LogConfig",
                [
                    "Type": .string(logDriver ?? "json-file"),
                    "Config": .object(logOpt.map(Self.pair).map { ($0.0, .string($0.1)) }),
                ])
        }
        return host
    }

    private func addMounts(_ host: inout JSON, _ json: inout JSON) {
        var binds: [String] = []
        var anonymous: [(key: String, value: JSON)] = []
        for text in volume {
            if !text.contains(":") {
                anonymous.append((text, .object([])))
                continue
            }
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            let isPath = text.hasPrefix(".") || text.hasPrefix("~")
            binds.append(
                isPath
                    ? ([Session.shared.absolute(String(parts[0]))] + parts.dropFirst().map(String.init)).joined(
                        separator: ":")
                    : text)
        }
        if useAPISocket, case .success(let address) = Session.shared.address {
            let path = address.socket.hasPrefix("unix://") ? String(address.socket.dropFirst(7)) : address.socket
            if path.hasPrefix("/") { binds.append("\(path):/var/run/docker.sock") }
        }
        json.set("Volumes", .object(anonymous))
        host.set("Binds", JSON(binds))
        host.set(
            "Tmpfs",
            .object(
                tmpfs.map { text in
                    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
                    return (parts[0], .string(parts.count > 1 ? parts[1] : ""))
                }))
    }

    private func portBindings() throws -> JSON {
        PortBinding.json(try publish.flatMap { text throws(RoostError) in try PortBinding.parse(text) })
    }

    private func addDevices(_ host: inout JSON) throws {
        host.set(
            "Devices",
            .array(
                device.map { text in
                    let parts = text.split(separator: ":").map(String.init)
                    // `host:rwm` gives permissions but no path in the container.
                    let isMode = parts.count == 2 && !parts[1].isEmpty && parts[1].allSatisfy { "rwm".contains($0) }
                    return [
                        "PathOnHost": .string(parts.first ?? ""),
                        "PathInContainer": .string(parts.count > 1 && !isMode ? parts[1] : parts.first ?? ""),
                        "CgroupPermissions": .string(isMode ? parts[1] : parts.count > 2 ? parts[2] : "rwm"),
                    ]
                }))
        func rates(_ list: [String], _ value: (String) throws -> Int64) throws -> JSON {
            .array(
                try list.map { text in
                    guard let cut = text.lastIndex(of: ":"), text.hasPrefix("/dev/") else {
                        throw RoostError.invalid("bad format for path: \(text). Expected /dev/PATH:RATE")
                    }
                    return [
                        "Path": .string(String(text[..<cut])),
                        "Rate": JSON(try value(String(text[text.index(after: cut)...]))),
                    ]
                })
        }
        func number(_ text: String) throws -> Int64 {
            guard let value = Int64(text), value >= 0 else { throw RoostError.invalid("invalid rate: \(text)") }
            return value
        }
        for (key, list, value) in [
            ("BlkioDeviceReadBps", deviceReadBps, Self.size), ("BlkioDeviceWriteBps", deviceWriteBps, Self.size),
            ("BlkioDeviceReadIOps", deviceReadOperations, number),
            ("BlkioDeviceWriteIOps", deviceWriteOperations, number),
        ] where !list.isEmpty { host.set(key, try rates(list, value)) }
        if !blkioWeightDevice.isEmpty {
            host.set(
                "BlkioWeightDevice",
                .array(
                    blkioWeightDevice.map { text in
                        let parts = text.split(separator: ":").map(String.init)
                        return ["Path": .string(parts[0]), "Weight": JSON(Int64(parts.last ?? "") ?? 0)]
                    }))
        }
        if let gpus {
            host.set(
                "DeviceRequests",
                [["Driver": "", "Count": JSON(Int64(gpus) ?? -1), "Capabilities": [["gpu"]], "Options": .object([])]])
        }
    }

    /// `name=soft[:hard]`.
    static func ulimit(_ text: String) throws(RoostError) -> JSON {
        let limit = try UlimitSpec(parsing: text)
        return ["Name": .string(limit.name), "Soft": JSON(limit.soft), "Hard": JSON(limit.hard)]
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

    var json: JSON {
        var endpoint: JSON = .object([])
        if !aliases.isEmpty { endpoint.set("Aliases", JSON(aliases)) }
        var addresses: JSON = .object([])
        if let address4 { addresses.set("IPv4Address", .string(address4)) }
        if let address6 { addresses.set("IPv6Address", .string(address6)) }
        if !linkLocal.isEmpty { addresses.set("LinkLocalIPs", JSON(linkLocal)) }
        if addresses.object?.isEmpty == false { endpoint.set("IPAMConfig", addresses) }
        if let macAddress { endpoint.set("MacAddress", .string(macAddress)) }
        if let priority { endpoint.set("GwPriority", JSON(priority)) }
        if !options.isEmpty { endpoint.set("DriverOpts", JSON(options)) }
        return endpoint
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
            ? value : folder.map { PathRules.resolve(value, in: $0, home: nil) } ?? Session.shared.absolute(value)
        let bytes: [UInt8]
        do throws(SyscallError) { bytes = try Files.read(path) } catch {
            throw RoostError.invalid("opening seccomp profile (\(value)) failed: \(error.reason)")
        }
        do { return "seccomp=" + (try JSON(parsing: bytes)).text() } catch {
            throw RoostError.invalid("seccomp profile \(path) is not valid JSON: \(error)")
        }
    }
}
