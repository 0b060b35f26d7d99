import ContainerRuntime
import EngineModel
import LinuxKernel
import Networking
import ShimProtocol
import Synchronization

/// One more process of a container, from its creation to its end.
struct ExecState: Sendable {
    var containerID: String
    var request: LaunchPlanBuilder.ExecRequest
    var attachesInput: Bool
    var detachKeys: String?
    /// Which of its streams the one who starts it sees, and how large its terminal is at first.
    var view = ExecView()
    var process: Int32 = 0
    var running = false
    var exitCode: Int32?
    var terminal: OwnedFD?
}

/// What the client of an exec has asked to see.
public struct ExecView: Sendable {
    public var output = true
    public var error = true
    public var rows: UInt16 = 0
    public var columns: UInt16 = 0
    public init() {}
}

/// The near ends of an exec's streams.
public struct ExecStreams: Sendable {
    /// Where to write what the process reads; the terminal itself where there is one.
    public var input: OwnedFD?
    public var output: OwnedFD
    /// nil with a terminal: there is only one stream.
    public var error: OwnedFD?
    public var pidfd: OwnedFD
}

/// What can be asked of an exec.
public struct ExecDescription: Sendable {
    public var id: String
    public var containerID: String
    public var arguments: [String]
    public var detachKeys: String?
    public var terminal: Bool
    public var user: String
    public var privileged: Bool
    public var process: Int32
    public var running: Bool
    public var exitCode: Int32?
    public var attachesInput: Bool
    /// It never ran: its program was not found, or may not be run.
    public var isStillborn: Bool { exitCode != nil && process == 0 }
}

extension Engine {
    static let execMemory = 2048

    public func createExec(
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
        publish(record, "exec_create: \(request.arguments.joined(separator: " "))", ["execID": id])
        return id
    }

    /// The size of an exec's terminal, from its first moment if it has not begun.
    public func setExecWindow(_ id: String, rows: UInt16, columns: UInt16) {
        execs[id]?.view.rows = rows
        execs[id]?.view.columns = columns
    }

    public func execView(_ id: String) -> ExecView { execs[id]?.view ?? ExecView() }

    public func execRuns(_ id: String) -> Bool { execs[id]?.running ?? false }

    /// Starts an exec and hands out its streams.
    public func startExec(_ id: String) async throws -> ExecStreams {
        guard var state = execs[id] else { throw RoostError.missing("No such exec instance: \(id)") }
        if state.running || state.exitCode != nil { throw RoostError.conflict("exec \(id) has already been started") }
        guard let record = containers[state.containerID], live[record.id] != nil else {
            throw RoostError.conflict("container \(state.containerID) is not running")
        }
        state.running = true
        execs[id] = state
        do {
            let streams = try await launchExec(id, state.request, record, input: state.attachesInput)
            publish(record, "exec_start: \(state.request.arguments.joined(separator: " "))", ["execID": id])
            return streams
        } catch {
            execs[id]?.running = false
            execs[id]?.exitCode = (error as? LaunchFailure)?.exitCode ?? 126
            guard let failure = error as? LaunchFailure else { throw error }
            throw RoostError.invalid("exec failed: \(failure.reason)")
        }
    }

