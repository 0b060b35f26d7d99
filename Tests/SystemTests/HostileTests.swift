import Foundation
import Testing

/// Archives that nobody should send: refused with a reason, and this machine is as it was.
@Suite(.serialized) struct HostileTests {
    /// One member of a tar stream (POSIX.1-1988, ustar).
    private func member(
        _ name: String, type: Character = "0", link: String = "", content: String = "", size: String? = nil,
        major: Int = 0, minor: Int = 0, mode: Int = 0o644, owner: Int = 0, time: Int = 0
    ) -> Data {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ at: Int, _ limit: Int) {
            for (index, byte) in text.utf8.prefix(limit).enumerated() { header[at + index] = byte }
        }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, 0, 100)
        put(octal(mode, 7), 100, 7)
        put(octal(owner, 7), 108, 7)
        put(octal(owner, 7), 116, 7)
        put(size ?? octal(content.utf8.count, 11), 124, 11)
        put(octal(time, 11), 136, 11)
        header[156] = type.asciiValue ?? 48
        put(link, 157, 100)
        put("ustar\u{0}00", 257, 8)
        put(octal(major, 7), 329, 7)
        put(octal(minor, 7), 337, 7)
        put("        ", 148, 8)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0} ", 148, 8)
        var data = Data(header) + Data(content.utf8)
        while data.count % 512 != 0 { data.append(0) }
        return data
    }

    private let end = Data(repeating: 0, count: 1024)

    @Test("paths, links, devices and sizes that lead somewhere else are refused")
    func refused() throws {
        try withEngine(images: []) { engine in
            let canary = engine.folder + "/canary"
            try "safe".write(toFile: canary, atomically: true, encoding: .utf8)
            let cases: [(String, Data, String)] = [
                ("out by dots", member("../../canary", content: "x") + end, "leads out"),
                ("dots inside", member("a/../../x", content: "x") + end, "leads out"),
                ("hard link out", member("h", type: "1", link: "../canary") + end, "leads out"),
                ("block device", member("sda", type: "4", major: 8) + end, "block device"),
                ("memory", member("mem", type: "3", major: 1, minor: 1) + end, "character device"),
                ("whiteout of everything", member("a/.wh...", content: "") + end, ""),
                ("absurd size", member("big", size: "77777777777") + end, ""),
                ("cut in the middle", member("cut", content: String(repeating: "x", count: 5000)).prefix(2000), ""),
                ("no archive", Data("hello, this is no archive at all".utf8), ""),
                (
                    "long name",
                    member(String(repeating: "d/", count: 49) + "x", link: "") + Data(repeating: 1, count: 512), ""
                ),
            ]
            for (name, data, words) in cases {
                let outcome = try engine.roost(["import", "-", "bad"], input: data)
                if words.isEmpty, outcome.code == 0 {
                    // Taken for what little it says: it must have stayed inside.
                    try engine.must("rmi", "bad")
                } else {
                    #expect(outcome.code != 0, "\(name)")
                    #expect(words.isEmpty || outcome.errors.contains(words), "\(name): \(outcome.errors)")
                }
                #expect(try String(contentsOfFile: canary, encoding: .utf8) == "safe", "\(name)")
            }
            #expect(try engine.must("images", "-q").isEmpty)
            #expect(try engine.must("system", "check").contains("no damage found"))
        }
    }

    @Test("a hard link that says other facts than its file: the last ones count, as in Docker")
    func hardLinks() throws {
        try withEngine { engine in
            let busybox = try engine.must("create", "--name", "source", "busybox", "x")
            try engine.must("export", "-o", "base.tar", busybox)
            let base = try Data(contentsOf: URL(fileURLWithPath: engine.folder + "/base.tar"))
            let more =
                member("one", content: "x")
                + member("two", type: "1", link: "one", mode: 0o4750, owner: 7, time: 86_400) + end
            // Members in front of an archive are as good as behind it.
            _ = try engine.roost(["import", "-", "linked"], input: more.dropLast(1024) + base)
            #expect(
                try engine.must("run", "--rm", "linked", "stat", "-c", "%a %u %g %Y %h", "/one") == "4750 7 7 86400 2")
        }
    }

    @Test("links inside an archive end inside the image")
    func links() throws {
        try withEngine { engine in
            // A slash with an accent behind it is a slash: what is mounted there is made inside as well.
            try engine.must(
                "run", "--name", "leads", "busybox", "sh", "-c", "ln -s \(engine.folder) /out")
            try engine.must("commit", "leads", "leads")
            _ = try engine.roost("run", "--rm", "-v", "data:/out/\u{301}planted", "leads", "true")
            #expect(
                try !FileManager.default.contentsOfDirectory(atPath: engine.folder).contains { $0.contains("planted") })
            let archive =
                member("etc", type: "2", link: engine.folder) + member("etc/planted", content: "x")
                + member("abs", type: "2", link: "/") + member("abs/two", content: "y") + end
            let outcome = try engine.roost(["import", "-", "linked"], input: archive)
            #expect(!FileManager.default.fileExists(atPath: engine.folder + "/planted"))
            #expect(!FileManager.default.fileExists(atPath: "/two"))
            if outcome.code == 0 { try engine.must("rmi", "linked") }
            // The same on the way out: a container's archive on this machine.
            try engine.must(
                "run", "--name", "evil", "busybox", "sh", "-c", "mkdir /d; ln -s \(engine.folder) /d/l; echo x > /d/f")
            try engine.must("cp", "evil:/d", "out")
            #expect(
                try FileManager.default.destinationOfSymbolicLink(atPath: engine.folder + "/out/l") == engine.folder)
        }
    }

    @Test("who takes an archive apart has hardly a right: few capabilities, filtered calls, bounded memory, no network")
    func confined() throws {
        try withEngine { engine in
            try engine.must("create", "--name", "target", "busybox")
            let copying = Process()
            copying.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roost")
            copying.arguments = ["cp", "-", "target:/"]
            copying.environment = ProcessInfo.processInfo.environment.merging(engine.environment) { $1 }
            let archive = Pipe()
            copying.standardInput = archive
            try copying.run()
            // Whatever fails below: the engine's end must not wait for the rest of the archive.
            defer { copying.terminate() }
            // Half an archive: the helper waits for the rest.
            let whole = member("kept", content: String(repeating: "x", count: 100_000)) + end
            try archive.fileHandleForWriting.write(contentsOf: whole.prefix(50_000))
            let parent = "PPid:\t\(try engine.enginePID)\n"
            var helper: String?
            // Others look at the container first, for a moment: the one that is meant is there twice.
            var before: String?
            try engine.eventually("a helper is at work") {
                let all = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int32($0) != nil }
                let found = all.first { pid in
                    guard let status = try? TestEngine.kernelFile("/proc/\(pid)/status") else { return false }
                    return status.contains(parent) && status.contains("Seccomp:\t2\n")
                        && (try? TestEngine.kernelFile("/proc/\(pid)/cmdline"))?.contains("roost-helper") == true
                }
                if found != nil, found == before { helper = found }
                before = found
                return helper != nil
            }
            let place = "/proc/\(helper ?? "")"
            let status = try TestEngine.kernelFile(place + "/status")
            #expect(status.contains("NoNewPrivs:\t1\n"))
            // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, MKNOD and SETFCAP at most.
            let bounds = status.split(separator: "\n").first { $0.hasPrefix("CapBnd:") }?.split(separator: "\t").last
            #expect(UInt64(bounds ?? "x", radix: 16).map { $0 & ~0x8800_001f == 0 } == true)
            let limits = try TestEngine.kernelFile(place + "/limits").split(separator: "\n")
            #expect(limits.contains { $0.hasPrefix("Max data size") && !$0.contains("unlimited") })
            for name in ["net", "mnt"] {
                #expect(
                    try FileManager.default.destinationOfSymbolicLink(atPath: "\(place)/ns/\(name)")
                        != FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)"))
            }
            try archive.fileHandleForWriting.write(contentsOf: whole.dropFirst(50_000))
            try archive.fileHandleForWriting.close()
            copying.waitUntilExit()
            #expect(copying.terminationStatus == 0)
            try engine.must("cp", "target:/kept", "kept")
            #expect(try Data(contentsOf: URL(fileURLWithPath: engine.folder + "/kept")).count == 100_000)
        }
    }

    @Test("documents of images that make no sense")
    func documents() throws {
        try withEngine(images: []) { engine in
            func archive(_ manifest: String, _ more: Data = Data()) -> Data {
                member("manifest.json", content: manifest) + more + end
            }
            let deep = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
            for (data, words) in [
                (archive("{"), "not a valid document"), (archive(deep), "nested too deeply"),
                (archive(#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l"]}]"#), "incomplete"),
                (archive(#"[{"Config":"../../etc/passwd","RepoTags":null,"Layers":[]}]"#), ""),
                (
                    archive(
                        #"[{"Config":"c","RepoTags":["a:1"],"Layers":["l"]}]"#,
                        member(
                            "c",
                            content:
                                #"{"os":"windows","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#)
                            + member("l")), "windows"
                ),
                (
                    member(
                        "index.json",
                        content: #"{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:zz","size":1}]}"#)
                        + end, ""
                ),
                (member("nothing", content: "x") + end, "holds no image"),
            ] as [(Data, String)] {
                let outcome = try engine.roost(["load"], input: data)
                #expect(
                    outcome.code != 0 && (words.isEmpty || outcome.errors.contains(words)),
                    "\(words): \(outcome.errors)")
            }
            #expect(try engine.must("images", "-q").isEmpty)
        }
    }

    @Test("killed in the middle of load, commit, removal and pruning: the store is whole, and the command works again")
    func killed() throws {
        try withEngine { engine in
            try engine.must(
                "run", "--name", "made", "busybox", "sh", "-c",
                "for i in 1 2 3; do dd if=/dev/urandom of=/f$i bs=1M count=2; done")
            try engine.must("commit", "made", "big:1")
            try engine.must("save", "-o", "big.tar", "big:1", "busybox")
            let registry = try RealRegistry(engine.folder + "/registry")
            defer { registry.close() }
            let name = "127.0.0.1:\(registry.port)/big:1"
            try engine.must("tag", "big:1", name)
            try engine.eventually("the registry answers") { try engine.roost("push", name).code == 0 }
            var state: UInt64 = 0x1234_5678_9abc_def1
            func random(_ limit: UInt64) -> UInt64 {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return state % limit
            }
            let commands: [[String]] = [
                ["load", "-i", "big.tar"], ["commit", "made", "again:1"], ["rmi", "-f", "big:1"],
                ["image", "prune", "-af"],
                ["tag", "busybox", "other:1"], ["pull", name],
            ]
            for round in 0..<36 {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: TestEngine.programs + "/roost")
                process.arguments = commands[round % commands.count]
                process.currentDirectoryURL = URL(fileURLWithPath: engine.folder)
                process.environment = ProcessInfo.processInfo.environment.merging(engine.environment) { $1 }
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                let pid = try engine.enginePID
                try process.run()
                usleep(UInt32(random(60_000)))
                kill(pid, SIGKILL)
                process.waitUntilExit()
                #expect(try engine.must("system", "check", "--deep").contains("no damage found"), "round \(round)")
            }
            try engine.must("pull", name)
            try engine.must("load", "-i", "big.tar")
            #expect(try engine.must("run", "--rm", "big:1", "sh", "-c", "ls -l /f1 | awk '{print $5}'") == "2097152")
        }
    }
}
