import ContainerRuntime
import EngineModel
import Foundation
import LinuxKernel
import Testing

@testable import EngineCore

@Suite struct DecisionTests {
    private func ended(_ code: Int32, ranSeconds: Int64 = 1, byUser: Bool = false) -> ContainerStatus {
        var status = ContainerStatus()
        status.startedAt = 1_000_000_000
        status.finishedAt = 1_000_000_000 + ranSeconds * 1_000_000_000
        status.exitCode = code
        status.stoppedByUser = byUser
        return status
    }

    @Test("a reader of events that does not read loses its place, and nobody else anything")
    func slowReader() async {
        let hub = EventHub()
        let slow = hub.subscribe(since: nil).stream
        let event = EngineEvent(.container, "start", id: "x", attributes: [:], time: 1)
        for _ in 0..<(EventHub.readerLimit + 10) { hub.publish(event) }
        var count = 0
        for await _ in slow { count += 1 }
        #expect(count == EventHub.readerLimit)
    }

    @Test("behind systemd-resolved its own servers are asked, not its stub")
    func resolvedServers() {
        let real = "nameserver 10.0.0.1\n"
        let stub = "nameserver 127.0.0.53\noptions edns0\n"
        #expect(ResolverFiles.effective(stub, resolved: real) == real)
        #expect(ResolverFiles.effective(stub, resolved: "") == stub)
        let other = "nameserver 127.0.0.1\n"
        #expect(ResolverFiles.effective(other, resolved: real) == other)
    }

    @Test(
        "the memory limit that contains the other is written first when it grows",
        arguments: [(512 << 20, 64 << 20, true), (64 << 20, 300 << 20, false), (-1, 64 << 20, true), (64, 64, false)]
            as [(Int64, Int64, Bool)])
    func memoryOrder(total: Int64, current: Int64, isFirst: Bool) {
        #expect(Cgroup.writesOuterFirst(total: total, current: current) == isFirst)
    }

