import Foundation
import Testing

/// Projects as people have them: whole stacks through their lives, and updates under load.
@Suite(.serialized) struct ProjectTests {
    @Test(
        "a stack goes up, works, is changed, scaled, killed, and goes down",
        arguments: ["voting", "mastodon", "paperless"])
    func stack(name: String) throws {
        try withEngine { engine in
            let folder = engine.folder + "/stacks"
            _ = try TestEngine.run(
                "/bin/cp", ["-a", TestEngine.root + "/Tests/SystemTests/Stacks", folder])
            let outcome = try TestEngine.run(
                "/bin/bash", [folder + "/run", name, folder],
                environment: engine.environment.merging(["ROOST": TestEngine.programs + "/roost"]) { $1 })
            #expect(outcome.code == 0, "\(outcome.output.suffix(2000))\(outcome.errors.suffix(2000))")
        }
    }

    @Test("samples/redis-image: a Dockerfile with packages, a user and a health check; a second build fetches nothing")
    func redisImage() throws {
        try withEngine(images: ["busybox", "debian"]) { engine in
            let folder = engine.folder + "/redis-image"
            try FileManager.default.copyItem(atPath: TestEngine.root + "/samples/redis-image", toPath: folder)
            let environment = ["REDIS_PORT": String(try StackTests.freePort())]
            try engine.must("up", "-d", "--wait", "--wait-timeout", "60", in: folder, environment: environment)
            try engine.eventually("the client counts") {
                try engine.must("compose", "exec", "-T", "redis", "redis-cli", "get", "visits", in: folder) != ""
            }
            #expect(try engine.must("compose", "exec", "-T", "redis", "id", "-un", in: folder) == "store")
            let id = try engine.must("image", "inspect", "-f", "{{.Id}}", "redis-image-sample-redis")
            // Another configuration: the packages are not fetched again.
            try "maxmemory 64mb\n".write(toFile: folder + "/redis.conf", atomically: true, encoding: .utf8)
            let again = try engine.must("build", "-t", "again", folder)
            #expect(!again.contains("Get:"))
            #expect(try engine.must("image", "inspect", "-f", "{{.Id}}", "again") != id)
            try engine.must("down", "-v", in: folder)
        }
    }

    private static let service = """
        name: updates
        services:
          web:
            image: busybox
            command: ["sh", "-c", "trap 'exit 0' TERM; mkdir /w; echo $$GEN > /w/index.html; httpd -p 80 -h /w; while :; do sleep 0.1; done"]
            environment: {GEN: "${GEN:-1}"}
            ports: ["127.0.0.1::80"]
            volumes: [/anonymous]
            healthcheck: {test: [CMD, sh, -c, "test $$GEN != bad"], interval: 200ms, retries: 2}
            deploy:
              replicas: 2
              update_config: {parallelism: 1, order: "${ORDER:-start-first}", failure_action: "${ACTION:-rollback}", monitor: 200ms}
              rollback_config: {order: start-first}
        """

    private func names(_ engine: TestEngine) throws -> [String] {
        try engine.must("ps", "-a", "--format", "{{.Names}}").split(separator: "\n").map(String.init).sorted()
    }

    @Test("an update starts the new first and loses no request; one that fails is rolled back")
    func startFirst() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(Self.service)
            try engine.must("up", "-d", "--wait", in: folder)
            let place = try engine.must("compose", "port", "web", "80", in: folder)
            let volume = try engine.must("inspect", "-f", "{{(index .Mounts 0).Name}}", "updates-web-1")
            // Requests go on until the file is gone.
            let going = engine.folder + "/going"
            FileManager.default.createFile(atPath: going, contents: nil)
            let answers = engine.folder + "/answers"
            let load = Process()
            load.executableURL = URL(fileURLWithPath: "/bin/sh")
            load.arguments = [
                "-c", "while [ -e \(going) ]; do curl -s -m 5 http://\(place)/ || echo lost; done > \(answers)",
            ]
            try load.run()
            try engine.must("up", "-d", in: folder, environment: ["GEN": "2"])
            try FileManager.default.removeItem(atPath: going)
            load.waitUntilExit()
            let lines = try String(contentsOfFile: answers, encoding: .utf8).split(separator: "\n")
            #expect(Set(lines).isSubset(of: ["1", "2"]))
            #expect(lines.first == "1" && lines.last == "2")
            #expect(try engine.must("compose", "port", "web", "80", in: folder) == place)
            #expect(try engine.must("inspect", "-f", "{{(index .Mounts 0).Name}}", "updates-web-1") == volume)
            #expect(try names(engine) == ["updates-web-1", "updates-web-2"])
            #expect(try engine.roost("plan", in: folder, environment: ["GEN": "2"]).code == 0)

