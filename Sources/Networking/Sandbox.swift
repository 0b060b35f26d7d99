import EngineModel
import LinuxKernel
import SystemLibraries

/// The desired configuration of one container interface.
package struct EndpointPlan: Sendable, Equatable {
    package var hostInterface: String
    package var containerInterface: String
    package var bridge: String
    package var address4: IPAddress?
    package var prefix4: UInt8
    package var address6: IPAddress?
    package var prefix6: UInt8
    package var hardwareAddress: [UInt8]
    package var gateway4: IPAddress?
    package var gateway6: IPAddress?
    /// MTU of both ends of the veth pair.
    package var mtu: UInt32?
    /// Isolated bridge port: reaches the bridge but no other container on it.
    package var isIsolated = false
    /// Hairpin mode of the bridge port: a container that connects to a published port may be forwarded back to itself.
    package var isHairpin = false
    /// Additional link-local addresses.
    package var linkLocal: [IPAddress] = []
    /// Interface sysctls, e.g. `net.ipv4.conf.IFNAME.…=value`.
    package var sysctls: [String] = []
    package init(
        hostInterface: String, containerInterface: String, bridge: String, address4: IPAddress?, prefix4: UInt8,
        address6: IPAddress?, prefix6: UInt8, hardwareAddress: [UInt8], gateway4: IPAddress?, gateway6: IPAddress?
    ) {
        self.hostInterface = hostInterface
        self.containerInterface = containerInterface
        self.bridge = bridge
        self.address4 = address4
        self.prefix4 = prefix4
        self.address6 = address6
        self.prefix6 = prefix6
        self.hardwareAddress = hardwareAddress
        self.gateway4 = gateway4
        self.gateway6 = gateway6
    }
}

/// The sockets of a container's resolver, created in its network namespace.
package struct ResolverSockets: Sendable {
    package let udp: OwnedFD
    package let tcp: OwnedFD
    /// The netfilter socket that created the redirect. Kept open because closing it blocks, under a lock that every new interface needs,
    /// until the kernel has freed old rules.
    let rules: OwnedFD?

    /// Sockets that a shim kept across an engine restart.
    package init(udp: OwnedFD, tcp: OwnedFD) { self.init(udp: udp, tcp: tcp, rules: nil) }

    init(udp: OwnedFD, tcp: OwnedFD, rules: OwnedFD?) {
        self.udp = udp
        self.tcp = tcp
        self.rules = rules
    }
}

/// A container's network namespace and its interfaces. It is only held by descriptors and processes: the last one to close it removes
/// everything in it.
package struct Sandbox: Sendable {
    package let namespace: NetworkNamespace

    package init(namespace: NetworkNamespace) { self.namespace = namespace }

    static let mtu: UInt32 = 1500

    /// Creates a namespace with its interfaces up and, if `resolver` is set, the resolver's sockets listening.
    package static func make(_ endpoints: [EndpointPlan], resolver: Bool) throws -> (Sandbox, ResolverSockets?) {
        // A single thread does all of it: it starts in the host's namespace and moves to the new one.
        try Threads.run {
            let host = try Netlink()
            try Processes.unshare(.network)
            let sandbox = Sandbox(
                namespace: NetworkNamespace(adopting: try Files.open("/proc/thread-self/ns/net", .readOnly)))
            // Set before any interface exists: later it needs a contended lock (RTNL).
            let default6 = "/proc/sys/net/ipv6/conf/default"
            if !endpoints.contains(where: { $0.address6 != nil }) { try? Files.set(default6 + "/disable_ipv6", "1") }
            try? Files.set(default6 + "/accept_ra", "0")
            for endpoint in endpoints { try sandbox.addPair(endpoint, host) }
            let inside = try Netlink()
            try inside.setUp(1, name: "lo")
            for endpoint in endpoints { try configure(endpoint, inside) }
            return (sandbox, resolver ? try ResolverRedirect.open() : nil)
        }
    }

    /// Adds an interface to an existing namespace.
    package func add(_ endpoint: EndpointPlan) throws {
        try addPair(endpoint, try Netlink())
        try namespace.enter { try Self.configure(endpoint, try Netlink()) }
    }

    /// Creates the resolver's sockets in a namespace that has none.
    package static func openResolver(in namespace: NetworkNamespace) throws -> ResolverSockets {
        try namespace.enter { try ResolverRedirect.open() }
    }

    /// Adds default routes through an existing interface.
    package func setDefaultRoute(_ endpoint: EndpointPlan) throws {
        try namespace.enter {
            let inside = try Netlink()
            guard let index = try inside.index(of: endpoint.containerInterface) else { return }
            for gateway in [endpoint.gateway4, endpoint.gateway6].compactMap({ $0 }) {
                try inside.addDefaultRoute(via: gateway.bytes, index: index, subject: endpoint.containerInterface)
            }
        }
    }

    private func addPair(_ endpoint: EndpointPlan, _ host: Netlink) throws {
        guard let bridge = try host.index(of: endpoint.bridge) else {
            throw RoostError.failure("bridge \(endpoint.bridge) does not exist")
        }
        func add() throws(NetlinkError) {
            try host.addPair(
                host: endpoint.hostInterface, peer: endpoint.containerInterface,
                hardwareAddress: endpoint.hardwareAddress, namespace: namespace.file.raw, bridge: bridge,
                mtu: endpoint.mtu ?? Self.mtu)
        }
        do throws(NetlinkError) { try add() } catch {
            // An interface of that name is left over from an interrupted teardown.
            guard error.isDuplicate else { throw error }
            try host.removeLink(endpoint.hostInterface)
            try add()
        }
        try Self.applyPortSettings(endpoint)
    }

    /// Bridge port settings, which are lost when the port leaves the bridge (ip-link(8), "isolated" and "hairpin").
    static func applyPortSettings(_ endpoint: EndpointPlan) throws(SyscallError) {
        let folder = "/sys/class/net/\(endpoint.hostInterface)/brport/"
        // An isolated port exchanges frames only with the bridge and non-isolated ports.
        if endpoint.isIsolated { try Files.set(folder + "isolated", "1") }
        if endpoint.isHairpin { try Files.set(folder + "hairpin_mode", "1") }
    }

    private static func configure(_ endpoint: EndpointPlan, _ inside: Netlink) throws {
        let name = endpoint.containerInterface
        guard let index = try inside.index(of: name) else {
            throw RoostError.failure("interface \(name) not present in the container's network namespace")
        }
        let settings = "/proc/sys/net/ipv6/conf/\(name)"
        let hasVersion6 = try? Files.readText(settings + "/disable_ipv6", limit: 8).hasPrefix("0")
        if endpoint.address6 == nil, hasVersion6 == true { try? Files.set(settings + "/disable_ipv6", "1") }
        if endpoint.address6 != nil { try? Files.set(settings + "/accept_ra", "0") }
        if let address = endpoint.address4 {
            try inside.addAddress(address.bytes, prefix: endpoint.prefix4, to: index, subject: name)
        }
        if let address = endpoint.address6 {
            try inside.addAddress(address.bytes, prefix: endpoint.prefix6, to: index, subject: name)
        }
        for address in endpoint.linkLocal {
            try inside.addAddress(address.bytes, prefix: address.isVersion6 ? 64 : 16, to: index, subject: name)
        }
        for setting in endpoint.sysctls {
            let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
            let path = parts[0].split(separator: ".").map { $0 == "IFNAME" ? name : String($0) }.joined(separator: "/")
            guard parts.count == 2, parts[0].hasPrefix("net."), parts[0].contains(".IFNAME."), !path.contains("..")
            else {
                throw RoostError.invalid("invalid endpoint sysctl \"\(setting)\": use net.ipv4.conf.IFNAME.name=value")
            }
            try Files.set("/proc/sys/" + path, parts[1])
        }
        try inside.setUp(index, name: name)
        if let gateway = endpoint.gateway4 {
            try inside.addDefaultRoute(via: gateway.bytes, index: index, subject: name)
        }
        if let gateway = endpoint.gateway6 {
            try inside.addDefaultRoute(via: gateway.bytes, index: index, subject: name)
        }
    }
}

