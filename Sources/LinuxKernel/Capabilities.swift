import CLinux
import Glibc

/// A capability set, one bit per capability number (capabilities(7)).
package struct CapabilitySet: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Sets the calling thread's effective, permitted and inheritable sets (capset(2)). The bounding and ambient sets have separate calls.
    package static func apply(effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet)
        throws(SyscallError)
    {
        try check("capset", "capabilities") {
            roost_capset(effective.rawValue, permitted.rawValue, inheritable.rawValue)
        }
    }

    /// Drops every capability that is not in this set from the bounding set (PR_CAPBSET_DROP).
    package func applyAsBound() throws(SyscallError) {
        for bit in UInt(0)..<64 {
            // PR_CAPBSET_READ fails for capability numbers unknown to this kernel.
            let present = roost_prctl(23, bit, 0, 0, 0)
            if present < 0 { return }
            if present == 1, rawValue & (1 << UInt64(bit)) == 0 {
                try check("prctl", "PR_CAPBSET_DROP \(bit)") { roost_prctl(24, bit, 0, 0, 0) }
            }
        }
    }

    /// Makes this the ambient set, so that the capabilities survive exec without file capabilities (PR_CAP_AMBIENT).
    package func applyAsAmbient() throws(SyscallError) {
        try check("prctl", "PR_CAP_AMBIENT_CLEAR_ALL") { roost_prctl(47, 4, 0, 0, 0) }
        for bit in UInt(0)..<64 where rawValue & (1 << UInt64(bit)) != 0 {
            try check("prctl", "PR_CAP_AMBIENT_RAISE \(bit)") { roost_prctl(47, 2, bit, 0, 0) }
        }
    }

    /// The calling thread's current effective and permitted sets (capget(2)).
    package static func current() -> (effective: CapabilitySet, permitted: CapabilitySet) {
        var effective: UInt64 = 0
        var permitted: UInt64 = 0
        _ = unsafe roost_capget(&effective, &permitted)
        return (CapabilitySet(rawValue: effective), CapabilitySet(rawValue: permitted))
    }

    /// Keeps the permitted set across a change of the user id (PR_SET_KEEPCAPS).
    package static func keepAcrossSetuid() throws(SyscallError) {
        try check("prctl", "PR_SET_KEEPCAPS") { roost_prctl(8, 1, 0, 0, 0) }
    }
}
