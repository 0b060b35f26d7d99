import LinuxKernel
import ShimProtocol

/// The container's first process between clone3 and exec: runs the stages in order.
struct ContainerChild {
    let plan: LaunchPlan
    let container: ContainerPlan
    let streams: ChildStreams

    func execProcess() throws(ChildFailure) -> Never {
        try streams.joinCgroups()
        try stage("enter namespaces") {
            if sandboxGiven { try Processes.enter(sandbox, .network, name: "the network namespace") }
            for joined in container.joinedNamespaces where joined.kind != Namespaces.process.rawValue {
                let file = try Files.open(joined.path, .readOnly)
                try Processes.enter(file.raw, Namespaces(rawValue: joined.kind), name: joined.path)
            }
            // After joining the cgroup, so that it becomes the root of the new cgroup namespace.
            let own = Namespaces(rawValue: container.newNamespaces)
            if own.contains(.cgroup) { try Processes.unshare(.cgroup) }
            try Processes.startSession()
        }
        let root = ContainerRoot(container: container)
        try root.enter(workingDirectory: plan.process.workingDirectory)
        try applyNames()
        try streams.connect(terminalMultiplexer: "/dev/pts/ptmx", bindConsole: true)
        try applySysctls()
        try root.seal()
        try ProcessExec(plan: plan).execute()
    }

    /// The engine passes /dev/null for host networking, or if a network namespace is joined by path.
    private var sandboxGiven: Bool {
        guard let status = try? Files.status(of: sandbox) else { return false }
        return !status.isCharacterDevice
    }

    private func applyNames() throws(ChildFailure) {
        guard Namespaces(rawValue: container.newNamespaces).contains(.hostname) else { return }
        try stage("set the host name") {
            try Processes.setHostname(container.hostname)
            if !container.domainname.isEmpty { try Processes.setDomainname(container.domainname) }
        }
    }

    private func applySysctls() throws(ChildFailure) {
        for setting in container.sysctls {
            let path = "/proc/sys/" + setting.name.split(separator: ".").joined(separator: "/")
            try stage("set sysctl \(setting.name)") { try Files.set(path, setting.value ?? "") }
        }
    }
}

/// The child's standard streams: pipes, or a terminal allocated inside the container.
struct ChildStreams {
    let plan: StreamPlan
    /// The standard streams; empty with a TTY.
    let descriptors: [OwnedFD]
    /// Passes the terminal's master to the shim.
    let channel: OwnedFD
    /// The `tasks` files of v1 cgroups; empty if the child was created in its cgroup.
    let groups: [OwnedFD]

    /// A thread that moves itself, by writing `0` to `tasks`, avoids a kernel lock that costs ten milliseconds (cgroup_procs_write_start).
    func joinCgroups() throws(ChildFailure) {
        try stage("join the cgroups") { for group in groups { try writeAll(group.raw, [48]) } }
    }

    func connect(terminalMultiplexer: String, bindConsole: Bool) throws(ChildFailure) {
        try stage("connect standard streams") {
            guard plan.terminal else {
                for (number, stream) in descriptors.enumerated() {
                    try Processes.redirect(stream.raw, to: Int32(number))
                }
                return
            }
            let (master, slave) = try Terminals.open(terminalMultiplexer)
            if bindConsole { try mountConsole(slave.raw) }
            if plan.rows > 0 { try Terminals.setWindow(master.raw, rows: plan.rows, columns: plan.columns) }
            try Sockets.send(channel.raw, [1], descriptors: [master.raw])
            try Terminals.control(slave.raw)
            for number in Int32(0)..<3 { try Processes.redirect(slave.raw, to: number) }
        }
    }

    /// Bind-mounts the container's terminal on /dev/console.
    private func mountConsole(_ slave: Int32) throws(SyscallError) {
        let name = try Files.readLink("/proc/self/fd/\(slave)")
        let source = try Mounts.clone(name, recursive: false)
        let file = try Files.open("/dev/console", [.writeOnly, .create], mode: 0o600)
        try Mounts.attach(source, onto: file, name: "/dev/console")
    }
}
