import ContainerRuntime
import EngineModel
import LinuxKernel
import Logging
import Networking
import ShimProtocol
import Synchronization

/// An exec's process, from its creation to its exit.
struct ExecState: Sendable {
    var containerID: String
    var request: LaunchPlanBuilder.ExecRequest
    var attachesInput: Bool
    var detachKeys: String?
    /// The streams that its client receives, and the initial size of its terminal.
    var view = ExecView()
    var process: Int32 = 0
    var running = false
    var exitCode: Int32?
    var terminal: OwnedFD?
}

/// The streams that the client of an exec receives, and the initial size of its terminal.
package struct ExecView: Sendable {
    package var output = true
    package var error = true
    package var rows: UInt16 = 0
    package var columns: UInt16 = 0
    package init() {}
}

/// The engine's ends of an exec's streams.
package struct ExecStreams: Sendable {
    /// Writes to the process's standard input; the terminal if it has one.
    package var input: OwnedFD?
    package var output: OwnedFD
    /// nil with a terminal: there is only one stream.
    package var error: OwnedFD?
    package var pidfd: OwnedFD
}

/// The description of an exec, as for `inspect`.
package struct ExecDescription: Sendable {
    package var id: String
    package var containerID: String
    package var arguments: [String]
    package var detachKeys: String?
    package var terminal: Bool
    package var user: String
    package var privileged: Bool
    package var process: Int32
    package var running: Bool
    package var exitCode: Int32?
    package var attachesInput: Bool
    /// It never ran: its executable was not found or could not be executed.
    package var failedToStart: Bool { exitCode != nil && process == 0 }
}

extension Engine {
    static let execMemory = 2048

    package func createExec(
        _ reference: String, _ request: LaunchPlanBuilder.ExecRequest, attachesInput: Bool, detachKeys: String? = nil,
        view: ExecView = ExecView()
    ) throws -> String {
        let record = try container(reference)
        if record.status.phase == .restarting {
            throw RoostError.conflict("Container \(record.id) is restarting, wait until the container is running")
        }
        guard live[record.id] != nil else { throw RoostError.conflict("container \(record.id) is not running") }
        if record.status.phase == .paused {
            throw RoostError.conflict("container \(record.name) is paused, unpause the container before exec")
        }
        guard !request.arguments.isEmpty else { throw RoostError.invalid("No exec command specified") }
        let id = Identifiers.random()
        if execs.count > Self.execMemory { execs = execs.filter { $0.value.running } }
        var state = ExecState(containerID: record.id, request: request, attachesInput: attachesInput)
        state.detachKeys = detachKeys
        state.view = view
        execs[id] = state
        publish(record, "exec_create: \(Self.eventText(request))", ["execID": id])
        return id
    }

    /// A command in an event, as Docker formats it: with a trailing space if it has no arguments.
    private static func eventText(_ request: LaunchPlanBuilder.ExecRequest) -> String {
        (request.arguments.first ?? "") + " " + request.arguments.dropFirst().joined(separator: " ")
    }

    /// Sets the initial terminal size of an exec that has not started.
    package func setExecWindow(_ id: String, rows: UInt16, columns: UInt16) {
        execs[id]?.view.rows = rows
        execs[id]?.view.columns = columns
    }

    package func execView(_ id: String) -> ExecView { execs[id]?.view ?? ExecView() }

    /// Starts an exec and returns its streams.
    package func startExec(_ id: String) async throws -> ExecStreams {
        guard var state = execs[id] else { throw RoostError.missing("No such exec instance: \(id)") }
        if state.running || state.exitCode != nil { throw RoostError.conflict("exec \(id) has already been started") }
        guard let record = containers[state.containerID], live[record.id] != nil else {
            throw RoostError.conflict("container \(state.containerID) is not running")
        }
        state.running = true
        execs[id] = state
        publish(record, "exec_start: \(Self.eventText(state.request))", ["execID": id])
        do { return try await launchExec(id, state.request, record, input: state.attachesInput) } catch {
            execs[id]?.running = false
            execs[id]?.exitCode = (error as? LaunchFailure)?.exitCode ?? 126
            guard let failure = error as? LaunchFailure else { throw error }
            throw RoostError.invalid("exec failed: \(failure.reason)", code: .execFailed)
        }
    }

