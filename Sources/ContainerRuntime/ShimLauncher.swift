import EngineModel
import LinuxKernel
import ShimProtocol
import Synchronization

/// The shim's program, kept as a sealed file in memory: an update or a container cannot change what is started.
public struct ShimProgram: Sendable {
    private let file: OwnedFD

    /// Reads `roost-shim` from beside the engine's own program.
    public init(path: String) throws {
        do { file = try Files.memory("roost-shim", try Files.read(path, limit: 256 << 20), sealed: true) } catch {
            throw RoostError.failure("cannot read the shim \(path): \(error); it is installed beside roostd")
        }
    }

    var path: String { "/proc/\(Processes.currentPID)/fd/\(file.raw)" }
}

/// The engine's end of the exchange with one shim.
public final class ShimConnection: Sendable {
    public enum Event: Sendable {
        case message(ShimMessage, [OwnedFD])
        /// The shim has gone; after `exited` or `failed` that is as it should be.
        case closed
    }

    public let socket: OwnedFD
    private let loop: IOLoop
    private let closed = Atomic(false)

    /// The shim has gone, although perhaps nobody has read so yet.
    public var isClosed: Bool { closed.load(ordering: .acquiring) }

    public init(socket: OwnedFD, loop: IOLoop) {
        self.socket = socket
        self.loop = loop
    }

    /// What the shim says from now on, in its order; the stream ends after `closed`. One reader.
    public func events() throws -> AsyncStream<Event> {
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
            socket.closeEarly()
            closed.store(true, ordering: .releasing)
            continuation.yield(.closed)
            continuation.finish()
        }
        return stream
    }

    /// A shim that cannot be told has gone; the end of its connection says so.
    public func send(_ message: EngineMessage, descriptors: [OwnedFD] = []) {
        try? Sockets.send(socket.raw, message.encoded(), descriptors: descriptors.map(\.raw))
    }
}

/// A program that runs in a container, with what its shim has handed over.
public struct StartedProcess: Sendable {
    public let connection: ShimConnection
    public let process: Int32
    /// Stands for the process itself, whoever has its number later.
    public let pidfd: OwnedFD
    /// The way into its standard input, or its terminal.
    public let input: OwnedFD?
    public init(connection: ShimConnection, process: Int32, pidfd: OwnedFD, input: OwnedFD?) {
        self.connection = connection
        self.process = process
        self.pidfd = pidfd
        self.input = input
    }
}

/// Why a program could not be started, with the exit code that Docker would give.
public struct LaunchFailure: Error, Sendable, CustomStringConvertible {
    public let step: String
    public let reason: String
    public let exitCode: Int32
    public var description: String { reason }
}

/// Starts shims. Blocks until the program runs or has failed to; the caller is on a thread that may wait.
public struct ShimLauncher: Sendable {
    private let program: ShimProgram
    private let loop: IOLoop

    public init(program: ShimProgram, loop: IOLoop) {
        self.program = program
        self.loop = loop
    }

    /// A container: `namespace` is its network namespace, nil for the host's or one that the plan joins by path.
    public func start(_ plan: LaunchPlan, namespace: OwnedFD?) throws -> StartedProcess {
        let sandbox = try namespace ?? Files.open("/dev/null", .readOnly)
        return try launch(plan, third: sandbox, streams: [])
    }

    /// One more process in the container of `pidfd`. Streams are the process's own ends; none with a terminal.
    public func exec(_ plan: LaunchPlan, pidfd: OwnedFD, streams: [OwnedFD]) throws -> StartedProcess {
        try launch(plan, third: pidfd, streams: streams)
    }

    private func launch(_ plan: LaunchPlan, third: OwnedFD, streams: [OwnedFD]) throws -> StartedProcess {
        let (ours, theirs) = try Sockets.pair()
        let file = try Files.memory("plan", plan.encoded())
        let pid = try Processes.spawn(
            program.path, arguments: ["roost-shim", plan.id], environment: [],
            descriptors: [theirs.raw, file.raw, third.raw] + streams.map(\.raw), newSession: true)
        theirs.closeEarly()
        ShimReaper.shared.expect(pid)
        let received = try Sockets.receive(ours.raw)
        let files = received.descriptors.map(OwnedFD.init(adopting:))
        guard !received.bytes.isEmpty, let message = try? ShimMessage(decoding: received.bytes) else {
            throw LaunchFailure(step: "start the shim", reason: "the shim ended before it said anything", exitCode: 125)
        }
        switch message {
        case .started(let process):
            guard let pidfd = files.first else {
                throw LaunchFailure(
                    step: "start the shim", reason: "the shim sent no descriptor of the process", exitCode: 125)
            }
            return StartedProcess(
                connection: ShimConnection(socket: ours, loop: loop), process: process, pidfd: pidfd,
                input: files.dropFirst().first)
        case .failed(let step, let reason, let exitCode):
            throw LaunchFailure(step: step, reason: reason, exitCode: exitCode)
        case .exited, .hello, .unlogged:
            throw LaunchFailure(
                step: "start the shim", reason: "the shim began with an unexpected message", exitCode: 125)
        }
    }
}

/// Collects shims that have ended, so that none stays a zombie. Only processes that were started here are waited for.
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

    /// Called whenever a shim's connection ends, and before a new one starts.
    func collect() { collect(expected.withLock { $0 }) }

    private func collect(_ pids: Set<Int32>) {
        for pid in pids where (try? Processes.collect(pid: pid)) != nil || !Files.exists("/proc/\(pid)") {
            _ = expected.withLock { $0.remove(pid) }
        }
    }
}

extension ShimLauncher {
    /// Collects ended shims now.
    public static func reap() { ShimReaper.shared.collect() }

    /// The ids in the command lines of all shims of this machine (proc(5), cmdline).
    public static func livingShims() -> Set<String> {
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
