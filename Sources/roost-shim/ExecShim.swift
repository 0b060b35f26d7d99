import LinuxKernel
import ShimProtocol

/// An additional process in a running container: enters its namespaces, starts the command and waits for its exit.
struct ExecShim {
    let plan: LaunchPlan

    func run() -> Never {
        do {
            let child = try start()
            report(.started(process: child.pid), [child.pidfd.raw, child.terminal?.raw].compactMap { $0 })
            let ended = try Processes.collect(pid: child.pid, wait: true)
            report(.exited(code: ended?.status.code ?? 137, atNanoseconds: Clocks.wallNanoseconds()), [])
        } catch let failure as ChildFailure {
            report(.failed(step: failure.step, reason: failure.reason, exitCode: failure.exitCode), [])
        } catch {
            report(.failed(step: "run the shim", reason: "\(error)", exitCode: 126), [])
        }
        Processes.exit(0)
    }

    private func start() throws -> ChildProcess {
        let streams = plan.standardStreams.terminal ? [] : [Int32(3), 4, 5].map(OwnedFD.init(adopting:))
        // Opened first: after entering the namespaces, the host's cgroups are not reachable by path.
        let groups = try stage("open the cgroups") { try OpenCgroups(plan.cgroups) }
        try stage("enter the container") {
            try Processes.enter(
                sandbox, [.mount, .process, .hostname, .ipc, .network, .cgroup],
                name: "the container's namespaces")
        }
        let child = try ChildStart(plan: plan, groups: groups, namespaces: [], streams: streams).start {
            (streams) throws(ChildFailure) in
            try streams.joinCgroups()
            try stage("start a session") { try Processes.startSession() }
            try streams.connect(terminalMultiplexer: "/dev/pts/ptmx", bindConsole: false)
            try ProcessExec(plan: self.plan).execute()
        }
        for stream in streams { stream.close() }
        return child
    }

    private func report(_ message: ShimMessage, _ descriptors: [Int32]) {
        try? Sockets.send(engineSocket, message.encoded(), descriptors: descriptors)
    }
}
