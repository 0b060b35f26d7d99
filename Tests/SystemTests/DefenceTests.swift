import Foundation
import Testing

/// Defences that only a running engine shows: what a hostile container, Dockerfile or client tries, and does not get.
@Suite(.serialized) struct DefenceTests {
    /// The status and body of a request over a unix socket.
    private func request(_ socket: String, _ path: String, body: String, type: String = "application/json") throws
        -> Outcome
    {
        try TestEngine.run(
            "/usr/bin/curl",
            [
                "-s", "-m", "20", "-w", " %{http_code}", "--unix-socket", socket, "-H", "Content-Type: \(type)", "-d",
                body,
                "http://engine/\(path)",
            ])
    }

    @Test("a socket that allows execs does not allow privileged ones, and its project names no path")
    func scopedExec() throws {
        try withEngine { engine in
            let api = engine.runRoot + "/roost.sock"
            let label = "com.docker.compose.project=scoped"
            try engine.must("run", "-d", "--name", "web", "--label", label, "busybox", "sleep", "1000")
            let path = try engine.must("socket", "--project", "scoped", "--allow", "exec")
            #expect(try request(path, "containers/web/exec", body: #"{"Cmd":["true"]}"#).output.hasSuffix(" 201"))
            let privileged = try request(path, "containers/web/exec", body: #"{"Cmd":["true"],"Privileged":true}"#)
            #expect(privileged.output.hasSuffix(" 403"))
            for project in ["../../x", "a/b", "-"] {
                let answer = try request(api, "roost/v1/sockets", body: "{\"project\":\"\(project)\"}")
                #expect(answer.output.hasSuffix(" 400"), "\(project): \(answer.output)")
            }
            let long = String(repeating: "x", count: 200)
            #expect(
                try request(api, "roost/v1/sockets", body: "{\"project\":\"p\",\"path\":\"/tmp/\(long)\"}").output
                    .hasSuffix(" 400"))
            try engine.must("socket", "rm", "scoped")
        }
    }

    @Test("a body that is not said to be JSON is refused, as in Docker: a web page can send forms and text anywhere")
    func contentTypes() throws {
        try withEngine { engine in
            for type in ["text/plain", "application/x-www-form-urlencoded", ""] {
                let answer = try request(
                    engine.runRoot + "/roost.sock", "containers/create", body: #"{"Image":"busybox"}"#, type: type)
                #expect(answer.output.hasSuffix(" 400"), "\(type): \(answer.output)")
            }
            #expect(try engine.must("ps", "-aq").isEmpty)
        }
    }

    @Test("a Dockerfile gets the host's network only with its user's consent")
    func hostNetwork() throws {
        try withEngine { engine in
            let folder = engine.folder + "/context"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try "FROM busybox\nRUN --network=host test -e /sys/class/net/lo\n".write(
                toFile: folder + "/Dockerfile", atomically: true, encoding: .utf8)
            let refused = try engine.roost("build", "-q", folder)
            #expect(refused.code != 0 && refused.errors.contains("network.host is not allowed"))
            try engine.must("build", "-q", "--allow", "network.host", folder)
            try engine.must("build", "-q", "--network", "host", folder)
        }
    }

    @Test("a container of an internal network reaches no published port of another network, by any address of the host")
    func internalNetwork() throws {
        try withEngine { engine in
            for words in [["one"], ["--internal", "inside"], ["two"]] {
                #expect(try engine.roost(["network", "create"] + words).code == 0)
            }
            try engine.must(
                "run", "-d", "--name", "server", "--network", "one", "-p", "80", "busybox", "sh", "-c",
                "mkdir -p /w; echo ok > /w/index.html; exec httpd -f -h /w")
            let port =
                try engine.must("port", "server", "80").split(separator: "\n").first?.split(separator: ":").last ?? ""
            for (name, network) in [("hidden", "inside"), ("other", "two")] {
                try engine.must("run", "-d", "--name", name, "--network", network, "busybox", "sleep", "1000")
            }
            func reaches(_ container: String, _ network: String) throws -> Bool {
                let address = try engine.must("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network)
                return try engine.roost(
                    "exec", container, "timeout", "2", "wget", "-qO-", "http://\(address):\(port)/"
                ).output == "ok\n"
            }
            try engine.eventually("the server answers") { try reaches("other", "two") }
            #expect(try !reaches("hidden", "inside") && !reaches("hidden", "one"))
        }
    }

    @Test("a thousand clients that connect at once are all let in")
    func backlog() throws {
        try withEngine(images: []) { engine in
            let script = """
                import socket
                sockets = []
                for _ in range(1000):
                    client = socket.socket(socket.AF_UNIX); client.setblocking(False)
                    client.connect("\(engine.runRoot)/roost.sock"); sockets.append(client)
                """
            try engine.must("ps")
            let outcome = try TestEngine.run("/usr/bin/python3", ["-c", script])
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(try engine.roost("ps").code == 0)
        }
    }
}