    @Test("the last lines of a log are found, over blocks, files, and lines in parts")
    func tail() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/roost-tail-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func record(_ text: String, isPart: Bool = false) -> String {
            "2026-11-21T01:23:18.099313278Z stdout \(isPart ? "P" : "F") \(text)\n"
        }
        let path = folder + "/log"
        // The older file ends with a line of 200 kB in parts.
        let parts = (0..<4).map { record(String(repeating: "\($0)", count: 50_000), isPart: $0 < 3) }.joined()
        try (record("old") + parts).write(toFile: path + ".1", atomically: false, encoding: .utf8)
        try (record("one") + record("two")).write(toFile: path, atomically: false, encoding: .utf8)
        func lines(_ count: Int) throws -> [Int] {
            var cursor = LogCursor(path: path, tail: count)
            var sizes: [Int] = []
            while true {
                let records = try cursor.next()
                if records.isEmpty { return sizes }
                sizes += records.map(\.content.count)
            }
        }
        #expect(try lines(1).count == 1)
        #expect(try lines(2).count == 2)
        #expect(try lines(3).count == 6)
        #expect(try lines(100).count == 7)
        #expect(try lines(0).isEmpty)
    }

    @Test("the delay doubles and starts again after ten good seconds")
    func backoff() {
        var decision = RestartBackoff()
        let policy = RestartPolicySpec(.always)
        #expect(
            [100, 200, 400].allSatisfy {
                decision.ended(ended(1), policy: policy, heals: false) == .restart(afterMilliseconds: $0)
            })
        for _ in 0..<20 { _ = decision.ended(ended(1), policy: policy, heals: false) }
        #expect(decision.ended(ended(1), policy: policy, heals: false) == .restart(afterMilliseconds: 60_000))
        #expect(
            decision.ended(ended(1, ranSeconds: 11), policy: policy, heals: false) == .restart(afterMilliseconds: 100))
    }

    @Test("a policy's own delay, number and window")
    func ownDelay() {
        var policy = RestartPolicySpec(.always, maximumRetries: 2)
        policy.delay = 5000
        policy.window = 500
        var decision = RestartBackoff()
        #expect(
            decision.ended(ended(1, ranSeconds: 0), policy: policy, heals: false) == .restart(afterMilliseconds: 5000))
        #expect(
            decision.ended(ended(1, ranSeconds: 0), policy: policy, heals: false) == .restart(afterMilliseconds: 5000))
        #expect(decision.ended(ended(1, ranSeconds: 0), policy: policy, heals: false) == .stay)
        #expect(decision.ended(ended(1), policy: policy, heals: false) == .restart(afterMilliseconds: 5000))
    }

    @Test("each policy against each end")
    func policies() {
        func action(_ policy: RestartPolicySpec, _ status: ContainerStatus, heals: Bool = false) -> Bool {
            var decision = RestartBackoff()
            return decision.ended(status, policy: policy, heals: heals) != .stay
        }
        #expect(!action(RestartPolicySpec(.no), ended(1)))
        #expect(action(RestartPolicySpec(.no), ended(137), heals: true))
        #expect(action(RestartPolicySpec(.always), ended(0)))
        #expect(action(RestartPolicySpec(.unlessStopped), ended(0)))
        #expect(!action(RestartPolicySpec(.onFailure), ended(0)))
        #expect(action(RestartPolicySpec(.onFailure), ended(2)))
        for name in [RestartPolicySpec.Name.always, .unlessStopped, .onFailure] {
            #expect(!action(RestartPolicySpec(name), ended(1, byUser: true)))
        }
        var limited = RestartBackoff()
        let twice = RestartPolicySpec(.onFailure, maximumRetries: 2)
        #expect(
            [true, true, false].allSatisfy { (limited.ended(ended(1), policy: twice, heals: false) != .stay) == $0 })
    }

    @Test("health: early success counts, failures need their number, the start period forgives")
    func health() {
        let check = HealthcheckSpec(
            test: ["CMD", "x"], interval: 1_000_000_000, timeout: 1, startPeriod: 5_000_000_000,
            startInterval: 1_000_000_000, retries: 2)
        func probe(_ second: Int64, _ code: Int32) -> HealthStatus.Probe {
            .init(start: second * 1_000_000_000, end: second * 1_000_000_000, exitCode: code, output: "")
        }
        var judge = HealthMonitor(check: check, startedAt: 0)
        let forgiven = judge.probed(probe(1, 1))
        #expect(!forgiven && judge.status.failingStreak == 0)
        let healthy = judge.probed(probe(2, 0))
        #expect(healthy && judge.status.verdict == .healthy)
        _ = judge.probed(probe(6, 1))
        #expect(judge.status.verdict == .healthy)
        _ = judge.probed(probe(7, 1))
        #expect(judge.status.verdict == .unhealthy)
    }

    @Test("resolv.conf is made of what was understood")
    func resolvers() {
        let parsed = ResolverFiles.parse(
            "# x\nnameserver 10.0.0.1\nnameserver not-an-address\nsearch a b\noptions ndots:2\n")
        #expect(parsed.servers == [IPAddress(bytes: [10, 0, 0, 1])])
        #expect(parsed.search == ["a", "b"])
    }

    @Test("a log is read as it was written: streams, parts, rotation, tail")
    func logs() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("roost-log-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func line(_ second: Int, _ stream: String, _ tag: String, _ text: String) -> String {
            "2026-11-21T01:00:0\(second).000000000Z \(stream) \(tag) \(text)\n"
        }
        try Files.write(folder + "/log.1", line(1, "stdout", "F", "one") + line(2, "stderr", "F", "two"))
        try Files.write(
            folder + "/log",
            line(3, "stdout", "P", "thr") + line(3, "stdout", "F", "ee") + line(4, "stdout", "F", "four"))
        func read(_ cursor: LogCursor, _ change: (inout LogQuery) -> Void = { _ in }) throws -> String {
            var cursor = cursor
            var query = LogQuery()
            change(&query)
            var framer = LogFramer(query, multiplexed: false)
            var bytes: [UInt8] = []
            while case let records = try cursor.next(), !records.isEmpty { bytes += framer.bytes(records) }
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(try read(LogCursor(path: folder + "/log")) == "one\ntwo\nthree\nfour\n")
        #expect(try read(LogCursor(path: folder + "/log")) { $0.output = false } == "two\n")
        #expect(
            try read(LogCursor(path: folder + "/log")) { $0.since = Timestamp(parsing: "2026-11-21T01:00:04Z") }
                == "four\n")
        #expect(try read(LogCursor(path: folder + "/log", tail: 2)) == "three\nfour\n")
        #expect(try read(LogCursor(path: folder + "/log", tail: 3)) == "two\nthree\nfour\n")
        #expect(try read(LogCursor(path: folder + "/log", tail: 0)).isEmpty)
    }
}
