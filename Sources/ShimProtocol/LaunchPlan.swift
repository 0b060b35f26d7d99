/// Everything that the shim needs to start one process. The engine makes all decisions; the shim only executes them.
///
/// Every value is an explicit decision of the engine, also an empty filter or a full capability set.
package struct LaunchPlan: Sendable, Equatable {
    /// The id of the container or exec, for messages and the shim's command line.
    package var id: String
    package var kind: Kind
    package var process: ProcessPlan
    package var security: SecurityPlan
    package var cgroups: CgroupPlan
    package var standardStreams: StreamPlan

    package enum Kind: Sendable, Equatable {
        /// A container with its own namespaces, root file system, log and exit record.
        case container(ContainerPlan)
        /// An additional process in a running container, which is entered by the pidfd passed as descriptor 2.
        case exec
    }

    package init(
        id: String, kind: Kind, process: ProcessPlan, security: SecurityPlan, cgroups: CgroupPlan,
        standardStreams: StreamPlan
    ) {
        self.id = id
        self.kind = kind
        self.process = process
        self.security = security
        self.cgroups = cgroups
        self.standardStreams = standardStreams
    }
}

/// The command, its user, environment and working directory.
package struct ProcessPlan: Sendable, Equatable {
    package var arguments: [String]
    package var environment: [String]
    package var workingDirectory: String
    /// `user[:group]`, each a name or an id; looked up in the container's /etc/passwd and /etc/group.
    package var user: String
    /// Supplementary groups, as names or ids.
    package var additionalGroups: [String]
    /// `--init`: an init process stays as PID 1, reaps orphans and forwards signals, and the command is its child.
    package var runsUnderInit: Bool

    package init(
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
package struct SecurityPlan: Sendable, Equatable {
    /// The bounding set as capability bits (capabilities(7)); root also gets it as permitted and effective set.
    package var capabilities: UInt64
    /// A compiled seccomp filter; empty if unconfined or privileged.
    package var seccompFilter: [UInt8]
    package var noNewPrivileges: Bool
    package var limits: [ResourceLimit]
    /// oom_score_adj (proc(5)); nil keeps the inherited value.
    package var oomScoreAdj: Int32?

    package init(
        capabilities: UInt64, seccompFilter: [UInt8], noNewPrivileges: Bool, limits: [ResourceLimit],
        oomScoreAdj: Int32?
    ) {
        self.capabilities = capabilities
        self.seccompFilter = seccompFilter
        self.noNewPrivileges = noNewPrivileges
        self.limits = limits
        self.oomScoreAdj = oomScoreAdj
    }
}

/// One resource limit of setrlimit(2), by resource number; `UInt64.max` means unlimited.
package struct ResourceLimit: Sendable, Equatable {
    package var resource: Int32
    package var soft: UInt64
    package var hard: UInt64
    package init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// The cgroups of the process, created by the engine.
package enum CgroupPlan: Sendable, Equatable {
    /// cgroup v2: the directory in which the process is created (CLONE_INTO_CGROUP).
    case unified(path: String)
    /// cgroup v1 or hybrid: the directories whose `tasks` file the process writes itself to.
    case split(paths: [String])
}

/// The standard streams of the process.
package struct StreamPlan: Sendable, Equatable {
    package var terminal: Bool
    /// Standard input stays open for attached clients; otherwise it is /dev/null.
    package var input: Bool
    /// The initial terminal size; 0 leaves it unset.
    package var rows: UInt16 = 0
    package var columns: UInt16 = 0
    package init(terminal: Bool, input: Bool) {
        self.terminal = terminal
        self.input = input
    }
}

/// The parts of a plan that only a container has.
package struct ContainerPlan: Sendable, Equatable {
    package var hostname: String
    package var domainname: String
    /// New namespaces as CLONE_NEW… bits (clone(2)).
    package var newNamespaces: UInt64
    /// Namespaces of other processes to join, each a CLONE_NEW… bit and a path under /proc.
    package var joinedNamespaces: [JoinedNamespace]
    package var root: RootPlan
    /// In order; later mounts may cover earlier ones.
    package var mounts: [MountPlan]
    package var devices: [DevicePlan]
    package var links: [LinkPlan]
    package var maskedPaths: [String]
    package var readOnlyPaths: [String]
    package var sysctls: [Setting]
    package var log: LogPlan
    /// Path of the exit record, written atomically before the exit is reported.
    package var exitRecord: String
    package var revival: EngineRestartPlan

    package init(
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

package struct JoinedNamespace: Sendable, Equatable {
    package var kind: UInt64
    package var path: String
    package init(kind: UInt64, path: String) {
        self.kind = kind
        self.path = path
    }
}

/// The container's root: an overlay of the image layers (topmost first) and the read-write layer.
package struct RootPlan: Sendable, Equatable {
    package var lowerDirectories: [String]
    package var upperDirectory: String
    package var workDirectory: String
    /// An empty directory of the run root on which the root is assembled before pivot_root.
    package var mountPoint: String
    package var readOnly: Bool
    package init(
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
package struct MountPlan: Sendable, Equatable {
    package var source: Source
    /// Absolute path, resolved inside the container's root only.
    package var target: String
    /// MOUNT_ATTR_… bits (mount_setattr(2)).
    package var attributes: UInt64
    /// Attributes of the top mount only; `attributes` also apply to all mounts below it.
    package var topAttributes: UInt64 = 0
    package var propagation: Propagation

    package enum Propagation: UInt8, Sendable { case isPrivate, slave, shared }

    package enum Source: Sendable, Equatable {
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

    package init(source: Source, target: String, attributes: UInt64, propagation: Propagation = .isPrivate) {
        self.source = source
        self.target = target
        self.attributes = attributes
        self.propagation = propagation
    }
}

package struct DevicePlan: Sendable, Equatable {
    package var path: String
    /// File type and permission bits (mknod(2)).
    package var mode: UInt32
    package var major: UInt32
    package var minor: UInt32
    package var user: UInt32
    package var group: UInt32
    package init(path: String, mode: UInt32, major: UInt32, minor: UInt32, user: UInt32 = 0, group: UInt32 = 0) {
        self.path = path
        self.mode = mode
        self.major = major
        self.minor = minor
        self.user = user
        self.group = group
    }
}

package struct LinkPlan: Sendable, Equatable {
    package var path: String
    package var target: String
    package init(path: String, target: String) {
        self.path = path
        self.target = target
    }
}

/// A name and its value; without a value, a flag.
package struct Setting: Sendable, Equatable {
    package var name: String
    package var value: String?
    package init(_ name: String, _ value: String?) {
        self.name = name
        self.value = value
    }
}

/// The log file of a container and its limits.
package struct LogPlan: Sendable, Equatable {
    /// The current file; rotated ones are `path.1`, `path.2`, … Empty: no log.
    package var path: String
    package var maximumBytes: UInt64
    /// Maximum number of files, including the current one.
    package var maximumFiles: UInt32
    package init(path: String, maximumBytes: UInt64, maximumFiles: UInt32) {
        self.path = path
        self.maximumBytes = maximumBytes
        self.maximumFiles = maximumFiles
    }
}

/// How the shim reconnects to the engine, or restarts it, after the engine has died.
package struct EngineRestartPlan: Sendable, Equatable {
    package var socket: String
    package var lock: String
    package var executable: String
    package var arguments: [String]
    package var environment: [String]
    package init(socket: String, lock: String, executable: String, arguments: [String], environment: [String]) {
        self.socket = socket
        self.lock = lock
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
    }
}
