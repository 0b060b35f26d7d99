import Foundation
import Testing

/// Containers as their users see them.
@Suite(.serialized) struct ContainerTests {
    @Test("exit codes are Docker's")
    func exitCodes() throws {
        try withEngine { engine in
            #expect(try engine.roost("run", "--rm", "busybox", "sh", "-c", "exit 7").code == 7)
            #expect(
                try engine.roost("run", "--rm", "busybox", "sh", "-c", "sleep 100 & kill -9 $!; wait $!; exit $?").code
                    == 137)
            let missing = try engine.roost("run", "--rm", "busybox", "nosuch")
            #expect(missing.code == 127)
            #expect(missing.errors.contains("exec: \"nosuch\": executable file not found in $PATH"))
            #expect(try engine.roost("run", "--rm", "busybox", "/etc").code == 126)
            let image = try engine.roost("run", "--rm", "--pull", "never", "nosuchimage")
            #expect(image.code == 125)
            #expect(image.errors.contains("No such image: nosuchimage:latest"))
            #expect(try engine.must("ps", "-aq").isEmpty)
        }
    }

    @Test("streams: apart, in order, both ways")
    func streams() throws {
        try withEngine { engine in
            let both = try engine.roost("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
            #expect(both.output == "out\n" && both.errors == "err\n")
            let text = (0..<200_000).map { "line \($0)\n" }.joined()
            let echoed = try engine.roost(["run", "--rm", "-i", "busybox", "cat"], input: Data(text.utf8))
            #expect(echoed.output == text)
            try engine.must(
                "run", "-d", "--name", "talker", "busybox", "sh", "-c",
                "for i in 1 2 3; do echo o$i; done; printf part; echo e >&2; sleep 1000")
            try engine.eventually("the log is there") {
                let said = try engine.roost("logs", "talker")
                return said.output.hasPrefix("o1\no2\no3\npart") && said.errors == "e\n"
            }
            // Which of the two streams was read first is nobody's promise.
            let last = try engine.roost("logs", "--tail", "2", "talker")
            #expect((last.output, last.errors) == ("part", "e\n") || (last.output, last.errors) == ("o3\npart", ""))
            let code = try engine.roost("exec", "talker", "sh", "-c", "exit 5").code
            #expect(code == 5)
            #expect(try engine.roost("exec", "-i", "talker", "cat", input: "hello").output == "hello")
        }
    }

    @Test("a container sees itself alone, with Docker's rights")
    func isolation() throws {
        try withEngine { engine in
            let text = try engine.must(
                "run", "--rm", "--hostname", "lone", "busybox", "sh", "-c",
                "hostname; echo pid $$; grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status; ls /proc/sys/kernel/hostname; cat /proc/kcore | wc -c; touch /proc/sys/kernel/x 2>&1; mount -t tmpfs t /mnt 2>&1; mknod /tmp/sda b 8 0 && cat /tmp/sda 2>&1; ls /../../.. | head -1"
            )
            #expect(text.hasPrefix("lone\npid 1\n"))
            #expect(
                text.contains("CapEff:\t00000000a80425fb") && text.contains("CapBnd:\t00000000a80425fb")
                    && text.contains("Seccomp:\t2"))
            #expect(
                text.contains("Read-only file system") || text.contains("nonexistent directory")
                    || text.contains("No such file"))
            #expect(text.contains("mount: permission denied") || text.contains("mount: mounting t on /mnt failed"))
            #expect(text.contains("sda: Operation not permitted") || text.contains("Operation not permitted"))
            #expect(
                try engine.must(
                    "run", "--rm", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE", "busybox", "grep", "CapEff",
                    "/proc/self/status"
                ).hasSuffix("0000000000000400"))
            #expect(
                try engine.must(
                    "run", "--rm", "--user", "nobody", "--security-opt", "no-new-privileges", "busybox", "sh", "-c",
                    "id -u; id -G; grep NoNewPrivs /proc/self/status") == "65534\n65534 50\nNoNewPrivs:\t1")
            #expect(
                try engine.roost("run", "--rm", "--user", "ghost", "busybox", "true").errors.contains(
                    "unable to find user ghost"))
        }
    }

    @Test("limits are the kernel's")
    func limits() throws {
        try withEngine { engine in
            let shown = try engine.must(
                "run", "--rm", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--ulimit", "nofile=100:200",
                "--sysctl", "net.core.somaxconn=77", "--shm-size", "1m", "busybox", "sh", "-c",
                "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; ulimit -n; cat /proc/sys/net/core/somaxconn; df -k /dev/shm | tail -1 | awk '{print $2}'"
            )
            #expect(shown == "67108864\n50\n100\n77\n1024")
            let greedy = try engine.roost(
                "run", "--name", "greedy", "-m", "16m", "busybox", "sh", "-c", "tail /dev/zero")
            #expect(greedy.code == 137)
            #expect(try engine.must("inspect", "-f", "{{.State.OOMKilled}}", "greedy") == "true")
            let low = try engine.roost("run", "--rm", "-m", "1m", "busybox", "true")
            #expect(low.code == 125 && low.errors.contains("Minimum memory limit allowed is 6MB"))
        }
    }

    @Test("volumes: named, bound, anonymous, read-only, memory")
    func volumes() throws {
        try withEngine { engine in
            try engine.must("run", "--rm", "-v", "keep:/data", "busybox", "sh", "-c", "echo kept > /data/f")
            #expect(
                try engine.must(
                    "run", "--rm", "-v", "keep:/data:ro", "busybox", "sh", "-c",
                    "cat /data/f; touch /data/x 2>/dev/null || echo refused") == "kept\nrefused")
            #expect(
                try engine.must("run", "--rm", "-v", "filled:/etc", "busybox", "sh", "-c", "head -1 /etc/passwd")
                    == "root:x:0:0:root:/root:/bin/sh")
            try engine.must("run", "--rm", "-v", "\(engine.folder)/made/deep:/b", "busybox", "touch", "/b/here")
            #expect(FileManager.default.fileExists(atPath: engine.folder + "/made/deep/here"))
            #expect(
                try engine.must(
                    "run", "--rm", "--tmpfs", "/t:size=64k", "--read-only", "busybox", "sh", "-c",
                    "touch /t/a && echo ok; touch /b 2>/dev/null || echo refused") == "ok\nrefused")
            try engine.must("run", "--name", "anon", "-v", "/a", "busybox", "true")
            let before = try engine.must("volume", "ls", "-q").split(separator: "\n").count
            let used = try engine.roost("volume", "rm", "keep", "nosuch")
            #expect(used.code == 1 && used.errors.contains("no such volume"))
            try engine.must("rm", "-v", "anon")
            #expect(try engine.must("volume", "ls", "-q").split(separator: "\n").count == before - 2)
            let missing = try engine.roost(
                "run", "--rm", "--mount", "type=bind,src=/no/such/place,dst=/x", "busybox", "true")
            #expect(missing.code == 125 && missing.errors.contains("bind source path does not exist: /no/such/place"))
        }
    }

    @Test("stop: gently, not in vain, and for good")
    func stopping() throws {
        try withEngine { engine in
            try engine.must(
                "run", "-d", "--name", "gentle", "--restart", "always", "busybox", "sh", "-c",
                "trap 'echo bye; exit 3' TERM; echo up; while true; do sleep 0.1; done")
            try engine.eventually("it is up") { try engine.must("logs", "gentle").contains("up") }
            try engine.must("stop", "gentle")
            #expect(try engine.must("inspect", "-f", "{{.State.ExitCode}} {{.State.Status}}", "gentle") == "3 exited")
            #expect(try engine.must("logs", "gentle").hasSuffix("bye"))
            try engine.must("start", "gentle")
            try engine.must("kill", "gentle")
            #expect(try engine.must("inspect", "-f", "{{.State.ExitCode}}", "gentle") == "137")
            let running = try engine.roost("rm", "gentle")
            #expect(running.code == 0)
            try engine.must("run", "-d", "--name", "deaf", "busybox", "sleep", "1000")
            try engine.must("stop", "deaf")
            #expect(try engine.must("inspect", "-f", "{{.State.ExitCode}}", "deaf") == "137")
            try engine.must("run", "-d", "--name", "inited", "--init", "busybox", "sleep", "1000")
            try engine.must("stop", "inited")
            #expect(try engine.must("inspect", "-f", "{{.State.ExitCode}}", "inited") == "143")
            let again = try engine.roost("run", "-d", "--name", "deaf", "busybox", "true")
            #expect(again.code == 125 && again.errors.contains("is already in use by container"))
        }
    }

    @Test("restart policies bring back what failed, as often as they say")
    func restarts() throws {
        try withEngine { engine in
            try engine.must(
                "run", "-d", "--name", "twice", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo try; exit 1")
            try engine.eventually("it has given up") {
                try engine.must("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "twice") == "2 exited"
            }
            #expect(try engine.must("logs", "twice") == "try\ntry\ntry")
            try engine.must("run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "1000")
            let pid = Int32(try engine.must("inspect", "-f", "{{.State.Pid}}", "always")) ?? 0
            try #require(pid > 1)
            kill(pid, SIGKILL)
            try engine.eventually("it runs again") {
                try engine.must("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "always") == "running 1"
            }
        }
    }

    @Test("a start in the moment of an end waits until the last run is cleared away")
    func startAtOnce() throws {
        try withEngine { engine in
            try engine.must("create", "--name", "quick", "busybox", "true")
            for _ in 0..<60 { try engine.must("start", "quick") }
        }
    }

    @Test("a terminal is a terminal")
    func terminals() throws {
        try withEngine { engine in
            let text = try engine.must(
                "run", "--rm", "-t", "busybox", "sh", "-c", "tty; test -c /dev/console && echo console")
            #expect(text == "/dev/pts/0\r\nconsole")
            // It has its size before the program can ask.
            let body = #"{"Image":"busybox","Tty":true,"Cmd":["stty","size"],"HostConfig":{"ConsoleSize":[31,97]}}"#
            let made = try TestEngine.run(
                "/usr/bin/curl",
                [
                    "-s", "--unix-socket", engine.runRoot + "/roost.sock", "-H", "Content-Type: application/json", "-d",
                    body, "http://x/containers/create?name=sized",
                ])
            #expect(made.code == 0)
            try engine.must("start", "sized")
            try engine.must("wait", "sized")
            #expect(try engine.must("logs", "sized").contains("31 97"))
        }
    }
}
