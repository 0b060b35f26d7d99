/// Writes netlink attributes: length, type and value, padded to four bytes (linux/netlink.h). Numbers are in network byte order, as
/// nf_tables expects.
struct NetlinkAttributes: Sendable, Equatable {
    private(set) var bytes: [UInt8] = []

    /// NLA_F_NESTED.
    static let nestedFlag: UInt16 = 0x8000

    mutating func data(_ type: UInt16, _ value: [UInt8]) {
        bytes.append(native: UInt16(4 + value.count))
        bytes.append(native: type)
        bytes += value
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    mutating func text(_ type: UInt16, _ value: String) { data(type, Array(value.utf8) + [0]) }

    mutating func number(_ type: UInt16, _ value: UInt32) { data(type, bigEndianBytes(value)) }

    mutating func number64(_ type: UInt16, _ value: UInt64) { data(type, bigEndianBytes(value)) }

    mutating func nested(_ type: UInt16, _ fill: (inout NetlinkAttributes) -> Void) {
        var inner = NetlinkAttributes()
        fill(&inner)
        data(type | Self.nestedFlag, inner.bytes)
    }
}

/// Reads the attributes of a message from the kernel; stops at a truncated or malformed one.
struct NetlinkAttributeReader: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Collection<UInt8>) { rest = Array(bytes)[...] }

    mutating func next() -> (type: UInt16, value: ArraySlice<UInt8>)? {
        guard rest.count >= 4 else { return nil }
        let start = rest.startIndex
        let length = Int(rest[start]) | Int(rest[start + 1]) << 8
        let type = UInt16(rest[start + 2]) | UInt16(rest[start + 3]) << 8
        guard length >= 4, length <= rest.count else { return nil }
        let value = rest[(start + 4)..<(start + length)]
        rest = rest.dropFirst((length + 3) & ~3)
        return (type & ~NetlinkAttributes.nestedFlag, value)
    }

    /// The value of the first attribute of a type.
    static func value(_ type: UInt16, in bytes: some Collection<UInt8>) -> ArraySlice<UInt8>? {
        NetlinkAttributeReader(bytes).first { $0.type == type }?.value
    }
}

/// A number in network byte order.
func bigEndianBytes<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
    (0..<MemoryLayout<Number>.size).reversed().map { UInt8(truncatingIfNeeded: value >> Number(8 * $0)) }
}

extension [UInt8] {
    /// Appends a number in host byte order; all supported architectures are little-endian.
    mutating func append<Number: FixedWidthInteger>(native value: Number) {
        for shift in 0..<MemoryLayout<Number>.size { append(UInt8(truncatingIfNeeded: value >> Number(8 * shift))) }
    }
}
