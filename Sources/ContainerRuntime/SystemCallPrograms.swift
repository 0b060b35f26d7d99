import LinuxKernel
import Synchronization
import SystemLibraries

/// Compiled filters, one per capability set: compiling takes milliseconds, and most containers have the same.
public final class SystemCallPrograms: Sendable {
    private let compiled = Mutex<[CapabilitySet: [UInt8]]>([:])

    public init() {}

    public func program(for capabilities: CapabilitySet) throws(SyscallError) -> [UInt8] {
        if let known = compiled.withLock({ $0[capabilities] }) { return known }
        let program = try SystemCallFilter.compile(SystemCallProfile.rules(for: capabilities))
        compiled.withLock { $0[capabilities] = program }
        return program
    }
}
