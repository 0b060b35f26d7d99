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

        /// Serves one call of the engine's.
        func answer(_ call: RemoteCall) async throws {
            switch call.method {
            case FileSync.method:
                guard let folder = files[call.metadata("dir-name") ?? ""] else {
                    throw CallFailure(5, "no such folder")
                }
                let only = call.metadata("include-patterns")
                try await send(folder.filter { only == nil || $0.key == only }.sorted { $0.key < $1.key }, call)
            case "/moby.buildkit.secrets.v1.Secrets/GetSecret":
                guard let message = try await call.next(), let value = secrets[try MessageReader(message).text(1)]
                else {
                    throw CallFailure(5, "no such secret")
                }
                var reply = MessageWriter()
                reply.data(1, Array(value.utf8))
                try await call.send(reply.bytes)
            default: throw CallFailure(12, "not here")
            }
        }

        private func send(_ folder: [(key: String, value: String)], _ call: RemoteCall) async throws {
            for (name, content) in folder {
                var packet = MessageWriter()
                packet.message(2) {
                    $0.text(1, name)
                    $0.number(2, 0o644)
                    $0.number(5, Int64(content.utf8.count))
                }
                try await call.send(packet.bytes)
            }
            try await call.send([UInt8]())
            while let message = try await call.next() {
                let wish = try MessageReader(message)
                if wish.number(1) == 3 { return try await call.send(message) }
                guard wish.number(1) == 1 else { continue }
                asked.note(folder[Int(wish.number(3))].key)
                for part in [folder[Int(wish.number(3))].value, ""] {
                    var packet = MessageWriter()
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
    private func build(_ engine: TestEngine, _ client: Client, _ attributes: [String: String]) async throws -> (
        answer: [String: String], log: String
    ) {
        let session = Identifiers.random()
        let files = try stream(
            engine, "/session",
            "X-Docker-Expose-Session-Uuid: \(session)\r\nX-Docker-Expose-Session-Sharedkey: folder\r\n")
        let serving = Task { try await RemoteCalls.serve(files) { try await client.answer($0) } }
        defer { serving.cancel() }
        let engineSide = try await RemoteCalls.connect(try stream(engine, "/grpc"))
        var order = MessageWriter()
        order.text(1, "one")
        order.text(3, "moby")
        order.map(4, ["name": "built:1"])
        order.text(5, session)
        order.text(6, "dockerfile.v0")
        order.map(7, attributes)
        var question = MessageWriter()
        question.text(1, "one")
        let asked = question.bytes
        let log = Task {
            try await engineSide.call("/moby.buildkit.v1.Control/Status") { call in
                try await call.send(asked)
                try await call.finishSending()
                var text = ""
                while let message = try await call.next() {
                    for log in try MessageReader(message).all(3) { text += try MessageReader(log).text(4) }
                }
                return text
            }
        }
        let answer = try await engineSide.ask("/moby.buildkit.v1.Control/Solve", order.bytes)
        return (try MessageReader(answer).map(1), try await log.value)
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
}
