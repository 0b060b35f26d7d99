import CCap
import LinuxKernel

extension CapabilitySet {
    /// The capability with a name, with or without `CAP_`, case-insensitive (libcap, cap_from_name(3)); nil if it is unknown.
    package init?(named name: String) {
        let lower = name.lowercased()
        let full = lower.hasPrefix("cap_") ? lower : "cap_" + lower
        var value: cap_value_t = 0
        guard unsafe cap_from_name(full, &value) == 0, (0..<64).contains(value) else { return nil }
        self.init(rawValue: 1 << UInt64(value))
    }

    /// All capabilities of the running kernel.
    package static var all: CapabilitySet { CapabilitySet(rawValue: (1 << UInt64(cap_max_bits())) - 1) }

    /// The names, e.g. `CAP_CHOWN`, ordered by capability number.
    package var names: [String] {
        (0..<cap_max_bits()).compactMap { bit in
            guard rawValue & (1 << UInt64(bit)) != 0, let name = unsafe cap_to_name(bit) else { return nil }
            defer { unsafe cap_free(name) }
            return unsafe String(cString: name).uppercased()
        }
    }
}
