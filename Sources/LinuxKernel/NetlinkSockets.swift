import CLinux
import Glibc

/// Plain netlink sockets for messages that are made elsewhere (netlink(7)).
public enum NetlinkSockets {
    public enum Family: Int32, Sendable { case netfilter = 12 }

    public static func open(_ family: Family) throws(SyscallError) -> OwnedFD {
        try OwnedFD(
            adopting: check("socket", "netlink") {
                socket(AF_NETLINK, CInt(SOCK_RAW.rawValue) | O_CLOEXEC, family.rawValue)
            })
    }

    /// Sends messages and waits until the one numbered `last` is acknowledged; throws what the kernel refuses first.
    public static func transact(_ fd: CInt, _ bytes: [UInt8], last: UInt32, subject: String) throws(SyscallError) {
        try checkLong("send", subject) { unsafe send(fd, bytes, bytes.count, 0) }
        while true {
            var answer = [UInt8](repeating: 0, count: 8192)
            let length = try checkLong("recv", subject) { unsafe recv(fd, &answer, answer.count, 0) }
            var position = 0
            func number(_ offset: Int) -> UInt32 {
                (0..<4).reduce(0) { $0 | UInt32(answer[position + offset + $1]) << UInt32(8 * $1) }
            }
            while length - position >= 20 {
                let size = Int(number(0))
                // NLMSG_ERROR, whose number is 0 in an acknowledgement.
                if UInt16(truncatingIfNeeded: number(4)) == 2 {
                    let code = Int32(bitPattern: number(16))
                    if code != 0 { throw SyscallError(call: "netlink", subject: subject, errno: -code) }
                    if number(8) == last { return }
                }
                guard size >= 16 else { break }
                position += (size + 3) & ~3
            }
        }
    }
}
