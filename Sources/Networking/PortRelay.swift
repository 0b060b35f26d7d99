import EngineModel
import LinuxKernel
import Synchronization

/// The userland proxy: holds the listening sockets of published ports and relays connections that NAT does not cover, from the host's
/// loopback and from IPv6 to IPv4-only containers. The sockets also reserve the ports.
package final class PortRelay: Sendable {
    private let loop: IOLoop
    /// Each connection takes two descriptors; all of them may use half of the engine's open file limit.
    private let connections = UsageLimit(max(256, Int(clamping: Processes.openFileLimit.soft) / 4))

    package init(loop: IOLoop) { self.loop = loop }

    /// Binds a published port. Throws EADDRINUSE if it is in use.
    package static func bind(_ port: PublishedPort) throws(SyscallError) -> OwnedFD {
        try InternetSockets.bind(
            port.container.transport == .udp ? .udp : .tcp,
            SocketAddress(bytes: port.hostAddress.bytes, port: port.hostPort))
    }

    /// Starts serving a socket from `bind`, or one that a shim kept across an engine restart.
    package func serve(_ listener: OwnedFD, _ port: PublishedPort, target: IPAddress) throws(SyscallError) {
        let address = SocketAddress(bytes: target.bytes, port: port.container.number)
        if port.container.transport == .udp {
            let relay = DatagramRelay(loop: loop, listener: listener, target: address)
            try loop.add(listener.raw, .readable) { _ in relay.receive() }
        } else {
            let (loop, connections) = (loop, connections)
            try loop.add(listener.raw, .readable) { _ in
                while let client = try? Sockets.accept(listener.raw) {
                    guard connections.take() else {
                        client.close()
                        continue
                    }
                    InternetSockets.setNoDelay(client.raw)
                    guard let server = try? InternetSockets.connect(.tcp, address) else {
                        connections.giveBack()
                        continue
                    }
                    StreamRelay(loop: loop, client: client, server: server) { connections.giveBack() }.start()
                }
            }
        }
    }

    /// Stops serving a socket but leaves it open for the next owner.
    package func release(_ listener: OwnedFD) { loop.remove(listener.raw) }

    package func stop(_ listener: OwnedFD) {
        loop.remove(listener.raw)
        listener.close()
    }
}

/// Relays one connection in both directions, with a bounded buffer each; a half-close is passed on.
private final class StreamRelay: Sendable {
    private struct Direction {
        var pending: ArraySlice<UInt8> = []
        var ended = false
        var closed = false
    }
    private struct State {
        var toServer = Direction()
        var toClient = Direction()
        var connected = false
    }

    private let loop: IOLoop
    private let client: OwnedFD
    private let server: OwnedFD
    private let state = Mutex(State())
    private let end = OnceFlag()
    private let whenFinished: @Sendable () -> Void

    init(loop: IOLoop, client: OwnedFD, server: OwnedFD, whenFinished: @escaping @Sendable () -> Void) {
        self.whenFinished = whenFinished
        self.loop = loop
        self.client = client
        self.server = server
    }

    func start() {
        do throws(SyscallError) {
            try loop.add(server.raw, .writable) { [self] ready in step(ready, from: server) }
            try loop.add(client.raw, []) { [self] ready in step(ready, from: client) }
        } catch { finish() }
    }

    private func step(_ ready: Readiness, from side: OwnedFD) {
        let done = state.withLock { state in
            if end.hasCome { return true }
            if !state.connected {
                if InternetSockets.pendingError(server.raw) != 0 { return true }
                state.connected = ready.contains(.writable)
                if !state.connected { return ready.contains(.hungUp) }
            }
            if ready.contains(.hungUp) || ready.contains(.failed) {
                // This side can no longer be written to, and epoll would report it continuously. Data it has sent is still read when the
                // other side accepts it.
                if side === server { state.toServer.closed = true } else { state.toClient.closed = true }
                loop.remove(side.raw)
            }
            let alive =
                pump(from: client.raw, to: server.raw, &state.toServer)
                && pump(from: server.raw, to: client.raw, &state.toClient)
            if !alive || (state.toServer.closed && state.toClient.closed) { return true }
            loop.change(client.raw, interest(reading: state.toServer, writing: state.toClient))
            loop.change(server.raw, interest(reading: state.toClient, writing: state.toServer))
            return false
        }
        if done { finish() }
    }

    private func interest(reading: Direction, writing: Direction) -> Readiness {
        var wanted: Readiness = []
        if reading.pending.isEmpty, !reading.ended { wanted.insert(.readable) }
        if !writing.pending.isEmpty { wanted.insert(.writable) }
        return wanted
    }

    /// Copies as much as possible without blocking; false if the connection is broken.
    private func pump(from source: Int32, to target: Int32, _ direction: inout Direction) -> Bool {
        while !direction.closed {
            if direction.pending.isEmpty {
                if direction.ended {
                    Sockets.shutdownWriting(target)
                    direction.closed = true
                    return true
                }
                do throws(SyscallError) {
                    let part = try readSome(source, limit: 65536)
                    if part.isEmpty { direction.ended = true } else { direction.pending = part[...] }
                } catch { return error.errno == Errno.again }
            } else {
                do throws(SyscallError) {
                    let count = try sendSome(target, direction.pending)
                    direction.pending = direction.pending.dropFirst(count)
                } catch { return error.errno == Errno.again }
            }
        }
        return true
    }

    private func finish() {
        // A second time the descriptor numbers may already be reused.
        guard end.isFirst() else { return }
        loop.remove(client.raw)
        loop.remove(server.raw)
        client.close()
        server.close()
        whenFinished()
    }
}

/// Relays datagrams to one container with a socket per sender, closed after a minute without traffic.
private final class DatagramRelay: Sendable {
    private let loop: IOLoop
    private let listener: OwnedFD
    private let target: SocketAddress
    private let sessions = Mutex<[SocketAddress: (socket: OwnedFD, lastUse: Int64)]>([:])
    static let sessionLimit = 1024

    init(loop: IOLoop, listener: OwnedFD, target: SocketAddress) {
        self.loop = loop
        self.listener = listener
        self.target = target
    }

    func receive() {
        while let datagram = ((try? InternetSockets.receive(listener.raw, limit: 65536)) ?? nil) {
            guard let socket = session(datagram.from) else { continue }
            _ = try? sendSome(socket.raw, datagram.bytes[...])
        }
    }

    private func session(_ sender: SocketAddress) -> OwnedFD? {
        let now = Clocks.monotonicNanoseconds()
        forgetSilent(before: now - 60_000_000_000)
        if let known = sessions.withLock({ sessions -> OwnedFD? in
            sessions[sender]?.lastUse = now
            return sessions[sender]?.socket
        }) {
            return known
        }
        guard sessions.withLock({ $0.count }) < Self.sessionLimit, let made = try? InternetSockets.connect(.udp, target)
        else { return nil }
        let listener = listener
        guard
            (try? loop.add(
                made.raw, .readable,
                { _ in
                    while let part = try? readSome(made.raw, limit: 65536), !part.isEmpty {
                        try? InternetSockets.send(listener.raw, part, to: sender)
                    }
                })) != nil
        else { return nil }
        sessions.withLock { $0[sender] = (made, now) }
        return made
    }

    private func forgetSilent(before limit: Int64) {
        let silent = sessions.withLock { sessions in
            let old = sessions.filter { $0.value.lastUse < limit }
            for key in old.keys { sessions[key] = nil }
            return old.values.map(\.socket)
        }
        for socket in silent {
            loop.remove(socket.raw)
            socket.close()
        }
    }
}