    private func launchExec(
        _ id: String, _ request: LaunchPlanBuilder.ExecRequest, _ record: ContainerRecord, input: Bool
    ) async throws -> ExecStreams {
        guard let running = live[record.id] else { throw RoostError.conflict("container \(record.id) is not running") }
        let group = controlGroup(of: record)
        let view = execView(id)
        var prepared = try plans.exec(request, id: id, in: record, group)
        (prepared.standardStreams.rows, prepared.standardStreams.columns) = (view.rows, view.columns)
        let plan = prepared
        let launcher = launcher
        let pidfd = running.process.pidfd
        let (started, streams) = try await blocking { () -> (StartedProcess, ExecStreams) in
            if request.terminal {
                let started = try launcher.exec(plan, pidfd: pidfd, streams: [])
                guard let terminal = started.input else { throw RoostError.failure("the exec has no terminal") }
                return (
                    started,
                    ExecStreams(input: input ? terminal : nil, output: terminal, error: nil, pidfd: started.pidfd)
                )
            }
            let output = try Pipe()
            let error = try Pipe()
            let source = input ? try Pipe() : nil
            let near = try source?.reading ?? Files.open("/dev/null", .readOnly)
            let started = try launcher.exec(plan, pidfd: pidfd, streams: [near, output.writing, error.writing])
            for end in [near, output.writing, error.writing] { end.closeEarly() }
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

    public func exec(_ id: String) throws(RoostError) -> ExecDescription {
        let matches = execs.keys.filter { $0 == id || (id.count >= 12 && $0.hasPrefix(id)) }
        guard let key = matches.first, let state = execs[key] else { throw .missing("No such exec instance: \(id)") }
        return ExecDescription(
            id: key, containerID: state.containerID, arguments: state.request.arguments, detachKeys: state.detachKeys,
            terminal: state.request.terminal,
            user: state.request.user ?? "", privileged: state.request.privileged, process: state.process,
            running: state.running,
            exitCode: state.exitCode, attachesInput: state.attachesInput)
    }

    /// The exit code of an exec, when it has one.
    public func waitExec(_ id: String) async throws -> Int32 {
        guard let state = execs[id] else { throw RoostError.missing("No such exec instance: \(id)") }
        if let code = state.exitCode { return code }
        return await untilExit("exec \(id)")
    }

    public func resizeExec(_ id: String, rows: UInt16, columns: UInt16) throws {
        guard let terminal = execs[id]?.terminal else {
            throw RoostError.missing("exec \(id) has no terminal, or does not run")
        }
        try Terminals.setWindow(terminal.raw, rows: rows, columns: columns)
    }

    // MARK: The first process's own streams

    public func resize(_ reference: String, rows: UInt16, columns: UInt16) throws {
        let record = try container(reference)
        guard record.spec.process.terminal, let terminal = live[record.id]?.process.input else {
            throw RoostError.conflict("container \(record.id) is not running, or has no terminal")
        }
        try Terminals.setWindow(terminal.raw, rows: rows, columns: columns)
    }

    /// The way into a running container's standard input.
    public func input(_ id: String) -> OwnedFD? { live[id]?.process.input }

    /// The last client that has attached sends no more.
    public func closeInput(_ id: String) {
        guard let record = containers[id], !record.spec.process.terminal, let running = live[id] else { return }
        running.process.connection.send(.closeInput)
        running.process.input?.closeEarly()
    }

    /// While somebody reads the output of a foreground container, no log file is deleted before it is read.
    public func setLogHeld(_ id: String, _ held: Bool) { live[id]?.process.connection.send(.deferLogDeletion(held)) }

    /// Somebody reads a container's output and has to have it all before the container's end is told.
    public func beginReading(_ id: String) { outputReaders[id, default: (0, [])].number += 1 }

    public func endReading(_ id: String) {
        guard var readers = outputReaders[id] else { return }
        readers.number -= 1
        outputReaders[id] = readers.number > 0 ? readers : nil
        if readers.number == 0 { for waiting in readers.waiting { waiting.resume() } }
    }

    /// Waits until nobody reads the output of a container that has ended; not for long for those who do not read on.
    public func untilRead(_ id: String) async {
        guard outputReaders[id] != nil else { return }
        await Self.wait(atMost: .seconds(10)) { await self.untilNobodyReads(id) }
    }

    private func untilNobodyReads(_ id: String) async {
        guard outputReaders[id] != nil else { return }
        await withCheckedContinuation { outputReaders[id]?.waiting.append($0) }
    }

    // MARK: Logs

    public func logPath(_ reference: String) throws -> (record: ContainerRecord, path: String, folder: String) {
        let record = try container(reference)
        return (record, configuration.dataFolder(record.id) + "/container.log", configuration.dataFolder(record.id))
    }

    /// Tells that a client has attached.
    public func announceAttach(_ record: ContainerRecord) { publish(record, "attach") }

    /// Whether more output may come.
    public func mayWrite(_ id: String) -> Bool { live[id] != nil }

    public nonisolated func watchLog(_ folder: String, changed: @escaping @Sendable () -> Void) throws
        -> LogSubscription
    {
        try logs.subscribe(folder: folder, changed: changed)
    }
}

extension Engine {
    /// Waits until something can be read; on a descriptor that cannot be waited for, returns at once.
    public nonisolated func waitReadable(_ file: OwnedFD) async { await waitReady(file, .readable) }
    public nonisolated func waitWritable(_ file: OwnedFD) async { await waitReady(file, .writable) }

    private nonisolated func waitReady(_ file: OwnedFD, _ interest: Readiness) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let loop = loop
            let once = Mutex(false)
            let resume: @Sendable () -> Void = {
                let first = once.withLock { done in
                    defer { done = true }
                    return !done
                }
                if first { continuation.resume() }
            }
            do throws(SyscallError) {
                try loop.add(file.raw, interest) { _ in
                    loop.remove(file.raw)
                    resume()
                }
            } catch { resume() }
        }
    }
}

extension Engine {
    /// The container in which a program runs, or was to run.
    public func owner(ofExec id: String) -> ContainerRecord? {
        execs[id].flatMap { containers[$0.containerID] }
    }
}
