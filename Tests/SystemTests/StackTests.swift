import Foundation
import Testing

/// Projects, and the engine's own life.
@Suite(.serialized) struct StackTests {
    static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(socket, raw, size)
                getsockname(socket, raw, &size)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }

    private func redis(_ port: Int, _ words: String...) throws -> String {
        try TestEngine.run("/usr/bin/redis-cli", ["-p", String(port)] + words).output.trimmingCharacters(in: .newlines)
    }

    @Test("samples/redis: up, nothing to do, data that stays, down without a trace")
    func redisSample() throws {
        try withEngine(images: ["busybox", "redis"]) { engine in
            let sample = TestEngine.root + "/samples/redis"
            let port = try Self.freePort()
            let environment = ["REDIS_PORT": String(port)]
            #expect(try engine.roost("plan", in: sample, environment: environment).code == 2)
            try engine.must("up", "-d", in: sample, environment: environment)
            try engine.eventually("the client counts") { (Int(try redis(port, "get", "visits")) ?? 0) > 0 }
            #expect(try engine.roost("plan", in: sample, environment: environment).code == 0)
            let before = try engine.must("ps", "-q")
            try engine.must("up", "-d", in: sample, environment: environment)
            #expect(try engine.must("ps", "-q") == before)
            #expect(try engine.must("logs", "client", in: sample).contains("visits: "))
            #expect(try redis(port, "set", "kept", "yes") == "OK")
            try engine.must("down", in: sample)
            #expect(try engine.must("ps", "-aq").isEmpty)
            try engine.must("up", "-d", in: sample, environment: environment)
            #expect(try redis(port, "get", "kept") == "yes")
            try engine.must("down", "-v", in: sample)
            #expect(try engine.must("volume", "ls", "-q").isEmpty)
        }
    }

    @Test("samples/shop: conditions, replicas, secrets, isolation")
    func shopSample() throws {
        try withEngine(images: ["busybox", "redis"]) { engine in
            let sample = TestEngine.root + "/samples/shop"
            let port = try Self.freePort()
            try engine.must("up", "-d", in: sample, environment: ["SHOP_PORT": String(port)])
            try engine.eventually("the shop is open") {
                try TestEngine.run("/usr/bin/curl", ["-s", "-m", "2", "http://127.0.0.1:\(port)/"]).output.hasPrefix(
                    "welcome to the shop: visit")
            }
            #expect(try engine.must("compose", "ps", "--services", in: sample).split(separator: "\n").count == 3)
            #expect(
                try engine.must("compose", "exec", "-T", "app", "cat", "/run/secrets/token", in: sample) == "let-me-in")
            let changed = try engine.roost(
                "plan", in: sample, environment: ["SHOP_PORT": String(port), "LOG_LEVEL": "debug"])
            #expect(changed.code == 2)
            #expect(changed.output.contains("environment.LOG_LEVEL info → debug, compose.yaml:"))
            #expect(!changed.output.contains("shop-web-1  (env"))
            try engine.must("up", "-d", "--scale", "app=1", in: sample, environment: ["SHOP_PORT": String(port)])
            #expect(try engine.must("ps", "-q", "--filter", "name=shop-app").split(separator: "\n").count == 1)
            try engine.must("down", "-v", in: sample)
        }
    }

    @Test("services share: links, volumes of others, folders as volumes, device rules")
    func sharing() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: sharing
                services:
                  db: {image: busybox, command: [sleep, "1000"], volumes: ["/anon", "data:/data"]}
                  web:
                    image: busybox
                    command: [sleep, "1000"]
                    links: ["db:database"]
                    volumes_from: ["db:ro"]
                    volumes: ["shown:/shown"]
                    device_cgroup_rules: ["c 1:11 r"]
                    label_file: labels.env
                volumes:
                  data: {}
                  shown: {driver: local, driver_opts: {type: none, o: bind, device: ./shown}}
                """)
            try FileManager.default.createDirectory(atPath: folder + "/shown", withIntermediateDirectories: true)
            try "kept".write(toFile: folder + "/shown/file", atomically: true, encoding: .utf8)
            try "TEAM=one\n".write(toFile: folder + "/labels.env", atomically: true, encoding: .utf8)
            try engine.must("up", "-d", in: folder)
            #expect(
                try engine.must("exec", "web", "ping", "-c1", "database", in: folder).contains("1 packets received"))
            #expect(try engine.roost("exec", "db", "ping", "-c1", "database", in: folder).code != 0)
            try engine.must("exec", "db", "sh", "-c", "echo seen > /data/x", in: folder)
            #expect(try engine.must("exec", "web", "cat", "/data/x", "/shown/file", in: folder) == "seen\nkept")
            #expect(try engine.roost("exec", "web", "touch", "/data/y", in: folder).code != 0)
            #expect(try engine.must("inspect", "-f", "{{.Config.Labels.TEAM}}", "sharing-web-1") == "one")
            #expect(try engine.must("plan", in: folder).contains("Nothing to do"))
            #expect(try engine.must("ls").contains("running(2)"))
            try engine.must("down", "-v", in: folder)
            #expect(try String(contentsOfFile: folder + "/shown/file", encoding: .utf8) == "kept")
        }
    }

    @Test("hooks run after the start and before the stop; a failing one is told, and a stop goes on")
    func hooks() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: hooks
                services:
                  one:
                    image: busybox
                    command: [sleep, "1000"]
                    volumes: ["./out:/out"]
                    post_start:
                      - {command: sh -c 'echo started $$WHO >> /out/log', environment: {WHO: me}}
                    pre_stop:
                      - {command: [sh, -c, "echo stopping >> /out/log; exit 3"]}
                """)
            try engine.must("up", "-d", in: folder)
            let restart = try engine.roost("restart", "hooks-one-1")
            #expect(restart.code == 1 && restart.errors.contains("one hook exited with status 3"))
            let down = try engine.roost("down", in: folder)
            #expect(down.code == 1 && down.errors.contains("one hook exited with status 3"))
            #expect(
                try String(contentsOfFile: folder + "/out/log", encoding: .utf8)
                    == "started me\nstopping\nstarted me\nstopping\n")
            let bad = try engine.writeProject(
                "services: {one: {image: busybox, command: [sleep, '9'], post_start: [{command: [sh, -c, 'echo no; exit 4']}]}}",
                name: "bad")
            let outcome = try engine.roost("up", "-d", in: bad)
            #expect(
                outcome.code == 1
                    && outcome.errors.contains("one hook exited with status 4: no"))
            // A command that is run once may be over before a hook begins: it has done what it was for.
            let quick = try engine.writeProject(
                "services: {one: {image: busybox, post_start: [{command: sleep 0.01}]}}", name: "quick")
            for _ in 0..<5 { try engine.must("compose", "run", "--rm", "one", "true", in: quick) }
            try engine.must("down", in: quick)
            try engine.must("down", in: bad)
        }
    }

    @Test("names as the first Compose had them, and the labels that other tools look at")
    func compatibleNames() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                "name: old\nservices: {one: {image: busybox, command: [sleep, '1000'], stop_grace_period: 0s}}\n")
            try engine.must("--compatibility", "up", "-d", in: folder)
            let image = try engine.must(
                "inspect", "-f", "{{index .Config.Labels \"com.docker.compose.image\"}} {{.Image}}", "old_one_1"
            ).split(separator: " ")
            #expect(image.first == image.last && image.first?.hasPrefix("sha256:") == true)
            let once = try engine.must("--compatibility", "compose", "run", "-d", "one", "sleep", "9", in: folder)
            let labels = try engine.must(
                "inspect", "-f", "{{.Name}} {{index .Config.Labels \"com.docker.compose.slug\"}}", once
            ).split(separator: " ")
            #expect(labels.first == "/old_one_run_\(labels.last?.prefix(12) ?? "")")
            #expect(try engine.must("up", "-d", in: folder, environment: ["COMPOSE_COMPATIBILITY": "1"]).isEmpty)
            try engine.must("down", in: folder)
        }
    }

    @Test("compose's own views and verbs: ls, ps, port, top, images, volumes, wait, scale, run, rm, drift")
    func views() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: views
                services:
                  web:
                    image: busybox
                    command: [sh, -c, "trap exit TERM; while :; do sleep 100 & wait; done"]
                    ports: ["127.0.0.1::80"]
                    volumes: ["data:/d"]
                    environment: {LEVEL: low}
                  job: {image: busybox, command: [sh, -c, "sleep 1; exit 3"]}
                volumes: {data: }
                """)
            func compose(_ words: String...) throws -> Outcome {
                try engine.roost(["compose"] + words, in: folder)
            }
            #expect(try engine.roost("drift", in: folder).code == 2)
            #expect(try compose("up", "-d").code == 0)
            let ended = try compose("wait", "job")
            #expect(ended.code == 3 && ended.output.hasSuffix("exited with status code 3\n"))
            #expect(try engine.must("ls", "-q") == "views")
            #expect(try compose("ps", "--format", "json").output.contains("\"Service\":\"web\""))
            #expect(try compose("port", "web", "80").output.hasPrefix("127.0.0.1:"))
            #expect(try compose("top", "web").output.contains("sleep 100"))
            #expect(try compose("images").output.contains("busybox"))
            #expect(try compose("volumes", "-q").lines == ["views_data"])
            #expect(try compose("stats", "--no-stream").output.contains("views-web-1"))
            #expect(try compose("run", "--rm", "-v", "\(folder):/x:ro", "web", "ls", "/x").output == "compose.yaml\n")
            #expect(try compose("scale", "web=2").code == 0)
            #expect(try compose("rm").code == 0, "the ended job goes, what runs stays")
            #expect(try compose("ps", "-q").lines.count == 2)
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("drift", in: folder).hasPrefix("No drift: "))
            #expect(try engine.must("env", "--explain", "web.LEVEL", in: folder).contains("compose.yaml:8"))
            try engine.must("down", "-v", in: folder)
        }
    }

    @Test("completions for three shells, and help without an engine", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let outcome = try TestEngine.run(TestEngine.programs + "/roost", ["--generate-completion-script", shell])
        #expect(outcome.code == 0 && outcome.output.contains("force-recreate"))
        #expect(try TestEngine.run(TestEngine.programs + "/roost", ["up", "--help"]).output.contains("roost up"))
    }

    @Test("an engine that is killed comes back, and nothing is lost")
    func killedEngine() throws {
        try withEngine { engine in
            try engine.must("network", "create", "net")
            try engine.must(
                "run", "-d", "--name", "counter", "--network", "net", "-p", "127.0.0.1:0:80", "busybox", "sh", "-c",
                "httpd -p 80 -h /etc; i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done")
            try engine.must("run", "-d", "--name", "job", "busybox", "sh", "-c", "sleep 0.5; exit 9")
            let id = try engine.must("inspect", "-f", "{{.State.Pid}}", "counter")
            for _ in 0..<5 {
                let pid = try engine.enginePID
                kill(pid, SIGKILL)
                try engine.eventually("another engine serves") { try engine.enginePID != pid }
            }
            #expect(try engine.must("inspect", "-f", "{{.State.Pid}} {{.RestartCount}}", "counter") == "\(id) 0")
            try engine.eventually("the job's end is known") {
                try engine.must("inspect", "-f", "{{.State.ExitCode}}", "job") == "9"
            }
            let place = try engine.must("port", "counter", "80")
            #expect(
                try TestEngine.run("/usr/bin/curl", ["-s", "-m", "5", "http://\(place)/passwd"]).output.hasPrefix(
                    "root:"))
            #expect(
                try engine.must("run", "--rm", "--network", "net", "busybox", "nslookup", "counter").contains("counter")
            )
            let numbers = try engine.must("logs", "counter").split(separator: "\n").compactMap { Int($0) }
            #expect(numbers == Array(1...max(1, numbers.count)))
        }
    }

    @Test("a killed shim takes its container along, and the project brings it back")
    func killedShim() throws {
        try withEngine { engine in
            let project = try engine.writeProject(
                "name: heal\nservices: {one: {image: busybox, command: sleep 1000}}\n")
            try engine.must("up", "-d", in: project)
            let pid = try engine.must("inspect", "-f", "{{.State.Pid}}", "heal-one-1")
            let status = try TestEngine.kernelFile("/proc/\(pid)/status")
            let parent =
                Int32(status.split(separator: "\n").first { $0.hasPrefix("PPid:") }?.split(separator: "\t").last ?? "")
                ?? 0
            try #require(parent > 1)
            kill(parent, SIGKILL)
            try engine.eventually("it runs again") {
                try engine.must("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "heal-one-1") == "running 1"
            }
            let second = Int32(try engine.must("inspect", "-f", "{{.State.Pid}}", "heal-one-1")) ?? 0
            try #require(second > 1)
            kill(second, SIGKILL)
            try engine.eventually("it runs once more") {
                try engine.must("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "heal-one-1") == "running 2"
            }
            try engine.must("stop", "heal-one-1")
            #expect(try engine.must("inspect", "-f", "{{.State.Status}}", "heal-one-1") == "exited")
            try engine.must("down", in: project)
        }
    }

    @Test(
        "mistakes in a project are refused by name, and nothing is half-made",
        arguments: [
            ("services: {a1: {image: nosuch, pull_policy: never}}", "No such image: nosuch"),
            ("services: {a1: {image: busybox, comand: x}}", "did you mean command?"),
            ("services: {a1: {image: busybox, ports: ['x:80']}}", "compose.yaml:1:"),
            (
                "services: {a1: {image: busybox, depends_on: [b1]}, b1: {image: busybox, depends_on: [a1]}}",
                "dependency cycle detected"
            ),
            (
                "services: {a1: {image: busybox, networks: [n1]}}\nnetworks: {n1: {external: true}}",
                "declared as external, but could not be found"
            ),
            ("services: {a1: {image: busybox, gpus: all}}", "could not select device driver"),
        ])
    func mistakes(text: String, words: String) throws {
        try withEngine { engine in
            let outcome = try engine.roost("up", "-d", in: try engine.writeProject(text))
            #expect(outcome.code != 0)
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
            #expect(try engine.must("ps", "-aq").isEmpty)
        }
    }

    @Test("hostile and broken archives are refused, and nothing of them stays")
    func archives() throws {
        try withEngine { engine in
            func refused(_ name: String, _ make: String, _ words: String) throws {
                let path = "\(engine.folder)/\(name).tar"
                let made = try TestEngine.run(
                    "/bin/sh", ["-c", "cd \(engine.folder) && rm -rf w && mkdir w && cd w && \(make)"],
                    environment: ["OUT": path])
                #expect(made.code == 0, "\(made.errors)")
                let outcome = try engine.roost("import", path, "bad")
                #expect(outcome.code == 1, "\(name)")
                #expect(outcome.errors.contains(words), "\(name): \(outcome.errors)")
            }
            try refused("up", "echo x > f && tar -cf $OUT --transform 's|^|../../|' f -P", "leads out of the image")
            try refused("device", "mknod sda b 8 0 && tar -cf $OUT sda", "block device 8:0")
            try refused(
                "cut", "head -c 300000 /dev/urandom > f && tar -c f | head -c 100000 > $OUT", "the archive is truncated"
            )
            try refused(
                "link",
                "ln -s /etc evil && tar -cf $OUT evil && rm evil && mkdir evil && echo x > evil/roost-was-here && tar -rf $OUT evil/roost-was-here",
                "evil/roost-was-here")
            #expect(!FileManager.default.fileExists(atPath: "/etc/roost-was-here"))
            #expect(try engine.roost("load", "-i", "\(TestEngine.root)/README.md").code == 1)
            #expect(try engine.must("images", "-q").split(separator: "\n").count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: engine.dataRoot + "/layers/arriving").isEmpty)
        }
    }

    @Test("images go out and come back the same, plain and compressed")
    func saveAndLoad() throws {
        try withEngine { engine in
            let id = try engine.must("images", "-q", "--no-trunc")
            try engine.must("tag", "busybox", "other/name:1")
            try engine.must("save", "-o", "all.tar", "busybox", "other/name:1")
            _ = try TestEngine.run("/bin/sh", ["-c", "cd \(engine.folder) && gzip -k all.tar && zstd -q all.tar"])
            for file in ["all.tar", "all.tar.gz", "all.tar.zst"] {
                try engine.must("rmi", "busybox", "other/name:1")
                #expect(try engine.must("images", "-q").isEmpty)
                #expect(try engine.must("load", "-i", file).contains("Loaded image: other/name:1"))
                #expect(
                    try engine.must("image", "inspect", "-f", "{{.Id}}", "busybox")
                        == id.split(separator: "\n").first.map(String.init))
                #expect(try engine.must("run", "--rm", "other/name:1", "echo", "runs") == "runs")
            }
        }
    }

    @Test("a full disk is named, and costs nothing but the new")
    func fullDisk() throws {
        try withEngine { engine in
            let small = engine.folder + "/small"
            try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
            #expect(try TestEngine.run("/bin/mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", small]).code == 0)
            let roots = ["ROOST_RUN_ROOT": engine.folder + "/run2", "ROOST_DATA_ROOT": small]
            let outcome = try engine.roost(
                "import", TestEngine.root + "/.build/images/busybox.tar", "big", environment: roots)
            #expect(outcome.code == 1 && outcome.errors.lowercased().contains("no space left"), "\(outcome.errors)")
            #expect(try engine.must("images", "-q", environment: roots).isEmpty)
            try engine.must("engine", "stop", environment: roots)
            #expect(try TestEngine.run("/bin/umount", [small]).code == 0)
        }
    }
}
