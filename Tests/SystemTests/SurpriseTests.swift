import Foundation
import Testing

/// What surprises people about Compose, and what happens here instead: a test for each that needs containers to be seen.
@Suite(.serialized) struct SurpriseTests {
    @Test("up --wait is content with jobs that end well, and shows the last words of those that do not")
    func waitingForJobs() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: jobs
                services:
                  good: {image: busybox, command: "true"}
                  web: {image: busybox, command: sleep 1000, healthcheck: {test: ["CMD", "true"], interval: 1s}}
                """)
            try engine.must("up", "-d", "--wait", in: folder)
            #expect(try engine.must("inspect", "-f", "{{.State.Health.Status}}", "jobs-web-1") == "healthy")
            let bad = try engine.writeProject(
                "services: {job: {image: busybox, command: [sh, -c, 'echo last words; exit 3']}}", name: "bad")
            let outcome = try engine.roost("up", "-d", "--wait", in: bad)
            #expect(outcome.code == 1 && outcome.errors.contains("exited (3)") && outcome.errors.contains("last words"))
        }
    }

    @Test("what an image is built from has changed: up builds it; with --no-build it says that the image is stale")
    func staleImages() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                "name: stale\nservices: {web: {build: ., command: sleep 1000}}\n")
            try "FROM busybox\nCOPY file /file\n".write(
                toFile: folder + "/Dockerfile", atomically: true, encoding: .utf8)
            try "one\n".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
            try engine.must("up", "-d", in: folder)
            try "two\n".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
            let kept = try engine.roost("up", "-d", "--no-build", in: folder)
            #expect(kept.code == 0 && kept.errors.contains("service web runs a stale image"), "\(kept.errors)")
            #expect(try engine.must("exec", "stale-web-1", "cat", "/file") == "one")
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("exec", "stale-web-1", "cat", "/file") == "two")
            #expect(try !engine.roost("up", "-d", "--no-build", in: folder).errors.contains("a stale image"))
        }
    }

    @Test("changed options of volumes and networks are told, and nothing is lost")
    func changedOptions() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: options
                services: {web: {image: busybox, command: sleep 1000, volumes: ["data:/data"]}}
                volumes: {data: {driver_opts: {type: none, o: bind, device: "${DEVICE}"}}}
                networks: {default: {internal: "${INTERNAL:-false}"}}
                """)
            for name in ["one", "two"] {
                try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
            }
            try engine.must("up", "-d", in: folder, environment: ["DEVICE": folder + "/one"])
            let plan = try engine.roost(
                "plan", in: folder, environment: ["DEVICE": folder + "/two", "INTERNAL": "true"])
            #expect(
                plan.output.contains("differs from the Compose file (driver_opts.device"), "\(plan.output)")
            #expect(plan.output.contains("its data is kept"))
            #expect(plan.output.contains("recreate network options_default  (internal false → true)"))
            let id = try engine.must("inspect", "-f", "{{.Id}}", "options-web-1")
            try engine.must("up", "-d", in: folder, environment: ["DEVICE": folder + "/one", "INTERNAL": "true"])
            #expect(try engine.must("network", "inspect", "-f", "{{.Internal}}", "options_default") == "true")
            #expect(try engine.must("inspect", "-f", "{{.Id}}", "options-web-1") == id, "it ran on")
            #expect(try engine.must("exec", "options-web-1", "ip", "route").contains("default") == false)
            #expect(
                try engine.must("exec", "options-web-1", "ping", "-c1", "-W1", "web").contains("1 packets received"))
            try engine.must("network", "disconnect", "options_default", "options-web-1")
            try engine.must("up", "-d", in: folder, environment: ["DEVICE": folder + "/one", "INTERNAL": "true"])
            #expect(
                try engine.must("exec", "options-web-1", "ping", "-c1", "-W1", "web").contains("1 packets received"))
        }
    }

    @Test("anonymous volumes and addresses stay over a new container; -V renews the volumes")
    func recreation() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: anew
                services:
                  a: {image: busybox, command: sleep 1000}
                  web: {image: busybox, command: sleep 1000, volumes: [/data], environment: {GEN: "${GEN:-1}"}}
                  z: {image: busybox, command: sleep 1000}
                """)
            try engine.must("up", "-d", in: folder)
            let address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
            try engine.must("exec", "anew-web-1", "sh", "-c", "echo kept > /data/file")
            let before = try engine.must("inspect", "-f", address, "anew-web-1")
            try engine.must("up", "-d", in: folder, environment: ["GEN": "2"])
            #expect(try engine.must("exec", "anew-web-1", "cat", "/data/file") == "kept")
            #expect(try engine.must("inspect", "-f", address, "anew-web-1") == before)
            try engine.must("up", "-d", "-V", in: folder, environment: ["GEN": "3"])
            #expect(try engine.roost("exec", "anew-web-1", "cat", "/data/file").code != 0)
        }
    }

    @Test("a service of a profile that is off is no orphan; one that the file has no more is")
    func orphans() throws {
        try withEngine { engine in
            let text = """
                name: orphans
                services:
                  web: {image: busybox, command: sleep 1000}
                  tool: {image: busybox, command: sleep 1000, profiles: [tools]}

                """
            let folder = try engine.writeProject(text + "  gone: {image: busybox, command: sleep 1000}\n")
            try engine.must("--profile", "tools", "up", "-d", in: folder)
            _ = try engine.writeProject(text)
            let told = try engine.roost("up", "-d", in: folder)
            #expect(told.errors.contains("orphans-gone-1") && !told.errors.contains("orphans-tool-1"), "\(told.errors)")
            try engine.must("up", "-d", "--remove-orphans", in: folder)
            #expect(
                Set(try engine.must("ps", "--format", "{{.Names}}").split(separator: "\n")) == [
                    "orphans-web-1", "orphans-tool-1",
                ])
        }
    }

    @Test("a network in use stays, and the one who uses it is named; ports that are open to others are told")
    func networkInUse() throws {
        try withEngine { engine in
            let port = try StackTests.freePort()
            let folder = try engine.writeProject(
                "name: used\nservices: {web: {image: busybox, command: sleep 1000, ports: [\"\(port):80\", \"127.0.0.1::81\"]}}\n"
            )
            let up = try engine.roost("up", "-d", in: folder)
            #expect(up.errors.contains("published on all interfaces: web \(port); to restrict a port"))
            try engine.must("run", "-d", "--name", "guest", "--network", "used_default", "busybox", "sleep", "1000")
            let down = try engine.roost("down", in: folder)
            // As Compose: a network that others use stays, and that is told.
            #expect(down.code == 0 && down.errors.contains("Resource is still in use"), "\(down.errors)")
            try engine.must("rm", "-f", "guest")
            try engine.must("down", in: folder)
            #expect(try engine.must("network", "ls", "-q", "--filter", "type=custom").isEmpty)
        }
    }

    @Test("--exit-code-from gives that service's code, whatever ends the others")
    func exitCode() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: codes
                services:
                  db: {image: busybox, command: [sh, -c, "trap 'exit 9' TERM; while :; do sleep 0.1; done"]}
                  test: {image: busybox, command: [sh, -c, "sleep 0.3; exit 42"]}
                """)
            #expect(try engine.roost("up", "--exit-code-from", "test", in: folder).code == 42)
        }
    }

    @Test("logs follow a service over new containers, and up shows this start only")
    func followingLogs() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: logs
                services: {web: {image: busybox, command: [sh, -c, "echo run $$GEN; exec sleep 1000"], environment: {GEN: "${GEN:-1}"}}}
                """)
            try engine.must("up", "-d", in: folder)
            let log = engine.folder + "/followed"
            _ = FileManager.default.createFile(atPath: log, contents: nil)
            let follower = Process()
            follower.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roost")
            follower.arguments = ["logs", "-f"]
            follower.currentDirectoryURL = URL(fileURLWithPath: folder)
            follower.environment = ProcessInfo.processInfo.environment.merging(engine.environment) { $1 }
            follower.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            try follower.run()
            func said() throws -> String { try String(contentsOfFile: log, encoding: .utf8) }
            try engine.eventually("the first run is shown") { try said().contains("run 1") }
            try engine.must("up", "-d", in: folder, environment: ["GEN": "2"])
            try engine.eventually("the new container is followed") { try said().contains("run 2") }
            follower.terminate()
            follower.waitUntilExit()
            try engine.must("down", in: folder)
        }
    }

    @Test("who shares another's network keeps it over the other's restarts and death")
    func sharedNetwork() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: shared
                services:
                  vpn: {image: busybox, command: sleep 1000, ports: ["127.0.0.1::80"], restart: always}
                  app:
                    image: busybox
                    command: [sh, -c, "mkdir /w; echo here > /w/index.html; exec httpd -f -p 80 -h /w"]
                    network_mode: "service:vpn"
                  db: {image: busybox, command: sleep 1000}
                """)
            try engine.must("up", "-d", in: folder)
            func check(_ what: String) throws {
                try engine.eventually(what) {
                    let place = try engine.must("compose", "port", "vpn", "80", in: folder)
                    let answer = try TestEngine.run("/usr/bin/curl", ["-s", "-m", "2", "http://\(place)/"]).output
                    return try answer == "here\n"
                        && engine.must("exec", "shared-app-1", "ping", "-c1", "-W2", "db").contains(
                            "1 packets received")
                }
            }
            try check("it works at first")
            try engine.must("restart", "-t", "0", "shared-vpn-1")
            try check("it works after a restart")
            kill(Int32(try engine.must("inspect", "-f", "{{.State.Pid}}", "shared-vpn-1")) ?? 0, SIGKILL)
            try check("it works after a death")
            #expect(try engine.must("inspect", "-f", "{{.RestartCount}}", "shared-app-1") == "0")
        }
    }

    @Test("a crash loop is told: how long it waits, and up --wait ends with the reason")
    func crashLoop() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                "name: loop\nservices: {web: {image: busybox, command: [sh, -c, 'exit 7'], restart: always}}\n")
            try engine.must("up", "-d", in: folder)
            try engine.eventually("ps tells when it is tried again") {
                try engine.must("ps", "-a", "--format", "{{.Status}}").range(
                    of: #"^Restarting \(7\) .* ago, again in \d+s$"#, options: .regularExpression) != nil
            }
            try engine.must("down", in: folder)
        }
    }

    @Test("restart: true restarts dependents with a new dependency; a restart policy has its own delay and number")
    func dependents() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: deps
                services:
                  db: {image: busybox, command: sleep 1000, environment: {GEN: "${GEN:-1}"}}
                  web: {image: busybox, command: sleep 1000, depends_on: {db: {condition: service_started, restart: true}}}
                  free: {image: busybox, command: sleep 1000, depends_on: [db]}
                  twice:
                    image: busybox
                    command: [sh, -c, "exit 1"]
                    deploy: {restart_policy: {condition: on-failure, delay: 10ms, max_attempts: 2}}
                """)
            try engine.must("up", "-d", in: folder)
            func started(_ name: String) throws -> String {
                try engine.must("inspect", "-f", "{{.State.StartedAt}}", name)
            }
            let (web, free) = (try started("deps-web-1"), try started("deps-free-1"))
            try engine.must("up", "-d", in: folder, environment: ["GEN": "2"])
            #expect(try started("deps-web-1") != web)
            #expect(try started("deps-free-1") == free)
            let again = try started("deps-web-1")
            try engine.must("compose", "restart", "-t", "0", "db", in: folder)
            #expect(try started("deps-web-1") != again)
            try engine.eventually("two attempts, no more") {
                try engine.must("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "deps-twice-1") == "exited 2"
            }
        }
    }
}