    private func launchExec(
        _ id: String, _ request: LaunchPlanBuilder.ExecRequest, _ record: ContainerRecord, input: Bool
    ) async throws -> ExecStreams {
        guard let running = live[record.id] else { throw RoostError.conflict("container \(record.id) is not running") }
        let group = cgroup(of: record)
        let view = execView(id)
        var prepared = try plans.exec(request, id: id, in: named(record), group)
        (prepared.standardStreams.rows, prepared.standardStreams.columns) = (view.rows, view.columns)
        let plan = prepared
        let launcher = launcher
        let pidfd = running.process.pidfd
        let (started, streams) = try await blocking { () -> (StartedProcess, ExecStreams) in
            if request.terminal {
                let started = try launcher.exec(plan, pidfd: pidfd, streams: [])
                guard let terminal = started.input else { throw RoostError.failure("the exec has no terminal") }
                // One descriptor per direction: both may be waited for at the same time.
                let inward = input ? try terminal.duplicate() : nil
                return (
                    started, ExecStreams(input: inward, output: terminal, error: nil, pidfd: started.pidfd)
                )
            }
            let output = try Pipe()
            let error = try Pipe()
            let source = input ? try Pipe() : nil
            let near = try source?.reading ?? Files.open("/dev/null", .readOnly)
            let started = try launcher.exec(plan, pidfd: pidfd, streams: [near, output.writing, error.writing])
            for end in [near, output.writing, error.writing] { end.close() }
            return (
                started,
                ExecStreams(input: source?.writing, output: output.reading, error: error.reading, pidfd: started.pidfd)
            )
        }
        execs[id]?.process = started.process
        execs[id]?.terminal = request.terminal ? streams.output : nil
        let events = try started.connection.events()
        Task { for await event in events { execEvent(event, id: id) } }
        return streams
    }

    private func execEvent(_ event: ShimConnection.Event, id: String) {
        switch event {
        case .message(.exited(let code, _), _): finishExec(id, code)
        case .message: break
        case .closed:
            ShimLauncher.reap()
            finishExec(id, 137)
        }
    }

    private func finishExec(_ id: String, _ code: Int32) {
        guard let state = execs[id], state.exitCode == nil else { return }
        execs[id]?.exitCode = code
        execs[id]?.running = false
        execs[id]?.terminal = nil
        if let record = containers[state.containerID] {
            publish(record, "exec_die", ["execID": id, "exitCode": String(code)])
        }
        announceExit("exec \(id)", code)
    }

    package func exec(_ id: String) throws(RoostError) -> ExecDescription {
        let matches = execs.keys.filter { $0 == id || (id.count >= 12 && $0.hasPrefix(id)) }
        guard let key = matches.first, let state = execs[key] else { throw .missing("No such exec instance: \(id)") }
        return ExecDescription(
            id: key, containerID: state.containerID, arguments: state.request.arguments, detachKeys: state.detachKeys,
            terminal: state.request.terminal,
            user: state.request.user ?? "", privileged: state.request.privileged, process: state.process,
            running: state.running,
            exitCode: state.exitCode, attachesInput: state.attachesInput)
    }

    /// Waits for an exec to exit and returns its exit code.
    package func waitExec(_ id: String) async throws -> Int32 {
        guard let state = execs[id] else { throw RoostError.missing("No such exec instance: \(id)") }
        if let code = state.exitCode { return code }
        return await waitForExit("exec \(id)")
    }

    package func resizeExec(_ id: String, rows: UInt16, columns: UInt16) throws {
        guard let terminal = execs[id]?.terminal else {
            throw RoostError.missing("exec \(id) has no terminal, or is not running")
        }
        try Terminals.setWindow(terminal.raw, rows: rows, columns: columns)
    }

    // MARK: Streams of the container's main process

    package func resize(_ reference: String, rows: UInt16, columns: UInt16) throws {
        let record = try container(reference)
        guard record.spec.process.terminal, let terminal = live[record.id]?.process.input else {
            throw RoostError.conflict("container \(record.id) is not running, or has no terminal")
        }
        try Terminals.setWindow(terminal.raw, rows: rows, columns: columns)
    }

    /// The write end of a container's standard input as soon as it runs; nil if it has none, was removed, or the task is cancelled.
    package func inputWhenRunning(_ id: String) async -> OwnedFD? {
        while containers[id] != nil, !Task.isCancelled {
            if let running = live[id] { return running.process.input }
            _ = await waitForExit(Self.start(of: id))
        }
        return nil
    }

    /// The key under which a container's start is announced.
    static func start(of id: String) -> String { "start of \(id)" }

