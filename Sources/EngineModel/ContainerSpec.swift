/// Everything that a user has asked of a container, checked and typed. Made once at creation; nothing in it is guessed later.
public struct ContainerSpec: Sendable, Equatable, Codable {
    public var process = ProcessSpec()
    /// The reference as the user wrote it.
    public var image = ""
    public var hostname = ""
    public var domainname = ""
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]
    public var exposedPorts: [ContainerPort] = []
    public var portBindings: [PortBinding] = []
    public var publishAllPorts = false
    public var mounts: [MountSpec] = []
    /// Containers whose mounts this one gets too: `name[:ro|rw]`.
    public var volumesFrom: [String] = []
    /// More device rules as of version 1's `devices.allow`: `c 1:3 mr`.
    public var deviceRules: [String] = []
    public var healthcheck: HealthcheckSpec?
    public var stopSignal: String?
    /// Seconds between the stop signal and SIGKILL; nil is the default of ten, -1 waits for ever.
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
    /// nil leaves it to us; empty is the engine's own parent.
    public var controlGroupParent = ""
    public var sharedMemoryBytes: Int64 = 64 << 20
    public var runsUnderInit = false
    /// Programs that run in the container after a user's start and before a user's stop.
    public var startHooks: [HookSpec] = []
    public var stopHooks: [HookSpec] = []
    /// What was asked for and changes nothing here, by its name in the API, for showing it again.
    public var wishes: [String: String]?
    /// Members of the request that made it which `inspect` shows as they were written, as JSON: `Config` and `HostConfig`.
    public var asked: String?
    /// Only the loopback interface, whatever the network mode says.
    public var isNetworkDisabled: Bool?
    /// How much the kernel swaps for it, 0 to 100 (memory.swappiness of version 1); nil is the host's.
    public var swappiness: Int64?

    public init() {}
}

/// A program that runs in a container at a moment of its life.
public struct HookSpec: Sendable, Equatable, Codable {
    public var command: [String]
    /// Empty is the container's own.
    public var user = ""
    public var workingDirectory = ""
    public var environment: [String] = []
    public var privileged = false
    public init(command: [String]) { self.command = command }
}

/// The program and its surroundings.
public struct ProcessSpec: Sendable, Equatable, Codable {
    /// nil takes the image's.
    public var entrypoint: [String]?
    public var command: [String]?
    /// `NAME=value`; later ones win.
    public var environment: [String] = []
    public var workingDirectory = ""
    public var user = ""
    public var additionalGroups: [String] = []
    public var terminal = false
    /// Standard input stays open without a client.
    public var openInput = false
    /// Standard input closes with the first client that has attached to it.
    public var inputOnce = false
    public var attachInput = false
    public var attachOutput = false
    public var attachError = false
    public init() {}
}

/// A place in the container where something else than its root shows.
public struct MountSpec: Sendable, Equatable, Codable, Hashable {
    public enum Source: Sendable, Equatable, Codable, Hashable {
        /// A path of the host; `create` makes a missing folder as Docker's short form does.
        case bind(path: String, propagation: String, create: Bool, recursive: Bool)
        /// A named volume; without a name an anonymous one. `copy` fills an empty one from the image.
        case volume(name: String?, copy: Bool, subpath: String)
        /// Memory; options as of tmpfs(5): size, mode, uid, gid, noexec, ….
        case tmpfs(options: [String])
        /// The files of an image, which nobody can change; `subpath` is a part of them.
        case image(reference: String, subpath: String)
    }
    public var source: Source
    /// Absolute path in the container.
    public var target: String
    public var readOnly: Bool
    /// Mounts below a read-only one stay as they are (`bind-recursive=writable`).
    public var isReadOnlyAtTopAlone: Bool?
    /// What a volume that is made for this mount is to be.
    public var volumeWish: VolumeWish?
    /// It names a volume that was made for a container before this one, and goes with it: nobody has named it.
    public var keepsAnonymous: Bool?
    /// As the client has written it, for showing it again: an entry of `Binds`, or the JSON of one of `Mounts`.
    public var written: String?
    public init(source: Source, target: String, readOnly: Bool = false) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
    }

    /// Whether a subpath stays within its volume by its names alone (Go's `filepath.IsLocal`).
    public static func isLocal(_ path: String) -> Bool {
        if path.hasPrefix("/") { return false }
        var depth = 0
        for part in path.pathParts where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return false }
        }
        return true
    }

    /// What is said of a subpath that does not.
    public static let notLocal = "subpath must be a relative path within the volume"
}

/// Properties of a volume that does not exist yet.
public struct VolumeWish: Sendable, Equatable, Codable, Hashable {
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
    /// As Docker has it: `["CMD", …]`, `["CMD-SHELL", text]`, `["NONE"]`; empty takes the image's.
    public var test: [String]
    /// Nanoseconds; 0 takes the default (30 s, 30 s, 0 s, 5 s).
    public var interval: Int64
    public var timeout: Int64
    public var startPeriod: Int64
    public var startInterval: Int64
    /// 0 takes the default of 3.
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
    /// For `on-failure`: 0 means as often as needed.
    public var maximumRetries: Int
    /// Milliseconds before each restart, of a project's `deploy.restart_policy.delay`; without it the delay grows from 100 ms on.
    public var delay: Int64?
    /// Milliseconds after which a start counts as a success, of `deploy.restart_policy.window`; ten seconds without it.
    public var window: Int64?
    public init(_ name: Name = .no, maximumRetries: Int = 0) {
        self.name = name
        self.maximumRetries = maximumRetries
    }

