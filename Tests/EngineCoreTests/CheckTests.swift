import EngineModel
import Foundation
import LinuxKernel
import Testing

@testable import EngineCore

@Suite struct SpecificationTests {
    private func error(_ change: (inout ContainerSpec) -> Void) -> RoostError? {
        var spec = ContainerSpec()
        change(&spec)
        do throws(RoostError) { try SpecificationCheck.check(spec) } catch { return error }
        return nil
    }

    @Test("a plain specification passes")
    func plain() { #expect(error { _ in } == nil) }

    @Test(
        "one word each: no line of a file can be smuggled in",
        arguments: ["a b", "a\nb", "a\tb", "a#b", "a\u{7f}", String(repeating: "x", count: 300)])
    func words(text: String) {
        #expect(error { $0.hostname = text }?.kind == .some(.invalidArgument))
        #expect(error { $0.domainname = text } != nil && error { $0.dns.search = [text] } != nil)
        #expect(error { $0.dns.options = [text] } != nil)
        #expect(error { $0.endpoints = [EndpointSpec(network: "n", aliases: [text])] } != nil)
    }

    @Test("host names end where the kernel's do")
    func hostname() {
        #expect(error { $0.hostname = String(repeating: "x", count: 64) } == nil)
        #expect(error { $0.hostname = String(repeating: "x", count: 65) } != nil)
    }

    @Test(
        "a mount's target is not the root, however it is written",
        arguments: [
            ("/", true), ("/..", true), ("/a/..", true), ("/./", true), ("//", true), ("/a", false), ("/a/../b", false),
        ])
    func mountTargets(target: String, isRoot: Bool) {
        #expect(SpecificationCheck.isRoot(target) == isRoot)
        #expect((error { $0.mounts = [MountSpec(source: .tmpfs(options: []), target: target)] } != nil) == isRoot)
    }

    @Test(
        "hardware addresses are six pairs of digits",
        arguments: [
            ("02:42:ac:11:00:02", true), ("02-42-ac-11-00-02", true), ("02:42:ac:11:00:0", false),
            ("02:42:ac:11:00", false),
            ("x2:42:ac:11:00:02", false),
        ])
    func hardwareAddresses(text: String, isValid: Bool) {
        #expect((error { $0.endpoints = [EndpointSpec(network: "n", macAddress: text)] } == nil) == isValid)
    }

    @Test("health checks are no shorter than Docker allows")
    func healthChecks() {
        #expect(error { $0.healthcheck = HealthcheckSpec(test: ["CMD", "a"], interval: 999_999) } != nil)
        #expect(error { $0.healthcheck = HealthcheckSpec(test: ["CMD", "a"], interval: 1_000_000) } == nil)
    }

    @Test(
        "extra hosts are a name and an address",
        arguments: [
            ("db:10.0.0.1", true), ("db=10.0.0.1", true), ("db:::1", true), ("db:[::1]", true),
            ("db:host-gateway", true),
            ("db", false), (":10.0.0.1", false), ("db:nosuch", false), ("db:", false),
        ])
    func extraHosts(entry: String, isValid: Bool) { #expect((error { $0.dns.extraHosts = [entry] } == nil) == isValid) }

    @Test(
        "lists of numbers as in cpuset(7)",
        arguments: [
            ("0", 0), ("0-3", 3), ("0,2-5", 5), ("7,1", 7), ("", nil), ("3-1", nil), ("a", nil), ("-1", nil),
            ("1-", nil),
        ]
            as [(String, Int?)])
    func numberLists(text: String, highest: Int?) { #expect(NumberList(text)?.highest == highest) }
}

@Suite struct BootOrderTests {
    private func status(_ phase: ContainerPhase, exit: Int32 = 0, health: HealthStatus.Verdict? = nil)
        -> ContainerStatus
    {
        var status = ContainerStatus()
        status.phase = phase
        status.exitCode = exit
        if let health {
            status.health = HealthStatus()
            status.health?.verdict = health
        }
        return status
    }

    @Test("the label is read as Compose writes it")
    func label() {
        let order = BootOrder(label: "db:service_healthy:true,cache,job:service_completed_successfully:false")
        #expect(order.waits.map(\.service) == ["db", "cache", "job"])
        #expect(
            order.waits.map(\.condition) == ["service_healthy", "service_started", "service_completed_successfully"])
        #expect(BootOrder(label: "").waits.isEmpty)
    }

    @Test("each condition against each state")
    func verdicts() {
        func verdict(_ condition: String, _ status: ContainerStatus) -> BootOrder.Verdict {
            BootOrder(label: "db:\(condition):true").verdict { _ in [status] }
        }
        #expect(verdict("service_started", status(.running)) == .ready)
        #expect(verdict("service_started", status(.restarting)) == .later)
        #expect(verdict("service_started", status(.exited)) == .never("db is not running"))
        #expect(verdict("service_healthy", status(.running, health: .healthy)) == .ready)
        #expect(verdict("service_healthy", status(.running, health: .starting)) == .later)
        #expect(verdict("service_healthy", status(.running)) == .never("db has no health check"))
        #expect(verdict("service_completed_successfully", status(.running)) == .later)
        #expect(verdict("service_completed_successfully", status(.exited)) == .ready)
        #expect(verdict("service_completed_successfully", status(.exited, exit: 3)) == .never("db exited (3)"))
    }

    @Test("one that must be waited for outweighs one that never comes; no containers are no obstacle")
    func several() {
        let order = BootOrder(label: "a:service_started:true,b:service_started:true")
        #expect(order.verdict { $0 == "a" ? [status(.exited)] : [status(.restarting)] } == .later)
        #expect(order.verdict { _ in [] } == .ready)
    }
}

@Suite struct SmallPartsTests {
    @Test("lines of mountinfo, with escapes and tags")
    func mountInfo() throws {
        let line = try #require(
            MountInfoLine(#"36 35 98:0 /mnt1 /mnt\0402 rw,noatime shared:7 master:1 - ext3 /dev/ro\134ot rw"#))
        #expect(line.mountPoint == "/mnt 2" && line.type == "ext3" && line.source == #"/dev/ro\ot"#)
        #expect(line.tags == ["shared:7", "master:1"])
        #expect(MountInfoLine("") == nil && MountInfoLine("1 2 3") == nil && MountInfoLine("a b c d e f - g") == nil)
    }

    @Test("undo steps run newest first, and all of them")
    func undo() {
        struct Failure: Error {}
        var log = UndoLog()
        var order: [Int] = []
        log.onFailure { order.append(1) }
        log.onFailure { throw Failure() }
        log.onFailure { order.append(3) }
        #expect(log.unwind().count == 1 && order == [3, 1])
        #expect(log.unwind().isEmpty && order == [3, 1])
    }

    @Test("a full disk is explained by its file system, whoever met it")
    func fullDisk() throws {
        let place = NSTemporaryDirectory()
        let helper = RoostError.failure("write /a: no space left on device", code: .noSpace)
        for error in [helper, SyscallError(call: "write", subject: "/a", errno: Errno.noSpace)] as [any Error] {
            let told = try #require(DiskSpace.explain(error, at: place))
            #expect(told.code == .noSpace && told.message.contains(" free of "), "\(told.message)")
        }
        #expect(DiskSpace.explain(RoostError.failure("something else"), at: place) == nil)
        #expect(DiskSpace.explain(SyscallError(call: "write", subject: "/a", errno: Errno.noEntry), at: place) == nil)
    }
}
