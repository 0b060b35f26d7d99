/// The requested configuration of a container, validated and typed. Set once, when the container is created.
public struct ContainerSpec: Sendable, Equatable, Codable {
    public var process = ProcessSpec()
    /// The image reference as the user wrote it.
    public var image = ""
    public var hostname = ""
    public var domainname = ""
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]
    public var exposedPorts: [ContainerPort] = []
    public var portBindings: [PortBinding] = []
    public var publishAllPorts = false
    public var mounts: [MountSpec] = []
    /// Containers whose mounts this one also gets: `name[:ro|rw]`.
    public var volumesFrom: [String] = []
    /// Additional device rules in the form of cgroup v1's `devices.allow`: `c 1:3 mr`.
    public var deviceRules: [String] = []
    public var healthcheck: HealthcheckSpec?
    public var stopSignal: String?
    /// Seconds between the stop signal and SIGKILL; nil means the default of 10, -1 waits forever.
    public var stopTimeout: Int?
    public var restartPolicy = RestartPolicySpec()
    public var removeWhenStopped = false
    public var network = NetworkMode.bridge
    public var endpoints: [EndpointSpec] = []
    public var dns = DNSSpec()
    public var security = SecuritySpec()
    public var resources = ResourceSpec()
    public var devices: [DeviceSpec] = []
    public var log = LogSpec()
    public var ipc = SharedNamespace.own
    public var pid = SharedNamespace.own
    public var uts = SharedNamespace.own
    public var controlGroupNamespace = SharedNamespace.own
    /// Empty means the engine's default parent cgroup.
    public var controlGroupParent = ""
    public var sharedMemoryBytes: Int64 = 64 << 20
    public var runsUnderInit = false
    /// Hooks that run in the container after a start and before a stop by the user.
    public var startHooks: [HookSpec] = []
    public var stopHooks: [HookSpec] = []
    /// The create request as JSON, for `inspect`; nil for a container of a project.
    public var request: String?
    /// Only the loopback interface, regardless of the network mode.
    public var isNetworkDisabled: Bool?
    /// 0 to 100 (memory.swappiness of cgroup v1); nil means the host's default.
    public var swappiness: Int64?

    public init() {}
}

/// A lifecycle hook: a command that runs in a container.
public struct HookSpec: Sendable, Equatable, Codable {
    public var command: [String]
    /// Empty means the container's user.
    public var user = ""
    public var workingDirectory = ""
    public var environment: [String] = []
    public var privileged = false
    public init(command: [String]) { self.command = command }
}

/// The container's process and its environment.
public struct ProcessSpec: Sendable, Equatable, Codable {
    /// nil means the image's entrypoint.
    public var entrypoint: [String]?
    public var command: [String]?
    /// `NAME=value`; later entries take precedence.
    public var environment: [String] = []
    public var workingDirectory = ""
    public var user = ""
    public var additionalGroups: [String] = []
    public var terminal = false
    /// Standard input stays open without an attached client.
    public var openInput = false
    /// Standard input closes when the first attached client disconnects.
    public var inputOnce = false
    public var attachInput = false
    public var attachOutput = false
    public var attachError = false
    public init() {}
}

/// A mount in the container.
public struct MountSpec: Sendable, Equatable, Codable, Hashable {
    public enum Source: Sendable, Equatable, Codable, Hashable {
        /// A host path; `create` creates a missing directory, as Docker's short form does.
        case bind(path: String, propagation: String, create: Bool, recursive: Bool)
        /// A named volume, or an anonymous one without a name. `copy` fills an empty volume from the image.
        case volume(name: String?, copy: Bool, subpath: String)
        /// A tmpfs; options as in tmpfs(5): size, mode, uid, gid, noexec, ….
        case tmpfs(options: [String])
        /// The read-only files of an image, or of `subpath` in it.
        case image(reference: String, subpath: String)
    }
    public var source: Source
    /// Absolute path in the container.
    public var target: String
    public var readOnly: Bool
    /// Submounts of a read-only mount stay writable (`bind-recursive=writable`).
    public var isReadOnlyAtTopAlone: Bool?
    /// The properties of a volume that is created for this mount.
    public var volumeWish: VolumeTemplate?
    /// The mount takes over an anonymous volume of a previous container; it is removed with this container.
    public var keepsAnonymous: Bool?
    /// How the client wrote the mount; nil for one of a project, and for an entry of `Tmpfs` or `Volumes`.
    public var form: Form?

    public enum Form: Sendable, Equatable, Codable, Hashable {
        /// An entry of `Binds`, with its options.
        case short(mode: String?)
        /// An entry of `Mounts`.
        case long
    }
    public init(source: Source, target: String, readOnly: Bool = false) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
    }

    /// Whether a subpath lexically stays within its volume (Go's `filepath.IsLocal`).
    public static func isLocal(_ path: String) -> Bool {
        if path.hasPrefix("/") { return false }
        var depth = 0
        for part in path.pathParts where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }

    /// The error for a subpath that does not.
    public static let notLocal = "subpath must be a relative path within the volume"
}

