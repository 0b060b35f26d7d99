import EngineModel
import Foundation
import ImageStore
import LinuxKernel
import Logging
import NIOHTTP1
import OCI
import Testing

@testable import APIServer
@testable import EngineCore

/// An engine that has started nothing, in a directory of its own, and its API: as functions, or over a socket.
final class TestAPI: Sendable {
    enum Mode: String, CaseIterable, Sendable { case handlers, socket }

    struct Answer: Equatable {
        var status: Int
        var text: String
        /// Null if the answer is no JSON.
        var json: JSON { (try? JSON(parsing: Array(text.utf8))) ?? .null }
        var message: String { json["message"].string ?? "" }
    }

    let engine: Engine
    let router: Router
    private let mode: Mode
    private let folder: String
    private let serving: Task<Void, any Error>?

    init(_ mode: Mode, scope: RequestScope? = nil) async throws {
        folder = NSTemporaryDirectory() + "roost-api-" + UUID().uuidString.prefix(8)
        try Files.makeDirectories(folder + "/run")
        engine = try Engine(
            configuration: EngineConfiguration(
                dataRoot: folder + "/data", runRoot: folder + "/run", executable: "/bin/true",
                shimExecutable: "/bin/true", trashSeconds: 0, arguments: [], defaultUlimits: []),
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var config = ImageConfiguration.Runtime()
        config.cmd = ["sh"]
        config.env = ["A=image"]
        let configuration = ImageConfiguration(
            architecture: Descriptor.Platform.host.architecture, created: "2026-01-01T00:00:00Z", config: config,
            rootfs: .init(diffIDs: []), history: [])
        let image = StoredImage(id: Digest(of: Array("image".utf8)), layers: [], configuration: configuration)
        try await engine.keep(image, as: [ImageReference(parsing: "busybox")])
        var server = Server(engine: engine) {}
        if let scope { server = server.narrowed(to: scope) }
        router = server.router
        self.mode = mode
        guard mode == .socket else {
            serving = nil
            return
        }
        let socket = try Sockets.listen(folder + "/run/api.sock", .stream, mode: 0o600)
        let (ready, isReady) = AsyncStream.makeStream(of: Void.self)
        serving = Task { [server] in try await server.run(socket) { isReady.finish() } }
        for await _ in ready {}
    }

    deinit {
        serving?.cancel()
        try? Files.removeTree(folder)
    }

    func send(_ method: HTTPMethod, _ uri: String, _ body: JSON? = nil) async throws -> Answer {
        let bytes = body?.bytes() ?? []
        switch mode {
        case .handlers: return try await sendToRouter(method, uri, bytes)
        case .socket: return try await sendToSocket(method, uri, bytes)
        }
    }

    private func sendToRouter(_ method: HTTPMethod, _ uri: String, _ body: [UInt8]) async throws -> Answer {
        var head = HTTPRequestHead(version: .http1_1, method: method, uri: uri)
        if !body.isEmpty { head.headers.add(name: "Content-Type", value: "application/json") }
        let response = await router.respond(to: Request(head, body: RequestBody(body)))
        let sent = SentBytes()
        switch response.body {
        case .none, .upgrade: break
        case .bytes(let bytes): await sent.add(bytes)
        case .stream(let produce): try await produce(ResponseWriter { await sent.add($0) })
        }
        let bytes = method == .HEAD ? [] : await sent.bytes
        return Answer(status: response.status, text: String(decoding: bytes, as: UTF8.self))
    }

    private actor SentBytes {
        var bytes: [UInt8] = []
        func add(_ more: [UInt8]) { bytes += more }
    }

    private func sendToSocket(_ method: HTTPMethod, _ uri: String, _ body: [UInt8]) async throws -> Answer {
        let path = folder + "/run/api.sock"
        return try await onOwnThread {
            let socket = try Sockets.connect(path, .stream)
            let type = body.isEmpty ? "" : "Content-Type: application/json\r\n"
            let head =
                "\(method) \(uri) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(type)Content-Length: \(body.count)\r\n\r\n"
            try writeAll(socket.raw, Array(head.utf8) + body)
            var bytes: [UInt8] = []
            while case let part = try readSome(socket.raw, limit: 1 << 16), !part.isEmpty { bytes += part }
            return Self.answer(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func answer(_ text: String) -> Answer {
        let ends = text.components(separatedBy: "\r\n\r\n")
        let status = Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0
        var body = ends.dropFirst().joined(separator: "\r\n\r\n")
        guard ends[0].lowercased().contains("transfer-encoding: chunked") else {
            return Answer(status: status, text: body)
        }
        var whole = ""
        while let line = body.range(of: "\r\n"), let size = Int(body[..<line.lowerBound], radix: 16), size > 0 {
            let rest = Array(body[line.upperBound...].utf8)
            whole += String(decoding: rest.prefix(size), as: UTF8.self)
            body = String(decoding: rest.dropFirst(size + 2), as: UTF8.self)
        }
        return Answer(status: status, text: whole)
    }
}

/// Every test runs twice: on the handlers, and on a server with a socket.
@Suite struct HandlerTests {
    /// Endpoints that answer without any object.
    private static let successes: [(HTTPMethod, String, String)] = [
        (.GET, "/_ping", "OK"), (.GET, "/version", "ApiVersion"), (.GET, "/info", "ContainersRunning"),
        (.GET, "/v1.41/containers/json?all=1", "[]"), (.GET, "/images/json", "busybox:latest"),
        (.GET, "/images/busybox/json", "RootFS"), (.GET, "/images/busybox/history", "[]"),
        (.GET, "/networks", "[]"), (.GET, "/volumes", "Volumes"), (.GET, "/system/df", "LayersSize"),
        (.GET, "/system/df?type=image", "\"Volumes\":null"), (.GET, "/plugins", "[]"),
        (.GET, "/events?since=0&until=1", ""), (.GET, "/roost/v1/engine", "dataRoot"),
        (.GET, "/roost/v1/sockets", "[]"), (.GET, "/roost/v1/trash", "[]"), (.POST, "/containers/prune", "null"),
        (.POST, "/images/prune", "SpaceReclaimed"), (.POST, "/volumes/prune", "VolumesDeleted"),
        (.POST, "/networks/prune", "NetworksDeleted"), (.POST, "/build/prune", "CachesDeleted"),
        (.DELETE, "/roost/v1/trash", "VolumesDeleted"), (.POST, "/images/busybox/tag?repo=other", ""),
    ]

    @Test("endpoints that need no object", arguments: TestAPI.Mode.allCases, successes.indices)
    func success(mode: TestAPI.Mode, index: Int) async throws {
        let (method, uri, part) = Self.successes[index]
        let answer = try await TestAPI(mode).send(method, uri)
        #expect((200...204).contains(answer.status), "\(method) \(uri): \(answer)")
        #expect(part.isEmpty || answer.text.contains(part), "\(method) \(uri): \(answer.text)")
    }

    /// Requests that cannot be fulfilled, with the status and a part of the message.
    private static let failures: [(HTTPMethod, String, JSON?, Int, String)] = [
        (.GET, "/nosuch", nil, 404, "page not found"), (.GET, "/v1.23/version", nil, 400, "too old"),
        (.GET, "/v9.1/version", nil, 400, "too new"),
        (.GET, #"/containers/json?filters={"nosuch":["a"]}"#, nil, 400, "invalid filter 'nosuch'"),
        (.GET, #"/containers/json?filters={"publish":["x"]}"#, nil, 400, "expected a port"),
        (.GET, #"/containers/json?filters={"health":["x"]}"#, nil, 400, "invalid filter 'health"),
        (.GET, #"/containers/json?filters={"exited":["x"]}"#, nil, 400, "invalid filter 'exited"),
        (.GET, #"/containers/json?filters={"before":["x"]}"#, nil, 404, "No such container: x"),
        (.GET, "/containers/x/json", nil, 404, "No such container: x"), (.POST, "/containers/x/start", nil, 404, "x"),
        (.POST, "/containers/x/stop", nil, 404, "x"), (.POST, "/containers/x/stop?t=abc", nil, 400, "strconv.Atoi"),
        (.POST, "/containers/x/restart", nil, 404, "x"), (.POST, "/containers/x/kill", nil, 404, "x"),
        (.POST, "/containers/x/pause", nil, 404, "x"), (.POST, "/containers/x/unpause", nil, 404, "x"),
        (.POST, "/containers/x/rename?name=y", nil, 404, "x"), (.POST, "/containers/x/update", .object([]), 404, "x"),
        (.POST, "/containers/x/wait", nil, 404, "x"),
        (.POST, "/containers/x/wait?condition=y", nil, 400, "invalid condition"),
        (.POST, "/containers/x/resize", nil, 400, "invalid resize"),
        (.POST, "/containers/x/resize?h=1&w=1", nil, 404, "x"),
        (.GET, "/containers/x/top", nil, 404, "x"), (.GET, "/containers/x/stats", nil, 404, "x"),
        (.GET, "/containers/x/logs?stdout=1", nil, 404, "x"), (.POST, "/containers/x/attach", nil, 404, "x"),
        (.GET, "/containers/x/archive", nil, 400, "path cannot be empty"),
        (.GET, "/containers/x/archive?path=/", nil, 404, "x"), (.GET, "/containers/x/export", nil, 404, "x"),
        (.GET, "/containers/x/changes", nil, 404, "x"), (.DELETE, "/containers/x", nil, 404, "x"),
        (.DELETE, "/containers/x?link=1", nil, 400, "expected CONTAINER/ALIAS"),
        (.DELETE, "/containers/x/archive", ["Paths": ["/"]], 400, "root of the container"),
        (.POST, "/containers/create", .object([]), 400, "no command specified"),
        (.POST, "/containers/create", ["Image": "nosuch"], 404, "No such image: nosuch"),
        (.POST, "/containers/create", ["Image": "busybox", "HostConfig": ["Memory": "1g"]], 400, "HostConfig.Memory"),
        (.POST, "/containers/create", ["Image": "busybox", "Env": [1]], 400, "Env[0]"),
        (.POST, "/containers/create", ["Image": "busybox", "Cmd": ["a\0"]], 400, "nul byte"),
        (
            .POST, "/containers/create?platform=linux/other", ["Image": "busybox"], 404,
            "does not match the specified platform"
        ), (.POST, "/commit?container=x", nil, 404, "x"),
        (.POST, "/containers/x/exec", ["Cmd": ["true"]], 404, "x"), (.POST, "/exec/x/start", .object([]), 404, "x"),
        (.GET, "/exec/x/json", nil, 404, "x"), (.POST, "/exec/x/resize?h=1&w=1", nil, 404, "x"),
        (.GET, "/networks/x", nil, 404, "network x not found"), (.DELETE, "/networks/x", nil, 404, "x"),
        (.POST, "/networks/create", ["Name": "n", "IPAM": ["Config": [["Subnet": "x"]]]], 400, "invalid subnet"),
        (.POST, "/networks/create", ["Name": "n", "Driver": "overlay"], 404, "overlay"),
        (.POST, "/networks/x/connect", ["Container": "y"], 404, "x"),
        (.POST, "/networks/x/disconnect", ["Container": "y"], 404, "x"),
        (.GET, "/volumes/x", nil, 404, "x"), (.DELETE, "/volumes/x", nil, 404, "x"),
        (.POST, "/volumes/create", ["Name": 1], 400, "Name: expected a string"),
        (.POST, "/volumes/create", ["Name": "a/b"], 400, "a/b"),
        (.POST, "/roost/v1/trash/x/restore", nil, 404, "x"), (.GET, "/images/x/json", nil, 404, "No such image"),
        (.GET, "/images/x/history", nil, 404, "x"), (.GET, "/images/x/get", nil, 404, "x"),
        (.GET, "/images/get?names=x", nil, 404, "x"), (.DELETE, "/images/x", nil, 404, "x"),
        (.POST, "/images/x/tag?repo=y", nil, 404, "x"), (.POST, "/images/x/push", nil, 404, "x"),
        (.POST, "/images/create?fromSrc=http://x", nil, 501, "standard input"),
        (.GET, "/images/search", nil, 400, "missing search term"),
        (.GET, "/images/search?term=x&limit=101", nil, 400, "outside the range"),
        (.GET, "/system/df?type=x", nil, 400, "unknown object type: x"),
        (.GET, "/events?since=2&until=1", nil, 400, "cannot be after"),
        (.GET, "/events?since=x", nil, 400, "invalid value"), (.POST, "/build?version=2", nil, 400, "version=2"),
        (.POST, "/build?platform=a/b/c/d", nil, 400, "platform"), (.POST, "/session", nil, 400, "X-Docker-Expose"),
        (.POST, "/grpc", nil, 400, "h2c"), (.GET, "/swarm", nil, 503, "swarm manager"),
        (.POST, "/swarm/leave", nil, 503, "not part of a swarm"), (.GET, "/plugins/x/json", nil, 404, "plugin"),
        (.POST, "/plugins/pull", nil, 501, "built in"), (.GET, "/roost/v1/images/x/root", nil, 404, "x"),
        (.POST, "/roost/v1/sockets", .object([]), 400, "project is missing"),
        (.POST, "/roost/v1/sockets", ["project": "../x"], 400, "invalid project name"),
        (.DELETE, "/roost/v1/sockets?path=x", nil, 404, "No such socket"),
        (.POST, "/roost/v1/projects/plan", .object([]), 400, "project has no name"),
        (.POST, "/roost/v1/projects/up", .object([]), 400, "project has no name"),
        (.POST, "/roost/v1/projects/hash", .object([]), 400, "project has no name"),
        (.POST, "/roost/v1/projects/run", .object([]), 400, "project has no name"),
        (.POST, "/roost/v1/projects/down", .object([]), 400, "name is missing"),
        (.POST, "/roost/v1/projects/start", .object([]), 400, "name is missing"),
    ]

    @Test("what is refused, with its status and reason", arguments: TestAPI.Mode.allCases)
    func failure(mode: TestAPI.Mode) async throws {
        let api = try await TestAPI(mode)
        for (method, uri, body, status, part) in Self.failures {
            let escaped = uri.unicodeScalars.map {
                #"{}"[]'"#.unicodeScalars.contains($0) ? PercentEncoding.encode(String($0)) : String($0)
            }.joined()
            let answer = try await api.send(method, escaped, body)
            #expect(answer.status == status && answer.message.contains(part), "\(method) \(uri): \(answer)")
        }
    }

    @Test("a container's record, without a process", arguments: TestAPI.Mode.allCases)
    func container(mode: TestAPI.Mode) async throws {
        let api = try await TestAPI(mode)
        let body: JSON = [
            "Image": "busybox", "Cmd": ["sleep", "1"], "Env": ["B=own"], "Labels": ["a": "b"],
            "HostConfig": ["NetworkMode": "none", "Memory": 67_108_864],
        ]
        let created = try await api.send(.POST, "/containers/create?name=one", body)
        let id = created.json["Id"].string ?? ""
        #expect(created.status == 201 && id.count == 64 && created.json["Warnings"].array == [])
        let twice = try await api.send(.POST, "/containers/create?name=one", body)
        #expect(twice.status == 409 && twice.message.contains(id))
        let shown = try await api.send(.GET, "/containers/one/json").json
        #expect(shown["Config"]["Env"].strings == ["B=own", "A=image"] && shown["Name"] == "/one")
        #expect(shown["Config"]["Cmd"].strings == ["sleep", "1"] && shown["HostConfig"]["Memory"] == 67_108_864)
        #expect(try await api.send(.GET, "/containers/json").json == [])
        let listed = try await api.send(.GET, "/containers/json?all=1").json.array ?? []
        #expect(listed.count == 1 && listed.first?["Names"].strings == ["/one"] && listed.first?["State"] == "created")
        #expect(try await api.send(.POST, "/containers/one/rename?name=two").status == 204)
        #expect(try await api.send(.POST, "/containers/two/kill").status == 409)
        #expect(try await api.send(.POST, "/containers/two/exec", ["Cmd": ["true"]]).status == 409)
        let stats = try await api.send(.GET, "/containers/two/stats?stream=0")
        #expect(stats.status == 200 && stats.json["read"] == "0001-01-01T00:00:00Z")
        let update = try await api.send(.POST, "/containers/two/update", ["RestartPolicy": ["Name": "always"]])
        #expect(update.status == 200 && update.json["Warnings"].isNull)
        let policy = try await api.send(.GET, "/containers/two/json").json["HostConfig"]["RestartPolicy"]["Name"]
        #expect(policy == "always")
        #expect(try await api.send(.DELETE, "/images/busybox").status == 409)
        #expect(try await api.send(.DELETE, "/containers/two").status == 204)
        #expect(try await api.send(.DELETE, "/images/busybox").json.array?.first?["Untagged"] == "busybox:latest")
    }

    @Test("volumes and networks come and go", arguments: TestAPI.Mode.allCases)
    func resources(mode: TestAPI.Mode) async throws {
        let api = try await TestAPI(mode)
        let volume = try await api.send(.POST, "/volumes/create", ["Name": "data", "Labels": ["a": "b"]])
        #expect(volume.status == 201 && volume.json["Labels"]["a"] == "b" && volume.json["Options"].isNull)
        #expect(try await api.send(.GET, "/volumes").json["Volumes"].array?.map { $0["Name"] } == ["data"])
        #expect(try await api.send(.GET, "/volumes?filters=%7B%22name%22:%5B%22x%22%5D%7D").json["Volumes"] == [])
        #expect(try await api.send(.DELETE, "/volumes/data").status == 204)
        let network = try await api.send(
            .POST, "/networks/create", ["Name": "net", "IPAM": ["Config": [["Subnet": "10.91.0.0/24"]]]])
        #expect(network.status == 201 && network.json["Id"].string?.count == 64)
        let shown = try await api.send(.GET, "/networks/net").json
        #expect(shown["IPAM"]["Config"].array == [["Subnet": "10.91.0.0/24"]] && shown["Containers"] == .object([]))
        #expect(try await api.send(.DELETE, "/networks/net").status == 204)
    }

    @Test("a HEAD request gets the head only", arguments: TestAPI.Mode.allCases)
    func head(mode: TestAPI.Mode) async throws {
        let api = try await TestAPI(mode)
        #expect(try await api.send(.HEAD, "/_ping") == TestAPI.Answer(status: 200, text: ""))
        #expect(try await api.send(.HEAD, "/info") == TestAPI.Answer(status: 200, text: ""))
    }

    @Test("a restricted socket shows its project only", arguments: TestAPI.Mode.allCases)
    func scope(mode: TestAPI.Mode) async throws {
        let api = try await TestAPI(mode, scope: RequestScope(project: "shop", allowed: [.read]))
        for (name, project) in [("mine", "shop"), ("other", "bank")] {
            var spec = ContainerSpec()
            spec.image = "busybox"
            spec.network = .none
            spec.labels = [ComposeLabel.project: project]
            _ = try await api.engine.createContainer(spec, name: name)
        }
        let listed = try await api.send(.GET, "/containers/json?all=1").json.array ?? []
        #expect(listed.map { $0["Names"].strings } == [["/mine"]])
        #expect(try await api.send(.GET, "/containers/mine/json").status == 200)
        #expect(try await api.send(.GET, "/containers/other/json").status == 404)
        #expect(try await api.send(.POST, "/containers/mine/start").status == 403)
    }
}

@Suite struct DocumentTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("docs/api.md lists every endpoint, no other one, and only types that exist")
    func endpoints() async throws {
        let text = try String(contentsOf: Self.root.appendingPathComponent("docs/api.md"), encoding: .utf8)
        let lines = text.components(separatedBy: "## Endpoints").last?.split(separator: "\n") ?? []
        let cells = lines.filter { $0.hasPrefix("| ") && $0.contains("`") }.map {
            $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let documented = cells.map { "\($0[0]) \($0[1].filter { $0 != "`" })" }
        let routes = try await TestAPI(.handlers).router.routes.rows.filter { !$0.isRefused }
        #expect(documented.sorted() == routes.map { "\($0.method) \($0.pattern.joined(separator: "/"))" }.sorted())
        let folder = Self.root.appendingPathComponent("Sources/DockerAPI")
        let sources = try FileManager.default.contentsOfDirectory(atPath: folder.path).map {
            try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
        }.joined()
        let pathStatus = "PathStatus"
        let words: [Substring] = cells.flatMap { $0.dropFirst(2) }.flatMap { $0.split(separator: "`") }
        for type in words where type.first?.isUppercase == true && !type.contains(" ") && type != pathStatus {
            #expect(sources.contains("package struct \(type):"), "docs/api.md names \(type)")
        }
    }
}
