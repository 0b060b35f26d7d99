/// The requested configuration of a container, validated and typed. Set once, when the container is created.
package struct ContainerSpec: Sendable, Equatable, Codable {
    package var process = ProcessSpec()
    /// The image reference as the user wrote it.
    package var image = ""
    package var hostname = ""
    package var domainname = ""
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    package var exposedPorts: [ContainerPort] = []
    package var portBindings: [PortBinding] = []
    package var publishAllPorts = false
    package var mounts: [MountSpec] = []
    /// Containers whose mounts this one also gets: `name[:ro|rw]`.
    package var volumesFrom: [String] = []
    /// Additional device rules in the form of cgroup v1's `devices.allow`: `c 1:3 mr`.
    package var deviceRules: [String] = []
    package var healthcheck: HealthcheckSpec?
    package var stopSignal: String?
    /// Seconds between the stop signal and SIGKILL; nil means the default of 10, -1 waits forever.
    package var stopTimeout: Int?
    package var restartPolicy = RestartPolicySpec()
    package var removeWhenStopped = false
    package var network = NetworkMode.bridge
    package var endpoints: [EndpointSpec] = []
    package var dns = DNSSpec()
    package var security = SecuritySpec()
    package var resources = ResourceSpec()
    package var devices: [DeviceSpec] = []
    package var log = LogSpec()
    package var ipc = SharedNamespace.own
    package var pid = SharedNamespace.own
    package var uts = SharedNamespace.own
    package var cgroupNamespace = SharedNamespace.own
    /// Empty means the engine's default parent cgroup.
    package var cgroupParent = ""
    package var sharedMemoryBytes: Int64 = 64 << 20
    package var runsUnderInit = false
    /// Hooks that run in the container after a start and before a stop by the user.
    package var startHooks: [HookSpec] = []
    package var stopHooks: [HookSpec] = []
    /// The create request as JSON, for `inspect`; nil for a container of a project.
    package var request: String?
    /// Only the loopback interface, regardless of the network mode.
    package var isNetworkDisabled: Bool?
    /// 0 to 100 (memory.swappiness of cgroup v1); nil means the host's default.
    package var swappiness: Int64?

    package init() {}
}

/// A lifecycle hook: a command that runs in a container.
package struct HookSpec: Sendable, Equatable, Codable {
    package var command: [String]
    /// Empty means the container's user.
    package var user = ""
    package var workingDirectory = ""
    package var environment: [String] = []
    package var privileged = false
    package init(command: [String]) { self.command = command }
}

/// The container's process and its environment.
package struct ProcessSpec: Sendable, Equatable, Codable {
    /// nil means the image's entrypoint.
    package var entrypoint: [String]?
    package var command: [String]?
    /// `NAME=value`; later entries take precedence.
    package var environment: [String] = []
    package var workingDirectory = ""
    package var user = ""
    package var additionalGroups: [String] = []
    package var terminal = false
    /// Standard input stays open without an attached client.
    package var openInput = false
    /// Standard input closes when the first attached client disconnects.
    package var inputOnce = false
    package var attachInput = false
    package var attachOutput = false
    package var attachError = false
    package init() {}
}

/// A mount in the container.
package struct MountSpec: Sendable, Equatable, Codable, Hashable {
    package enum Source: Sendable, Equatable, Codable, Hashable {
        /// A host path; `create` creates a missing directory, as Docker's short form does.
        case bind(path: String, propagation: String, create: Bool, recursive: Bool)
        /// A named volume, or an anonymous one without a name. `copy` fills an empty volume from the image.
        case volume(name: String?, copy: Bool, subpath: String)
        /// A tmpfs; options as in tmpfs(5): size, mode, uid, gid, noexec, ….
        case tmpfs(options: [String])
        /// The read-only files of an image, or of `subpath` in it.
        case image(reference: String, subpath: String)
    }
    package var source: Source
    /// Absolute path in the container.
    package var target: String
    package var readOnly: Bool
    /// Submounts of a read-only mount stay writable (`bind-recursive=writable`).
    package var isReadOnlyNonRecursive: Bool?
    /// The properties of a volume that is created for this mount.
    package var volumeTemplate: VolumeTemplate?
    /// The mount takes over an anonymous volume of a previous container; it is removed with this container.
    package var keepsAnonymous: Bool?
    /// How the client wrote the mount; nil for one of a project, and for an entry of `Tmpfs` or `Volumes`.
    package var form: Form?

    package enum Form: Sendable, Equatable, Codable, Hashable {
        /// An entry of `Binds`, with its options.
        case short(mode: String?)
        /// An entry of `Mounts`.
        case long
    }
    package init(source: Source, target: String, readOnly: Bool = false) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
    }

    /// Whether a subpath lexically stays within its volume (Go's `filepath.IsLocal`).
    package static func isLocal(_ path: String) -> Bool {
        if path.hasPrefix("/") { return false }
        var depth = 0
        for part in path.pathParts where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }

    /// The error for a subpath that does not.
    package static let notLocal = "subpath must be a relative path within the volume"
}

