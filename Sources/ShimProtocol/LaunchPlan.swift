/// Everything that the shim needs to bring one process to life. The engine has decided; the shim only carries out.
///
/// Nothing in here is optional by accident: an empty filter or a full capability set is a decision that the engine wrote down.
public struct LaunchPlan: Sendable, Equatable {
    /// The container's id, or the exec's: for messages and for the name of the process.
    public var id: String
    public var kind: Kind
    public var process: ProcessPlan
    public var security: SecurityPlan
    public var controlGroups: ControlGroupPlan
    public var standardStreams: StreamPlan

    public enum Kind: Sendable, Equatable {
        /// A container: namespaces, a root file system, a log and an exit record of its own.
        case container(ContainerPlan)
        /// One more process in a running container, entered by the pidfd that comes as descriptor 3.
        case exec
    }

    public init(
        id: String, kind: Kind, process: ProcessPlan, security: SecurityPlan, controlGroups: ControlGroupPlan,
        standardStreams: StreamPlan
    ) {
        self.id = id
        self.kind = kind
        self.process = process
        self.security = security
        self.controlGroups = controlGroups
        self.standardStreams = standardStreams
    }
}

/// What is executed, as whom, where.
public struct ProcessPlan: Sendable, Equatable {
    public var arguments: [String]
    public var environment: [String]
    public var workingDirectory: String
    /// `name`, `uid`, `name:group`, …: looked up in the container's own /etc/passwd and /etc/group, inside it.
    public var user: String
    /// More groups, names or numbers.
    public var additionalGroups: [String]
    /// The shim itself stays as PID 1, reaps and forwards signals, and the program is its child.
    public var runsUnderInit: Bool

    public init(
        arguments: [String], environment: [String], workingDirectory: String, user: String,
        additionalGroups: [String] = [],
        runsUnderInit: Bool = false
    ) {
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.additionalGroups = additionalGroups
        self.runsUnderInit = runsUnderInit
    }
}

/// What the process may do. Always complete.
public struct SecurityPlan: Sendable, Equatable {
    /// The bounding set, as capability bits (capabilities(7)); root gets it whole as permitted and effective.
    public var capabilities: UInt64
    /// A compiled seccomp program; empty where the user asked for `unconfined`.
    public var systemCallFilter: [UInt8]
    public var noNewPrivileges: Bool
    public var limits: [ResourceLimit]
    /// proc(5), oom_score_adj; nil leaves the inherited value.
    public var outOfMemoryScore: Int32?

    public init(
        capabilities: UInt64, systemCallFilter: [UInt8], noNewPrivileges: Bool, limits: [ResourceLimit],
        outOfMemoryScore: Int32?
    ) {
        self.capabilities = capabilities
        self.systemCallFilter = systemCallFilter
        self.noNewPrivileges = noNewPrivileges
        self.limits = limits
        self.outOfMemoryScore = outOfMemoryScore
    }
}

/// One limit of setrlimit(2), by its number; `UInt64.max` means unlimited.
public struct ResourceLimit: Sendable, Equatable {
    public var resource: Int32
    public var soft: UInt64
    public var hard: UInt64
    public init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// Where the process is counted and limited. The engine has made the groups already.
public enum ControlGroupPlan: Sendable, Equatable {
    /// cgroup v2: the folder to be born into.
    case unified(path: String)
    /// cgroup v1 or hybrid: every folder whose `cgroup.procs` gets the process.
    case split(paths: [String])
}

/// What the process's standard streams are.
public struct StreamPlan: Sendable, Equatable {
    public var terminal: Bool
    /// Standard input stays open for attached clients; else it is /dev/null.
    public var input: Bool
    /// How large the terminal is from its first moment; 0 leaves it unknown.
    public var rows: UInt16 = 0
    public var columns: UInt16 = 0
    public init(terminal: Bool, input: Bool) {
        self.terminal = terminal
        self.input = input
    }
}

/// What a container has and an exec has not.
public struct ContainerPlan: Sendable, Equatable {
    public var hostname: String
    public var domainname: String
    /// New namespaces as CLONE_NEW… bits (clone(2)).
    public var newNamespaces: UInt64
    /// Namespaces of other processes to enter first, each a CLONE_NEW… bit and a path under /proc.
    public var joinedNamespaces: [JoinedNamespace]
    public var root: RootPlan
    /// In order; later ones may lie on top of earlier ones.
    public var mounts: [MountPlan]
    public var devices: [DevicePlan]
    public var links: [LinkPlan]
    public var maskedPaths: [String]
    public var readOnlyPaths: [String]
    public var sysctls: [Setting]
    public var log: LogPlan
    /// Where the exit status is written, atomically, before anybody is told.
    public var exitRecord: String
    public var revival: RevivalPlan

