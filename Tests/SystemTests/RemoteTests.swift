import Foundation
import Testing

/// Engines that are reached by others: through sockets that can do less, and through a port with TLS.
@Suite(.serialized) struct RemoteTests {
    @Test("a socket for one project serves that project alone, and no more than it allows")
    func scopedSocket() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: scoped
                services: {web: {image: busybox, command: [sh, -c, "echo said; exec sleep 1000"], volumes: ["data:/data"]}}
                volumes: {data: {}}
                """)
            try engine.must("up", "-d", in: folder)
            try engine.must("run", "-d", "--name", "other", "busybox", "sleep", "1000")
            let path = try engine.must("socket", "--project", "scoped", "--allow", "read,logs,events")
            func narrow(_ words: String...) throws -> Outcome {
                try engine.roost(["-H", "unix://" + path] + words)
            }
            #expect(try narrow("ps", "-a", "--format", "{{.Names}}").output == "scoped-web-1\n")
            #expect(try narrow("logs", "scoped-web-1").output == "said\n")
            #expect(try narrow("volume", "ls", "-q").output == "scoped_data\n")
            #expect(try narrow("inspect", "-f", "{{.State.Running}}", "scoped-web-1").output == "true\n")
            for words in [
                ["inspect", "--type", "container", "other"], ["logs", "other"], ["stop", "scoped-web-1"],
                ["exec", "scoped-web-1", "true"], ["rm", "-f", "scoped-web-1"], ["run", "busybox", "true"],
                ["images"], ["network", "inspect", "bridge"], ["cp", "scoped-web-1:/etc/passwd", "-"],
                ["engine", "stop"], ["system", "df"],
            ] {
                let outcome = try engine.roost(["-H", "unix://" + path] + words)
                #expect(outcome.code != 0, "\(words) went through: \(outcome.output)")
            }
            // Another engine serves it again.
            kill(try engine.enginePID, SIGKILL)
            try engine.eventually("the socket is there again") { try narrow("ps", "-q").lines.count == 1 }
            #expect(try engine.must("socket", "ls").contains("scoped    events,logs,read"))
            try engine.must("socket", "rm", "scoped")
            #expect(!FileManager.default.fileExists(atPath: path))
            try engine.must("down", "-v", in: folder)
        }
    }

    private func sign(_ folder: String) throws {
        let script = """
            set -e
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca-key.pem -out ca.pem -subj /CN=authority
            printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > names
            for who in server cert; do
              openssl req -newkey rsa:2048 -nodes -keyout $who-key.pem -out $who.csr -subj /CN=$who
              openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names -out $who.pem
            done
            cp cert-key.pem key.pem
            """
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let outcome = try TestEngine.run("/bin/sh", ["-c", script], directory: folder)
        guard outcome.code == 0 else { throw TestEngine.Failure(text: outcome.errors) }
    }

    @Test("a port is served to clients with certificates alone; a context names it")
    func secureListener() throws {
        try withEngine { engine in
            let keys = engine.folder + "/keys"
            try sign(keys)
            try engine.must("engine", "stop")
            let port = try StackTests.freePort()
            let program = Process()
            program.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roostd")
            let roots = ["--data-root", engine.dataRoot, "--run-root", engine.runRoot]
            let host = ["--host", "tcp://127.0.0.1:\(port)"]
            let bare = try TestEngine.run(TestEngine.programs + "/roostd", roots + host)
            #expect(bare.code != 0 && bare.errors.contains("clients with certificates only"))
            program.arguments =
                roots + host + [
                    "--tlscacert", keys + "/ca.pem", "--tlscert", keys + "/server.pem", "--tlskey",
                    keys + "/server-key.pem",
                ]
            try program.run()
            let home = ["HOME": engine.folder + "/home", "ROOST_RUN_ROOT": "", "ROOST_DATA_ROOT": ""]
            func far(_ words: String..., input: String? = nil) throws -> Outcome {
                try TestEngine.run(
                    TestEngine.programs + "/roost", ["--context", "far"] + words, input: input.map { Data($0.utf8) },
                    environment: home)
            }
            let made = try TestEngine.run(
                TestEngine.programs + "/roost",
                [
                    "context", "create", "far", "--docker",
                    "host=tcp://localhost:\(port),ca=\(keys)/ca.pem,cert=\(keys)/cert.pem,key=\(keys)/key.pem",
                ], environment: home)
            #expect(made.code == 0, "\(made.errors)")
            try engine.eventually("the port is served") { try far("ps").code == 0 }
            #expect(try far("images", "-q").lines.count == 1)
            // The end of the input arrives, and the output after it.
            #expect(
                try far("run", "--rm", "-i", "busybox", "wc", "-c", input: String(repeating: "x", count: 300_000))
                    .output == "300000\n")
            // The same by words in front of the command; a certificate of another authority is not trusted.
            func direct(_ authority: String) throws -> Outcome {
                try TestEngine.run(
                    TestEngine.programs + "/roost",
                    [
                        "-H", "tcp://localhost:\(port)", "--tlsverify", "--tlscacert", authority, "--tlscert",
                        keys + "/cert.pem", "--tlskey=\(keys)/key.pem", "images", "-q",
                    ], environment: home)
            }
            #expect(try direct(keys + "/ca.pem").lines.count == 1)
            #expect(try direct(keys + "/nosuch.pem").code != 0)
            let stranger = try TestEngine.run(
                "/usr/bin/curl", ["-sk", "-m", "5", "https://127.0.0.1:\(port)/containers/json"])
            #expect(stranger.code != 0 && stranger.output.isEmpty)
            let plain = try TestEngine.run("/usr/bin/curl", ["-s", "-m", "5", "http://127.0.0.1:\(port)/_ping"])
            #expect(plain.output.isEmpty)
            let list = try TestEngine.run(TestEngine.programs + "/roost", ["context", "ls", "-q"], environment: home)
            #expect(list.lines == ["default", "far"])
            let unknown = try TestEngine.run(
                TestEngine.programs + "/roost", ["-c", "nowhere", "ps"], environment: home)
            #expect(unknown.code != 0 && unknown.errors.contains("context \"nowhere\" does not exist"))
        }
    }
}
