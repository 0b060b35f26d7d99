import LinuxKernel

/// The host's current routes and interfaces, read from /proc and /sys: for choosing free subnets and finding leftovers.
package enum NetworkInventory {
    /// The IPv4 destinations of all routes except the default route (proc(5), /proc/net/route).
    package static func routes4() -> [(address: UInt32, prefix: UInt8)] {
        guard let text = try? Files.readText("/proc/net/route") else { return [] }
        return text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: "\t").map { $0.trimmingSpaces }
            guard fields.count > 7, let address = UInt32(fields[1], radix: 16), let mask = UInt32(fields[7], radix: 16)
            else { return nil }
            // The kernel prints the address in network byte order read as a host integer; the default route occupies no subnet.
            return mask == 0 ? nil : (UInt32(bigEndian: address), UInt8(mask.nonzeroBitCount))
        }
    }

    package static func interfaceNames() -> [String] { (try? Files.list("/sys/class/net")) ?? [] }
}

extension Substring {
    var trimmingSpaces: Substring {
        var text = self
        while text.last == " " { text = text.dropLast() }
        while text.first == " " { text = text.dropFirst() }
        return text
    }
}
