import BuildSession
import EngineCore
import EngineModel
import LinuxKernel
import NIOHTTP1

/// `/session` and `/grpc`: the build protocol of newer clients (BuildKit). The client provides files and secrets over its session and
/// requests builds over calls; they run in the same engine as `POST /build`.
struct BuildSessionHandlers: Sendable {
    let engine: Engine
    private let sessions = BuildSessions()

    init(engine: Engine) { self.engine = engine }

    func session(_ request: Request) async throws -> Response {
        guard let id = request.headers["X-Docker-Expose-Session-Uuid"].first, !id.isEmpty else {
            throw RoostError.invalid("missing header X-Docker-Expose-Session-Uuid")
        }
        let sessions = sessions
        let key = request.headers["X-Docker-Expose-Session-Sharedkey"].first ?? ""
        return bridged { socket in
            let peer = try await GRPC.connect(socket)
            await sessions.add(id, ClientSession(peer: peer, sharedKey: key))
            await peer.waitUntilClosed()
            await sessions.remove(id)
        }
    }

    func calls(_ request: Request) async throws -> Response {
        guard request.headers["Upgrade"].contains(where: { $0.lowercased() == "h2c" }) else {
            throw RoostError.invalid("no upgrade proto in request: expected Upgrade: h2c")
        }
        let connection = BuildCalls(engine: engine, sessions: sessions)
        return bridged { socket in
            try? await GRPC.serve(socket) { call in try await connection.answer(call) }
            await connection.close()
        }
    }

    /// Upgrades the connection to a stream of bytes and passes its other end to the body.
    private func bridged(_ body: @escaping @Sendable (OwnedFD) async throws -> Void) -> Response {
        .upgrade("application/grpc") { [engine] stream in
            let (ours, theirs) = try Sockets.pair(.stream)
            // Two descriptors, because each direction is waited for on its own.
            let writing = try ours.duplicate()
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await body(theirs) }
                tasks.addTask {
                    while let bytes = try? await stream.input.next() {
                        guard await InputPump.write(bytes, to: writing, engine) else { break }
                    }
                    Sockets.shutdownWriting(writing.raw)
                }
                await InputPump.read(ours, engine) { try await stream.output.send($0) }
                await stream.finishOutput()
                tasks.cancelAll()
            }
        }
    }
}

/// A client's session, over which the engine requests files.
struct ClientSession: Sendable {
    let peer: GRPC.Peer
    /// The same for every session of one directory of one client; empty if the client sends none.
    let sharedKey: String
}

/// The sessions of clients, by id.
actor BuildSessions {
    private var peers: [String: ClientSession] = [:]
    private var waiting: [String: [Promise<ClientSession>]] = [:]

    func add(_ id: String, _ peer: ClientSession) async {
        peers[id] = peer
        for promise in waiting.removeValue(forKey: id) ?? [] { await promise.resolve(.success(peer)) }
    }

    func remove(_ id: String) { peers[id] = nil }

    /// A client requests a build and opens its session at the same time: either may come first.
    func peer(_ id: String) async throws -> ClientSession {
        if let peer = peers[id] { return peer }
        let promise = Promise<ClientSession>()
        waiting[id, default: []].append(promise)
        let limit = Task {
            try await Task.sleep(for: .seconds(20))
            await promise.resolve(.failure(GRPCStatus(GRPCStatus.notFound, "no active session for \(id)")))
        }
        defer { limit.cancel() }
        return try await promise.value
    }
}

/// A value that is set once and can be awaited before that.
actor Promise<Value: Sendable> {
    private var result: Result<Value, any Error>?
    private var waiting: [CheckedContinuation<Value, any Error>] = []

    /// Sets the value; only the first call counts.
    func resolve(_ result: Result<Value, any Error>) {
        guard self.result == nil else { return }
        self.result = result
        for continuation in waiting { continuation.resume(with: result) }
        waiting = []
    }

    private func wait() async throws -> Value {
        if let result { return try result.get() }
        return try await withCheckedThrowingContinuation { waiting.append($0) }
    }

    var value: Value {
        get async throws {
            try await withTaskCancellationHandler {
                try await wait()
            } onCancel: {
                Task { await self.resolve(.failure(CancellationError())) }
            }
        }
    }
}