    /// Closes a container's standard input: the last attached client sends no more.
    package func closeInput(_ id: String) {
        guard let record = containers[id], !record.spec.process.terminal, let running = live[id] else { return }
        running.process.connection.send(.closeInput)
        running.process.input?.close()
    }

    /// Registers a reader that must receive all of a container's output before its exit is reported. Until `endReading`, log files are
    /// kept for it unless it falls far behind, and output that the log could not take goes to its signal.
    package func beginReading(_ id: String, _ signal: OutputSignal) {
        outputReaders[id, default: OutputReaders()].signals.append(signal)
        if outputReaders[id]?.signals.count == 1 { live[id]?.process.connection.send(.deferLogDeletion(true)) }
    }

    package func endReading(_ id: String, _ signal: OutputSignal) {
        guard var readers = outputReaders[id] else { return }
        readers.signals.removeAll { $0 === signal }
        outputReaders[id] = readers.signals.isEmpty ? nil : readers
        guard readers.signals.isEmpty else { return }
        live[id]?.process.connection.send(.deferLogDeletion(false))
        for waiting in readers.waiting { waiting.resume() }
    }

    /// Handles output that a container's log could not take: passes it to current readers, counts it for later ones.
    func unlogged(_ id: String, _ isError: Bool, _ bytes: [UInt8], _ errno: Int32) {
        if unloggedOutput[id] == nil {
            let name = containers[id]?.name ?? id
            log.error("container \(name): its output is not logged: \(describeErrno(errno))")
        }
        unloggedOutput[id, default: UnloggedOutput()].bytes += Int64(bytes.count)
        unloggedOutput[id]?.errno = errno
        for signal in outputReaders[id]?.signals ?? [] { signal.offer(bytes, isError: isError) }
    }

    /// The notice at the end of the output of a container whose log is incomplete; nil if it is complete.
    package func unloggedNotice(_ id: String) -> String? {
        unloggedOutput[id].map {
            "roost: \($0.bytes) bytes of output were not logged: \(describeErrno($0.errno)) (\(configuration.containerDirectory(id)))\n"
        }
    }

    /// Waits until all readers have read the output of an exited container; at most 10 seconds, for readers that have stalled.
    package func waitForReaders(_ id: String) async {
        guard outputReaders[id] != nil else { return }
        await Self.wait(atMost: .seconds(10)) { await self.waitForDetach(id) }
    }

    private func waitForDetach(_ id: String) async {
        guard outputReaders[id] != nil else { return }
        await withCheckedContinuation { outputReaders[id]?.waiting.append($0) }
    }

    // MARK: Logs

    package func logPath(_ reference: String) throws -> (record: ContainerRecord, path: String, folder: String) {
        let record = try container(reference)
        return (
            record, configuration.containerDirectory(record.id) + "/container.log",
            configuration.containerDirectory(record.id)
        )
    }

    /// A cursor on a container's log, at its last `tail` lines; the disk is read on a thread that may block.
    package nonisolated func logCursor(_ path: String, tail: Int?) async throws -> LogCursor {
        try await blocking { tail.map { LogCursor(path: path, tail: $0) } ?? LogCursor(path: path) }
    }

    /// Publishes that a client has attached.
    package func announceAttach(_ record: ContainerRecord) { publish(record, "attach") }

    /// Whether the container may still write output.
    package func mayWrite(_ id: String) -> Bool { live[id] != nil }

    package nonisolated func watchLog(_ folder: String, changed: @escaping @Sendable () -> Void) throws
        -> LogSubscription
    {
        try logs.subscribe(folder: folder, changed: changed)
    }
}

extension Engine {
    /// Waits until a descriptor is readable; returns at once if it cannot be waited for.
    package nonisolated func waitReadable(_ file: OwnedFD) async { await waitReady(file, .readable) }
    package nonisolated func waitWritable(_ file: OwnedFD) async { await waitReady(file, .writable) }

    private nonisolated func waitReady(_ file: OwnedFD, _ interest: Readiness) async {
        let wait = ReadinessWait(file, loop)
        await withTaskCancellationHandler {
            await withCheckedContinuation { wait.begin(interest, $0) }
        } onCancel: {
            wait.end()
        }
    }
}

extension Engine {
    /// The container of an exec.
    package func owner(ofExec id: String) -> ContainerRecord? {
        execs[id].flatMap { containers[$0.containerID] }
    }
}
