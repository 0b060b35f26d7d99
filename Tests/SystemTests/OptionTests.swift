import Foundation
import Testing

/// Options of containers, volumes and networks, each by what it does.
@Suite struct OptionTests {
    @Test("options in every spelling that Docker's command line takes; those that there are not are refused")
    func spellings() throws {
        try withEngine { engine in
            func output(_ words: String...) throws -> String {
                let outcome = try engine.roost(words)
                guard outcome.code == 0 else { throw TestEngine.Failure(text: "\(words): \(outcome.errors)") }
                return outcome.output.trimmingCharacters(in: .newlines)
            }
            #expect(
                try output(
                    "run", "--rm=true", "-t=false", "-eA=1", "-w/tmp", "-u7", "--memory-swap", "-1", "-m64m",
                    "--stop-timeout", "-1", "--sig-proxy=false", "busybox", "sh", "-c", "echo $A $(pwd) $(id -u)")
                    == "1 /tmp 7")
            #expect(try output("run", "--rm", "--", "busybox", "echo", "-n1") == "-n1")
            let unknown = try engine.roost("run", "--bogus", "busybox")
            #expect(unknown.code == 125 && unknown.errors.contains("unknown flag: --bogus"))
            #expect(try engine.roost("ps", "--bogus").code == 125)
            #expect(try engine.roost("run", "--rm", "busybox", "nosuch").code == 127)
            #expect(try engine.roost("run", "--rm", "--ulimit", "bogus=1", "busybox").code == 125)
        }
    }

    @Test("what create was asked for is what inspect shows, and commit keeps")
    func shown() throws {
        try withEngine { engine in
            try engine.must("create", "--name", "second", "-v", "/shared", "busybox")
            try engine.must(
                "create", "--name", "all", "-lx=y", "--domainname", "example", "--memory-reservation", "32m",
                "--cpu-quota", "50000", "--cpu-period", "100000", "--dns-opt", "ndots:2", "--annotation", "a=b",
                "--health-cmd", "true", "--health-start-interval", "2s", "--device-cgroup-rule", "c 1:3 mr",
                "--volumes-from", "second:ro", "--link", "second:other", "-v", "/own", "--entrypoint", "/bin/echo",
                "--stop-signal", "SIGINT", "--expose", "99", "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m",
                "--cap-add", "net_admin", "-m", "64m", "busybox", "hello")
            func fact(_ template: String) throws -> String { try engine.must("inspect", "-f", template, "all") }
            #expect(try fact("{{json .Config.Entrypoint}} {{json .Config.Cmd}}") == #"["/bin/echo"] ["hello"]"#)
            #expect(try fact("{{json .Config.Volumes}} {{.Config.StopSignal}}") == #"{"/own":{}} SIGINT"#)
            #expect(try fact("{{json .HostConfig.Mounts}}").contains("tmpfs"))
            #expect(
                try fact("{{json .HostConfig.CapAdd}} {{.HostConfig.MemorySwap}}") == #"["CAP_NET_ADMIN"] 134217728"#)
            #expect(try fact("{{json .HostConfig.Annotations}}") == #"{"a":"b"}"#)
            #expect(try fact("{{.HostConfig.CpuQuota}} {{json .HostConfig.VolumesFrom}}") == #"50000 ["second:ro"]"#)
            #expect(try fact("{{len .HostConfig.MaskedPaths}}") != "0")
            try engine.must("commit", "all", "kept:1")
            let image = try engine.must(
                "image", "inspect", "-f",
                "{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Config.StopSignal}} {{json .Config.ExposedPorts}}",
                "kept:1")
            #expect(image == #"["/bin/echo"] ["hello"] SIGINT {"99/tcp":{}}"#)
            #expect(try engine.roost("tag", "kept:1", "kept:a/b").code != 0)
        }
    }

    @Test("volumes that are file systems, parts of volumes, files of images")
    func mounts() throws {
        try withEngine { engine in
            try engine.must(
                "volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m,uid=7", "mem")
            try engine.must("run", "-d", "--name", "holder", "-v", "mem:/m", "busybox", "sleep", "1000")
            try engine.must("exec", "holder", "sh", "-c", "echo shared > /m/file")
            #expect(try engine.must("run", "--rm", "-v", "mem:/m", "busybox", "cat", "/m/file") == "shared")
            #expect(try engine.must("run", "--rm", "-v", "mem:/m", "busybox", "stat", "-c", "%u", "/m") == "7")
            for pid in engine.enginePIDs { kill(pid, SIGKILL) }
            #expect(try engine.must("exec", "holder", "cat", "/m/file") == "shared")
            try engine.must("rm", "-f", "holder")
            let mounts = try TestEngine.kernelFile("/proc/mounts")
            #expect(!mounts.contains(engine.dataRoot + "/volumes/mem"))
            // A part of a volume is found inside it: a link of the volume's leads nowhere else.
            try engine.must(
                "run", "--rm", "-v", "data:/v", "busybox", "sh", "-c",
                "mkdir -p /v/a/b; echo deep > /v/a/b/f; ln -s /etc /v/out")
            func part(_ path: String, _ command: String...) throws -> Outcome {
                try engine.roost(
                    ["run", "--rm", "--mount", "type=volume,src=data,dst=/v,volume-subpath=\(path)", "busybox"]
                        + command)
            }
            #expect(try part("a/b", "cat", "/v/f").output == "deep\n")
            #expect(try part("out", "ls", "/v").code != 0)
            #expect(try part("none", "ls", "/v").code != 0)
            let image = try engine.roost(
                "run", "--rm", "--mount", "type=image,src=busybox,dst=/i,image-subpath=bin", "busybox", "sh", "-c",
                "test -x /i/busybox && echo there; touch /i/x")
            #expect(image.output == "there\n" && image.code != 0)
            try engine.must("create", "--name", "user", "--mount", "type=image,src=busybox,dst=/i", "busybox")
        }
    }

    @Test("a seccomp profile of one's own; paths of /proc that are not hidden")
    func security() throws {
        try withEngine { engine in
            let profile = engine.folder + "/profile.json"
            try
                #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#
                .write(toFile: profile, atomically: true, encoding: .utf8)
            let refused = try engine.roost(
                "run", "--rm", "--security-opt", "seccomp=\(profile)", "busybox", "mkdir", "/x")
            #expect(refused.code == 1 && refused.errors.contains("not permitted"))
            #expect(try engine.roost("run", "--rm", "--security-opt", "seccomp=/none", "busybox").code == 125)
            try engine.must("run", "--rm", "--security-opt", "seccomp=builtin", "busybox", "mkdir", "/x")
            let open = try engine.must(
                "run", "--rm", "--security-opt", "systempaths=unconfined", "busybox", "sh", "-c",
                "mount | grep -c ' /proc/' || true")
            #expect(open == "0")
        }
    }

    @Test("a control group above the container's own, and the killer of processes without memory")
    func cgroups() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: groups
                services:
                  within: {image: busybox, command: [sleep, "1000"], cgroup_parent: batch/low, stop_grace_period: 0s}
                  outside:
                    {image: busybox, command: [sleep, "1000"], cgroup_parent: /roost-test-above, mem_limit: 32m,
                     oom_kill_disable: true, stop_grace_period: 0s}
                """)
            let outcome = try engine.roost("up", "-d", in: folder)
            #expect(outcome.code == 0, "\(outcome.errors)")
            func group(_ service: String) throws -> String {
                let process = try engine.must("inspect", "-f", "{{.State.Pid}}", "groups-\(service)-1")
                let lines = try TestEngine.kernelFile("/proc/\(process)/cgroup").split(separator: "\n")
                return try #require(
                    lines.first { $0.contains(":memory:") || $0.hasPrefix("0::") && lines.count == 1 }.map(String.init))
            }
            #expect(try group("within").contains("/batch/low/"))
            #expect(try group("outside").contains(":/roost-test-above/"))
            let above = "/sys/fs/cgroup/memory/roost-test-above"
            if FileManager.default.fileExists(atPath: above) {
                let id = try engine.must("inspect", "-f", "{{.Id}}", "groups-outside-1")
                #expect(try TestEngine.kernelFile("\(above)/\(id)/memory.oom_control").contains("oom_kill_disable 1"))
            }
            for pid in engine.enginePIDs { kill(pid, SIGKILL) }
            try engine.must("down", in: folder)
            // What is named from the root may be somebody's and stays; it is empty.
            for controller in try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup") {
                rmdir("/sys/fs/cgroup/\(controller)/roost-test-above")
            }
            rmdir("/sys/fs/cgroup/roost-test-above")
            #expect(!FileManager.default.fileExists(atPath: above))
            #expect(try engine.roost("create", "--cgroup-parent", "/../up", "busybox").code == 1)
        }
    }

    @Test("options of bridge networks: where ports are published, who reaches whom, how large packets are")
    func bridges() throws {
        try withEngine { engine in
            let port = try StackTests.freePort()
            let folder = try engine.writeProject(
                """
                name: bridges
                services:
                  a: {image: busybox, command: sleep 1000, ports: ["\(port):80"], networks: {closed: {interface_name: inside}}}
                  b: {image: busybox, command: sleep 1000, networks: [closed]}
                networks:
                  closed:
                    driver_opts:
                      com.docker.network.bridge.host_binding_ipv4: 127.0.0.1
                      com.docker.network.bridge.enable_icc: "false"
                      com.docker.network.driver.mtu: 1400
                """)
            let up = try engine.roost("up", "-d", in: folder)
            #expect(up.code == 0 && !up.errors.contains("published on all interfaces"), "\(up.errors)")
            #expect(try engine.must("port", "bridges-a-1") == "80/tcp -> 127.0.0.1:\(port)")
            #expect(try engine.must("exec", "bridges-a-1", "ip", "a").contains("inside"))
            #expect(try engine.must("exec", "bridges-a-1", "ip", "a").contains("mtu 1400"))
            #expect(try engine.roost("exec", "bridges-b-1", "ping", "-c1", "-W1", "a").code != 0)
            let bad = try engine.roost("network", "create", "-o", "com.docker.network.driver.mtu=x", "bad")
            #expect(bad.code != 0 && bad.errors.contains("mtu"))
            try engine.must("down", in: folder)
        }
    }

    @Test("anonymous volumes outlive any number of recreations, and go with down -v")
    func anonymousVolumes() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                "name: anon\nservices: {a: {image: busybox, command: sleep 1000, volumes: [/x], labels: {n: \"${N:-0}\"}}}\n"
            )
            for number in 0..<4 {
                try engine.must("up", "-d", in: folder, environment: ["N": "\(number)"])
                let seen = try engine.must("exec", "anon-a-1", "ls", "/x").split(separator: "\n").map(String.init)
                #expect(seen == (0..<number).map(String.init))
                try engine.must("exec", "anon-a-1", "touch", "/x/\(number)")
            }
            try engine.must("down", "-v", "--purge", in: folder)
            #expect(try engine.must("volume", "ls", "-q").isEmpty)
        }
    }

    @Test("a dry run changes nothing, whatever the command; codes of up tell who ended")
    func dryRuns() throws {
        try withEngine { engine in
            let folder = try engine.writeProject(
                """
                name: dry
                services:
                  fails: {image: busybox, command: [sh, -c, "sleep 0.5; exit 3"]}
                  stays: {image: busybox, command: sleep 1000}
                """)
            #expect(try engine.roost("up", "--abort-on-container-exit", in: folder).code == 3)
            #expect(try engine.roost("up", "--exit-code-from", "stays", in: folder).code == 137)
            try engine.must("up", "-d", in: folder)
            try engine.eventually("one has ended") {
                try engine.must("inspect", "-f", "{{.State.Status}}", "dry-fails-1") == "exited"
            }
            let before = try engine.must("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}")
            for words in [
                ["up", "-d", "--force-recreate"], ["down", "-v"], ["stop"], ["restart"], ["kill"], ["rm", "-fs"],
                ["pause"],
                ["scale", "stays=3"], ["run", "stays", "true"], ["exec", "stays", "true"], ["pull"], ["build"],
                ["create"],
            ] {
                let outcome = try engine.roost(["compose", "--dry-run"] + words, in: folder)
                #expect(outcome.code == 0, "\(words): \(outcome.errors)")
            }
            #expect(try engine.must("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}") == before)
            #expect(try engine.roost("stop", in: folder).code == 1, "without names nothing is meant")
            try engine.must("down", in: folder)
        }
    }
}
