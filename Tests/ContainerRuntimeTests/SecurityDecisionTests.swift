import ContainerRuntime
import EngineModel
import LinuxKernel
import SystemLibraries
import Testing

@Suite struct SecurityDecisionTests {
    private func decide(_ change: (inout SecuritySpec) -> Void = { _ in }) throws -> SecurityDecision {
        var spec = ContainerSpec()
        change(&spec.security)
        return try SecurityDecision(spec)
    }
    private func capability(_ name: String) throws -> CapabilitySet { try #require(CapabilitySet(named: name)) }

    @Test("by default: Docker's capabilities, a filter, masked paths, listed devices")
    func byDefault() throws {
        let decision = try decide()
        #expect(decision.filtersSystemCalls && decision.masksSystemPaths && !decision.allowsAllDevices)
        #expect(!decision.noNewPrivileges)
        for name in ["CHOWN", "NET_BIND_SERVICE", "SETUID", "MKNOD"] {
            #expect(decision.capabilities.isSuperset(of: try capability(name)), "\(name)")
        }
        for name in ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "BPF"] {
            #expect(decision.capabilities.isDisjoint(with: try capability(name)), "\(name)")
        }
    }

    @Test("privileged: everything, and nothing is masked")
    func privileged() throws {
        let decision = try decide { $0.privileged = true }
        #expect(decision.capabilities == .all && !decision.filtersSystemCalls && !decision.masksSystemPaths)
        #expect(decision.allowsAllDevices)
    }

    @Test("capabilities are added and dropped by either spelling")
    func addedAndDropped() throws {
        let decision = try decide {
            $0.addedCapabilities = ["net_admin", "CAP_SYS_TIME"]
            $0.droppedCapabilities = ["CHOWN"]
        }
        #expect(decision.capabilities.isSuperset(of: try capability("NET_ADMIN")))
        #expect(decision.capabilities.isSuperset(of: try capability("SYS_TIME")))
        #expect(decision.capabilities.isDisjoint(with: try capability("CHOWN")))
    }

    @Test("all but one, and none but one")
    func all() throws {
        let most = try decide {
            $0.addedCapabilities = ["ALL"]
            $0.droppedCapabilities = ["SYS_ADMIN"]
        }
        #expect(most.capabilities.union(try capability("SYS_ADMIN")) == .all && most.capabilities != .all)
        let few = try decide {
            $0.droppedCapabilities = ["ALL"]
            $0.addedCapabilities = ["CHOWN"]
        }
        #expect(few.capabilities == (try capability("CHOWN")))
    }

    @Test("options, with = or :")
    func options() throws {
        #expect(try decide { $0.options = ["no-new-privileges"] }.noNewPrivileges)
        #expect(try decide { $0.options = ["no-new-privileges:true"] }.noNewPrivileges)
        #expect(try !decide { $0.options = ["no-new-privileges=false"] }.noNewPrivileges)
        #expect(try !decide { $0.options = ["seccomp=unconfined"] }.filtersSystemCalls)
        #expect(try !decide { $0.options = ["systempaths=unconfined"] }.masksSystemPaths)
        #expect(try decide { $0.options = ["apparmor=unconfined", "label=disable"] } == (try decide()))
    }

    @Test(
        "unknown capabilities, options and profiles are refused",
        arguments: ["nosuch", "seccomp=/nosuch.json", "seccomp={", "seccomp={\"defaultAction\":\"SCMP_ACT_NOSUCH\"}"])
    func refused(option: String) {
        #expect(throws: RoostError.self) { try decide { $0.options = [option] } }
        #expect(throws: RoostError.self) { try decide { $0.addedCapabilities = ["NOSUCH"] } }
    }
}
