import EngineModel
import SystemLibraries

/// Chooses subnets and addresses: pure functions of those in use.
package enum Addressing {
    /// Address pools close to Docker's defaults, clear of ranges that others commonly use.
    static let pools: [Subnet] = [
        Subnet("172.18.0.0/16"), Subnet("172.20.0.0/14"), Subnet("172.24.0.0/14"), Subnet("172.28.0.0/14"),
        Subnet("192.168.0.0/16"), Subnet("10.192.0.0/13"),
    ]
    .compactMap { $0 }

    /// The first free block that overlaps no subnet in `taken` (host routes and our networks): a /22, which has an address for every port
    /// of a bridge, or a /24 when those are exhausted. Engines with different seeds start at different blocks: an inactive network has no
    /// route that another engine could see.
    package static func freeSubnet(taken: [Subnet], seed: Int = 0) -> Subnet? {
        freeSubnet(prefix: 22, taken, seed) ?? freeSubnet(prefix: 24, taken, seed)
    }

    private static func freeSubnet(prefix: UInt8, _ taken: [Subnet], _ seed: Int) -> Subnet? {
        let shift = UInt32(32 - prefix)
        func blocks(_ subnet: Subnet) -> ClosedRange<UInt32>? {
            subnet.numbers4.map { ($0.lowerBound >> shift)...($0.upperBound >> shift) }
        }
        let pools = pools.compactMap(blocks)
        var occupied: Set<UInt32> = []
        for range in taken.compactMap(blocks) {
            for pool in pools where pool.overlaps(range) { occupied.formUnion(range.clamped(to: pool)) }
        }
        let candidates = pools.flatMap { Array($0) }
        for step in candidates.indices {
            let block = candidates[(seed + step) % candidates.count]
            if !occupied.contains(block) {
                return Subnet(IPAddress(bytes: bigEndianBytes(block << shift)), prefix: prefix)
            }
        }
        return nil
    }

    /// Docker's subnet for the default bridge, and alternatives for engines beside it; disjoint from the pools above.
    private static let bridgePools: [Subnet] =
        ([Subnet("172.17.0.0/16")] + (201...254).map { Subnet("10.\($0).0.0/16") }).compactMap { $0 }

    /// The first /16 that overlaps no subnet in `taken`, for the default bridge. A bridge has at most 1,023 ports (BR_MAX_PORTS,
    /// net/bridge/br_private.h).
    package static func freeBridgeSubnet(taken: [Subnet], seed: Int = 0) -> Subnet? {
        let order = bridgePools.indices.map { bridgePools[($0 + seed) % bridgePools.count] }
        return order.first { candidate in !taken.contains { $0.overlaps(candidate) } }
    }

    /// The host's routes as subnets.
    package static func hostRoutes() -> [Subnet] {
        NetworkInventory.routes4().map { route in
            let address = route.address
            let bytes = [
                UInt8(address >> 24), UInt8(address >> 16 & 255), UInt8(address >> 8 & 255), UInt8(address & 255),
            ]
            return Subnet(IPAddress(bytes: bytes), prefix: route.prefix)
        }
    }

    /// A unique local /64 (RFC 4193) from a network's id.
    package static func uniqueLocalSubnet(id: String) -> Subnet? {
        let digits = Array(id.prefix(14))
        guard digits.count == 14 else { return nil }
        let text =
            "fd\(String(digits[0..<2])):\(String(digits[2..<6])):\(String(digits[6..<10])):\(String(digits[10..<14]))::/64"
        return Subnet(text)
    }

    /// The lowest free address of a range; never the network address or the IPv4 broadcast address.
    package static func freeAddress(in range: Subnet, of subnet: Subnet, isTaken: (IPAddress) -> Bool) -> IPAddress? {
        let broadcast = subnet.base.isVersion6 || subnet.prefix > 30 ? nil : subnet.last
        var offset: UInt64 = 0
        while offset < range.size {
            let candidate = range.base.advanced(by: offset)
            if candidate != subnet.base, candidate != broadcast, !isTaken(candidate) { return candidate }
            offset += 1
        }
        return nil
    }

    /// A MAC address in Docker's scheme: 02:42 followed by the IPv4 address, or the last four bytes of an IPv6 address.
    package static func hardwareAddress(for address: IPAddress?) -> [UInt8] {
        guard let bytes = address?.bytes.suffix(4) else { return [2, 0x42, 0, 0, 0, 1] }
        return [2, 0x42] + bytes
    }

    package static func hardwareText(_ bytes: [UInt8]) -> String {
        bytes.map { Identifiers.hex([$0]) }.joined(separator: ":")
    }

    package static func parseHardware(_ text: String) -> [UInt8]? {
        let bytes = text.split(whereSeparator: { $0 == ":" || $0 == "-" }).compactMap {
            $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil
        }
        return bytes.count == 6 ? bytes : nil
    }
}

/// Names of kernel objects, derived from ids, so that a sweep finds orphans without stored state. `tag` distinguishes engines.
package struct KernelNames: Sendable {
    package let tag: String
    /// Offset at which this engine starts to look for free subnets.
    package let seed: Int

    /// Derived from the run root's path, so that engines with different run roots do not collide.
    package init(runRoot: String) {
        seed = runRoot == "/run/roost" ? 0 : Int(runRoot.utf8.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) } % 3000)
        var hash: UInt32 = 2_166_136_261
        for byte in runRoot.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        tag = Identifiers.hex([UInt8(hash >> 24), UInt8(hash >> 16 & 255)])
    }

    package func bridge(_ networkID: String) -> String { "rb\(tag)\(networkID.prefix(8))" }
    package var bridgePrefix: String { "rb\(tag)" }
    /// The ifalias of this engine's bridges (ip-link(8), "alias").
    package var bridgeMark: String { "roost \(tag)" }
    /// The host end of an endpoint's veth pair; `number` is the endpoint's index in its container.
    package func pair(_ containerID: String, _ number: Int) -> String {
        "rv\(tag)\(containerID.prefix(8))\(number % 10)"
    }
    package var pairPrefix: String { "rv\(tag)" }
    package var table: String { "roost_\(tag)" }
    package var cgroup: String { "roost-\(tag)" }

    /// The cgroup of a container. A parent with a leading `/` is relative to the hierarchy's root and never removed, because the engine
    /// does not own it; `a-b.slice` becomes `a.slice/a-b.slice` there, as systemd nests slices (systemd.slice(5)); any other parent is
    /// below the engine's own cgroup.
    package func cgroup(container id: String, parent: String) -> String {
        let parts = parent.split(separator: "/").filter { $0 != "." }
        if parts.isEmpty { return "\(cgroup)/\(id)" }
        if !parent.hasPrefix("/"), parts.count == 1, parts[0].hasSuffix(".slice") {
            let words = parts[0].dropLast(6).split(separator: "-")
            let slices = words.indices.map { words[...$0].joined(separator: "-") + ".slice" }
            return (slices + [id]).joined(separator: "/")
        }
        let path = parts.joined(separator: "/")
        return parent.hasPrefix("/") ? "\(path)/\(id)" : "\(cgroup)/\(path)/\(id)"
    }
}
