import Glibc

/// Resolves names with the host's resolver (getaddrinfo(3)).
package enum HostNames {
    /// The addresses of a name in order of preference, 4 or 16 bytes each; empty if the lookup fails.
    package static func addresses(_ name: String) -> [[UInt8]] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>? = nil
        guard unsafe getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
        defer { if let first = unsafe first { unsafe freeaddrinfo(first) } }
        var found: [[UInt8]] = []
        var next = unsafe first
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ai_addr, let bytes = unsafe Self.bytes(address) {
                found.append(bytes)
            }
            unsafe next = entry.pointee.ai_next
        }
        return found
    }

    private static func bytes(_ address: UnsafeMutablePointer<sockaddr>) -> [UInt8]? {
        switch unsafe Int32(address.pointee.sa_family) {
        case AF_INET:
            unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { pointer in
                unsafe withUnsafeBytes(of: pointer.pointee.sin_addr) { unsafe Array($0) }
            }
        case AF_INET6:
            unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { pointer in
                unsafe withUnsafeBytes(of: pointer.pointee.sin6_addr) { unsafe Array($0) }
            }
        default: nil
        }
    }
}