/// Network bridges on the host.
package enum Bridges {
    /// Creates the bridge with its addresses; idempotent, so that it also repairs. `mark` identifies the owning engine, even if the bridge
    /// has a user-defined name.
    package static func ensure(_ network: NetworkRecord, mark: String) throws {
        let netlink = try Netlink()
        if try netlink.index(of: network.bridge) == nil {
            try netlink.addBridge(
                network.bridge,
                hardwareAddress: Addressing.hardwareAddress(for: network.gateway4 ?? network.gateway6),
                mtu: BridgeSettings.of(network).mtu ?? Sandbox.mtu)
            try? Files.set("/proc/sys/net/ipv6/conf/\(network.bridge)/accept_ra", "0")
            try? Files.set("/sys/class/net/\(network.bridge)/ifalias", mark)
        }
        guard let index = try netlink.index(of: network.bridge) else {
            throw RoostError.failure("bridge \(network.bridge) could not be created")
        }
        if let subnet = network.subnet4, let gateway = network.gateway4 {
            try netlink.addAddress(gateway.bytes, prefix: subnet.prefix, to: index, subject: network.bridge)
        }
        if let subnet = network.subnet6, let gateway = network.gateway6 {
            try netlink.addAddress(gateway.bytes, prefix: subnet.prefix, to: index, subject: network.bridge)
        }
        try netlink.setUp(index, name: network.bridge)
    }

    /// The ifalias of an interface; nil if it has none.
    package static func mark(of interface: String) -> String? {
        guard let text = try? Files.readText("/sys/class/net/\(interface)/ifalias", limit: 256) else { return nil }
        return text.split(separator: "\n").first.map(String.init)
    }

    /// Removes all given interfaces; returns the errors.
    package static func removeLinks(_ names: [String]) -> [any Error] {
        do {
            let netlink = try Netlink()
            return names.compactMap { name in
                do {
                    try netlink.removeLink(name)
                    return nil
                } catch { return error }
            }
        } catch { return [error] }
    }

    /// Reattaches an interface to its bridge after the bridge was recreated.
    package static func attach(_ endpoint: EndpointPlan) throws {
        let netlink = try Netlink()
        guard let index = try netlink.index(of: endpoint.hostInterface),
            let master = try netlink.index(of: endpoint.bridge)
        else { return }
        try netlink.setMaster(index, bridge: master, name: endpoint.hostInterface)
        try Sandbox.applyPortSettings(endpoint)
    }

    /// Enables IP forwarding, needed for traffic between bridges and other interfaces.
    package static func enableForwarding() {
        for path in ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"]
        where (try? Files.readText(path))?.hasPrefix("1") != true {
            try? Files.set(path, "1")
        }
    }
}

extension Bridges {
    package static func exists(_ name: String) -> Bool { Files.exists("/sys/class/net/\(name)") }

    /// The names of all host interfaces.
    package static func interfaceNames() -> [String] { NetworkInventory.interfaceNames() }
}
