import CNetlink
import LinuxKernel

/// A failed netlink request: the action, its object, and the reason.
package struct NetlinkError: Error, Sendable, CustomStringConvertible {
    package let call: String
    package let subject: String
    /// libnl's error code (netlink/errno.h), without the sign.
    package let code: Int32
    package let reason: String
    package var description: String { "\(call) \(subject): \(reason)" }
    /// NLE_OBJ_NOTFOUND, NLE_NODEV, NLE_NOADDR: the object does not exist; a removal counts as done.
    package var isMissing: Bool { [12, 31, 19].contains(code) }
    /// NLE_EXIST.
    package var isDuplicate: Bool { code == 6 }
}

/// One rtnetlink socket in the network namespace of the thread that created it (libnl-route-3, rtnetlink(7)).
@safe package final class Netlink {
    private let socket: OpaquePointer

    package init() throws(NetlinkError) {
        guard let made = unsafe nl_socket_alloc() else {
            throw NetlinkError(call: "nl_socket_alloc", subject: "a socket", code: 5, reason: "out of memory")
        }
        let code = unsafe nl_connect(made, 0)
        if code < 0 {
            unsafe nl_socket_free(made)
            throw Self.error("nl_connect", "a socket", code)
        }
        unsafe socket = made
    }

    deinit { unsafe nl_socket_free(socket) }

    private static func error(_ call: String, _ subject: String, _ code: CInt) -> NetlinkError {
        let reason = unsafe nl_geterror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return NetlinkError(call: call, subject: subject, code: abs(code), reason: reason.lowercased())
    }

    private func check(_ call: String, _ subject: String, _ code: CInt) throws(NetlinkError) {
        if code < 0 { throw Self.error(call, subject, code) }
    }

    /// The index of an interface; nil if it does not exist.
    package func index(of name: String) throws(NetlinkError) -> Int32? {
        var link: OpaquePointer?
        let code = unsafe rtnl_link_get_kernel(socket, 0, name, &link)
        if code < 0 {
            let error = Self.error("look up interface", name, code)
            if error.isMissing { return nil }
            throw error
        }
        defer { unsafe rtnl_link_put(link) }
        return unsafe rtnl_link_get_ifindex(link)
    }

    /// Creates a bridge with a fixed MAC address. Otherwise a bridge takes the lowest MAC address of its ports, which changes as ports come
    /// and go, and peers with the old address cached lose connectivity for a while (kernel, net/bridge/br_stp_if.c).
    package func addBridge(_ name: String, hardwareAddress: [UInt8], mtu: UInt32) throws(NetlinkError) {
        guard let link = unsafe rtnl_link_bridge_alloc() else { throw outOfMemory(name) }
        defer { unsafe rtnl_link_put(link) }
        unsafe rtnl_link_set_name(link, name)
        unsafe rtnl_link_set_mtu(link, mtu)
        unsafe setAddress(of: link, hardwareAddress)
        try unsafe check("create bridge", name, rtnl_link_add(socket, link, 0x400 | 0x200))
    }

    private func setAddress(of link: OpaquePointer, _ hardwareAddress: [UInt8]) {
        guard let address = unsafe nl_addr_build(AF_LLC_ETHER, hardwareAddress, hardwareAddress.count) else { return }
        unsafe rtnl_link_set_addr(link, address)
        unsafe nl_addr_put(address)
    }

    /// Creates a veth pair: the host end up and attached to the bridge, the peer in the given network namespace.
    package func addPair(
        host: String, peer: String, hardwareAddress: [UInt8], namespace: Int32, bridge: Int32?, mtu: UInt32
    ) throws(NetlinkError) {
        guard let link = unsafe rtnl_link_veth_alloc(), let inner = unsafe rtnl_link_veth_get_peer(link) else {
            throw outOfMemory(host)
        }
        defer {
            unsafe rtnl_link_put(inner)
            unsafe rtnl_link_put(link)
        }
        unsafe rtnl_link_set_name(link, host)
        unsafe rtnl_link_set_mtu(link, mtu)
        if let bridge { unsafe rtnl_link_set_master(link, bridge) }
        unsafe rtnl_link_set_flags(link, 1)
        unsafe rtnl_link_set_name(inner, peer)
        unsafe rtnl_link_set_mtu(inner, mtu)
        unsafe rtnl_link_set_ns_fd(inner, namespace)
        unsafe setAddress(of: inner, hardwareAddress)
        try unsafe check("create interface", host, rtnl_link_add(socket, link, 0x400 | 0x200))
    }

    /// AF_LLC, which libnl uses for hardware addresses.
    private var AF_LLC_ETHER: CInt { 26 }

    package func setUp(_ index: Int32, name: String, newName: String? = nil) throws(NetlinkError) {
        guard let link = unsafe rtnl_link_alloc(), let change = unsafe rtnl_link_alloc() else {
            throw outOfMemory(name)
        }
        defer {
            unsafe rtnl_link_put(link)
            unsafe rtnl_link_put(change)
        }
        unsafe rtnl_link_set_ifindex(link, index)
        if let newName { unsafe rtnl_link_set_name(change, newName) }
        unsafe rtnl_link_set_flags(change, 1)
        try unsafe check("bring up", name, rtnl_link_change(socket, link, change, 0))
    }

    package func setMaster(_ index: Int32, bridge: Int32, name: String) throws(NetlinkError) {
        try unsafe check("attach to bridge", name, rtnl_link_enslave_ifindex(socket, bridge, index))
    }

    package func removeLink(_ name: String) throws(NetlinkError) {
        guard let link = unsafe rtnl_link_alloc() else { throw outOfMemory(name) }
        defer { unsafe rtnl_link_put(link) }
        unsafe rtnl_link_set_name(link, name)
        let code = unsafe rtnl_link_delete(socket, link)
        if code < 0 {
            let error = Self.error("remove interface", name, code)
            if !error.isMissing { throw error }
        }
    }

    private func outOfMemory(_ subject: String) -> NetlinkError {
        NetlinkError(call: "allocate", subject: subject, code: 5, reason: "out of memory")
    }

    /// Adds an address; IPv6 without duplicate address detection, since leases are unique.
    package func addAddress(_ bytes: [UInt8], prefix: UInt8, to index: Int32, subject: String) throws(NetlinkError) {
        guard let address = unsafe rtnl_addr_alloc(),
            let local = unsafe nl_addr_build(family(bytes), bytes, bytes.count)
        else {
            throw outOfMemory(subject)
        }
        defer {
            unsafe nl_addr_put(local)
            unsafe rtnl_addr_put(address)
        }
        unsafe nl_addr_set_prefixlen(local, CInt(prefix))
        unsafe rtnl_addr_set_ifindex(address, index)
        try unsafe check("set address", subject, rtnl_addr_set_local(address, local))
        if bytes.count == 16 { unsafe rtnl_addr_set_flags(address, 0x2) }
        if let bytes = Self.broadcast(bytes, prefix: prefix) {
            guard let broadcast = unsafe nl_addr_build(family(bytes), bytes, bytes.count) else {
                throw outOfMemory(subject)
            }
            defer { unsafe nl_addr_put(broadcast) }
            try unsafe check("set broadcast address", subject, rtnl_addr_set_broadcast(address, broadcast))
        }
        let code = unsafe rtnl_addr_add(socket, address, 0)
        if code < 0 {
            let error = Self.error("add address to", subject, code)
            if !error.isDuplicate { throw error }
        }
    }

    /// The last address of an IPv4 subnet; nil for one of two addresses or less (RFC 3021), and for IPv6.
    static func broadcast(_ bytes: [UInt8], prefix: UInt8) -> [UInt8]? {
        guard bytes.count == 4, prefix < 31 else { return nil }
        return bytes.enumerated().map { index, byte in
            let networkBits = max(0, min(8, Int(prefix) - index * 8))
            return byte | UInt8(0xFF >> networkBits)
        }
    }

    private func family(_ bytes: [UInt8]) -> CInt { bytes.count == 16 ? 10 : 2 }

    /// Adds a default route via this gateway.
    package func addDefaultRoute(via gateway: [UInt8], index: Int32, subject: String) throws(NetlinkError) {
        let any = [UInt8](repeating: 0, count: gateway.count)
        guard let route = unsafe rtnl_route_alloc(), let hop = unsafe rtnl_route_nh_alloc(),
            let to = unsafe nl_addr_build(family(gateway), any, any.count),
            let via = unsafe nl_addr_build(family(gateway), gateway, gateway.count)
        else { throw outOfMemory(subject) }
        defer {
            unsafe nl_addr_put(to)
            unsafe nl_addr_put(via)
            unsafe rtnl_route_put(route)
        }
        unsafe nl_addr_set_prefixlen(to, 0)
        unsafe rtnl_route_set_family(route, UInt8(family(gateway)))
        _ = unsafe rtnl_route_set_dst(route, to)
        unsafe rtnl_route_nh_set_ifindex(hop, index)
        unsafe rtnl_route_nh_set_gateway(hop, via)
        unsafe rtnl_route_add_nexthop(route, hop)
        try unsafe check("add default route via", subject, rtnl_route_add(socket, route, 0x400))
    }
}