    public init(
        hostname: String, domainname: String, newNamespaces: UInt64, joinedNamespaces: [JoinedNamespace],
        root: RootPlan,
        mounts: [MountPlan], devices: [DevicePlan], links: [LinkPlan], maskedPaths: [String], readOnlyPaths: [String],
        sysctls: [Setting], log: LogPlan, exitRecord: String, revival: RevivalPlan
    ) {
        self.hostname = hostname
        self.domainname = domainname
        self.newNamespaces = newNamespaces
        self.joinedNamespaces = joinedNamespaces
        self.root = root
        self.mounts = mounts
        self.devices = devices
        self.links = links
        self.maskedPaths = maskedPaths
        self.readOnlyPaths = readOnlyPaths
        self.sysctls = sysctls
        self.log = log
        self.exitRecord = exitRecord
        self.revival = revival
    }
}

public struct JoinedNamespace: Sendable, Equatable {
    public var kind: UInt64
    public var path: String
    public init(kind: UInt64, path: String) {
        self.kind = kind
        self.path = path
    }
}

/// The container's root: an overlay of the image's layers (topmost first) and its own read-write layer.
public struct RootPlan: Sendable, Equatable {
    public var lowerDirectories: [String]
    public var upperDirectory: String
    public var workDirectory: String
    /// An empty folder of the run root on which the root is put together before pivot_root.
    public var mountPoint: String
    public var readOnly: Bool
    public init(
        lowerDirectories: [String], upperDirectory: String, workDirectory: String, mountPoint: String, readOnly: Bool
    ) {
        self.lowerDirectories = lowerDirectories
        self.upperDirectory = upperDirectory
        self.workDirectory = workDirectory
        self.mountPoint = mountPoint
        self.readOnly = readOnly
    }
}

/// One mount inside the container.
public struct MountPlan: Sendable, Equatable {
    public var source: Source
    /// Absolute path inside the container, resolved there and nowhere else.
    public var target: String
    /// MOUNT_ATTR_… bits (mount_setattr(2)).
    public var attributes: UInt64
    /// Bits of the top mount alone; those of `attributes` hold for all below it.
    public var topAttributes: UInt64 = 0
    public var propagation: Propagation

    public enum Propagation: UInt8, Sendable { case isPrivate, slave, shared }

    public enum Source: Sendable, Equatable {
        /// A path of the host.
        case bind(path: String, recursive: Bool)
        /// A new file system of this type with its options.
        case fileSystem(type: String, options: [Setting])
        /// What this container sees of its own version 1 control groups: a tmpfs with a bind mount per hierarchy.
        case splitControlGroups([Setting])
        /// A file of the container's own with this text. It is kept in memory and goes with the container.
        case content(String)
        /// A part of a folder of the host's, resolved inside it: links in it lead nowhere else.
        case inside(root: String, path: String, recursive: Bool)
        /// Folders of the host's over each other, topmost first, that nobody can change; `path` is a part of them.
        case layers([String], path: String)
    }

    public init(source: Source, target: String, attributes: UInt64, propagation: Propagation = .isPrivate) {
        self.source = source
        self.target = target
        self.attributes = attributes
        self.propagation = propagation
    }
}

public struct DevicePlan: Sendable, Equatable {
    public var path: String
    /// File type and permission bits (mknod(2)).
    public var mode: UInt32
    public var major: UInt32
    public var minor: UInt32
    public var user: UInt32
    public var group: UInt32
    public init(path: String, mode: UInt32, major: UInt32, minor: UInt32, user: UInt32 = 0, group: UInt32 = 0) {
        self.path = path
        self.mode = mode
        self.major = major
        self.minor = minor
        self.user = user
        self.group = group
    }
}

public struct LinkPlan: Sendable, Equatable {
    public var path: String
    public var target: String
    public init(path: String, target: String) {
        self.path = path
        self.target = target
    }
}

/// A name and its value; an absent value is a flag.
public struct Setting: Sendable, Equatable {
    public var name: String
    public var value: String?
    public init(_ name: String, _ value: String?) {
        self.name = name
        self.value = value
    }
}

/// Where output goes and how much of it is kept.
public struct LogPlan: Sendable, Equatable {
    /// The current file; older ones are `path.1`, `path.2`, … Empty keeps nothing.
    public var path: String
    public var maximumBytes: UInt64
    /// How many files there may be, the current one included.
    public var maximumFiles: UInt32
    public init(path: String, maximumBytes: UInt64, maximumFiles: UInt32) {
        self.path = path
        self.maximumBytes = maximumBytes
        self.maximumFiles = maximumFiles
    }
}

/// How the shim finds its engine again, or starts it, when the engine has died.
public struct RevivalPlan: Sendable, Equatable {
    public var socket: String
    public var lock: String
    public var executable: String
    public var arguments: [String]
    public var environment: [String]
    public init(socket: String, lock: String, executable: String, arguments: [String], environment: [String]) {
        self.socket = socket
        self.lock = lock
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
    }
}
