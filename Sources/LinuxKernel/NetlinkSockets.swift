import CLinux
import Glibc

/// Raw netlink sockets; callers encode the messages (netlink(7)).
package enum NetlinkSockets {
    package enum Family: Int32, Sendable { case netfilter = 12 }

    package static func open(_ family: Family) throws(SyscallError) -> OwnedFD {
        try OwnedFD(
            adopting: check("socket", "netlink") {
                socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | O_CLOEXEC, family.rawValue)
            })
    }

    /// Sends a transaction of messages with the sequence numbers `first` to `last` and waits for the acknowledgement of the last one.
    /// Throws the first error that the kernel reports.
    package static func transact(_ fd: CInt, _ bytes: [UInt8], first: UInt32, last: UInt32, subject: String)
        throws(SyscallError)
    {
        try send(fd, bytes, subject)
        while true {
            for message in try receive(fd, subject) where message.type == NetlinkMessage.error {
                // Replies to an earlier, failed transaction may still be queued.
                guard message.sequence &- first <= last &- first else { continue }
                if message.errno != 0 { throw SyscallError(call: "netlink", subject: subject, errno: message.errno) }
                if message.sequence == last { return }
            }
        }
    }

    /// Sends one request and returns the payloads of the replies: one message, or all messages of a dump.
    package static func ask(_ fd: CInt, _ bytes: [UInt8], sequence: UInt32, isDump: Bool, subject: String)
        throws(SyscallError) -> [ArraySlice<UInt8>]
    {
        try send(fd, bytes, subject)
        var answers: [ArraySlice<UInt8>] = []
        while true {
            for message in try receive(fd, subject) where message.sequence == sequence {
                switch message.type {
                case NetlinkMessage.done: return answers
                case NetlinkMessage.error:
                    if message.errno != 0 {
                        throw SyscallError(call: "netlink", subject: subject, errno: message.errno)
                    }
                    return answers
                default:
                    answers.append(message.body)
                    if !isDump { return answers }
                }
            }
        }
    }

    private static func send(_ fd: CInt, _ bytes: [UInt8], _ subject: String) throws(SyscallError) {
        // A message must fit into the send buffer as a whole; the kernel accounts for twice its size.
        if bytes.count > 32_768 {
            var size = CInt(clamping: bytes.count * 2)
            _ = unsafe setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        try checkLong("send", subject) { unsafe Glibc.send(fd, bytes, bytes.count, 0) }
    }

    private static func receive(_ fd: CInt, _ subject: String) throws(SyscallError) -> [NetlinkMessage] {
        // The kernel sends dumps in parts of up to 32 KiB (net/netlink/af_netlink.c).
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let length = try checkLong("recv", subject) { unsafe recv(fd, &buffer, buffer.count, 0) }
        return NetlinkMessage.all(in: buffer.prefix(length))
    }
}

/// One received message (struct nlmsghdr and payload).
package struct NetlinkMessage: Sendable, Equatable {
    /// NLMSG_ERROR (error code 0 is an acknowledgement) and NLMSG_DONE.
    package static let error: UInt16 = 2
    package static let done: UInt16 = 3

    package var type: UInt16
    package var sequence: UInt32
    package var body: ArraySlice<UInt8>

    /// The errno of an NLMSG_ERROR message.
    package var errno: Int32 { body.count < 4 ? 0 : -Int32(bitPattern: Self.number(body, at: body.startIndex)) }

    /// The messages of one datagram; stops at the first malformed one.
    package static func all(in bytes: ArraySlice<UInt8>) -> [NetlinkMessage] {
        var messages: [NetlinkMessage] = []
        var rest = bytes
        while rest.count >= 16 {
            let start = rest.startIndex
            let size = Int(number(rest, at: start))
            guard size >= 16, size <= rest.count else { break }
            messages.append(
                NetlinkMessage(
                    type: UInt16(truncatingIfNeeded: number(rest, at: start + 4)),
                    sequence: number(rest, at: start + 8),
                    body: rest[(start + 16)..<(start + size)]))
            rest = rest.dropFirst((size + 3) & ~3)
        }
        return messages
    }

    private static func number(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
    }
}