/// Properties of a volume that does not exist yet.
public struct VolumeTemplate: Sendable, Equatable, Codable, Hashable {
    public var driver: String
    public var labels: [String: String]
    public var options: [String: String]
    public init(driver: String, labels: [String: String], options: [String: String]) {
        self.driver = driver
        self.labels = labels
        self.options = options
    }
}

public struct HealthcheckSpec: Sendable, Equatable, Codable {
    /// As in Docker: `["CMD", …]`, `["CMD-SHELL", text]`, `["NONE"]`; empty means the image's healthcheck.
    public var test: [String]
    /// Nanoseconds; 0 means the default (30 s, 30 s, 0 s, 5 s).
    public var interval: Int64
    public var timeout: Int64
    public var startPeriod: Int64
    public var startInterval: Int64
    /// 0 means the default of 3.
    public var retries: Int
    public init(
        test: [String], interval: Int64 = 0, timeout: Int64 = 0, startPeriod: Int64 = 0, startInterval: Int64 = 0,
        retries: Int = 0
    ) {
        self.test = test
        self.interval = interval
        self.timeout = timeout
        self.startPeriod = startPeriod
        self.startInterval = startInterval
        self.retries = retries
    }
}

public struct RestartPolicySpec: Sendable, Equatable, Codable {
    public enum Name: String, Sendable, Codable {
        case no
        case always
        case onFailure = "on-failure"
        case unlessStopped = "unless-stopped"
    }
    public var name: Name
    /// 0 means unlimited. Set for `on-failure`, and for `always` by `deploy.restart_policy.max_attempts`.
    public var maximumRetries: Int
    /// Milliseconds before each restart, from `deploy.restart_policy.delay`; nil means a delay that grows from 100 ms.
    public var delay: Int64?
    /// Milliseconds after which a start counts as successful, from `deploy.restart_policy.window`; nil means 10 s.
    public var window: Int64?
    public init(_ name: Name = .no, maximumRetries: Int = 0) {
        self.name = name
        self.maximumRetries = maximumRetries
    }

    /// `no`, `always`, `unless-stopped`, `on-failure[:N]`.
    public init(parsing text: String) throws(RoostError) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard let name = parts.isEmpty ? .no : Name(rawValue: String(parts[0])) else {
            throw .invalid("invalid restart policy \"\(text)\": use no, always, unless-stopped or on-failure[:N]")
        }
        var retries = 0
        if parts.count == 2 {
            guard name == .onFailure, let count = Int(parts[1]), count >= 0 else {
                throw .invalid("invalid restart policy \"\(text)\": only on-failure accepts a retry count")
            }
            retries = count
        }
        self.init(name, maximumRetries: retries)
    }
}

/// The network mode of a container.
public enum NetworkMode: Sendable, Equatable, Codable {
    /// The default bridge network, which has no DNS names.
    case bridge
    case host
    case none
    /// The network namespace of another container, by ID or name.
    case container(String)
    /// A user-defined network, by name or ID.
    case named(String)

    public init(_ text: String) {
        switch text {
        case "", "default", "bridge": self = .bridge
        case "host": self = .host
        case "none": self = .none
        default: self = text.hasPrefix("container:") ? .container(String(text.dropFirst(10))) : .named(text)
        }
    }

    public var text: String {
        switch self {
        case .bridge: "bridge"
        case .host: "host"
        case .none: "none"
        case .container(let other): "container:\(other)"
        case .named(let name): name
        }
    }
}

/// The owner of a namespace of a container.
public enum SharedNamespace: Sendable, Equatable, Codable {
    case own
    case host
    case container(String)

    /// `modes`: values that mean a private namespace, besides the empty one; `joins`: whether `container:NAME` is allowed.
    public init(_ text: String, field: String, modes: Set<String> = [], joins: Bool = true) throws(RoostError) {
        if text.isEmpty || modes.contains(text) {
            self = .own
            return
        }
        if text == "host" {
            self = .host
            return
        }
        guard joins, text.hasPrefix("container:"), text != "container:" else {
            throw .invalid("invalid \(field) mode: \(text): use host\(joins ? " or container:NAME" : "")")
        }
        self = .container(String(text.dropFirst(10)))
    }
}

/// The requested endpoint of a container in a network.
public struct EndpointSpec: Sendable, Equatable, Codable {
    /// Name or ID of the network.
    public var network: String
    public var aliases: [String]
    public var address4: IPAddress?
    public var address6: IPAddress?
    public var macAddress: String?
    /// The endpoint with the highest priority provides the default gateway.
    public var gatewayPriority: Int
    public var linkLocal: [String]?
    /// `target:alias`, on this network only.
    public var links: [String]?
    public var driverOptions: [String: String]?
    public init(
        network: String, aliases: [String] = [], address4: IPAddress? = nil, address6: IPAddress? = nil,
        macAddress: String? = nil, gatewayPriority: Int = 0
    ) {
        self.network = network
        self.aliases = aliases
        self.address4 = address4
        self.address6 = address6
        self.macAddress = macAddress
        self.gatewayPriority = gatewayPriority
    }
}

