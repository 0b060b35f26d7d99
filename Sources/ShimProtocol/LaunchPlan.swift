/// Everything that the shim needs to start one process. The engine makes all decisions; the shim only executes them.
///
/// Every value is an explicit decision of the engine, also an empty filter or a full capability set.
public struct LaunchPlan: Sendable, Equatable {
    /// The id of the container or exec, for messages and the shim's command line.
    public var id: String
    public var kind: Kind
    public var process: ProcessPlan
    public var security: SecurityPlan
    public var controlGroups: CgroupPlan
    public var standardStreams: StreamPlan

    public enum Kind: Sendable, Equatable {
        /// A container with its own namespaces, root file system, log and exit record.
        case container(ContainerPlan)
        /// An additional process in a running container, which is entered by the pidfd passed as descriptor 2.
        case exec
    }

    public init(
        id: String, kind: Kind, process: ProcessPlan, security: SecurityPlan, controlGroups: CgroupPlan,
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

/// The command, its user, environment and working directory.
public struct ProcessPlan: Sendable, Equatable {
    public var arguments: [String]
    public var environment: [String]
    public var workingDirectory: String
    /// `user[:group]`, each a name or an id; looked up in the container's /etc/passwd and /etc/group.
    public var user: String
    /// Supplementary groups, as names or ids.
    public var additionalGroups: [String]
    /// `--init`: an init process stays as PID 1, reaps orphans and forwards signals, and the command is its child.
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

/// The security settings of the process. Always complete.
public struct SecurityPlan: Sendable, Equatable {
    /// The bounding set as capability bits (capabilities(7)); root also gets it as permitted and effective set.
    public var capabilities: UInt64
    /// A compiled seccomp filter; empty if unconfined or privileged.
    public var seccompFilter: [UInt8]
    public var noNewPrivileges: Bool
    public var limits: [ResourceLimit]
    /// oom_score_adj (proc(5)); nil keeps the inherited value.
    public var outOfMemoryScore: Int32?

    public init(
        capabilities: UInt64, seccompFilter: [UInt8], noNewPrivileges: Bool, limits: [ResourceLimit],
        outOfMemoryScore: Int32?
    ) {
        self.capabilities = capabilities
        self.seccompFilter = seccompFilter
        self.noNewPrivileges = noNewPrivileges
        self.limits = limits
        self.outOfMemoryScore = outOfMemoryScore
    }
}

/// One resource limit of setrlimit(2), by resource number; `UInt64.max` means unlimited.
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

/// The cgroups of the process, created by the engine.
public enum CgroupPlan: Sendable, Equatable {
    /// cgroup v2: the directory in which the process is created (CLONE_INTO_CGROUP).
    case unified(path: String)
    /// cgroup v1 or hybrid: the directories whose `tasks` file the process writes itself to.
    case split(paths: [String])
}

/// The standard streams of the process.
public struct StreamPlan: Sendable, Equatable {
    public var terminal: Bool
    /// Standard input stays open for attached clients; otherwise it is /dev/null.
    public var input: Bool
    /// The initial terminal size; 0 leaves it unset.
    public var rows: UInt16 = 0
    public var columns: UInt16 = 0
    public init(terminal: Bool, input: Bool) {
        self.terminal = terminal
        self.input = input
    }
}

/// The parts of a plan that only a container has.
public struct ContainerPlan: Sendable, Equatable {
    public var hostname: String
    public var domainname: String
    /// New namespaces as CLONE_NEW… bits (clone(2)).
    public var newNamespaces: UInt64
    /// Namespaces of other processes to join, each a CLONE_NEW… bit and a path under /proc.
    public var joinedNamespaces: [JoinedNamespace]
    public var root: RootPlan
    /// In order; later mounts may cover earlier ones.
    public var mounts: [MountPlan]
    public var devices: [DevicePlan]
    public var links: [LinkPlan]
    public var maskedPaths: [String]
    public var readOnlyPaths: [String]
    public var sysctls: [Setting]
    public var log: LogPlan
    /// Path of the exit record, written atomically before the exit is reported.
    public var exitRecord: String
    public var revival: EngineRestartPlan

    public init(
        hostname: String, domainname: String, newNamespaces: UInt64, joinedNamespaces: [JoinedNamespace],
        root: RootPlan,
        mounts: [MountPlan], devices: [DevicePlan], links: [LinkPlan], maskedPaths: [String], readOnlyPaths: [String],
        sysctls: [Setting], log: LogPlan, exitRecord: String, revival: EngineRestartPlan
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

/// The container's root: an overlay of the image layers (topmost first) and the read-write layer.
public struct RootPlan: Sendable, Equatable {
    public var lowerDirectories: [String]
    public var upperDirectory: String
    public var workDirectory: String
    /// An empty directory of the run root on which the root is assembled before pivot_root.
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
    /// Absolute path, resolved inside the container's root only.
    public var target: String
    /// MOUNT_ATTR_… bits (mount_setattr(2)).
    public var attributes: UInt64
    /// Attributes of the top mount only; `attributes` also apply to all mounts below it.
    public var topAttributes: UInt64 = 0
    public var propagation: Propagation

    public enum Propagation: UInt8, Sendable { case isPrivate, slave, shared }

    public enum Source: Sendable, Equatable {
        /// A path of the host.
        case bind(path: String, recursive: Bool)
        /// A new file system of this type with its options.
        case fileSystem(type: String, options: [Setting])
        /// The container's view of its v1 cgroups: a tmpfs with a bind mount per hierarchy.
        case cgroupV1([Setting])
        /// A file with this content, kept in memory for the lifetime of the container.
        case content(String)
        /// A path inside a host directory, resolved with that directory as root: symbolic links cannot escape.
        case inside(root: String, path: String, recursive: Bool)
        /// A read-only overlay of host directories, topmost first; `path` selects a path inside it.
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

/// A name and its value; without a value, a flag.
public struct Setting: Sendable, Equatable {
    public var name: String
    public var value: String?
    public init(_ name: String, _ value: String?) {
        self.name = name
        self.value = value
    }
}

/// The log file of a container and its limits.
public struct LogPlan: Sendable, Equatable {
    /// The current file; rotated ones are `path.1`, `path.2`, … Empty: no log.
    public var path: String
    public var maximumBytes: UInt64
    /// Maximum number of files, including the current one.
    public var maximumFiles: UInt32
    public init(path: String, maximumBytes: UInt64, maximumFiles: UInt32) {
        self.path = path
        self.maximumBytes = maximumBytes
        self.maximumFiles = maximumFiles
    }
}

/// How the shim reconnects to the engine, or restarts it, after the engine has died.
public struct EngineRestartPlan: Sendable, Equatable {
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
