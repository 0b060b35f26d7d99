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
