import LinuxKernel
import ShimProtocol

/// Starts the container and supervises it: an event loop over its output, its exit, and the engine's messages.
final class ContainerShim {
    let plan: LaunchPlan
    let container: ContainerPlan
    var log: LogWriter
    let poll: Epoll
    var engine: EngineConnection
    var outputs: [Int32: (file: OwnedFD, stream: LogStream)] = [:]
    var input: OwnedFD?
    var child: ChildProcess?
    var startedAt: Int64 = 0
    var exit: ExitRecord?
    var reportedExit = false

    init(plan: LaunchPlan, container: ContainerPlan) {
        self.plan = plan
        self.container = container
        log = LogWriter(container.log)
        do throws(SyscallError) {
            poll = try Epoll()
            engine = try EngineConnection(plan: container.revival)
        } catch { Processes.exit(125) }
    }

    func run() -> Never {
        do {
            let signals = try Processes.signalDescriptor([1, 2, 3, 13, 15, 17])
            try start()
            try serve(signals: signals.raw)
        } catch let failure as ChildFailure {
            engine.send(.failed(step: failure.step, reason: failure.reason, exitCode: failure.exitCode))
        } catch {
            engine.send(.failed(step: "run the shim", reason: "\(error)", exitCode: 125))
        }
        Processes.exit(0)
    }

    private func start() throws {
        var streams: [OwnedFD] = []
        if !plan.standardStreams.terminal {
            let output = try Pipe()
            let error = try Pipe()
            if plan.standardStreams.input {
                let pipe = try Pipe()
                input = pipe.writing
                streams.append(pipe.reading)
            } else {
                streams.append(try Files.open("/dev/null", .readOnly))
            }
            streams += [output.writing, error.writing]
            outputs[output.reading.raw] = (output.reading, .output)
            outputs[error.reading.raw] = (error.reading, .error)
        }
        for joined in container.joinedNamespaces where joined.kind == Namespaces.process.rawValue {
            // Joining a pid namespace affects only children, so it is done here, before the child is created.
            let file = try Files.open(joined.path, .readOnly)
            try Processes.enter(file.raw, .process, name: joined.path)
        }
        var own = Namespaces(rawValue: container.newNamespaces)
        own.remove([.cgroup, .network])
        let starter = ChildStart(
            plan: plan, groups: try OpenCgroups(plan.cgroups), namespaces: own, streams: streams)
        let started = try starter.start { (streams) throws(ChildFailure) in
            try ContainerChild(plan: self.plan, container: self.container, streams: streams).execProcess()
        }
        for stream in streams { stream.close() }
        child = started
        startedAt = Clocks.wallNanoseconds()
        if let terminal = started.terminal {
            input = terminal
            outputs[terminal.raw] = (terminal, .output)
        }
        engine.send(.started(process: started.pid), descriptors: startDescriptors)
    }

    /// Descriptors of every `started` and `hello`: the pidfd, then the write end of stdin or the terminal.
    private var startDescriptors: [Int32] { [child?.pidfd.raw, input?.raw].compactMap { $0 } }

    private func serve(signals: Int32) throws {
        try poll.add(signals, .readable)
        for (number, output) in outputs {
            try setNonBlocking(output.file.raw)
            try poll.add(number, .readable)
        }
        try engine.watch(poll)
        while true {
            for event in try poll.wait(milliseconds: exit == nil ? nil : drainPatience) {
                if event.fd == signals {
                    handleSignal(signals)
                } else if outputs[event.fd] != nil {
                    drain(event.fd)
                } else {
                    handleEngine(event.fd)
                }
            }
            finishIfOver()
        }
    }

    /// After PID 1 has exited, only processes outside the container that hold its output can still write: wait this long for them, in milliseconds.
    private let drainPatience: Int32 = 200

    private func handleSignal(_ signals: Int32) {
        // Only SIGCHLD matters; the other signals are blocked so that they cannot terminate the shim.
        guard Processes.nextSignal(signals) != nil else { return }
        while let ended = try? Processes.collect() {
            engine.childEnded(ended.pid)
            if ended.pid == child?.pid {
                exit = ExitRecord(code: ended.status.code, atNanoseconds: Clocks.wallNanoseconds())
            }
        }
        guard exit != nil else { return }
        for number in Array(outputs.keys) { drain(number) }
    }

    private func drain(_ number: Int32) {
        guard let output = outputs[number] else { return }
        do throws(SyscallError) {
            while true {
                let chunk = try readSome(number, limit: 65536)
                if chunk.isEmpty { return closeOutput(number) }
                let lost = log.write(chunk, stream: output.stream)
                // A message holds at most 64 KiB.
                for start in stride(from: lost.startIndex, to: lost.endIndex, by: 32 << 10) {
                    engine.offer(
                        .unlogged(
                            isError: output.stream == .error,
                            bytes: Array(lost[start..<min(start + (32 << 10), lost.endIndex)]), errno: log.failure))
                }
                if chunk.count < 4096 { return }
            }
        } catch {
            // EIO: all slave ends of the terminal are closed.
            if error.errno != Errno.again { closeOutput(number) }
        }
    }

    private func closeOutput(_ number: Int32) {
        poll.remove(number)
        outputs[number] = nil
    }

    private func handleEngine(_ number: Int32) {
        switch engine.handle(number, poll: poll) {
        case .nothing: break
        case .message(.closeInput): if !plan.standardStreams.terminal { input = nil }
        case .message(.deferLogDeletion(let on)): log.defersDeletion = on
        case .message(.dismissed): if exit != nil { Processes.exit(0) }
        case .message: break
        case .connected: greet()
        }
    }

    /// Reconnected: sends the engine everything that it needs to adopt this container.
    private func greet() {
        let kept = engine.kept
        let tags = (child.map { _ in ["pidfd"] } ?? []) + (input.map { _ in ["input"] } ?? []) + kept.map(\.tag)
        engine.send(
            .hello(
                id: plan.id, process: child?.pid ?? 0, startedAtNanoseconds: startedAt, exit: reportedExit ? exit : nil,
                tags: tags),
            descriptors: startDescriptors + kept.map(\.file.raw))
    }

    private func finishIfOver() {
        guard let exit, !reportedExit else { return }
        // Exited: report it once no output arrives for `drainPatience`. A terminal may stay open after the process has exited.
        let waiting = outputs.keys.contains { number in
            (try? waitUntilReady(number, milliseconds: outputs.isEmpty ? 0 : drainPatience)) ?? false
        }
        if waiting { return }
        try? Files.replace(container.exitRecord, Array(exit.text.utf8))
        reportedExit = true
        engine.send(.exited(code: exit.code, atNanoseconds: exit.atNanoseconds))
    }
}