    /// `no`, `always`, `unless-stopped`, `on-failure[:N]`.
    public init(parsing text: String) throws(RoostError) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard let name = parts.isEmpty ? .no : Name(rawValue: String(parts[0])) else {
            throw .invalid("invalid restart policy \"\(text)\": use no, always, unless-stopped or on-failure[:times]")
        }
        var retries = 0
        if parts.count == 2 {
            guard name == .onFailure, let count = Int(parts[1]), count >= 0 else {
                throw .invalid("invalid restart policy \"\(text)\": a number of times goes with on-failure only")
            }
            retries = count
        }
        self.init(name, maximumRetries: retries)
    }
}

/// How a container sees the network.
public enum NetworkMode: Sendable, Equatable, Codable {
    /// The default network, without names.
    case bridge
    case host
    case none
    /// The namespace of another container, by id or name.
    case container(String)
    /// A network of the user's, by name or id.
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

/// Whose namespace of a kind a container has.
public enum SharedNamespace: Sendable, Equatable, Codable {
    case own
    case host
    case container(String)

    /// `modes`: what means one of its own besides nothing; `joins`: whether `container:NAME` may stand there.
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

/// A container's place in one network.
public struct EndpointSpec: Sendable, Equatable, Codable {
    /// Name or id of the network.
    public var network: String
    public var aliases: [String]
    public var address4: IPAddress?
    public var address6: IPAddress?
    public var macAddress: String?
    /// The endpoint with the highest number supplies the default gateway.
    public var gatewayPriority: Int
    public var linkLocal: [String]?
    /// `target:alias`, valid on this network.
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
    /// Docker's links, `target:alias`.
    public var links: [String] = []
    public init() {}

    /// The links' two sides; without an alias the target's own name.
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
    /// Instead of `SystemPaths`; nil is those.
    public var maskedPaths: [String]?
    public var readOnlyPaths: [String]?
    public init() {}

    /// Names of capabilities as Docker's command line and Compose send them: upper case, with their prefix, each once, in order.
    public static func normalized(capabilities names: [String]) -> [String] {
        let full = names.map { name in
            let upper = name.uppercased()
            return upper == "ALL" || upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        }
        return Set(full).sorted()
    }
}

/// Limits of one container. 0 or nil leaves a limit out.
public struct ResourceSpec: Sendable, Equatable, Codable {
    public var memoryBytes: Int64 = 0
    public var memoryReservationBytes: Int64 = 0
    /// Memory and swap together; -1 is unlimited.
    public var memorySwapBytes: Int64 = 0
    /// Processors in billionths.
    public var nanoCPUs: Int64 = 0
    public var cpuShares: Int64 = 0
    /// Microseconds.
    public var cpuPeriod: Int64 = 0
    public var cpuQuota: Int64 = 0
    public var cpusetCPUs = ""
    public var cpusetMemories = ""
    /// -1 is unlimited.
    public var maximumProcesses: Int64 = 0
    /// 10 to 1000.
    public var blockWeight: UInt16 = 0
    /// How fast devices may be read and written.
    public var deviceRates: [DeviceRate]?
    public var outOfMemoryScore: Int32 = 0
    public var disablesOutOfMemoryKiller = false
    public var limits: [UlimitSpec] = []
    public init() {}
}

/// How fast a block device may be used.
public struct DeviceRate: Sendable, Equatable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// Bytes or operations a second; the names are those of cgroup v2's `io.max`.
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

    /// From `nofile=1024:2048`, or `nofile=1024` for both limits, as `--ulimit` has it.
    public init(parsing text: String) throws(RoostError) {
        let parts = text.split(separator: "=", maxSplits: 1)
        let numbers = parts.last?.split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) } ?? []
        guard parts.count == 2, (1...2).contains(numbers.count), let soft = numbers[0], let hard = numbers.last ?? soft
        else { throw .invalid("invalid ulimit \"\(text)\": expected NAME=SOFT[:HARD], e.g. nofile=1024:2048") }
        self.init(name: String(parts[0]), soft: soft, hard: hard)
    }
}

public struct DeviceSpec: Sendable, Equatable, Codable {
    public var hostPath: String
    public var containerPath: String
    /// Some of `r`, `w`, `m`.
    public var permissions: String
    public init(hostPath: String, containerPath: String, permissions: String) {
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.permissions = permissions
    }
}

public struct LogSpec: Sendable, Equatable, Codable {
    /// `json-file`, `local` (both are our own format), or `none`.
    public var driver = ""
    public var options: [String: String] = [:]
    public init() {}
}
