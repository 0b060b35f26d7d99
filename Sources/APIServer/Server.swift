import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Serves the Docker Engine API, and Roost's own paths below `/roost`, on unix sockets and TCP ports.
public struct Server: Sendable {
    let engine: Engine
    let routes: RouteTable
    let log: Logger
    /// One thread for all listeners, even if one is recreated.
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    /// Shared by all listeners.
    private let heads = UnfinishedHeads(limit: 256)
    /// The rights of this socket's clients; nil allows everything.
    var scope: RequestScope?

    public init(engine: Engine, stop: @escaping @Sendable () -> Void) {
        self.engine = engine
        log = engine.log
        let sockets = ScopedSockets(engine: engine)
        routes = RouteTable(engine: engine, sockets: sockets, stop: stop)
        self.sockets = sockets
    }

    /// The restricted sockets of this server.
    public let sockets: ScopedSockets

    /// The same server for clients with restricted rights.
    func narrowed(to scope: RequestScope) -> Server {
        var other = self
        other.scope = scope
        return other
    }

    /// Serves on a TCP port, to clients with certificates.
    public func run(_ listener: SecureListener, ready: @escaping @Sendable () -> Void) async throws {
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
    public func run(_ socket: OwnedFD, ready: @escaping @Sendable () -> Void) async throws {
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
    public static func listen(_ path: String, mode: UInt32 = 0o660) throws -> OwnedFD {
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
                    let exchange = Exchange(
                        request: try Self.request(head), keepAlive: head.isKeepAlive, connection: connection,
                        input: iterator, output: outbound)
                    await respond(exchange)
                    let isReusable = head.isKeepAlive && exchange.bodyEnded && exchange.finished
                    if exchange.isHijacked || !isReusable { return }
                }
            }
        } catch {
            log.debug("connection: \(error)")
        }
    }

    /// Splits the target: version, path, query.
    static func request(_ head: HTTPRequestHead) throws -> Request {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = (parts.first ?? "").split(separator: "/").map { percentDecoded(String($0), plusIsBlank: false) }
        var version = APIVersion.number(APIVersion.current) ?? 0
        if let first = path.first, first.hasPrefix("v"), let number = APIVersion.number(first.dropFirst()) {
            version = number
            path.removeFirst()
        }
        path = joiningName(path, head.method)
        var query: [String: [String]] = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                percentDecoded(String($0), plusIsBlank: true)
            }
            query[sides[0], default: []].append(sides.count > 1 ? sides[1] : "")
        }
        return Request(method: head.method, path: path, query: query, headers: head.headers, version: version)
    }

    /// Names may contain slashes, encoded or not: all between the kind of object and the action is one name (moby's `{name:.*}`).
    static func joiningName(_ path: [String], _ method: HTTPMethod) -> [String] {
        let hasAction: Bool
        switch path.first {
        case "containers", "exec": hasAction = method != .DELETE || path.last == "archive"
        case "networks": hasAction = method == .POST
        case "volumes": hasAction = false
        default: return path
        }
        // `DELETE /containers/a/b` removes the link b of a.
        let known = path.first == "containers" && method == .DELETE ? 3 : hasAction ? 3 : 2
        guard path.count > known else { return path }
        let name = path[1..<(path.count - (hasAction ? 1 : 0))].joined(separator: "/")
        return [path[0], name] + (hasAction ? path.suffix(1) : [])
    }

    /// Paths of files in requests may not be UTF-8.
    static func percentDecoded(_ text: String, plusIsBlank: Bool) -> String {
        guard text.contains("%") || (plusIsBlank && text.contains("+")) else { return text }
        return FileName.text(PercentEncoding.decode(text, plusIsBlank: plusIsBlank))
    }

    private func respond(_ exchange: Exchange) async {
        await engine.beginRequest()
        await answer(exchange)
        await engine.endRequest()
    }

    private func answer(_ exchange: Exchange) async {
        do {
            try checkVersion(exchange.request)
            if let scope {
                exchange.isScoped = true
                try await admit(exchange, scope)
            }
            guard let handler = routes.find(exchange.request) else { throw RoostError.missing("page not found") }
            try await handler(exchange)
        } catch {
            await fail(exchange, error)
        }
        if !exchange.isHijacked, !exchange.bodyEnded { try? await exchange.discardBody() }
    }

    /// Admits a request that a scope allows, narrowed to its project.
    private func admit(_ exchange: Exchange, _ scope: RequestScope) async throws {
        let request = exchange.request
        let decision = scope.decide(request.method, request.path)
        if case .refused(let reason) = decision { throw RoostError(.forbidden, reason) }
        if decision == .pass { return }
        if decision == .filtered {
            let narrowed = try scope.narrowed(request["filters"])
            return exchange.set("filters", narrowed)
        }
        let allowed = await belongs(request, decision, to: scope.project)
        // Do not reveal whether other projects' objects exist.
        if !allowed { throw RoostError.missing("No such object: \(request.path.dropFirst().joined(separator: "/"))") }
    }

    /// Whether the object that a request names belongs to a project.
    private func belongs(_ request: Request, _ decision: RequestScope.Decision, to project: String) async -> Bool {
        let name = request.path.count > 1 ? request.path[1] : ""
        switch decision {
        case .container: return await engine.containerLabels(name)[RequestScope.label] == project
        case .exec: return await engine.owner(ofExec: name)?.spec.labels[RequestScope.label] == project
        case .network: return await engine.networkLabels(name)[RequestScope.label] == project
        case .volume: return await engine.volumeLabels(name)[RequestScope.label] == project
        case .image:
            let wanted = request.path.dropFirst().dropLast().joined(separator: "/")
            return await engine.usesImage(wanted, label: RequestScope.label, value: project)
        case .pass, .filtered, .refused: return false
        }
    }

    private func checkVersion(_ request: Request) throws(RoostError) {
        let text = "\(request.version / 1000).\(request.version % 1000)"
        if request.version > APIVersion.number(APIVersion.current) ?? 0 {
            throw .invalid(
                "client version \(text) is too new. Maximum supported API version is \(APIVersion.current)",
                code: .clientTooNew)
        }
        if request.version < APIVersion.number(APIVersion.minimum) ?? 0 {
            throw .invalid(
                "client version \(text) is too old. Minimum supported API version is \(APIVersion.minimum), please upgrade your client to a newer version"
            )
        }
    }

    private func fail(_ exchange: Exchange, _ error: any Error) async {
        let known =
            DiskSpace.explain(error, at: engine.configuration.dataRoot) ?? error as? RoostError
            ?? Self.translate(error)
        let isBrokenOff = exchange.answered && !exchange.finished && !exchange.isHijacked
        if known.kind == .failure, !exchange.answered || isBrokenOff, !Self.isDisconnect(error) {
            let path = exchange.request.path.joined(separator: "/")
            let what = isBrokenOff ? "the response was aborted: " : ""
            log.error("\(exchange.request.method) /\(path): \(what)\(known.message)")
        }
        guard !exchange.answered else { return }
        if known.kind == .notModified { return (try? await exchange.answer(304)) ?? () }
        var body: JSON = ["message": .string(known.message)]
        if let code = known.code { body.set("code", .string(code.rawValue)) }
        try? await exchange.answer(httpStatus(for: known.kind), body)
    }

    /// A disconnected client is no failure of the engine.
    private static func isDisconnect(_ error: any Error) -> Bool {
        if let call = error as? SyscallError { return [Errno.brokenPipe, Errno.connectionReset].contains(call.errno) }
        return error is ChannelError || error is NIOAsyncWriterError || error is CancellationError || error is IOError
    }

    /// Errors that have no kind yet: the kernel's.
    private static func translate(_ error: any Error) -> RoostError {
        if error is HTTPParserError { return .invalid("the request was cut off: \(error)") }
        return .failure("\(error)")
    }
}
