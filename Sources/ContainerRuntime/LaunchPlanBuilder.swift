import EngineModel
import LinuxKernel
import ShimProtocol
import SystemLibraries

/// Input of the builder besides the container's record: paths and state of this host.
package struct LaunchContext: Sendable {
    /// Topmost first.
    package var imageDirectories: [String]
    package var upperDirectory: String
    package var workDirectory: String
    /// A directory on which all containers of the engine mount their root, each in its own mount namespace.
    package var mountPoint: String
    /// The contents of /etc/hosts and /etc/resolv.conf.
    package var hosts: String
    package var resolvConf: String
    package var logFile: String
    package var exitRecord: String
    package var revival: EngineRestartPlan
    package var cgroup: Cgroup
    /// The pids of containers whose namespaces are joined, keyed by id or name as in the specification.
    package var processes: [String: Int32]
    /// The layers of images that are mounted into the container, topmost first, by image id.
    package var imageMounts: [String: [String]] = [:]
    /// The pid of the container whose network is joined.
    package var networkProcess: Int32?

    package init(
        imageDirectories: [String], upperDirectory: String, workDirectory: String, mountPoint: String,
        hosts: String, resolvConf: String, logFile: String, exitRecord: String,
        revival: EngineRestartPlan, cgroup: Cgroup, processes: [String: Int32]
    ) {
        self.imageDirectories = imageDirectories
        self.upperDirectory = upperDirectory
        self.workDirectory = workDirectory
        self.mountPoint = mountPoint
        self.hosts = hosts
        self.resolvConf = resolvConf
        self.logFile = logFile
        self.exitRecord = exitRecord
        self.revival = revival
        self.cgroup = cgroup
        self.processes = processes
    }
}

