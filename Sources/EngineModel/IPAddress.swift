/// An IPv4 or IPv6 address, in network byte order.
package struct IPAddress: Sendable, Hashable, Codable, CustomStringConvertible {
    /// 4 or 16 bytes.
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package var isVersion6: Bool { bytes.count == 16 }

    package init?(_ text: some StringProtocol) {
        if let bytes = Self.parse4(text) ?? Self.parse6(text) { self.bytes = bytes } else { return nil }
    }

    private static func parse4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard part.count <= 3, part.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let byte = UInt8(part) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    /// RFC 4291, section 2.2.
    private static func parse6(_ text: some StringProtocol) -> [UInt8]? {
        guard text.contains(":") else { return nil }
        let halves = String(text).split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        func groups(_ half: Substring) -> [UInt8]? {
            if half.isEmpty { return [] }
            var bytes: [UInt8] = []
            let parts = half.split(separator: ":", omittingEmptySubsequences: false)
            for (index, part) in parts.enumerated() {
                if part.contains("."), index == parts.count - 1, let tail = parse4(part) {
                    bytes += tail
                } else if part.count <= 4, let value = UInt16(part, radix: 16) {
                    bytes += [UInt8(value >> 8), UInt8(value & 255)]
                } else {
                    return nil
                }
            }
            return bytes
        }
        guard let first = groups(halves[0]) else { return nil }
        if halves.count == 1 { return first.count == 16 ? first : nil }
        guard let second = groups(halves[1]), first.count + second.count <= 14 else { return nil }
        return first + [UInt8](repeating: 0, count: 16 - first.count - second.count) + second
    }

    package var description: String {
        if !isVersion6 { return bytes.map(String.init).joined(separator: ".") }
        let groups = (0..<8).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
        // RFC 5952: shorten the longest run of zeros, the first of equal ones, but not a single zero.
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        let texts = groups.map { String($0, radix: 16) }
        if best.count < 2 { return texts.joined(separator: ":") }
        return texts[..<best.lowerBound].joined(separator: ":") + "::"
            + texts[best.upperBound...].joined(separator: ":")
    }

    package var isLoopback: Bool { isVersion6 ? bytes == Array(repeating: 0, count: 15) + [1] : bytes[0] == 127 }
    package var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    package static let any4 = IPAddress(bytes: [0, 0, 0, 0])
    package static let any6 = IPAddress(bytes: Array(repeating: 0, count: 16))

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let address = IPAddress(text) else { throw RoostError.invalid("\"\(text)\" is not an IP address") }
        self = address
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// This address plus a number, as if it were one large integer.
    package func advanced(by offset: UInt64) -> IPAddress {
        var result = bytes
        var carry = offset
        for index in result.indices.reversed() where carry > 0 {
            let sum = UInt64(result[index]) + (carry & 255)
            result[index] = UInt8(sum & 255)
            carry = (carry >> 8) + (sum >> 8)
        }
        return IPAddress(bytes: result)
    }
}

/// A subnet in CIDR notation: `172.20.0.0/24`.
package struct Subnet: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The first address: all bits after the prefix are zero.
    package let base: IPAddress
    package let prefix: UInt8

    package init(_ address: IPAddress, prefix: UInt8) {
        var bytes = address.bytes
        for index in bytes.indices {
            let kept = max(0, min(8, Int(prefix) - index * 8))
            bytes[index] &= kept == 0 ? 0 : ~UInt8(0) << UInt8(8 - kept)
        }
        base = IPAddress(bytes: bytes)
        self.prefix = prefix
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(parts[0]), let prefix = UInt8(parts[1]),
            Int(prefix) <= address.bytes.count * 8
        else { return nil }
        self.init(address, prefix: prefix)
    }

    package var description: String { "\(base)/\(prefix)" }

    package func contains(_ address: IPAddress) -> Bool {
        address.isVersion6 == base.isVersion6 && Subnet(address, prefix: prefix).base == base
    }

    package func overlaps(_ other: Subnet) -> Bool {
        base.isVersion6 == other.base.isVersion6 && (contains(other.base) || other.contains(base))
    }

    /// The number of addresses, at most 2^63 - 1.
    package var size: UInt64 {
        let free = base.bytes.count * 8 - Int(prefix)
        return free >= 63 ? UInt64.max >> 1 : 1 << UInt64(free)
    }

    /// The last address; in IPv4 the broadcast address.
    package var last: IPAddress { base.advanced(by: size - 1) }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let subnet = Subnet(text) else { throw RoostError.invalid("\"\(text)\" is not a subnet") }
        self = subnet
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Subnet {
    /// The first and the last address of IPv4 as numbers; nil for IPv6.
    package var numbers4: ClosedRange<UInt32>? {
        guard !base.isVersion6 else { return nil }
        let first = base.bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let rest: UInt32 = prefix == 0 ? .max : prefix >= 32 ? 0 : UInt32.max >> UInt32(prefix)
        return first...(first | rest)
    }
}
