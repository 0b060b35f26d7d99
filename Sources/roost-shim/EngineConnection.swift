import LinuxKernel
import ShimProtocol

/// The connection to the engine. Reconnects after the engine has died, and restarts the engine if necessary.
struct EngineConnection {
    enum Event { case nothing, connected, message(EngineMessage) }

    private let plan: EngineRestartPlan
    private var socket: OwnedFD?
    private let timer: TimerDescriptor
    private var waitMilliseconds = 20
    /// The engine shut down: try to connect to a new one periodically, but do not start one.
    private var detached = false
    /// Held while this shim restarts the engine; `revived` is the pid of the started engine.
    private var revivalLock: OwnedFD?
    private var revived: Int32?
    /// Descriptors kept for the engine across restarts.
    private(set) var kept: [(tag: String, file: OwnedFD)] = []

    init(plan: EngineRestartPlan) throws(SyscallError) {
        self.plan = plan
        socket = OwnedFD(adopting: engineSocket)
        timer = try TimerDescriptor()
    }

    mutating func watch(_ poll: Epoll) throws(SyscallError) {
        if let socket { try poll.add(socket.raw, .readable) }
        try poll.add(timer.descriptor, .readable)
    }

    /// Sends a message that may be dropped: never blocks on an engine that does not read.
    func offer(_ message: ShimMessage) {
        guard let socket else { return }
        _ = Sockets.offer(socket.raw, message.encoded())
    }

    /// A send error is ignored: the `hello` of the next connection carries the same state.
    func send(_ message: ShimMessage, descriptors: [Int32] = []) {
        guard let socket else { return }
        try? Sockets.send(socket.raw, message.encoded(), descriptors: descriptors)
    }

    mutating func handle(_ number: Int32, poll: Epoll) -> Event {
        if number == timer.descriptor {
            timer.drain()
            return reconnect(poll)
        }
        guard let current = socket, current.raw == number else { return .nothing }
        // If the engine exits with unread messages of ours, the first receive fails with ECONNRESET; the engine's last message may follow.
        guard let received = (try? Sockets.receive(number)) ?? (try? Sockets.receive(number)), !received.bytes.isEmpty,
            let message = try? EngineMessage(decoding: received.bytes)
        else {
            poll.remove(number)
            socket = nil
            waitMilliseconds = 20
            return reconnect(poll)
        }
        if case .keep(let tags) = message { keep(tags, received.descriptors) }
        if case .detached = message { detached = true }
        return .message(message)
    }

    private mutating func keep(_ tags: [String], _ descriptors: [Int32]) {
        let files = descriptors.map(OwnedFD.init(adopting:))
        for (tag, file) in zip(tags, files) {
            kept.removeAll { $0.tag == tag }
            kept.append((tag, file))
        }
        // Tags without descriptors are dropped.
        for tag in tags.dropFirst(files.count) { kept.removeAll { $0.tag == tag } }
    }

    private mutating func reconnect(_ poll: Epoll) -> Event {
        if let made = try? Sockets.connect(plan.socket, .packets) {
            let shared = made
            guard (try? poll.add(shared.raw, .readable)) != nil else { return .nothing }
            socket = shared
            revivalLock = nil
            detached = false
            return .connected
        }
        if !detached, revivalLock == nil { revive() }
        try? timer.fire(afterMilliseconds: waitMilliseconds)
        waitMilliseconds = min(waitMilliseconds * 2, detached ? 2000 : 500)
        return .nothing
    }

    /// A child of the shim has exited. If it was the engine, the next attempt starts another.
    mutating func childEnded(_ pid: Int32) {
        guard pid == revived else { return }
        revived = nil
        revivalLock = nil
    }

    /// One of many shims gets the lock and starts the engine; the engine's own lock resolves all other races.
    private mutating func revive() {
        guard let lock = try? Files.lock(plan.lock) else { return }
        revivalLock = lock
        guard let null = try? Files.open("/dev/null", .readWrite) else { return }
        revived = try? Processes.spawn(
            plan.executable, arguments: plan.arguments, environment: plan.environment,
            descriptors: [null.raw, null.raw, null.raw], newSession: true)
    }
}
