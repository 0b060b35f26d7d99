import Foundation
import LinuxKernel
import Testing

/// Attached clients, seen from the socket.
@Suite struct AttachTests {
    /// A request whose answer goes on behind its head.
    private func ask(_ engine: TestEngine, _ line: String, _ headers: String = "") throws -> OwnedFD {
        let socket = try Sockets.connect(engine.runRoot + "/roost.sock", .stream)
        try writeAll(socket.raw, Array("POST \(line) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\(headers)\r\n".utf8))
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let part = try readSome(socket.raw, limit: 1)
            if part.isEmpty { throw TestEngine.Failure(text: String(decoding: head, as: UTF8.self)) }
            head += part
        }
        return socket
    }

    /// What has arrived by now.
    private func arrived(_ socket: OwnedFD) throws -> Int {
        try setNonBlocking(socket.raw)
        var count = 0
        while let part = try? readSome(socket.raw, limit: 1 << 16), !part.isEmpty { count += part.count }
        return count
    }

    @Test(
        "whoever hears of a container's end has its output, with removal and without",
        arguments: ["removed", "next-exit"])
    func order(condition: String) throws {
        try withEngine { engine in
            for round in 0..<10 {
                let name = "talker\(round)"
                let removal = "--rm=\(condition == "removed")"
                try engine.must("create", "--name", name, removal, "busybox", "seq", "1", "3000")
                let output = try ask(
                    engine, "/v1.44/containers/\(name)/attach?stream=1&stdout=1&stderr=1",
                    "Connection: Upgrade\r\nUpgrade: tcp\r\n")
                let end = try ask(engine, "/v1.44/containers/\(name)/wait?condition=\(condition)")
                _ = try ask(engine, "/v1.44/containers/\(name)/start")
                _ = try waitUntilReady(end.raw, milliseconds: 20_000)
                let text = (1...3000).map { "\($0)\n" }.joined()
                #expect(try arrived(output) >= text.utf8.count, "round \(round): the end came before the output")
            }
        }
    }

    @Test("a program has its three streams and no other descriptor, wherever it is started")
    func descriptors() throws {
        try withEngine { engine in
            // The listing's own descriptor is the fourth.
            let list = "ls -1 /proc/self/fd"
            let wanted = "0\n1\n2\n3"
            #expect(try engine.must("run", "--rm", "busybox", "sh", "-c", list) == wanted)
            #expect(
                try engine.must("run", "--rm", "-t", "busybox", "sh", "-c", list).replacingOccurrences(
                    of: "\r", with: "") == wanted)
            try engine.must(
                "run", "-d", "--name", "box", "--health-cmd", list + " > /tmp/health", "--health-interval", "100ms",
                "busybox", "sleep", "1000")
            #expect(try engine.must("exec", "box", "sh", "-c", list) == wanted)
            #expect(try engine.must("exec", "-i", "box", "sh", "-c", list) == wanted)
            #expect(
                try engine.must("exec", "-t", "box", "sh", "-c", list).replacingOccurrences(of: "\r", with: "")
                    == wanted)
            try engine.must("exec", "-d", "box", "sh", "-c", list + " > /tmp/detached")
            for file in ["health", "detached"] {
                try engine.eventually("\(file) has run") {
                    try engine.must("exec", "box", "cat", "/tmp/\(file)") == wanted
                }
            }
            let folder = engine.folder + "/context"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try "FROM busybox\nRUN \(list) > /fds\n".write(
                toFile: folder + "/Dockerfile", atomically: true, encoding: .utf8)
            try engine.must("build", "-q", "-t", "built", folder)
            #expect(try engine.must("run", "--rm", "built", "cat", "/fds") == wanted)
        }
    }

    @Test("much goes in and out of an exec at once, and an end of input before the start arrives")
    func bothWays() throws {
        try withEngine { engine in
            try engine.must("run", "-d", "--name", "box", "busybox", "sleep", "1000")
            let line = Data((0..<64).map { UInt8(97 + $0 % 26) } + [10])
            var much = Data()
            for _ in 0..<80_000 { much += line }
            let echoed = try engine.roost(["exec", "-i", "box", "cat"], input: much)
            #expect(echoed.code == 0 && echoed.output.utf8.count == much.count)
            // A program that leaves its input unread is no error.
            let head = try engine.roost(["exec", "-i", "box", "head", "-c", "10"], input: much)
            #expect(head.code == 0 && head.output.utf8.count == 10, "\(head.errors)")
            for _ in 0..<5 {
                #expect(try engine.roost(["run", "--rm", "-i", "busybox", "wc", "-c"], input: Data()).output == "0\n")
            }
        }
    }

    @Test("an exec ends with its program, not with what the program has left behind; its code is told first")
    func background() throws {
        try withEngine { engine in
            try engine.must("run", "-d", "--name", "box", "busybox", "sleep", "1000")
            let begin = Date()
            #expect(try engine.roost("exec", "box", "sh", "-c", "sleep 60 & exit 4").code == 4)
            #expect(Date().timeIntervalSince(begin) < 30)
            for _ in 0..<20 { #expect(try engine.roost("exec", "-t", "box", "sh", "-c", "exit 7").code == 7) }
        }
    }

    @Test("events come in Docker's order")
    func eventOrder() throws {
        try withEngine { engine in
            try engine.must("run", "-d", "--name", "box", "busybox", "sleep", "1000")
            try engine.must("stop", "-t", "1", "box")
            let events = try engine.must(
                "events", "--since", "0", "--until", "0s", "--filter", "container=box", "--format", "{{.Action}}")
            #expect(
                events == "create\nstart\nkill\nstop\ndie" || events == "create\nstart\nkill\nkill\nstop\ndie",
                "\(events)")
        }
    }

    @Test("a container whose shim is stopped can be removed")
    func stoppedShim() throws {
        try withEngine { engine in
            try engine.must("run", "-d", "--name", "stuck", "-p", "127.0.0.1::80", "busybox", "sleep", "1000")
            let id = try engine.must("ps", "-q", "--no-trunc")
            let shim = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.first {
                (try? TestEngine.kernelFile("/proc/\($0)/cmdline"))?.hasPrefix("roost-shim\0\(id)") == true
            }
            kill(try #require(shim), SIGSTOP)
            try engine.must("rm", "-f", "stuck")
            #expect(try engine.must("ps", "-aq").isEmpty)
        }
    }
}
