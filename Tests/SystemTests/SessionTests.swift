import BuildSession
import EngineModel
import Foundation
import LinuxKernel
import Synchronization
import Testing

/// Builds as newer clients of Docker ask for them: over a session that has files and secrets, and calls.
@Suite struct SessionTests {
    /// What the client's session has.
    private struct Client: Sendable {
        var files: [String: [String: String]] = [:]
        var secrets: [String: String] = [:]
        /// Ids of ssh agents, and what each answers to any question.
        var agents: [String: String] = [:]
        /// The result, where it comes back: paths with their modes, and contents.
        let received = Received()
        /// Which files the engine has asked for.
        let asked = Asked()

        final class Asked: Sendable {
            private let names = Mutex<[String]>([])
            func note(_ name: String) { names.withLock { $0.append(name) } }
            func take() -> Set<String> {
                names.withLock { list in
                    defer { list = [] }; return Set(list)
                }
            }
        }

        final class Received: Sendable {
            let modes = Mutex<[String: Int64]>([:])
            let contents = Mutex<[String: String]>([:])
        }

        /// Serves one call of the engine's.
        func answer(_ call: GRPCCall) async throws {
            switch call.method {
            case FileSync.method:
                guard let folder = files[call.metadata("dir-name") ?? ""] else {
                    throw GRPCStatus(5, "no such folder")
                }
                let only = call.metadata("include-patterns")
                try await send(folder.filter { only == nil || $0.key == only }.sorted { $0.key < $1.key }, call)
            case "/moby.buildkit.secrets.v1.Secrets/GetSecret":
                guard let message = try await call.next(), let value = secrets[try ProtobufReader(message).text(1)]
                else {
                    throw GRPCStatus(5, "no such secret")
                }
                var reply = ProtobufWriter()
                reply.data(1, Array(value.utf8))
                try await call.send(reply.bytes)
            case "/moby.sshforward.v1.SSH/CheckAgent":
                guard let message = try await call.next(), agents[try ProtobufReader(message).text(1)] != nil else {
                    throw GRPCStatus(5, "no such agent")
                }
                try await call.send([UInt8]())
            case "/moby.sshforward.v1.SSH/ForwardAgent":
                let answer = agents[call.metadata("buildkit.ssh.id") ?? ""] ?? ""
                while try await call.next() != nil {
                    var reply = ProtobufWriter()
                    reply.data(1, [0, 0, 0, UInt8(answer.utf8.count)] + Array(answer.utf8))
                    try await call.send(reply.bytes)
                }
            case FileSend.method: try await receive(call)
            default: throw GRPCStatus(12, "not here")
            }
        }

        /// Takes a folder: notes what there is, and asks for every plain file.
        private func receive(_ call: GRPCCall) async throws {
            var paths: [(path: String, isFile: Bool)] = []
            while let message = try await call.next() {
                guard let status = try ProtobufReader(message).all(2).first else { break }
                let fact = try ProtobufReader(status)
                let isFile = fact.number(2) & 0x8F28_0000 == 0
                paths.append((fact.text(1), isFile))
                received.modes.withLock { $0[fact.text(1)] = fact.number(2) }
            }
            for (index, entry) in paths.enumerated() where entry.isFile {
                var wish = ProtobufWriter()
                wish.number(1, 1)
                wish.number(3, Int64(index))
                try await call.send(wish.bytes)
                var content: [UInt8] = []
                while let message = try await call.next(), case let part = try ProtobufReader(message).data(4),
                    !part.isEmpty
                {
                    content += part
                }
                received.contents.withLock { $0[entry.path] = String(decoding: content, as: UTF8.self) }
            }
            var end = ProtobufWriter()
            end.number(1, 3)
            try await call.send(end.bytes)
            _ = try await call.next()
        }

        private func send(_ folder: [(key: String, value: String)], _ call: GRPCCall) async throws {
            for (name, content) in folder {
                var packet = ProtobufWriter()
                packet.message(2) {
                    $0.text(1, name)
                    $0.number(2, 0o644)
                    $0.number(5, Int64(content.utf8.count))
                }
                try await call.send(packet.bytes)
            }
            try await call.send([UInt8]())
            while let message = try await call.next() {
                let wish = try ProtobufReader(message)
                if wish.number(1) == 3 { return try await call.send(message) }
                guard wish.number(1) == 1 else { continue }
                asked.note(folder[Int(wish.number(3))].key)
                for part in [folder[Int(wish.number(3))].value, ""] {
                    var packet = ProtobufWriter()
                    packet.number(1, 2)
                    packet.number(3, wish.number(3))
                    if !part.isEmpty { packet.data(4, Array(part.utf8)) }
                    try await call.send(packet.bytes)
                }
            }
        }
    }

