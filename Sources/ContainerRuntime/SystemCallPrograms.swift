import LinuxKernel
import Synchronization
import SystemCallFilters

/// Cache of compiled seccomp filters by capability set: compiling takes milliseconds, and most containers use the same set.
public final class SystemCallPrograms: Sendable {
    private let compiled = Mutex<[CapabilitySet: [UInt8]]>([:])

    public init() {}

    /// The seccomp filter of a container; empty if unconfined.
    public func program(for decision: SecurityDecision) throws -> [UInt8] {
        guard decision.filtersSystemCalls else { return [] }
        guard let text = decision.systemCallProfile else { return try program(for: decision.capabilities) }
        let profile = try CustomSystemCallProfile(text)
        return try SystemCallFilter.compile(profile.rules(for: decision.capabilities), otherwise: profile.otherwise)
    }

    public func program(for capabilities: CapabilitySet) throws(SyscallError) -> [UInt8] {
        if let known = compiled.withLock({ $0[capabilities] }) { return known }
        let program = try SystemCallFilter.compile(
            SystemCallProfile.rules(for: capabilities), unknownFrom: SystemCallProfile.unknownFrom)
        compiled.withLock { $0[capabilities] = program }
        return program
    }
}