public struct DNSSpec: Sendable, Equatable, Codable {
    public var servers: [IPAddress] = []
    public var search: [String] = []
    public var options: [String] = []
    /// `name:address` or `name=address`, for /etc/hosts; the address may be `host-gateway`.
    public var extraHosts: [String] = []
    /// Legacy links, `target:alias`.
    public var links: [String] = []
    public init() {}

    /// The links as pairs; the default alias is the target's name.
    public var parsedLinks: [(target: String, alias: String)] {
        links.map { text in
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let target = parts.first.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 } ?? ""
            return (target, parts.count > 1 ? parts[1].pathParts.last.map(String.init) ?? "" : target)
        }
    }
}

public struct SecuritySpec: Sendable, Equatable, Codable {
    public var privileged = false
    public var addedCapabilities: [String] = []
    public var droppedCapabilities: [String] = []
    public var readOnlyRoot = false
    /// As given: `no-new-privileges`, `seccomp=unconfined`, `seccomp=JSON`, `systempaths=unconfined`.
    public var options: [String] = []
    public var sysctls: [String: String] = [:]
    /// Override `SystemPaths`; nil means those.
    public var maskedPaths: [String]?
    public var readOnlyPaths: [String]?
    public init() {}

    /// Capability names as the Docker CLI and Compose send them: upper case, with prefix, unique, sorted.
    public static func normalized(capabilities names: [String]) -> [String] {
        let full = names.map { name in
            let upper = name.uppercased()
            return upper == "ALL" || upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        }
        return Set(full).sorted()
    }
}

/// Resource limits of one container. 0 or nil means no limit.
public struct ResourceSpec: Sendable, Equatable, Codable {
    public var memoryBytes: Int64 = 0
    public var memoryReservationBytes: Int64 = 0
    /// Memory plus swap; -1 means unlimited.
    public var memorySwapBytes: Int64 = 0
    /// CPUs in units of 10^-9.
    public var nanoCPUs: Int64 = 0
    public var cpuShares: Int64 = 0
    /// Microseconds.
    public var cpuPeriod: Int64 = 0
    public var cpuQuota: Int64 = 0
    public var cpusetCPUs = ""
    public var cpusetMemories = ""
    /// -1 means unlimited.
    public var maximumProcesses: Int64 = 0
    /// 10 to 1000.
    public var blockWeight: UInt16 = 0
    /// Rate limits of block devices.
    public var deviceRates: [DeviceRate]?
    public var outOfMemoryScore: Int32 = 0
    public var disablesOutOfMemoryKiller = false
    public var limits: [UlimitSpec] = []
    public init() {}
}

/// A rate limit of a block device.
public struct DeviceRate: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// Bytes or operations per second, named as in cgroup v2's `io.max`.
        case readBytes = "rbps"
        case writeBytes = "wbps"
        case readOperations = "riops"
        case writeOperations = "wiops"
    }
    public var kind: Kind
    /// Path of the device on the host.
    public var device: String
    public var rate: Int64
    public init(kind: Kind, device: String, rate: Int64) {
        self.kind = kind
        self.device = device
        self.rate = rate
    }
}

public struct UlimitSpec: Sendable, Equatable, Codable {
    public var name: String
    public var soft: Int64
    public var hard: Int64
    public init(name: String, soft: Int64, hard: Int64) {
        self.name = name
        self.soft = soft
        self.hard = hard
    }

    /// Parses `nofile=1024:2048`, or `nofile=1024` for both limits, as in `--ulimit`.
    public init(parsing text: String) throws(RoostError) {
        let parts = text.split(separator: "=", maxSplits: 1)
        let numbers = parts.last?.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) } ?? []
        guard parts.count == 2, (1...2).contains(numbers.count), let soft = numbers[0], let hard = numbers.last ?? soft
        else { throw .invalid("invalid ulimit \"\(text)\": expected NAME=SOFT[:HARD], e.g. nofile=1024:2048") }
        guard Self.names.contains(String(parts[0])) else { throw .invalid("invalid ulimit type: \(parts[0])") }
        // -1 is unlimited.
        if hard >= 0, soft == -1 || soft > hard {
            throw .invalid("ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)")
        }
        self.init(name: String(parts[0]), soft: soft, hard: hard)
    }

    /// The names of getrlimit(2)'s resources, without RLIMIT_ and in lower case.
    private static let names: Set<String> = [
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
        "rttime", "sigpending", "stack",
    ]
}

public struct DeviceSpec: Sendable, Equatable, Codable {
    public var hostPath: String
    public var containerPath: String
    /// Any of `r`, `w`, `m`.
    public var permissions: String
    public init(hostPath: String, containerPath: String, permissions: String) {
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.permissions = permissions
    }
}

public struct LogSpec: Sendable, Equatable, Codable {
    /// `json-file` or `local` (both use the same log format of this engine), or `none`.
    public var driver = ""
    public var options: [String: String] = [:]
    public init() {}
}