            let failed = try engine.roost("up", "-d", in: folder, environment: ["GEN": "bad"])
            #expect(
                failed.code == 1 && failed.errors.contains("the update failed and was rolled back"), "\(failed.errors)")
            #expect(try names(engine) == ["updates-web-1", "updates-web-2"])
            #expect(try TestEngine.run("/usr/bin/curl", ["-s", "-m", "5", "http://\(place)/"]).output == "2\n")
            #expect(try engine.roost("plan", in: folder, environment: ["GEN": "2"]).code == 0)
        }
    }

    @Test("an update that stops the old first pauses at the first failure, or brings the old back")
    func stopFirst() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(Self.service)
            let stop = ["ORDER": "stop-first"]
            try engine.must("up", "-d", "--wait", in: folder, environment: stop)
            let first = try engine.must("ps", "-q", "--no-trunc", "--filter", "name=web-1")
            let rolledBack = try engine.roost("up", "-d", in: folder, environment: stop.merging(["GEN": "bad"]) { $1 })
            #expect(rolledBack.code == 1 && rolledBack.errors.contains("rolled back"))
            #expect(try engine.must("ps", "-q", "--no-trunc", "--filter", "name=web-1") == first)
            #expect(try names(engine) == ["updates-web-1", "updates-web-2"])

            let paused = try engine.roost(
                "up", "-d", in: folder, environment: stop.merging(["GEN": "bad", "ACTION": "pause"]) { $1 })
            #expect(
                paused.code == 1
                    && paused.errors.contains("the update is paused, 1 of 2 replicas still run the old version"))
            // The next up mends what is left.
            try engine.must("up", "-d", "--wait", in: folder, environment: stop.merging(["GEN": "3"]) { $1 })
            #expect(try names(engine) == ["updates-web-1", "updates-web-2"])
            #expect(try engine.must("exec", "updates-web-1", "cat", "/w/index.html") == "3")
        }
    }

    @Test(
        "pre_start runs to its end before a service starts, on its volumes and networks; its failure keeps the service from starting"
    )
    func preparation() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: prepared
                services:
                  db: {image: busybox, command: [sleep, "1000"]}
                  web:
                    image: busybox
                    command: [sleep, "1000"]
                    environment: {CODE: "${CODE:-0}"}
                    depends_on: [db]
                    volumes: ["data:/data"]
                    use_api_socket: true
                    pre_start:
                      - {command: [sh, -c, "ping -c1 db && echo one >> /data/log"]}
                      - {command: [sh, -c, "echo $$WHO >> /data/log; echo said; exit $$CODE"], environment: {WHO: two}}
                volumes: {data: {}}
                """)
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("exec", "prepared-web-1", "cat", "/data/log") == "one\ntwo")
            #expect(
                try engine.must("exec", "prepared-web-1", "sh", "-c", "test -S /var/run/docker.sock && echo yes")
                    == "yes")
            #expect(try names(engine) == ["prepared-db-1", "prepared-web-1"])
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("exec", "prepared-web-1", "cat", "/data/log") == "one\ntwo")
            let failed = try engine.roost("up", "-d", in: folder, environment: ["CODE": "3"])
            #expect(
                failed.code == 1 && failed.errors.contains("pre_start exited with code 3; its last lines:\n  said"),
                "\(failed.errors)")
            #expect(try engine.must("ps", "-q", "--filter", "name=web-1") != "")
        }
    }
}
