import EngineCore
import EngineModel
import LinuxKernel
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Serves the Docker Engine API, and Roost's own paths below `/roost`, on unix sockets and TCP ports.
package struct Server: Sendable {
    private let engine: Engine
    private(set) var router: Router
    private let log: Logger
    /// One thread for all listeners, even if one is recreated.
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// Shared by all listeners.
    private let heads = UnfinishedHeads(limit: 256)

    package init(engine: Engine, stop: @escaping @Sendable () -> Void) {
        self.engine = engine
        log = engine.log
        let sockets = ScopedSockets(engine: engine)
        router = Router(engine: engine, routes: RouteTable(engine: engine, sockets: sockets, stop: stop))
        self.sockets = sockets
    }

    /// The restricted sockets of this server.
    package let sockets: ScopedSockets

    /// The same server for clients with restricted rights.
    func narrowed(to scope: RequestScope) -> Server {
        var other = self
        other.router.scope = scope
        return other
    }

    /// Serves on a TCP port, to clients with certificates.
    package func run(_ listener: SecureListener, ready: @escaping @Sendable () -> Void) async throws {
        let bootstrap = ServerBootstrap(group: group).serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
        let server = try await bootstrap.bind(host: listener.host, port: listener.port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: listener.context))
            }.flatMap { Connection.configure(channel, heads) }
        }
        ready()
        try await serve(server)
    }

    private func serve(_ server: NIOAsyncChannel<Connection.AsyncChannel, Never>) async throws {
        try await withThrowingDiscardingTaskGroup { tasks in
            try await server.executeThenClose { clients in
                for try await client in clients { tasks.addTask { await serve(Connection(channel: client)) } }
            }
        }
    }

    /// Serves a listening socket until the task is cancelled. `ready` is called when clients can connect.
    package func run(_ socket: OwnedFD, ready: @escaping @Sendable () -> Void) async throws {
        let listener = try socket.duplicate().release()
        let bootstrap = ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
        let server = try await bootstrap.bind(listener) { Connection.configure($0, heads) }
        // NIO has called listen(2) again, with its own default.
        try Sockets.listenAgain(socket.raw, backlog: 4096)
        ready()
        try await serve(server)
    }

    /// Creates the API socket: for root and, if it exists, the group `roost`.
    package static func listen(_ path: String, mode: UInt32 = 0o660) throws -> OwnedFD {
        try? Files.remove(path)
        let socket = try Sockets.listen(path, .stream, mode: mode)
        if let group = GroupFile.groups().first(where: { $0.name == "roost" }) {
            try Files.changeOwner(path, user: 0, group: group.number)
        }
        return socket
    }

    private func serve(_ connection: Connection) async {
        do {
            try await connection.channel.executeThenClose { inbound, outbound in
                var iterator = inbound.makeAsyncIterator()
                while let part = try await iterator.next() {
                    guard case .head(let head) = part else { continue }
                    var rest = iterator
                    let request = Request(head, body: RequestBody { try await rest.next() })
                    await engine.beginRequest()
                    let response = await router.respond(to: request)
                    let isReusable = await ResponseSender(
                        connection: connection, output: outbound, request: request, keepAlive: head.isKeepAlive,
                        router: router
                    ).send(response)
                    await engine.endRequest()
                    if !isReusable { return }
                }
            }
        } catch {
            log.debug("connection: \(error)")
        }
    }
}
