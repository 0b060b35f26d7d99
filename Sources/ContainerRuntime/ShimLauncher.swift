import EngineModel
import LinuxKernel
import ShimProtocol
import Synchronization

/// The shim executable in a sealed memfd: neither an update nor a container can change what is started.
package struct ShimExecutable: Sendable {
    private let file: OwnedFD

    /// Reads the `roost-shim` executable at this path.
    package init(path: String) throws {
        do { file = try Files.memory("roost-shim", try Files.read(path, limit: 256 << 20), sealed: true) } catch {
            throw RoostError.failure("cannot read the shim \(path): \(error); it must be installed next to roostd")
        }
    }

    var path: String { "/proc/\(Processes.currentPID)/fd/\(file.raw)" }
}

/// The engine's end of the connection to one shim.
package final class ShimConnection: Sendable {
    package enum Event: Sendable {
        case message(ShimMessage, [OwnedFD])
        /// The connection was closed; expected after `exited` or `failed`.
        case closed
    }

    package let socket: OwnedFD
    private let loop: IOLoop
    private let closed = Atomic(false)

    /// The shim has closed the connection; the `closed` event may not have been consumed yet.
    package var isClosed: Bool { closed.load(ordering: .acquiring) }

    package init(socket: OwnedFD, loop: IOLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// The messages of the shim, in order; the stream finishes after `closed`. Single consumer.
    package func events() throws -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self)
        try setNonBlocking(socket.raw)
        try loop.add(socket.raw, .readable) { [self, socket, loop] _ in
            while true {
                do throws(SyscallError) {
                    let received = try Sockets.receive(socket.raw)
                    guard !received.bytes.isEmpty else { break }
                    let files = received.descriptors.map(OwnedFD.init(adopting:))
                    if let message = try? ShimMessage(decoding: received.bytes) {
                        continuation.yield(.message(message, files))
                    }
                } catch {
                    if error.errno == Errno.again { return }
                    break
                }
            }
            loop.remove(socket.raw)
            socket.close()
            closed.store(true, ordering: .releasing)
            continuation.yield(.closed)
            continuation.finish()
        }
        return stream
    }

    /// Errors are ignored: if the shim is gone, the `closed` event reports it.
    package func send(_ message: EngineMessage, descriptors: [OwnedFD] = []) {
        try? Sockets.send(socket.raw, message.encoded(), descriptors: descriptors.map(\.raw))
    }
}

/// A started process in a container, with the descriptors from its shim.
package struct StartedProcess: Sendable {
    package let connection: ShimConnection
    package let process: Int32
    /// The pidfd: refers to this process even if the pid is reused.
    package let pidfd: OwnedFD
    /// The write end of its standard input, or its terminal's master.
    package let input: OwnedFD?
    package init(connection: ShimConnection, process: Int32, pidfd: OwnedFD, input: OwnedFD?) {
        self.connection = connection
        self.process = process
        self.pidfd = pidfd
        self.input = input
    }
}

/// Why a process could not be started, with the exit code that Docker reports.
package struct LaunchFailure: Error, Sendable, CustomStringConvertible {
    package let step: String
    package let reason: String
    package let exitCode: Int32
    package var description: String { reason }
}

/// Starts shims. Blocks until the process runs or its start has failed; call it on a thread that may block.
package struct ShimLauncher: Sendable {
    private let program: ShimExecutable
    private let loop: IOLoop

    package init(program: ShimExecutable, loop: IOLoop) {
        self.program = program
        self.loop = loop
    }

    /// Starts a container. `namespace` is its network namespace; nil for the host's, or for one that the plan joins by path.
    package func start(_ plan: LaunchPlan, namespace: OwnedFD?) throws -> StartedProcess {
        let sandbox = try namespace ?? Files.open("/dev/null", .readOnly)
        return try launch(plan, third: sandbox, streams: [])
    }

    /// Starts an additional process in the container of `pidfd`. `streams` are the process's standard streams; empty with a TTY.
    package func exec(_ plan: LaunchPlan, pidfd: OwnedFD, streams: [OwnedFD]) throws -> StartedProcess {
        try launch(plan, third: pidfd, streams: streams)
    }

    private func launch(_ plan: LaunchPlan, third: OwnedFD, streams: [OwnedFD]) throws -> StartedProcess {
        let (ours, theirs) = try Sockets.pair()
        let file = try Files.memory("plan", plan.encoded())
        let pid = try Processes.spawn(
            program.path, arguments: ["roost-shim", plan.id], environment: [],
            descriptors: [theirs.raw, file.raw, third.raw] + streams.map(\.raw), newSession: true)
        theirs.close()
        ShimReaper.shared.expect(pid)
        let received = try Sockets.receive(ours.raw)
        let files = received.descriptors.map(OwnedFD.init(adopting:))
        guard !received.bytes.isEmpty, let message = try? ShimMessage(decoding: received.bytes) else {
            throw LaunchFailure(step: "start the shim", reason: "the shim exited without a message", exitCode: 125)
        }
        switch message {
        case .started(let process):
            guard let pidfd = files.first else {
                throw LaunchFailure(
                    step: "start the shim", reason: "the shim sent no pidfd", exitCode: 125)
            }
            return StartedProcess(
                connection: ShimConnection(socket: ours, loop: loop), process: process, pidfd: pidfd,
                input: files.dropFirst().first)
        case .failed(let step, let reason, let exitCode):
            throw LaunchFailure(step: step, reason: reason, exitCode: exitCode)
        case .exited, .hello, .unlogged:
            throw LaunchFailure(
                step: "start the shim", reason: "unexpected first message from the shim", exitCode: 125)
        }
    }
}

/// Reaps exited shims, so that none remains a zombie. Waits only for processes started here.
final class ShimReaper: Sendable {
    static let shared = ShimReaper()
    private let expected = Mutex<Set<Int32>>([])

    func expect(_ pid: Int32) {
        let all = expected.withLock { set in
            set.insert(pid)
            return set
        }
        collect(all)
    }

    /// Called whenever a shim's connection closes and after a new shim is spawned.
    func collect() { collect(expected.withLock { $0 }) }

    private func collect(_ pids: Set<Int32>) {
        for pid in pids where (try? Processes.collect(pid: pid)) != nil || !Files.exists("/proc/\(pid)") {
            _ = expected.withLock { $0.remove(pid) }
        }
    }
}

extension ShimLauncher {
    /// Reaps exited shims now.
    package static func reap() { ShimReaper.shared.collect() }

    /// The ids in the command lines of all shims on this host (proc(5), cmdline).
    package static func livingShims() -> Set<String> {
        var found: Set<String> = []
        for name in (try? Files.list("/proc")) ?? [] where Int32(name) != nil {
            guard let line = try? Files.readText("/proc/\(name)/cmdline", limit: 4096),
                line.hasPrefix("roost-shim\0")
            else { continue }
            let words = line.split(separator: "\0")
            if words.count > 1 { found.insert(String(words[1])) }
        }
        return found
    }
}
