import Foundation
import Testing

/// Other people's programs that drive the engine, and its own command line where it cannot or need not.
@Suite struct ClientTests {
    private static let files = TestEngine.root + "/Tests/SystemTests/Clients"

    private func socket(_ engine: TestEngine) -> String { "unix://\(engine.runRoot)/roost.sock" }

    @Test("Ansible finds what it has made as it has made it")
    func ansible() throws {
        try withEngine { engine in
            try engine.must("engine", "start")
            for round in 1...2 {
                let play = try TestEngine.run(
                    "/usr/bin/ansible-playbook",
                    ["-i", "localhost,", "-e", "engine=\(socket(engine))", "--diff", Self.files + "/playbook.yml"])
                #expect(play.code == 0, "\(play.output)\(play.errors)")
                if round == 2 { #expect(play.output.contains("changed=0"), "\(play.output)") }
            }
            try engine.must("rm", "-f", "-v", "plain", "full")
            try engine.must("volume", "rm", "data")
        }
    }

    @Test("the first docker-compose goes through a project's life")
    func firstCompose() throws {
        try withEngine { engine in
            try engine.must("engine", "start")
            let folder = engine.folder + "/first"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: Self.files + "/docker-compose.yml", toPath: folder + "/docker-compose.yml")
            let environment = [
                "DOCKER_HOST": socket(engine), "COMPOSE_PROJECT_NAME": "first",
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            ]
            for words in [
                "up -d", "up -d", "ps", "run --rm web echo hi", "exec -T web echo ex", "up -d --scale db=2",
                "restart -t 0", "logs --tail 1", "stop -t 0", "start", "rm -fsv", "up -d", "down -v -t 0",
            ] {
                let outcome = try TestEngine.run(
                    "/usr/bin/docker-compose", words.split(separator: " ").map(String.init), directory: folder,
                    environment: environment)
                #expect(outcome.code == 0, "\(words): \(outcome.output)\(outcome.errors)")
            }
        }
    }

    @Test("an engine with nothing to do sleeps, keeps its socket, and wakes for whoever connects")
    func sleeping() throws {
        try withEngine { engine in
            try engine.must("engine", "stop")
            let marker = engine.runRoot + "/engine.idle"
            let daemon = Process()
            daemon.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roostd")
            daemon.arguments = ["--data-root", engine.dataRoot, "--run-root", engine.runRoot, "--idle-timeout", "5"]
            try daemon.run()
            try engine.eventually("it sleeps") { FileManager.default.fileExists(atPath: marker) }
            #expect(try engine.must("engine", "status").contains("sleeps"))
            #expect(FileManager.default.fileExists(atPath: marker), "asking for its state has woken it")
            let answer = try TestEngine.run(
                "/usr/bin/curl", ["-s", "--unix-socket", engine.runRoot + "/roost.sock", "http://engine/_ping"])
            #expect(answer.output == "OK")
            #expect(try engine.enginePID > 0)
            try engine.eventually("it sleeps again") { FileManager.default.fileExists(atPath: marker) }
            #expect(try engine.must("images", "-q").isEmpty == false)
            try engine.eventually("it sleeps once more") { FileManager.default.fileExists(atPath: marker) }
            #expect(try engine.must("engine", "stop") == "the engine has stopped")
            #expect(!FileManager.default.fileExists(atPath: engine.runRoot + "/roost.sock"))
            try engine.must("engine", "start")
        }
    }

    @Test("without root the command line says at once who may use the engine")
    func withoutRoot() throws {
        try withEngine { engine in
            try engine.must("engine", "start")
            // Where others can read it.
            let program = engine.folder + "/roost"
            try FileManager.default.copyItem(atPath: TestEngine.programs + "/roost", toPath: program)
            func asNobody(_ runRoot: String, _ words: String...) throws -> (code: Int32, text: String) {
                let outcome = try TestEngine.run(
                    "/usr/bin/setpriv",
                    ["--reuid", "65534", "--regid", "65534", "--clear-groups", program, "--run-root", runRoot] + words)
                return (outcome.code, outcome.output + outcome.errors)
            }
            let served = try asNobody(engine.runRoot, "ps")
            #expect(served.code == 1 && served.text.contains("permission denied"), "\(served.text)")
            let unserved = try asNobody(engine.folder + "/nowhere", "ps")
            #expect(unserved.code == 1 && unserved.text.contains("only root can start one"), "\(unserved.text)")
            let version = try TestEngine.run(
                TestEngine.programs + "/roost",
                ["--run-root", engine.folder + "/other", "--data-root", engine.folder + "/other", "version"])
            #expect(version.code == 0 && version.output.contains("no engine is running"))
            #expect(!FileManager.default.fileExists(atPath: engine.folder + "/other"))
        }
    }

    @Test("words of a project hold for every command, mistyped words are told with what was meant")
    func words() throws {
        try withEngine { engine in
            let folder = try engine.writeProject("name: shop\nservices: {web: {image: busybox, command: sleep 1000}}\n")
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("-p", "nope", "ps", "-q").isEmpty)
            #expect(try engine.roost("-p", "nope", "network", "ls").code == 1)
            try engine.must("-p", "shop", "stop", "-t", "0", "web")
            try engine.must("start", "web", in: folder)
            let image = try engine.roost("run", "--rm", "web", in: folder)
            #expect(image.code != 0 && image.errors.contains("web is a service of the project shop"), "\(image.errors)")
            let option = try engine.roost("ps", "--foo")
            #expect(option.code == 125 && option.errors.hasPrefix("unknown flag: --foo\n\nUsage:  roost ps [OPTIONS]"))
            let command = try engine.roost("volum", "ls")
            #expect(command.code == 1 && command.errors.contains("Did you mean: roost volume?"), "\(command.errors)")
            #expect(try engine.must("compose", "--help").contains("The commands take service names"))
            try engine.must("down", in: folder)
        }
    }

    @Test("half a request keeps nobody from being served, and is dropped")
    func halfRequests() throws {
        try withEngine { engine in
            try engine.must("engine", "start")
            let outcome = try TestEngine.run(
                "/usr/bin/python3",
                [
                    "-c",
                    """
                    import socket, sys
                    def open(path=sys.argv[1]):
                        s = socket.socket(socket.AF_UNIX); s.connect(path); return s
                    half = [open() for _ in range(300)]
                    for s in half: s.send(b"GET /_ping HTTP/1.1\\r\\nHo")
                    s = open(); s.settimeout(5)
                    s.send(b"GET /_ping HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
                    assert b"200 OK" in s.recv(4096)
                    for s in half:
                        s.settimeout(15)
                        try:
                            assert s.recv(1) == b""
                        except ConnectionResetError: pass
                    print("closed")
                    """, engine.runRoot + "/roost.sock",
                ])
            #expect(outcome.output.contains("closed"), "\(outcome.errors)")
        }
    }
}
