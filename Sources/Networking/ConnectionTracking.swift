import EngineModel
import LinuxKernel

/// The kernel's connection tracking table (linux/netfilter/nfnetlink_conntrack.h).
///
/// NAT is decided by the first packet of a connection. The datagrams of a sender that never pauses are one connection: it stays
/// untranslated if it began before the port was published, and keeps pointing to the container's old address, unused or reassigned, after
/// the container has exited.
package enum ConnectionTracking {
    private enum Message {
        static let get: UInt16 = 1 << 8 | 1
        static let delete: UInt16 = 1 << 8 | 2
    }
    private enum Attribute {
        static let original: UInt16 = 1
        static let identity: UInt16 = 12
        static let zone: UInt16 = 18
        static let filter: UInt16 = 25
    }
    private static let udp: UInt8 = 17

    /// Deletes the UDP entries whose destination is one of these published ports.
    package static func forgetDatagrams(to ports: [PublishedPort]) throws(SyscallError) {
        let wanted = ports.filter { $0.container.transport == .udp && !$0.hostAddress.isLoopback }
        guard !wanted.isEmpty else { return }
        let socket = try NetlinkSockets.open(.netfilter)
        var sequence: UInt32 = 0
        for isVersion6 in Set(wanted.map(\.hostAddress.isVersion6)) {
            let family: UInt8 = isVersion6 ? 10 : 2
            sequence += 1
            // NLM_F_REQUEST and NLM_F_DUMP.
            let question = request(Message.get, flags: 0x301, family, sequence, udpOnly)
            let entries = try NetlinkSockets.ask(
                socket.raw, question, sequence: sequence, isDump: true, subject: "connection tracking")
            for entry in entries.map({ $0.dropFirst(4) }) where isAddressed(entry, to: wanted, isVersion6) {
                sequence += 1
                // NLM_F_REQUEST and NLM_F_ACK.
                let deletion = request(Message.delete, flags: 0x5, family, sequence, key(of: entry))
                do throws(SyscallError) {
                    _ = try NetlinkSockets.ask(
                        socket.raw, deletion, sequence: sequence, isDump: false, subject: "connection tracking")
                } catch {
                    // The entry has expired meanwhile.
                    if error.errno != Errno.noEntry { throw error }
                }
            }
        }
    }

    /// A dump filter, supported since Linux 5.8; older kernels ignore it and send all entries.
    private static var udpOnly: NetlinkAttributes {
        var body = NetlinkAttributes()
        body.nested(Attribute.original) { $0.nested(2) { $0.data(1, [udp]) } }
        var flags: [UInt8] = []
        // CTA_FILTER_FLAG(CTA_PROTO_NUM), in host byte order.
        flags.append(native: UInt32(1 << 3))
        body.nested(Attribute.filter) { $0.data(1, flags) }
        return body
    }

    /// The key of an entry: its original tuple, its id, so that a newer entry with the same tuple is kept, and its zone.
    private static func key(of entry: some Collection<UInt8>) -> NetlinkAttributes {
        var body = NetlinkAttributes()
        for (type, value) in NetlinkAttributeReader(entry) {
            switch type {
            case Attribute.original: body.data(type | NetlinkAttributes.nestedFlag, Array(value))
            case Attribute.identity, Attribute.zone: body.data(type, Array(value))
            default: break
            }
        }
        return body
    }

    static func isAddressed(_ entry: some Collection<UInt8>, to ports: [PublishedPort], _ isVersion6: Bool) -> Bool {
        guard let tuple = NetlinkAttributeReader.value(Attribute.original, in: entry),
            // CTA_TUPLE_IP with CTA_IP_V4_DST or CTA_IP_V6_DST; CTA_TUPLE_PROTO with CTA_PROTO_NUM and CTA_PROTO_DST_PORT.
            let addresses = NetlinkAttributeReader.value(1, in: tuple),
            let address = NetlinkAttributeReader.value(isVersion6 ? 4 : 2, in: addresses),
            let transport = NetlinkAttributeReader.value(2, in: tuple),
            NetlinkAttributeReader.value(1, in: transport)?.first == udp,
            let port = NetlinkAttributeReader.value(3, in: transport), port.count == 2
        else { return false }
        let number = port.reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
        let destination = IPAddress(bytes: Array(address))
        return ports.contains { item in
            guard item.hostPort == number, item.hostAddress.isVersion6 == isVersion6 else { return false }
            return item.hostAddress.isUnspecified ? isOwn(destination) : item.hostAddress == destination
        }
    }

    /// Whether the address is local: only a local address can be bound. Forwarded datagrams to the same port (e.g. DNS) must not be affected.
    private static func isOwn(_ address: IPAddress) -> Bool {
        (try? InternetSockets.bind(.udp, SocketAddress(bytes: address.bytes, port: 0))) != nil
    }

    private static func request(
        _ type: UInt16, flags: UInt16, _ family: UInt8, _ sequence: UInt32, _ body: NetlinkAttributes
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(native: UInt32(20 + body.bytes.count))
        bytes.append(native: type)
        bytes.append(native: flags)
        bytes.append(native: sequence)
        return bytes + [0, 0, 0, 0, family, 0, 0, 0] + body.bytes
    }
}
