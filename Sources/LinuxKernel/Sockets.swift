import CLinux
import Glibc

/// Unix domain sockets and descriptor passing (unix(7)).
package enum Sockets {
    /// A connected socket pair: SOCK_SEQPACKET, which preserves message boundaries, or SOCK_STREAM.
    package static func pair(_ kind: Kind = .packets) throws(SyscallError) -> (OwnedFD, OwnedFD) {
        var ends: [CInt] = [-1, -1]
        let type = kind == .stream ? CInt(SOCK_STREAM.rawValue) : CInt(SOCK_SEQPACKET.rawValue)
        try check("socketpair", "a socket pair") {
            unsafe socketpair(AF_UNIX, type | O_CLOEXEC, 0, &ends)
        }
        return (OwnedFD(adopting: ends[0]), OwnedFD(adopting: ends[1]))
    }

    package enum Kind: Sendable { case stream, packets }

    static func unixSocket(_ kind: Kind) throws(SyscallError) -> OwnedFD {
        let type = kind == .stream ? CInt(SOCK_STREAM.rawValue) : CInt(SOCK_SEQPACKET.rawValue)
        return try OwnedFD(adopting: check("socket", "unix") { socket(AF_UNIX, type | O_CLOEXEC, 0) })
    }

    package static func connect(_ path: String, _ kind: Kind) throws(SyscallError) -> OwnedFD {
        let made = try unixSocket(kind)
        try check("connect", path) { unsafe roost_unix_connect(made.raw, path) }
        return made
    }

    /// Binds and listens. Fails if the file exists; the caller removes a stale socket file while holding its lock.
    package static func listen(_ path: String, _ kind: Kind, mode: UInt32) throws(SyscallError) -> OwnedFD {
        let made = try unixSocket(kind)
        let before = umask(0o777 & ~mode)
        defer { _ = umask(before) }
        try check("bind", path) { unsafe roost_unix_bind(made.raw, path) }
        try check("listen", path) { Glibc.listen(made.raw, 1024) }
        return made
    }

    /// Accepts the next connection; nil if none is pending on a non-blocking socket.
    package static func accept(_ listener: CInt) throws(SyscallError) -> OwnedFD? {
        do throws(SyscallError) {
            return try OwnedFD(
                adopting: check("accept", "descriptor \(listener)") { roost_accept(listener) })
        } catch  where [EAGAIN, ECONNABORTED].contains(error.errno) { return nil }
    }

    /// Sends one message with at most 64 descriptors (SCM_RIGHTS); the receiver gets duplicates.
    package static func send(_ fd: CInt, _ bytes: [UInt8], descriptors: [CInt] = []) throws(SyscallError) {
        try checkLong("sendmsg", "descriptor \(fd)") {
            unsafe roost_send_fds(fd, bytes, bytes.count, descriptors, CInt(min(descriptors.count, 64)))
        }
    }

    /// Sends one message without blocking; false if it did not fit into the buffer (send(2), MSG_DONTWAIT).
    package static func offer(_ fd: CInt, _ bytes: [UInt8]) -> Bool {
        unsafe bytes.withUnsafeBytes { unsafe Glibc.send(fd, $0.baseAddress, $0.count, CInt(0x4040)) } == bytes.count
    }

    /// Receives one message and its descriptors; an empty message means that the peer has closed the connection.
    package static func receive(_ fd: CInt, limit: Int = 65536) throws(SyscallError) -> (
        bytes: [UInt8], descriptors: [CInt]
    ) {
        var count: CInt = 0
        var found = [CInt](repeating: -1, count: 64)
        var bytes = [UInt8](repeating: 0, count: limit)
        let length = try checkLong("recvmsg", "descriptor \(fd)") {
            unsafe roost_receive_fds(fd, &bytes, limit, &found, &count)
        }
        return (Array(bytes[..<length]), Array(found[..<Int(count)]))
    }

    /// Changes the backlog of a listening socket (listen(2)); the kernel caps it at net.core.somaxconn.
    package static func listenAgain(_ fd: CInt, backlog: CInt) throws(SyscallError) {
        try check("listen", "descriptor \(fd)") { Glibc.listen(fd, backlog) }
    }

    /// The user id of the peer (SO_PEERCRED).
    package static func peerUser(_ fd: CInt) -> UInt32 { roost_peer_uid(fd) }

    /// Bytes written to a stream socket that the peer has not read yet (unix(7), SIOCOUTQ); 0 if unknown.
    package static func unreadBytes(_ fd: CInt) -> Int32 {
        var count: CInt = 0
        return unsafe roost_ioctl_out(fd, 0x5411, &count) == 0 ? count : 0
    }

    /// Shuts down both directions; wakes up threads blocked in accept or read (shutdown(2)).
    package static func shutdownAll(_ fd: CInt) { _ = shutdown(fd, CInt(SHUT_RDWR)) }
    package static func shutdownWriting(_ fd: CInt) { _ = shutdown(fd, CInt(SHUT_WR)) }
}