    /// A connection to the engine that has become a plain stream.
    private func stream(_ engine: TestEngine, _ path: String, _ headers: String = "") throws -> OwnedFD {
        let socket = try Sockets.connect(engine.runRoot + "/roost.sock", .stream)
        let head = "POST \(path) HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\(headers)\r\n"
        try writeAll(socket.raw, Array(head.utf8))
        var answer: [UInt8] = []
        while !answer.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let part = try readSome(socket.raw, limit: 1)
            if part.isEmpty { throw TestEngine.Failure(text: String(decoding: answer, as: UTF8.self)) }
            answer += part
        }
        #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 101"))
        return socket
    }

    /// Asks for a build; answers with what the engine says at its end, and what it has said meanwhile.
    private func build(
        _ engine: TestEngine, _ client: Client, _ attributes: [String: String], output: String = "moby"
    ) async throws -> (answer: [String: String], log: String) {
        let session = Identifiers.random()
        let files = try stream(
            engine, "/session",
            "X-Docker-Expose-Session-Uuid: \(session)\r\nX-Docker-Expose-Session-Sharedkey: folder\r\n")
        let serving = Task { try await GRPC.serve(files) { try await client.answer($0) } }
        defer { serving.cancel() }
        let engineSide = try await GRPC.connect(try stream(engine, "/grpc"))
        var order = ProtobufWriter()
        order.text(1, "one")
        order.text(3, output)
        order.map(4, output == "moby" ? ["name": "built:1"] : [:])
        order.text(5, session)
        order.text(6, "dockerfile.v0")
        order.map(7, attributes)
        var question = ProtobufWriter()
        question.text(1, "one")
        let asked = question.bytes
        let log = Task {
            try await engineSide.call("/moby.buildkit.v1.Control/Status") { call in
                try await call.send(asked)
                try await call.finishSending()
                var text = ""
                while let message = try await call.next() {
                    for log in try ProtobufReader(message).all(3) { text += try ProtobufReader(log).text(4) }
                }
                return text
            }
        }
        let answer = try await engineSide.ask("/moby.buildkit.v1.Control/Solve", order.bytes)
        return (try ProtobufReader(answer).map(1), try await log.value)
    }

    @Test("a build over a session: files, secrets, arguments, what is ignored; and failures with their reason")
    func builds() async throws {
        let engine = try TestEngine()
        do { try await buildAll(engine) } catch { Issue.record(error) }
        try engine.close()
    }

    private func buildAll(_ engine: TestEngine) async throws {
        var client = Client()
        client.files["dockerfile"] = [
            "Dockerfile": """
            FROM busybox
            ARG WHO
            COPY . /src
            RUN --mount=type=secret,id=token echo "$WHO $(cat /run/secrets/token)"; ls /src; echo "$WHO" > /who
            """
        ]
        client.files["context"] = ["a": "first", "b/c": "second", ".dockerignore": "skipped\n", "skipped": "no"]
        client.secrets["token"] = "s3cret"
        let (answer, log) = try await build(
            engine, client, ["build-arg:WHO": "me", "label:l": "v", "filename": "Dockerfile"])
        #expect(log.contains("me s3cret") && log.contains("a\nb\n") && !log.contains("skipped"))
        #expect(answer["containerimage.digest"] == (try engine.must("image", "inspect", "-f", "{{.Id}}", "built:1")))
        #expect(try engine.must("run", "--rm", "built:1", "cat", "/who", "/src/b/c") == "me\nsecond")
        #expect(client.asked.take() == ["Dockerfile", ".dockerignore", "a", "b/c", "skipped"])
        // What has not changed is not sent again; a file takes the place of a folder.
        client.files["context"] = ["a": "first", "b": "now a file", "new/d": "third"]
        client.files["dockerfile"] = ["Dockerfile": "FROM busybox\nCOPY . /src\nRUN cd /src; cat a b new/d; ls\n"]
        let again = try await build(engine, client, ["filename": "Dockerfile"])
        #expect(again.log.contains("firstnow a filethird") && !again.log.contains("skipped"))
        #expect(client.asked.take() == ["Dockerfile", "b", "new/d"])
        try await results(engine, client)
        for (text, reason) in [
            ("FROM busybox\nRUN exit 3\n", "returned a non-zero code: 3"),
            ("FROM busybox\nRUNN x\n", "unknown instruction"),
            ("FROM busybox\nCOPY nothing /\n", "file not found"),
        ] {
            client.files["dockerfile"] = ["Dockerfile": text]
            do {
                _ = try await build(engine, client, ["filename": "Dockerfile"])
                Issue.record("\(text) must fail")
            } catch { #expect("\(error)".contains(reason), "\(error)") }
        }
        client.files = [:]
        do {
            _ = try await build(engine, client, [:])
            Issue.record("without a Dockerfile it must fail")
        } catch { #expect("\(error)".contains("no such folder")) }
        #expect(try engine.must("ps", "-aq").isEmpty)
    }

    /// What is built comes back as files; an agent's questions go to the client; the cache is listed and removed.
    private func results(_ engine: TestEngine, _ given: Client) async throws {
        var client = given
        client.agents["work"] = "yes"
        client.files["dockerfile"] = [
            "Dockerfile": """
            FROM busybox AS base
            RUN --mount=type=ssh,id=work test -S "$SSH_AUTH_SOCK"
            FROM scratch
            COPY --from=base --chmod=4755 /bin/busybox /bin/tool
            COPY a /a-file
            COPY a /a/file
            """
        ]
        let before = try engine.must("images", "-aq")
        _ = try await build(engine, client, ["filename": "Dockerfile"], output: "local")
        #expect(client.received.contents.withLock { $0["a-file"] } == "first")
        #expect(client.received.modes.withLock { $0.keys.sorted() } == ["a", "a-file", "a/file", "bin", "bin/tool"])
        let mode: Int64? = client.received.modes.withLock { $0["bin/tool"] }
        #expect(mode == 0o4000_0755)
        #expect(try engine.must("images", "-aq") == before)
        do {
            _ = try await build(engine, client, ["filename": "Dockerfile"], output: "oci")
            Issue.record("what is not there must be refused")
        } catch { #expect("\(error)".contains("\"oci\"")) }
        let calls = try await GRPC.connect(try stream(engine, "/grpc"))
        let known = try ProtobufReader(try await calls.ask("/moby.buildkit.v1.Control/DiskUsage", [])).all(1)
        #expect(known.count > 3)
        var order = ProtobufWriter()
        order.data(1, Array("id==\(try ProtobufReader(known[0]).text(1))".utf8))
        let wanted = order.bytes
        let removed = try await calls.call("/moby.buildkit.v1.Control/Prune") { call in
            try await call.send(wanted)
            try await call.finishSending()
            var ids: [String] = []
            while let message = try await call.next() { ids.append(try ProtobufReader(message).text(1)) }
            return ids
        }
        #expect(removed == [try ProtobufReader(known[0]).text(1)])
    }

    /// One build of several over a connection, as bake does it; answers with its result as the next request names it.
    private func linked(
        _ calls: GRPC.Peer, _ session: String, _ reference: String, _ attributes: [String: String],
        _ inputs: [String: [UInt8]], _ tag: String?
    ) async throws -> [UInt8] {
        var order = ProtobufWriter()
        order.text(1, reference)
        if let tag {
            order.text(3, "moby")
            order.map(4, ["name": tag])
        }
        order.text(5, session)
        let whole = order.bytes
        let solving = Task { try await calls.ask("/moby.buildkit.v1.Control/Solve", whole) }
        func ask(_ method: String, _ message: [UInt8]) async throws -> [UInt8] {
            let metadata = [("buildkit-controlapi-buildid", reference)]
            return try await calls.call("/moby.buildkit.v1.frontend.LLBBridge/" + method, metadata: metadata) { call in
                try await call.send(message)
                try await call.finishSending()
                return try await call.next() ?? []
            }
        }
        var request = ProtobufWriter()
        request.text(2, "dockerfile.v0")
        request.map(3, attributes)
        for (name, definition) in inputs {
            request.message(13) {
                $0.text(1, name)
                $0.data(2, definition)
            }
        }
        let answer = try ProtobufReader(try await ask("Solve", request.bytes))
        _ = try await ask("Return", [])
        _ = try await solving.value
        return Array(try ProtobufReader(try ProtobufReader(answer.data(3)).data(3)).data(2))
    }

    @Test("the result of one build is a context of the next, kept as an image or not")
    func bake() async throws {
        let engine = try TestEngine()
        do {
            var client = Client()
            client.files["context"] = [:]
            client.files["first"] = ["Dockerfile": "FROM busybox\nRUN echo made > /first\n"]
            client.files["second"] = ["Dockerfile": "FROM base\nRUN cat /first > /second\n"]
            let (session, given) = (Identifiers.random(), client)
            let files = try stream(engine, "/session", "X-Docker-Expose-Session-Uuid: \(session)\r\n")
            let serving = Task { try await GRPC.serve(files) { try await given.answer($0) } }
            defer { serving.cancel() }
            let calls = try await GRPC.connect(try stream(engine, "/grpc"))
            let images = try engine.must("images", "-aq")
            let first = try await linked(calls, session, "one", ["dockerfilekey": "first"], [:], nil)
            #expect(try engine.must("images", "-aq") == images)
            let context = ["dockerfilekey": "second", "context:base": "input:b"]
            _ = try await linked(calls, session, "two", context, ["b": first], "baked:2")
            #expect(try engine.must("run", "--rm", "baked:2", "cat", "/second") == "made")
        } catch { Issue.record(error) }
        try engine.close()
    }
}