/// Builds the launch plan of a container for its shim. Exec processes and health checks use it too.
package struct LaunchPlanBuilder: Sendable {
    private let programs: SeccompFilterCache
    private let defaultUlimits: [UlimitSpec]

    /// `defaultUlimits` apply where a container sets no limit of that name.
    package init(programs: SeccompFilterCache, defaultUlimits: [UlimitSpec]) {
        self.programs = programs
        self.defaultUlimits = defaultUlimits
    }

    package func container(_ record: ContainerRecord, _ context: LaunchContext) throws -> LaunchPlan {
        let decision = try SecurityDecision(record.spec)
        return LaunchPlan(
            id: record.id, kind: .container(try containerPlan(record, context, decision)),
            process: ProcessPlan(
                arguments: record.arguments, environment: environment(record, terminal: record.spec.process.terminal),
                workingDirectory: record.workingDirectory.isEmpty ? "/" : record.workingDirectory, user: record.user,
                additionalGroups: record.spec.process.additionalGroups, runsUnderInit: record.spec.runsUnderInit),
            security: try security(record.spec, decision), cgroups: Self.cgroups(context.cgroup),
            standardStreams: StreamPlan(terminal: record.spec.process.terminal, input: record.spec.process.openInput))
    }

    /// The parameters of an additional process in a running container (exec).
    package struct ExecRequest: Sendable {
        package var arguments: [String]
        package var environment: [String] = []
        package var workingDirectory: String?
        package var user: String?
        package var terminal = false
        package var privileged = false
        package init(arguments: [String]) { self.arguments = arguments }
    }

    package func exec(_ request: ExecRequest, id: String, in record: ContainerRecord, _ group: Cgroup) throws
        -> LaunchPlan
    {
        var spec = record.spec
        if request.privileged {
            spec.security.privileged = true
            // A privileged exec has all capabilities, including those that its container dropped.
            spec.security.droppedCapabilities = []
        }
        let decision = try SecurityDecision(spec)
        let names = Set(request.environment.map(Self.variableName))
        var merged = environment(record, terminal: request.terminal).filter { !names.contains(Self.variableName($0)) }
        // A name without a value removes the container's variable.
        merged += request.environment.filter { $0.contains("=") }
        return LaunchPlan(
            id: id, kind: .exec,
            process: ProcessPlan(
                arguments: request.arguments, environment: merged,
                workingDirectory: request.workingDirectory
                    ?? (record.workingDirectory.isEmpty ? "/" : record.workingDirectory),
                user: request.user ?? record.user, additionalGroups: record.spec.process.additionalGroups),
            security: try security(spec, decision), cgroups: Self.cgroups(group),
            standardStreams: StreamPlan(terminal: request.terminal, input: true))
    }

    private static func variableName(_ text: String) -> Substring { text.prefix { $0 != "=" } }

    private func environment(_ record: ContainerRecord, terminal: Bool) -> [String] {
        var list = record.environment
        if !list.contains(where: { $0.hasPrefix("PATH=") }) { list.insert("PATH=" + SystemPaths.executables, at: 0) }
        if !list.contains(where: { $0.hasPrefix("HOSTNAME=") }) {
            list.insert("HOSTNAME=\(hostname(record))", at: min(1, list.count))
        }
        if terminal, !list.contains(where: { $0.hasPrefix("TERM=") }) { list.append("TERM=xterm") }
        return list
    }

    /// The container's host name.
    package func hostname(_ record: ContainerRecord) -> String {
        if !record.spec.hostname.isEmpty { return record.spec.hostname }
        return record.spec.network == .host || record.spec.uts == .host ? HostIdentity.current().name : record.shortID
    }

    private static func cgroups(_ group: Cgroup) -> CgroupPlan {
        group.layout == .unified ? .unified(path: group.paths[0]) : .split(paths: group.paths)
    }

    private func security(_ spec: ContainerSpec, _ decision: SecurityDecision) throws -> SecurityPlan {
        let own = Set(spec.resources.limits.map(\.name))
        let limits = defaultUlimits.filter { !own.contains($0.name) } + spec.resources.limits
        return SecurityPlan(
            capabilities: decision.capabilities.rawValue,
            seccompFilter: try programs.program(for: decision),
            noNewPrivileges: decision.noNewPrivileges, limits: try limits.map(Self.limit),
            oomScoreAdj: spec.resources.oomScoreAdj == 0 ? nil : spec.resources.oomScoreAdj)
    }

    /// The resource numbers of setrlimit(2), by Docker's names.
    private static let resources: [String: Int32] = [
        "cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
        "as": 9, "locks": 10,
        "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
    ]

    /// Hard limits that cannot be granted: above the engine's own without CAP_SYS_RESOURCE, or above fs.nr_open (getrlimit(2)).
    package static func unreachable(_ limits: [UlimitSpec]) -> [(limit: UlimitSpec, granted: UInt64)] {
        let mayRaise = CapabilitySet.current().effective.rawValue & SystemResourceCapability.bit != 0
        let openFiles = (try? Files.readText("/proc/sys/fs/nr_open", limit: 32)).flatMap {
            UInt64($0.prefix { $0.isNumber })
        }
        return limits.compactMap { limit in
            guard let number = resources[limit.name] else { return nil }
            let own = Processes.limit(number).hard
            let highest = min(mayRaise ? .max : own, limit.name == "nofile" ? openFiles ?? .max : .max)
            let wanted = UInt64(bitPattern: limit.hard)
            return wanted > highest ? (limit, min(own, wanted)) : nil
        }
    }

    /// CAP_SYS_RESOURCE.
    private enum SystemResourceCapability { static let bit: UInt64 = 1 << 24 }

    private static func limit(_ spec: UlimitSpec) throws(RoostError) -> ResourceLimit {
        guard let number = resources[spec.name] else {
            throw .invalid(
                "invalid ulimit type: \(spec.name) (expected \(resources.keys.sorted().joined(separator: ", ")))")
        }
        guard spec.hard == -1 || (spec.soft != -1 && spec.soft <= spec.hard) else {
            throw .invalid(
                "ulimit \(spec.name): the soft limit (\(spec.soft)) must be less than or equal to the hard limit (\(spec.hard))"
            )
        }
        return ResourceLimit(resource: number, soft: UInt64(bitPattern: spec.soft), hard: UInt64(bitPattern: spec.hard))
    }

    private func containerPlan(_ record: ContainerRecord, _ context: LaunchContext, _ decision: SecurityDecision) throws
        -> ContainerPlan
    {
        let spec = record.spec
        var own: Namespaces = [.mount]
        var joined: [JoinedNamespace] = []
        func decide(_ choice: SharedNamespace, _ kind: Namespaces, _ file: String) throws {
            switch choice {
            case .own: own.insert(kind)
            case .host: break
            case .container(let other):
                guard let process = context.processes[other] else {
                    throw RoostError.conflict("cannot join the namespace of container \(other): it is not running")
                }
                joined.append(JoinedNamespace(kind: kind.rawValue, path: "/proc/\(process)/ns/\(file)"))
            }
        }
        try decide(spec.pid, .process, "pid")
        try decide(spec.ipc, .ipc, "ipc")
        // A container with host networking also uses the host's UTS namespace, as in Docker.
        try decide(spec.network == .host && spec.hostname.isEmpty ? .host : spec.uts, .hostname, "uts")
        if spec.cgroupNamespace == .own { own.insert(.cgroup) }
        return ContainerPlan(
            hostname: hostname(record), domainname: spec.domainname, newNamespaces: own.rawValue,
            joinedNamespaces: joined,
            root: RootPlan(
                lowerDirectories: context.imageDirectories, upperDirectory: context.upperDirectory,
                workDirectory: context.workDirectory,
                mountPoint: context.mountPoint, readOnly: spec.security.readOnlyRoot),
            mounts: try MountTable(
                record: record, context: context, decision: decision, hostname: hostname(record)
            ).mounts(),
            devices: try devices(spec, decision), links: DefaultPolicy.links,
            maskedPaths: decision.masksSystemPaths ? spec.security.maskedPaths ?? SystemPaths.masked : [],
            readOnlyPaths: decision.masksSystemPaths ? spec.security.readOnlyPaths ?? SystemPaths.readOnly : [],
            sysctls: sysctls(spec),
            log: try LogLimits(spec.log).plan(path: context.logFile), exitRecord: context.exitRecord,
            revival: context.revival)
    }

    private func sysctls(_ spec: ContainerSpec) -> [Setting] {
        var settings: [Setting] = []
        if ![NetworkMode.host].contains(spec.network),
            spec.security.sysctls["net.ipv4.ip_unprivileged_port_start"] == nil,
            !isShared(spec.network)
        {
            // Unprivileged processes may bind any port, as in Docker: the namespace belongs to the container alone.
            settings = [
                Setting("net.ipv4.ip_unprivileged_port_start", "0"),
                Setting("net.ipv4.ping_group_range", "0 2147483647"),
            ]
        }
        return settings + spec.security.sysctls.sorted { $0.key < $1.key }.map { Setting($0.key, $0.value) }
    }

    private func isShared(_ mode: NetworkMode) -> Bool {
        if case .container = mode { return true }
        return false
    }

    private func devices(_ spec: ContainerSpec, _ decision: SecurityDecision) throws -> [DevicePlan] {
        var nodes = DefaultPolicy.devices
        if decision.allowsAllDevices { nodes += HostDevices.all() }
        for device in spec.devices { nodes += try HostDevices.nodes(device) }
        return nodes
    }

    /// The device rules of a container's cgroup.
    package static func deviceRules(_ spec: ContainerSpec) throws -> [DeviceRule] {
        if spec.security.privileged { return [DeviceRule(.any, nil, nil, "rwm")] }
        return try DefaultPolicy.deviceRules + spec.devices.flatMap { try HostDevices.rules($0) }
            + spec.deviceRules.map(Self.deviceRule)
    }

    /// Parses e.g. `c 1:3 mr`: type, numbers or `*`, access.
    static func deviceRule(_ text: String) throws(RoostError) -> DeviceRule {
        let words = text.split(separator: " ").map(String.init)
        let kinds: [String: DeviceRule.Kind] = ["c": .character, "b": .block, "a": .any]
        let numbers = words.count > 1 ? words[1].split(separator: ":").map(String.init) : []
        guard words.count == 3, let kind = kinds[words[0]], numbers.count == 2,
            numbers.allSatisfy({ $0 == "*" || UInt32($0) != nil }), !words[2].isEmpty,
            words[2].allSatisfy({ "rwm".contains($0) })
        else { throw .invalid("invalid device cgroup format '\(text)' (e.g. c 1:3 mr or c 7:* rmw)") }
        return DeviceRule(kind, UInt32(numbers[0]), UInt32(numbers[1]), words[2])
    }
}

/// Docker's log options `max-size` and `max-file`; without them the log is limited as well.
struct LogLimits {
    static let defaultBytes: UInt64 = 100 << 20
    static let defaultFiles: UInt32 = 3
    var bytes = defaultBytes
    var files = defaultFiles

    init(_ spec: LogSpec) throws(RoostError) {
        guard ["", "json-file", "local", "none"].contains(spec.driver) else {
            throw .invalid("logger: no log driver named '\(spec.driver)' is registered")
        }
        if let text = spec.options["max-size"] {
            guard let size = ByteSize.parse(text), size > 0 else {
                throw .invalid("invalid size \"\(text)\" for log option max-size (e.g. 10m)")
            }
            bytes = UInt64(size)
        }
        if let text = spec.options["max-file"] {
            guard let count = UInt32(text), count > 0, count <= 1000 else {
                throw .invalid("invalid number \"\(text)\" for log option max-file (expected 1 to 1000)")
            }
            files = count
        }
        if spec.driver == "none" { (bytes, files) = (1 << 20, 1) }
    }

    func plan(path: String) -> LogPlan { LogPlan(path: path, maximumBytes: bytes, maximumFiles: files) }
}
