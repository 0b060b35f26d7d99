import Foundation
import Testing

/// Files in and out of containers, and images made of them.
@Suite(.serialized) struct FileTests {
    @Test("a full disk: output arrives, its loss in the log is told, and what is loaded is whole or refused")
    func fullDisk() throws {
        try withEngine { engine in
            let place = engine.folder + "/small"
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let mount = try TestEngine.run("/bin/mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", place])
            #expect(mount.code == 0, "\(mount.errors)")
            defer { _ = try? TestEngine.run("/bin/umount", [place]) }
            let other = ["--run-root", engine.folder + "/run2", "--data-root", place]
            func run(_ words: String...) throws -> Outcome { try engine.roost(other + words) }
            let archive = TestEngine.root + "/.build/images/busybox.tar"
            #expect(try run("import", archive, "busybox").code == 0)
            #expect(try run("run", "-d", "--name", "box", "busybox", "sleep", "1000").code == 0)
            // All the room that there is.
            _ = try TestEngine.run("/bin/sh", ["-c", "cat /dev/zero > \(place)/filler 2>/dev/null; true"])
            let said = try run("exec", "box", "sh", "-c", "echo hello > /proc/1/fd/1; echo here")
            #expect(said.output == "here\n", "\(said.errors)")
            let loaded = try run("import", archive, "again")
            #expect(
                loaded.code == 1 && loaded.errors.lowercased().contains("no space left on device"), "\(loaded.errors)")
            #expect(try !run("images").output.contains("again"))
            try FileManager.default.removeItem(atPath: place + "/filler")
            #expect(try run("exec", "box", "sh", "-c", "echo more > /proc/1/fd/1").code == 0)
            try engine.eventually("the log says what it lacks") {
                let logs = try run("logs", "box")
                return logs.errors.contains("bytes of output are missing here") && logs.output.contains("more")
            }
            #expect(try run("rm", "-f", "box").code == 0)
            #expect(try run("engine", "stop").code == 0)
        }
    }

    @Test("cp: files, folders, contents, links, volumes; running and stopped; both ways")
    func copying() throws {
        try withEngine { engine in
            try engine.must(
                "run", "-d", "--name", "box", "--init", "-v", "vol:/data", "busybox", "sh", "-c",
                "mkdir -p /d/sub; echo one > /d/sub/f; ln -s /d/sub/f /link; echo v > /data/v; ln -s /etc/passwd /data/out; echo r > /ready; sleep 1000"
            )
            try engine.eventually("it is ready") { try engine.roost("exec", "box", "test", "-e", "/ready").code == 0 }
            let host = engine.folder + "/host"
            let manager = FileManager.default
            try manager.createDirectory(atPath: host + "/in/x", withIntermediateDirectories: true)
            try "here".write(toFile: host + "/in/x/h", atomically: true, encoding: .utf8)
            func text(_ path: String) -> String? { try? String(contentsOfFile: host + "/" + path, encoding: .utf8) }
            func both(_ state: String) throws {
                try engine.must("cp", "box:/d", host + "/new-\(state)")
                #expect(text("new-\(state)/sub/f") == "one\n")
                try engine.must("cp", "box:/d/.", host + "/in")
                #expect(text("in/sub/f") == "one\n")
                try engine.must("cp", "box:/d/sub/f", host + "/renamed-\(state)")
                #expect(text("renamed-\(state)") == "one\n")
                try engine.must("cp", "-L", "box:/link", host + "/followed-\(state)")
                #expect(text("followed-\(state)") == "one\n")
                try engine.must("cp", "box:/data/v", host + "/v-\(state)")
                #expect(text("v-\(state)") == "v\n")
                // A link that leads out of a volume leads into the container's own files, never into this host's.
                try engine.must("cp", "-L", "box:/data/out", host + "/passwd-\(state)")
                #expect(
                    text("passwd-\(state)")?.contains("staff") == false
                        && text("passwd-\(state)")?.contains("nobody") == true)
                try engine.must("cp", host + "/in/x", "box:/put-\(state)")
                try engine.must("cp", host + "/in/x/h", "box:/data/h-\(state)")
                #expect(try engine.roost("cp", "box:/nosuch", host).code == 1)
                #expect(try engine.roost("cp", host + "/nosuch", "box:/").code == 1)
                #expect(try engine.roost("cp", host + "/in", "box:/d/sub/f").errors.contains("cannot copy directory"))
            }
            try both("running")
            #expect(try engine.must("exec", "box", "cat", "/put-running/h", "/data/h-running") == "herehere")
            try engine.must("stop", "box")
            try both("stopped")
            try engine.must("start", "box")
            #expect(try engine.must("exec", "box", "cat", "/put-stopped/h", "/data/h-stopped") == "herehere")
            try engine.must("run", "-d", "--name", "sealed", "--init", "--read-only", "busybox", "sleep", "1000")
            #expect(try engine.roost("cp", host + "/in/x/h", "sealed:/tmp/").errors.contains("read-only"))
        }
    }

    @Test("the content of a folder, copied to a folder that is not there yet")
    func contentToNewFolder() throws {
        try withEngine { engine in
            try engine.must(
                "run", "--name", "made", "busybox", "sh", "-c",
                "mkdir -p /d/sub/deep /d/empty; echo f > /d/f; echo g > /d/sub/g; ln /d/f /d/sub/deep/h")
            try engine.must("cp", "made:/d/.", "new")
            let found = try TestEngine.run("/usr/bin/find", ["new", "-printf", "%P\n"], directory: engine.folder).output
            #expect(
                Set(found.split(separator: "\n").map(String.init)) == [
                    "sub", "sub/deep", "sub/deep/h", "sub/g", "f", "empty",
                ])
            try engine.must("cp", "new/.", "made:/again")
            try engine.must("cp", "made:/again", "back")
            #expect(try String(contentsOfFile: engine.folder + "/back/sub/deep/h", encoding: .utf8) == "f\n")
        }
    }

    @Test("diff, commit, export, import: what a container has changed is what an image gets")
    func images() throws {
        try withEngine { engine in
            try engine.must(
                "run", "--name", "made", "-e", "A=1", "busybox", "sh", "-c",
                "mkdir /n; echo x > /n/f; rm /bin/yes; chmod 600 /etc/group; chown 7:8 /n/f; rm -r /etc/passwd; mkdir /etc/passwd; ln /n/f /n/g"
            )
            let changes = try engine.must("diff", "made").split(separator: "\n").map(String.init)
            for line in ["A /n", "A /n/f", "A /n/g", "C /bin", "D /bin/yes", "C /etc", "C /etc/group"] {
                #expect(changes.contains(line), "\(line) in \(changes)")
            }
            try engine.must("commit", "-a", "me", "-m", "why", "-c", "CMD [\"cat\", \"/n/g\"]", "made", "kept:1")
            #expect(try engine.must("run", "--rm", "kept:1") == "x")
            #expect(
                try engine.must(
                    "run", "--rm", "kept:1", "sh", "-c",
                    "ls /bin/yes 2>/dev/null; stat -c '%u:%g %h' /n/f; stat -c %a /etc/group; stat -c %F /etc/passwd; echo $A"
                )
                    == "7:8 2\n600\ndirectory\n1")
            #expect(try engine.must("image", "inspect", "-f", "{{.Author}} {{.Comment}}", "kept:1") == "me why")
            try engine.must("export", "-o", "flat.tar", "made")
            try engine.must("import", "flat.tar", "flat")
            #expect(
                try engine.must("run", "--rm", "flat", "sh", "-c", "cat /n/f; ls /bin/yes 2>/dev/null; stat -c %u /n/f")
                    == "x\n7")
            try engine.must("save", "-o", "kept.tar", "kept:1")
            let id = try engine.must("images", "-q", "--no-trunc", "kept")
            try engine.must("rmi", "-f", "kept:1")
            try engine.must("load", "-i", "kept.tar")
            #expect(try engine.must("images", "-q", "--no-trunc", "kept") == id)
            #expect(try engine.must("system", "check", "--deep").contains("no damage found"))
        }
    }

    @Test("names that are not UTF-8 go through diff, commit, export, save and whiteouts unchanged")
    func foreignNames() throws {
        try withEngine { engine in
            let make =
                #"b=$(printf 'bad\377\376x'); mkdir "/$b"; echo one > "/$b/é"; ln -s "$b" /link; echo two > "/$b/$b"; ln "/$b/$b" "/$b/more""#
            try engine.must("run", "--name", "made", "busybox", "sh", "-c", make)
            #expect(try engine.must("diff", "made").contains("A /bad\u{FFFD}\u{FFFD}x/more"))
            let look = #"b=$(printf 'bad\377\376x'); cat "/$b/é" "/$b/$b" /link/more; stat -c %h "/$b/more""#
            try engine.must("commit", "made", "kept:1")
            #expect(try engine.must("run", "--rm", "kept:1", "sh", "-c", look) == "one\ntwo\ntwo\n2")
            try engine.must("run", "--name", "less", "kept:1", "sh", "-c", #"b=$(printf 'bad\377\376x'); rm "/$b/$b""#)
            try engine.must("commit", "less", "kept:2")
            #expect(try engine.must("run", "--rm", "kept:2", "sh", "-c", "echo /link/*") == "/link/more /link/é")
            try engine.must("save", "-o", "kept.tar", "kept:2")
            try engine.must("export", "-o", "flat.tar", "made")
            try engine.must("rm", "-f", "made", "less")
            try engine.must("rmi", "kept:1", "kept:2")
            try engine.must("load", "-i", "kept.tar")
            #expect(try engine.must("run", "--rm", "kept:2", "sh", "-c", "echo /link/*") == "/link/more /link/é")
            try engine.must("import", "flat.tar", "flat")
            #expect(try engine.must("run", "--rm", "flat", "sh", "-c", look) == "one\ntwo\ntwo\n2")
            let copied = try engine.must("create", "--name", "copied", "flat", "x")
            try engine.must("cp", "\(copied):/link/", "here")
            try engine.must("cp", "here", "copied:/there")
            try engine.must("commit", "copied", "again")
            let there = look.replacingOccurrences(of: "/$b/", with: "/there/").replacingOccurrences(
                of: "/link", with: "/there")
            #expect(try engine.must("run", "--rm", "again", "sh", "-c", there) == "one\ntwo\ntwo\n2")
        }
    }

    @Test("an engine elsewhere is reached by ssh, as by Docker's clients")
    func remote() throws {
        try withEngine { engine in
            // What ssh would run over there is run here.
            let folder = engine.folder + "/bin"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try """
            #!/bin/sh
            for word; do last=$word; done
            echo "$@" > \(engine.folder)/words
            ROOST_RUN_ROOT=\(engine.runRoot) ROOST_DATA_ROOT=\(engine.dataRoot) PATH=\(TestEngine.programs):$PATH exec sh -c "$last"
            """.write(toFile: folder + "/ssh", atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/ssh")
            let path = folder + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
            let there = ["DOCKER_HOST": "ssh://me@far.example:2222", "ROOST_RUN_ROOT": "", "PATH": path]
            func far(_ words: [String], input: String? = nil) throws -> Outcome {
                try engine.roost(
                    ["-H", "ssh://me@far.example:2222"] + words, input: input.map { Data($0.utf8) }, environment: there)
            }
            #expect(try far(["run", "--rm", "-i", "busybox", "cat"], input: "through").output == "through")
            #expect(try far(["images", "-q"]).output == engine.must("images", "-q") + "\n")
            let words = try String(contentsOfFile: engine.folder + "/words", encoding: .utf8)
            #expect(words.contains("-l me -p 2222 -- far.example"))
        }
    }

    @Test("networks come and go while a container runs; limits change")
    func connecting() throws {
        try withEngine { engine in
            for name in ["one", "two"] { try engine.must("network", "create", name) }
            try engine.must("run", "-d", "--name", "box", "--init", "busybox", "sleep", "1000")
            try engine.must("run", "-d", "--name", "peer", "--init", "--network", "one", "busybox", "sleep", "1000")
            try engine.must("network", "connect", "--alias", "known", "one", "box")
            #expect(try engine.must("exec", "peer", "ping", "-c1", "-w5", "known").contains("1 packets received"))
            #expect(try engine.must("exec", "box", "ping", "-c1", "-w5", "peer").contains("1 packets received"))
            #expect(
                try engine.roost("network", "connect", "one", "box").errors.contains("already exists in network one"))
            try engine.must("network", "disconnect", "bridge", "box")
            #expect(try engine.must("exec", "box", "ip", "route").contains("default via"))
            try engine.must("network", "disconnect", "one", "box")
            #expect(!(try engine.must("exec", "box", "ip", "-o", "link").contains("eth")))
            try engine.must("network", "connect", "two", "box")
            try engine.must("restart", "-t", "0", "box")
            #expect(try engine.must("exec", "box", "ip", "-o", "link").contains("eth0"))
            #expect(try engine.must("inspect", "-f", "{{len .NetworkSettings.Networks}}", "box") == "1")
            try engine.must("update", "--memory", "64m", "--memory-swap", "64m", "--restart", "on-failure:3", "box")
            #expect(
                try engine.must(
                    "exec", "box", "sh", "-c",
                    "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; true")
                    == "67108864")
            #expect(
                try engine.must(
                    "inspect", "-f",
                    "{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}", "box")
                    == "on-failure:3")
        }
    }
}
