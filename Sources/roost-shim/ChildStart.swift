import LinuxKernel
import ShimProtocol

/// A started child, as seen by the shim.
struct ChildProcess {
    let pid: Int32
    let pidfd: OwnedFD
    /// The terminal's master, if the process has a TTY.
    let terminal: OwnedFD?
}

/// Creates the child and waits until it has executed the command or reported a failure.
struct ChildStart {
    let plan: LaunchPlan
    let groups: OpenCgroups
    let namespaces: Namespaces
    /// The child's standard streams; empty with a TTY.
    let streams: [OwnedFD]

    func start(_ body: (ChildStreams) throws(ChildFailure) -> Never) throws(ChildFailure) -> ChildProcess {
        let report = try stage("create a pipe") { try ChildReport() }
        let channel = try stage("create a socket pair") { try Sockets.pair() }
        let unified = groups.unified
        let child = try stage("create the process") { try Processes.clone(namespaces, cgroup: unified?.raw) }
        guard let child else {
            let childStreams = ChildStreams(
                plan: plan.standardStreams, descriptors: streams, channel: channel.1, groups: groups.split)
            do throws(ChildFailure) { try body(childStreams) } catch { report.fail(error) }
        }
        return try finish(child, report, channel.0)
    }

    private func finish(
        _ child: (pid: Int32, pidfd: OwnedFD), _ report: ChildReport, _ channel: OwnedFD
    ) throws(ChildFailure) -> ChildProcess {
        // Close our copy of the write end, or end of file never arrives.
        let reading = report.pipe.reading
        report.pipe.writing.close()
        var terminal: OwnedFD?
        if plan.standardStreams.terminal {
            while terminal == nil {
                let ready = (try? waitForAny([channel.raw, reading.raw], milliseconds: nil)) ?? []
                if ready.contains(0), let message = try? Sockets.receive(channel.raw, limit: 1) {
                    terminal = message.descriptors.first.map(OwnedFD.init(adopting:))
                    if message.descriptors.isEmpty { break }
                } else if ready.contains(1) {
                    break
                }
            }
        }
        if let failure = ChildReport.read(reading.raw) {
            _ = try? Processes.collect(pid: child.pid, wait: true)
            throw failure
        }
        return ChildProcess(pid: child.pid, pidfd: child.pidfd, terminal: terminal)
    }
}

/// The plan's cgroups as descriptors, opened before the mount namespace changes.
struct OpenCgroups {
    var unified: OwnedFD?
    var split: [OwnedFD] = []

    init(_ plan: CgroupPlan) throws(SyscallError) {
        switch plan {
        case .unified(let path): unified = try Files.open(path, [.path, .directory])
        case .split(let paths):
            for path in paths { split.append(try Files.open(path + "/tasks", .writeOnly)) }
        }
    }
}
