import LinuxKernel
import Seccomp
import Synchronization

/// Cache of compiled seccomp filters by capability set: compiling takes milliseconds, and most containers use the same set.
package final class SeccompFilterCache: Sendable {
    private let compiled = Mutex<[CapabilitySet: [UInt8]]>([:])

    package init() {}

    /// The seccomp filter of a container; empty if unconfined.
    package func program(for decision: SecurityDecision) throws -> [UInt8] {
        guard decision.filtersSystemCalls else { return [] }
        guard let text = decision.seccompProfile else { return try program(for: decision.capabilities) }
        let profile = try CustomSeccompProfile(text)
        return try SeccompFilter.compile(profile.rules(for: decision.capabilities), otherwise: profile.otherwise)
    }

    package func program(for capabilities: CapabilitySet) throws(SyscallError) -> [UInt8] {
        if let known = compiled.withLock({ $0[capabilities] }) { return known }
        let program = try SeccompFilter.compile(
            SeccompProfile.rules(for: capabilities), unknownFrom: SeccompProfile.unknownFrom)
        compiled.withLock { $0[capabilities] = program }
        return program
    }
}
