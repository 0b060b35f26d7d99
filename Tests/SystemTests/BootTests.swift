import Foundation
import Testing

/// What comes back after a boot, and what can be had back after a `down`.
@Suite struct BootTests {
    /// A boot, as far as this engine can see: it and all its shims are gone, and with them every container.
    private func reboot(_ engine: TestEngine) throws {
        let shims = try engine.must("ps", "-aq", "--no-trunc").split(separator: "\n").map { "roost-shim\0\($0)" }
        let pids = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { pid in
            let line = (try? TestEngine.kernelFile("/proc/\(pid)/cmdline")) ?? ""
            return line.hasPrefix("roostd") && line.contains(engine.dataRoot) || shims.contains { line.hasPrefix($0) }
        }
        for pid in pids { kill(pid, SIGSTOP) }
        for pid in pids { kill(pid, SIGKILL) }
    }

    @Test("after a boot services come back in the order of depends_on, with its conditions")
    func order() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: boot
                services:
                  db:
                    image: busybox
                    command: [sh, -c, "sleep 1; touch /run/ready; exec sleep 1000"]
                    tmpfs: /run
                    restart: always
                    healthcheck: {test: ["CMD", "test", "-f", "/run/ready"], interval: 1s, start_period: 30s, start_interval: 200ms}
                  job: {image: busybox, command: "true"}
                  web:
                    image: busybox
                    command: sleep 1000
                    restart: always
                    depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}
                  plain: {image: busybox, command: sleep 1000, depends_on: [web]}
                """)
            try engine.must("up", "-d", in: folder)
            func fact(_ name: String, _ template: String) throws -> String {
                try engine.must("inspect", "-f", template, name)
            }
            let before = try fact("boot-web-1", "{{.State.StartedAt}}")
            let job = try fact("boot-job-1", "{{.State.StartedAt}}")
            try reboot(engine)
            try engine.eventually("everything runs again") {
                try engine.must("ps", "-q", "--filter", "status=running").split(separator: "\n").count == 3
            }
            let healthy = try fact(
                "boot-db-1", "{{range .State.Health.Log}}{{if eq .ExitCode 0}}{{json .End}} {{end}}{{end}}"
            ).split(separator: " ").first.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
            let started = try fact("boot-web-1", "{{.State.StartedAt}}")
            #expect(started > before)
            #expect(started > (healthy ?? "9"), "web started at \(started), db was healthy at \(healthy ?? "no time")")
            #expect(try fact("boot-plain-1", "{{.State.StartedAt}}") > started)
            #expect(try fact("boot-job-1", "{{.State.StartedAt}}") == job, "a job that is done is done")
            try engine.must("down", in: folder)
        }
    }

    @Test("a stop while a service waits for another after a boot is a stop")
    func stopWhileWaiting() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: wait
                services:
                  db:
                    image: busybox
                    command: sleep 1000
                    restart: always
                    healthcheck: {test: ["CMD", "test", "-f", "/data/ready"], interval: 300ms, retries: 1000}
                    volumes: ["data:/data"]
                  web: {image: busybox, command: sleep 1000, restart: always, depends_on: {db: {condition: service_healthy}}}
                volumes: {data: }
                """)
            try engine.must("up", "--no-start", in: folder)
            try engine.must("start", "wait-db-1", "wait-web-1")
            try reboot(engine)
            try engine.eventually("db runs") {
                try engine.must("inspect", "-f", "{{.State.Status}}", "wait-db-1") == "running"
            }
            #expect(try engine.must("inspect", "-f", "{{.State.Status}}", "wait-web-1") == "restarting")
            try engine.must("stop", "-t", "0", "wait-web-1")
            try engine.must("exec", "wait-db-1", "touch", "/data/ready")
            try engine.eventually("db is healthy") {
                try engine.must("inspect", "-f", "{{.State.Health.Status}}", "wait-db-1") == "healthy"
            }
            #expect(try engine.must("inspect", "-f", "{{.State.Status}}", "wait-web-1") == "exited")
            try engine.must("down", "-v", in: folder)
        }
    }

    @Test("what down -v takes away can be had back; --purge is for good; a crash in between loses nothing")
    func trash() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: bin
                services:
                  web: {image: busybox, command: sleep 1000, volumes: ["data:/data", "none:/none", /anonymous]}
                  other: {image: busybox, command: sleep 1000, volumes: ["more:/more"]}
                volumes: {data: {labels: {mine: "yes"}}, none: , more: }
                """)
            try engine.must("up", "-d", in: folder)
            try engine.must("exec", "bin-web-1", "sh", "-c", "echo here > /data/file; echo here > /anonymous/file")
            try engine.must("exec", "bin-other-1", "sh", "-c", "echo more > /more/file")
            let told = try engine.roost("down", "-v", "web", in: folder)
            #expect(told.errors.contains("roost trash restore bin_data"), "\(told.errors)")
            // Another service and its volume are not touched. An empty volume has a name and labels to be had back.
            #expect(try engine.must("ps", "--format", "{{.Names}}") == "bin-other-1")
            #expect(try engine.must("volume", "ls", "-q") == "bin_more")
            #expect(try engine.must("trash", "-q").split(separator: "\n").count == 3)
            for pid in engine.enginePIDs { kill(pid, SIGKILL) }
            // The next engine, found by a request that may be repeated.
            #expect(try engine.must("trash", "-q").split(separator: "\n").count == 3)
            try engine.must("trash", "restore", "bin_data")
            #expect(try engine.must("volume", "inspect", "-f", "{{.Labels.mine}}", "bin_data") == "yes")
            try engine.must("up", "-d", in: folder)
            #expect(try engine.must("exec", "bin-web-1", "cat", "/data/file") == "here")
            #expect(try engine.roost("trash", "restore", "bin_data").errors.contains("in the trash"))
            try engine.must("down", "-v", in: folder)
            try engine.must("volume", "create", "bin_data")
            #expect(try engine.roost("trash", "restore", "bin_data").errors.contains("--name"))
            try engine.must("trash", "restore", "bin_data", "--name", "again")
            let read = try engine.must("run", "--rm", "-v", "again:/v", "busybox", "cat", "/v/file")
            #expect(read == "here")
            #expect(try engine.must("trash", "empty").contains("bin_more"))
            #expect(try engine.must("trash", "-q").isEmpty)
            try engine.must("up", "-d", in: folder)
            try engine.must("exec", "bin-web-1", "touch", "/data/file")
            try engine.must("down", "-v", "--purge", in: folder)
            #expect(try engine.must("trash", "-q").isEmpty)
        }
    }

    @Test("logs of several services come in the order of their times, grouped if that is asked for")
    func logOrder() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                "name: order\nservices: {a: {image: busybox, command: sleep 1000}, b: {image: busybox, command: sleep 1000}}\n"
            )
            try engine.must("up", "-d", in: folder)
            for number in 2...11 {
                let name = "order-\(number % 2 == 0 ? "a" : "b")-1"
                try engine.must("exec", name, "sh", "-c", "echo line \(number) > /proc/1/fd/1")
                try engine.eventually("it is in the log") { try engine.must("logs", name).contains("line \(number)") }
            }
            try engine.must("compose", "kill", in: folder)
            let wanted = (2...11).map { "line \($0)" }
            let logs = try engine.must("logs", "--no-log-prefix", in: folder)
            #expect(logs.split(separator: "\n").map(String.init) == wanted)
            let followed = try engine.must("logs", "-f", "--no-log-prefix", in: folder)
            #expect(followed.split(separator: "\n").map(String.init) == wanted)
            let grouped = try engine.must("logs", "--grouped", in: folder).split(separator: "\n").map { $0.prefix(1) }
            #expect(grouped == Array(repeating: "a", count: 5) + Array(repeating: "b", count: 5))
            try engine.must("down", "-v", in: folder)
        }
    }
}
