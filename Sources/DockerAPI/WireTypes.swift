import EngineModel

/// The JSON types of the members of requests. Other types are rejected, as in Docker: a limit that cannot be parsed must not become
/// no limit.
enum WireTypes {
    indirect enum Kind: Sendable {
        case text, truth, number
        case list(Kind)
        /// An object with any keys and values of this kind.
        case map(Kind)
        case object([String: Kind])
        case anything
    }

    static func check(_ value: JSON, _ kind: Kind, _ path: String) throws(RoostError) {
        if value.isNull { return }
        func wrong(_ wanted: String) -> RoostError { value.wrongType(at: path, expected: wanted) }
        switch kind {
        case .anything: break
        case .text:
            guard let text = value.string else { throw wrong("a string") }
            try refuseNUL(text, path)
        case .truth: if value.bool == nil { throw wrong("true or false") }
        case .number: guard case .int = value else { throw wrong("a 64-bit integer") }
        case .list(let inner):
            guard let items = value.array else { throw wrong("a list") }
            for (index, item) in items.enumerated() { try check(item, inner, "\(path)[\(index)]") }
        case .map(let inner):
            guard let members = value.object else { throw wrong("an object") }
            for (key, member) in members {
                try refuseNUL(key, path)
                try check(member, inner, "\(path).\(key)")
            }
        case .object(let table):
            guard value.object != nil else { throw wrong("an object") }
            for (key, inner) in table.sorted(by: { $0.key < $1.key }) {
                try check(value[key], inner, path.isEmpty ? key : "\(path).\(key)")
            }
        }
    }

    /// The kernel reads a string only up to its first NUL byte.
    static func refuseNUL(_ text: String, _ path: String) throws(RoostError) {
        if text.utf8.contains(0) { throw .invalid("invalid \(path): contains nul byte (\\x00)") }
    }

    private static func table(_ kind: Kind, _ keys: String...) -> [String: Kind] {
        Dictionary(uniqueKeysWithValues: keys.map { ($0, kind) })
    }
    private static func merged(_ tables: [String: Kind]...) -> [String: Kind] {
        tables.reduce([:]) { $0.merging($1) { $1 } }
    }

    private static let strings = Kind.list(.text)
    private static let texts = Kind.map(.text)

    /// `POST /containers/create`.
    static let create = Kind.object(
        merged(
            table(.text, "Image", "Hostname", "Domainname", "User", "WorkingDir", "StopSignal", "MacAddress"),
            table(
                .truth, "Tty", "OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr",
                "NetworkDisabled", "ArgsEscaped"), table(.number, "StopTimeout"), table(strings, "Env", "OnBuild"),
            table(texts, "Labels"), table(.map(.anything), "ExposedPorts", "Volumes"),
            [
                "Healthcheck": .object(
                    merged(
                        table(strings, "Test"),
                        table(.number, "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"))),
                "HostConfig": host, "NetworkingConfig": .object(["EndpointsConfig": .map(endpoint)]),
            ]))

    static let endpoint = Kind.object(
        merged(
            table(strings, "Aliases", "Links"), table(.text, "NetworkID", "MacAddress"), table(texts, "DriverOpts"),
            table(.number, "GwPriority"),
            [
                "IPAMConfig": .object(
                    merged(table(.text, "IPv4Address", "IPv6Address"), table(strings, "LinkLocalIPs")))
            ]))

    private static let rates = Kind.list(.object(["Path": .text, "Rate": .number]))

    /// Limits, which `POST /containers/{id}/update` also accepts.
    private static let resources = merged(
        table(
            .number, "Memory", "MemoryReservation", "MemorySwap", "MemorySwappiness", "KernelMemory", "NanoCpus",
            "CpuShares", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod", "CpuRealtimeRuntime", "PidsLimit", "BlkioWeight"),
        table(.text, "CpusetCpus", "CpusetMems", "CgroupParent"), table(.truth, "OomKillDisable"),
        table(
            rates, "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"),
        [
            "Devices": .list(.object(table(.text, "PathOnHost", "PathInContainer", "CgroupPermissions"))),
            "Ulimits": .list(.object(["Name": .text, "Soft": .number, "Hard": .number])),
            "RestartPolicy": .object(["Name": .text, "MaximumRetryCount": .number]),
            "DeviceCgroupRules": strings, "DeviceRequests": .list(.anything),
        ])

    private static let host = Kind.object(
        merged(
            resources, table(.number, "ShmSize", "OomScoreAdj"),
            table(
                .text, "NetworkMode", "IpcMode", "PidMode", "UTSMode", "UsernsMode", "CgroupnsMode", "Runtime",
                "VolumeDriver", "Isolation", "ContainerIDFile", "Cgroup"),
            table(.truth, "AutoRemove", "PublishAllPorts", "Privileged", "ReadonlyRootfs", "Init"),
            table(
                strings, "Binds", "CapAdd", "CapDrop", "SecurityOpt", "GroupAdd", "Dns", "DnsOptions", "DnsSearch",
                "ExtraHosts", "Links", "VolumesFrom", "MaskedPaths", "ReadonlyPaths"),
            table(texts, "Tmpfs", "Sysctls", "Annotations", "StorageOpt"),
            [
                "PortBindings": .map(.list(.object(["HostIp": .text, "HostPort": .text]))),
                "LogConfig": .object(["Type": .text, "Config": texts]), "Mounts": .list(mount),
            ]))

    private static let mount = Kind.object([
        "Type": .text, "Source": .text, "Target": .text, "ReadOnly": .truth,
        "BindOptions": .object(["Propagation": .text, "NonRecursive": .truth, "CreateMountpoint": .truth]),
        "VolumeOptions": .object([
            "NoCopy": .truth, "Labels": texts, "Subpath": .text,
            "DriverConfig": .object(["Name": .text, "Options": texts]),
        ]), "TmpfsOptions": .object(["SizeBytes": .number, "Mode": .number, "Options": .list(strings)]),
        "ImageOptions": .object(["Subpath": .text]),
    ])
}

extension JSON {
    /// A request's body as its type. Throws for a wrong type, and for texts with a NUL byte, which the kernel would cut off there.
    public func request<Body: Decodable>(_ type: Body.Type = Body.self) throws -> Body {
        if containsNUL { try refuseNUL("") }
        return try decode(type)
    }

    /// Looked for first: the paths for an error are not built for bodies without one.
    private var containsNUL: Bool {
        switch self {
        case .string(let text): text.utf8.contains(0)
        case .array(let items): items.contains { $0.containsNUL }
        case .object(let members): members.contains { $0.key.utf8.contains(0) || $0.value.containsNUL }
        default: false
        }
    }

    private func refuseNUL(_ path: String) throws(RoostError) {
        switch self {
        case .string(let text): try WireTypes.refuseNUL(text, path)
        case .array(let items): for (index, item) in items.enumerated() { try item.refuseNUL("\(path)[\(index)]") }
        case .object(let members):
            for (key, value) in members {
                try WireTypes.refuseNUL(key, path)
                try value.refuseNUL(path.isEmpty ? key : "\(path).\(key)")
            }
        default: break
        }
    }
}
