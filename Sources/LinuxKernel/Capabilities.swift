import CLinux
import Glibc

/// A set of capabilities as the kernel's bits (capabilities(7)).
public struct CapabilitySet: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Puts the process's own sets in place. The bounding and ambient sets have calls of their own.
    public static func apply(effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet)
        throws(SyscallError)
    {
        try check("capset", "capabilities") {
            roost_capset(effective.rawValue, permitted.rawValue, inheritable.rawValue)
        }
    }

    /// Drops from the bounding set whatever is not in this one (PR_CAPBSET_DROP).
    public func applyAsBound() throws(SyscallError) {
        for bit in UInt(0)..<64 {
            // PR_CAPBSET_READ fails for numbers that this kernel does not know.
            let present = roost_prctl(23, bit, 0, 0, 0)
            if present < 0 { return }
            if present == 1, rawValue & (1 << UInt64(bit)) == 0 {
                try check("prctl", "PR_CAPBSET_DROP \(bit)") { roost_prctl(24, bit, 0, 0, 0) }
            }
        }
    }

    /// Raises these in the ambient set, so that they survive exec without file capabilities (PR_CAP_AMBIENT).
    public func applyAsAmbient() throws(SyscallError) {
        try check("prctl", "PR_CAP_AMBIENT_CLEAR_ALL") { roost_prctl(47, 4, 0, 0, 0) }
        for bit in UInt(0)..<64 where rawValue & (1 << UInt64(bit)) != 0 {
            try check("prctl", "PR_CAP_AMBIENT_RAISE \(bit)") { roost_prctl(47, 2, bit, 0, 0) }
        }
    }

    /// What the calling thread may do now.
    public static func current() -> (effective: CapabilitySet, permitted: CapabilitySet) {
        var effective: UInt64 = 0
        var permitted: UInt64 = 0
        _ = unsafe roost_capget(&effective, &permitted)
        return (CapabilitySet(rawValue: effective), CapabilitySet(rawValue: permitted))
    }

    /// Keeps capabilities over a change of user (PR_SET_KEEPCAPS).
    public static func keepOverUserChange() throws(SyscallError) {
        try check("prctl", "PR_SET_KEEPCAPS") { roost_prctl(8, 1, 0, 0, 0) }
    }
}