/// Properties of a volume that does not exist yet.
package struct VolumeTemplate: Sendable, Equatable, Codable, Hashable {
    package var driver: String
    package var labels: [String: String]
    package var options: [String: String]
    package init(driver: String, labels: [String: String], options: [String: String]) {
        self.driver = driver
        self.labels = labels
        self.options = options
    }
}

package struct HealthcheckSpec: Sendable, Equatable, Codable {
    /// As in Docker: `["CMD", …]`, `["CMD-SHELL", text]`, `["NONE"]`; empty means the image's healthcheck.
    package var test: [String]
    /// Nanoseconds; 0 means the default (30 s, 30 s, 0 s, 5 s).
    package var interval: Int64
    package var timeout: Int64
    package var startPeriod: Int64
    package var startInterval: Int64
    /// 0 means the default of 3.
    package var retries: Int
    package init(
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

package struct RestartPolicySpec: Sendable, Equatable, Codable {
    package enum Name: String, Sendable, Codable {
        case no
        case always
        case onFailure = "on-failure"
        case unlessStopped = "unless-stopped"
    }
    package var name: Name
    /// 0 means unlimited. Set for `on-failure`, and for `always` by `deploy.restart_policy.max_attempts`.
    package var maximumRetries: Int
    /// Milliseconds before each restart, from `deploy.restart_policy.delay`; nil means a delay that grows from 100 ms.
    package var delay: Int64?
    /// Milliseconds after which a start counts as successful, from `deploy.restart_policy.window`; nil means 10 s.
    package var window: Int64?
    package init(_ name: Name = .no, maximumRetries: Int = 0) {
        self.name = name
        self.maximumRetries = maximumRetries
    }

    /// `no`, `always`, `unless-stopped`, `on-failure[:N]`.
    package init(parsing text: String) throws(RoostError) {
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
package enum NetworkMode: Sendable, Equatable, Codable {
    /// The default bridge network, which has no DNS names.
    case bridge
    case host
    case none
    /// The network namespace of another container, by ID or name.
    case container(String)
    /// A user-defined network, by name or ID.
    case named(String)

    package init(_ text: String) {
        switch text {
        case "", "default", "bridge": self = .bridge
        case "host": self = .host
        case "none": self = .none
        default: self = text.hasPrefix("container:") ? .container(String(text.dropFirst(10))) : .named(text)
        }
    }

    package var text: String {
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
package enum SharedNamespace: Sendable, Equatable, Codable {
    case own
    case host
    case container(String)

    /// `modes`: values that mean a private namespace, besides the empty one; `joins`: whether `container:NAME` is allowed.
    package init(_ text: String, field: String, modes: Set<String> = [], joins: Bool = true) throws(RoostError) {
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
package struct EndpointSpec: Sendable, Equatable, Codable {
    /// Name or ID of the network.
    package var network: String
    package var aliases: [String]
    package var address4: IPAddress?
    package var address6: IPAddress?
    package var macAddress: String?
    /// The endpoint with the highest priority provides the default gateway.
    package var gatewayPriority: Int
    package var linkLocal: [String]?
    /// `target:alias`, on this network only.
    package var links: [String]?
    package var driverOptions: [String: String]?
    package init(
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

package struct DNSSpec: Sendable, Equatable, Codable {
    package var servers: [IPAddress] = []
    package var search: [String] = []
    package var options: [String] = []
    /// `name:address` or `name=address`, for /etc/hosts; the address may be `host-gateway`.
    package var extraHosts: [String] = []
    /// Legacy links, `target:alias`.
    package var links: [String] = []
    package init() {}

    /// The links as pairs; the default alias is the target's name.
    package var parsedLinks: [(target: String, alias: String)] {
        links.map { text in
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let target = parts.first.map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 } ?? ""
            return (target, parts.count > 1 ? parts[1].pathParts.last.map(String.init) ?? "" : target)
        }
    }
}

package struct SecuritySpec: Sendable, Equatable, Codable {
    package var privileged = false
    package var addedCapabilities: [String] = []
    package var droppedCapabilities: [String] = []
    package var readOnlyRoot = false
    /// As given: `no-new-privileges`, `seccomp=unconfined`, `seccomp=JSON`, `systempaths=unconfined`.
    package var options: [String] = []
    package var sysctls: [String: String] = [:]
    /// Override `SystemPaths`; nil means those.
    package var maskedPaths: [String]?
    package var readOnlyPaths: [String]?
    package init() {}

    /// Capability names as the Docker CLI and Compose send them: upper case, with prefix, unique, sorted.
    package static func normalized(capabilities names: [String]) -> [String] {
        let full = names.map { name in
            let upper = name.uppercased()
            return upper == "ALL" || upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        }
        return Set(full).sorted()
    }
}

/// Resource limits of one container. 0 or nil means no limit.
package struct ResourceSpec: Sendable, Equatable, Codable {
    package var memoryBytes: Int64 = 0
    package var memoryReservationBytes: Int64 = 0
    /// Memory plus swap; -1 means unlimited.
    package var memorySwapBytes: Int64 = 0
    /// CPUs in units of 10^-9.
    package var nanoCPUs: Int64 = 0
    package var cpuShares: Int64 = 0
    /// Microseconds.
    package var cpuPeriod: Int64 = 0
    package var cpuQuota: Int64 = 0
    package var cpusetCPUs = ""
    package var cpusetMemories = ""
    /// -1 means unlimited.
    package var maximumProcesses: Int64 = 0
    /// 10 to 1000.
    package var blockWeight: UInt16 = 0
    /// Rate limits of block devices.
    package var deviceRates: [DeviceRate]?
    package var oomScoreAdj: Int32 = 0
    package var disablesOutOfMemoryKiller = false
    package var limits: [UlimitSpec] = []
    package init() {}
}

/// A rate limit of a block device.
package struct DeviceRate: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        /// Bytes or operations per second, named as in cgroup v2's `io.max`.
        case readBytes = "rbps"
        case writeBytes = "wbps"
        case readOperations = "riops"
        case writeOperations = "wiops"
    }
    package var kind: Kind
    /// Path of the device on the host.
    package var device: String
    package var rate: Int64
    package init(kind: Kind, device: String, rate: Int64) {
        self.kind = kind
        self.device = device
        self.rate = rate
    }
}

package struct UlimitSpec: Sendable, Equatable, Codable {
    package var name: String
    package var soft: Int64
    package var hard: Int64
    package init(name: String, soft: Int64, hard: Int64) {
        self.name = name
        self.soft = soft
        self.hard = hard
    }

    /// Parses `nofile=1024:2048`, or `nofile=1024` for both limits, as in `--ulimit`.
    package init(parsing text: String) throws(RoostError) {
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

package struct DeviceSpec: Sendable, Equatable, Codable {
    package var hostPath: String
    package var containerPath: String
    /// Any of `r`, `w`, `m`.
    package var permissions: String
    package init(hostPath: String, containerPath: String, permissions: String) {
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.permissions = permissions
    }
}

package struct LogSpec: Sendable, Equatable, Codable {
    /// `json-file` or `local` (both use the same log format of this engine), or `none`.
    package var driver = ""
    package var options: [String: String] = [:]
    package init() {}
}