/// An IPv4 or IPv6 address and port for the socket calls.
package struct SocketAddress: Sendable, Equatable, Hashable {
    /// 4 or 16 bytes in network order.
    package let bytes: [UInt8]
    package let port: UInt16

    package init(bytes: [UInt8], port: UInt16) {
        self.bytes = bytes
        self.port = port
    }

    package var isVersion6: Bool { bytes.count == 16 }
    var family: CInt { isVersion6 ? AF_INET6 : AF_INET }

    /// Calls `body` with the address as a sockaddr.
    func withRaw<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        if isVersion6 {
            var raw = sockaddr_in6()
            raw.sin6_family = sa_family_t(AF_INET6)
            raw.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &raw.sin6_addr) { unsafe $0.copyBytes(from: bytes.prefix(16)) }
            return unsafe withUnsafePointer(to: &raw) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        var raw = sockaddr_in()
        raw.sin_family = sa_family_t(AF_INET)
        raw.sin_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &raw.sin_addr) { unsafe $0.copyBytes(from: bytes.prefix(4)) }
        return unsafe withUnsafePointer(to: &raw) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    init?(_ storage: sockaddr_storage) {
        var copy = storage
        switch CInt(storage.ss_family) {
        case AF_INET:
            (bytes, port) = unsafe withUnsafeBytes(of: &copy) { raw in
                unsafe (Array(raw[4..<8]), UInt16(raw[2]) << 8 | UInt16(raw[3]))
            }
        case AF_INET6:
            (bytes, port) = unsafe withUnsafeBytes(of: &copy) { raw in
                unsafe (Array(raw[8..<24]), UInt16(raw[2]) << 8 | UInt16(raw[3]))
            }
        default: return nil
        }
    }
}

/// TCP and UDP sockets (ip(7), tcp(7), udp(7)).
package enum InternetSockets {
    package enum Kind: Sendable, Equatable { case tcp, udp }

    static func make(_ kind: Kind, family: CInt) throws(SyscallError) -> OwnedFD {
        let type = kind == .tcp ? CInt(SOCK_STREAM.rawValue) : CInt(SOCK_DGRAM.rawValue)
        return try OwnedFD(
            adopting: check("socket", kind == .tcp ? "tcp" : "udp") { socket(family, type | O_CLOEXEC | O_NONBLOCK, 0) }
        )
    }

    /// Binds; a TCP socket also listens. Throws EADDRINUSE if the port is in use.
    package static func bind(_ kind: Kind, _ address: SocketAddress, reuse: Bool = true) throws(SyscallError) -> OwnedFD
    {
        let made = try make(kind, family: address.family)
        if kind == .tcp, reuse { _ = roost_set_socket_option(made.raw, SOL_SOCKET, SO_REUSEADDR, 1) }
        // Ports are bound per address family, so that 0.0.0.0 and [::] are two sockets.
        if address.isVersion6 { _ = roost_set_socket_option(made.raw, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        try check("bind", "port \(address.port)") { unsafe address.withRaw { unsafe Glibc.bind(made.raw, $0, $1) } }
        if kind == .tcp { try check("listen", "port \(address.port)") { Glibc.listen(made.raw, 4096) } }
        return made
    }

    /// Starts a non-blocking connect; the socket becomes writable when it completes.
    package static func connect(_ kind: Kind, _ address: SocketAddress) throws(SyscallError) -> OwnedFD {
        let made = try make(kind, family: address.family)
        if kind == .tcp { _ = roost_set_socket_option(made.raw, CInt(IPPROTO_TCP), TCP_NODELAY, 1) }
        do throws(SyscallError) {
            try check("connect", "port \(address.port)") {
                unsafe address.withRaw { unsafe Glibc.connect(made.raw, $0, $1) }
            }
        } catch  where error.errno == EINPROGRESS {}
        return made
    }

    package static func setNoDelay(_ fd: CInt) { _ = roost_set_socket_option(fd, CInt(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// The pending error of a connect, 0 if it succeeded (SO_ERROR).
    package static func pendingError(_ fd: CInt) -> Int32 { roost_get_socket_error(fd) }

    /// The local address of a bound socket (getsockname(2)).
    package static func localAddress(_ fd: CInt) throws(SyscallError) -> SocketAddress {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        try check("getsockname", "descriptor \(fd)") {
            unsafe withUnsafeMutablePointer(to: &storage) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(fd, $0, &size) }
            }
        }
        guard let address = SocketAddress(storage) else {
            throw SyscallError(call: "getsockname", subject: "descriptor \(fd)", errno: EAFNOSUPPORT)
        }
        return address
    }

    /// Receives one datagram and its sender; nil if none is pending (recvfrom(2)).
    package static func receive(_ fd: CInt, limit: Int) throws(SyscallError) -> (bytes: [UInt8], from: SocketAddress)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var bytes = [UInt8](repeating: 0, count: limit)
        do throws(SyscallError) {
            let length = try checkLong("recvfrom", "descriptor \(fd)") {
                unsafe withUnsafeMutablePointer(to: &storage) { pointer in
                    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe recvfrom(fd, &bytes, limit, 0, $0, &size)
                    }
                }
            }
            guard let from = SocketAddress(storage) else { return nil }
            return (Array(bytes[..<length]), from)
        } catch  where error.errno == EAGAIN { return nil }
    }

    package static func send(_ fd: CInt, _ bytes: [UInt8], to address: SocketAddress) throws(SyscallError) {
        try checkLong("sendto", "port \(address.port)") {
            unsafe address.withRaw { pointer, size in unsafe sendto(fd, bytes, bytes.count, CInt(0x4000), pointer, size)
            }
        }
    }
}

/// One send(2) without SIGPIPE (MSG_NOSIGNAL); returns the number of bytes sent.
package func sendSome(_ fd: CInt, _ bytes: ArraySlice<UInt8>) throws(SyscallError) -> Int {
    try checkLong("send", "descriptor \(fd)") {
        unsafe bytes.withUnsafeBytes { unsafe send(fd, $0.baseAddress, $0.count, CInt(0x4000)) }
    }
}

/// Sends all bytes; waits when a non-blocking socket is not ready.
package func sendAll(_ fd: CInt, _ bytes: [UInt8]) throws(SyscallError) {
    var rest = bytes[...]
    while !rest.isEmpty {
        do throws(SyscallError) { rest = rest.dropFirst(try sendSome(fd, rest)) } catch {
            if error.errno != EAGAIN { throw error }
            _ = try waitUntilReady(fd, writing: true, milliseconds: nil)
        }
    }
}
