import BuildSession
import EngineCore
import EngineModel
import LinuxKernel

/// The ssh agents of a client, each as a socket of this host for the duration of a build. Every connection is a call of its own
/// (BuildKit, session/sshforward/ssh.proto).
struct SessionAgents: Sendable {
    /// Paths of the sockets by id.
    let sockets: [String: String]
    private let listeners: [OwnedFD]

    private static let service = "/moby.sshforward.v1.SSH/"

    /// Opens the agents that the client has; a missing one is an error only for a step that requires it.
    init(_ ids: [String], of peer: GRPC.Peer, _ engine: Engine, folder: String) async throws {
        var sockets: [String: String] = [:]
        var listeners: [OwnedFD] = []
        for (number, id) in ids.enumerated() {
            var question = ProtobufWriter()
            question.text(1, id)
            guard (try? await peer.ask(Self.service + "CheckAgent", question.bytes)) != nil else { continue }
            let path = "\(folder)/agent-\(number)"
            let listener = try Sockets.listen(path, .stream, mode: 0o666)
            // A container's user may be anyone; access is controlled by the mount.
            try Threads.detach {
                while let socket = try? Sockets.accept(listener.raw) {
                    Task { try? await Self.carry(socket, to: id, of: peer, engine) }
                }
            }
            sockets[id] = path
            listeners.append(listener)
        }
        self.sockets = sockets
        self.listeners = listeners
    }

    func close() { for listener in listeners { Sockets.shutdownAll(listener.raw) } }

    /// The size limit of one agent message, in bytes.
    private static let messageLimit = 1 << 18

    /// One request and its response at a time, as in the agent protocol.
    private static func carry(_ socket: OwnedFD, to id: String, of peer: GRPC.Peer, _ engine: Engine)
        async throws
    {
        try await peer.call(service + "ForwardAgent", metadata: [("buildkit.ssh.id", id)]) { call in
            var asked: [UInt8] = []
            await InputPump.read(socket, engine) { bytes in
                asked += bytes
                guard asked.count <= messageLimit else { return Sockets.shutdownAll(socket.raw) }
                while let length = Self.length(asked), asked.count >= length {
                    var question = ProtobufWriter()
                    question.data(1, asked.prefix(length))
                    asked.removeFirst(length)
                    try await call.send(question.bytes)
                    var answer: [UInt8] = []
                    while Self.length(answer).map({ answer.count < $0 }) ?? true {
                        guard let message = try await call.next() else { return Sockets.shutdownAll(socket.raw) }
                        answer += try ProtobufReader(message).data(1)
                    }
                    _ = await InputPump.write(answer, to: socket, engine)
                }
            }
            try? await call.finishSending()
            while try await call.next() != nil {}
        }
    }

    /// The total length of a message that begins with these bytes (draft-miller-ssh-agent, "Protocol messages"); nil if it is not known
    /// yet.
    private static func length(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        return 4 + bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }
}
