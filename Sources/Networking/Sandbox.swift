import EngineModel
import LinuxKernel
import SystemLibraries

/// One interface of a container, as it is to be.
public struct EndpointPlan: Sendable, Equatable {
    public var hostInterface: String
    public var containerInterface: String
    public var bridge: String
    public var address4: IPAddress?
    public var prefix4: UInt8
    public var address6: IPAddress?
    public var prefix6: UInt8
    public var hardwareAddress: [UInt8]
    public var gateway4: IPAddress?
    public var gateway6: IPAddress?
    /// Of both ends.
    public var mtu: UInt32?
    /// Reaches the bridge, and no other container on it.
    public var isIsolated = false
    /// The bridge may send frames back to the interface that they came from: a container that calls a port of the host may be led to itself.
    public var isHairpin = false
    /// Link-local addresses beside its own.
    public var linkLocal: [IPAddress] = []
    /// `net.ipv4.conf.IFNAME.…=value`, for this interface.
    public var sysctls: [String] = []
    public init(
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

/// The sockets of a container's resolver, made inside its network namespace.
public struct ResolverSockets: Sendable {
    public let udp: OwnedFD
    public let tcp: OwnedFD
    /// The netfilter socket that made the redirection. It is kept because closing it waits, under a lock that every new interface
    /// needs, until the kernel has freed old rules.
    let rules: OwnedFD?

    /// Sockets that a shim has kept over an engine's end.
    public init(udp: OwnedFD, tcp: OwnedFD) { self.init(udp: udp, tcp: tcp, rules: nil) }

    init(udp: OwnedFD, tcp: OwnedFD, rules: OwnedFD?) {
        self.udp = udp
        self.tcp = tcp
        self.rules = rules
    }
}

/// A container's network namespace and what is in it. It is held by a descriptor only: with its last holder everything in it goes.
public struct Sandbox: Sendable {
    public let namespace: NetworkNamespace

    public init(namespace: NetworkNamespace) { self.namespace = namespace }

    static let mtu: UInt32 = 1500

    /// A new namespace with its interfaces up and, on networks with names, its resolver listening.
    public static func make(_ endpoints: [EndpointPlan], resolver: Bool) throws -> (Sandbox, ResolverSockets?) {
        // One thread for all of it: it begins on the host's side and ends in the new namespace.
        try Threads.run {
            let host = try Netlink()
            try Processes.unshare(.network)
            let sandbox = Sandbox(
                namespace: NetworkNamespace(adopting: try Files.open("/proc/thread-self/ns/net", .readOnly)))
            // Said before an interface exists: afterwards it takes a lock that everybody wants.
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

    /// Adds one interface to a namespace that is in use.
    public func add(_ endpoint: EndpointPlan) throws {
        try addPair(endpoint, try Netlink())
        try namespace.enter { try Self.configure(endpoint, try Netlink()) }
    }

    /// The resolver of a namespace that had none.
    public static func openResolver(in namespace: NetworkNamespace) throws -> ResolverSockets {
        try namespace.enter { try ResolverRedirect.open() }
    }

    /// Makes an interface that is there the way to the world.
    public func setDefaultRoute(_ endpoint: EndpointPlan) throws {
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
            throw RoostError.failure("bridge \(endpoint.bridge) is not there")
        }
        func add() throws(NetlinkError) {
            try host.addPair(
                host: endpoint.hostInterface, peer: endpoint.containerInterface,
                hardwareAddress: endpoint.hardwareAddress, namespace: namespace.file.raw, bridge: bridge,
                mtu: endpoint.mtu ?? Self.mtu)
        }
        do throws(NetlinkError) { try add() } catch {
            // One of that name is left over from a run that ended before it could clear away.
            guard error.isDuplicate else { throw error }
            try host.removeLink(endpoint.hostInterface)
            try add()
        }
        try Self.applyPortSettings(endpoint)
    }

    /// Settings of a bridge's port, which belong to the bridge: they go with it (ip-link(8), "isolated" and "hairpin").
    static func applyPortSettings(_ endpoint: EndpointPlan) throws(SyscallError) {
        let folder = "/sys/class/net/\(endpoint.hostInterface)/brport/"
        // An isolated port exchanges frames with the bridge only.
        if endpoint.isIsolated { try Files.set(folder + "isolated", "1") }
        if endpoint.isHairpin { try Files.set(folder + "hairpin_mode", "1") }
    }

    private static func configure(_ endpoint: EndpointPlan, _ inside: Netlink) throws {
        let name = endpoint.containerInterface
        guard let index = try inside.index(of: name) else {
            throw RoostError.failure("interface \(name) did not arrive in the container")
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
                throw RoostError.invalid("endpoint sysctl \"\(setting)\": write net.ipv4.conf.IFNAME.name=value")
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

/// The host's side of a network.
public enum Bridges {
    /// Makes the bridge with its addresses; what is there already stays, so that this also mends.
    /// `mark` tells whose the bridge is, also under a name that its user chose.
    public static func ensure(_ network: NetworkRecord, mark: String) throws {
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
            throw RoostError.failure("bridge \(network.bridge) could not be made")
        }
        if let subnet = network.subnet4, let gateway = network.gateway4 {
            try netlink.addAddress(gateway.bytes, prefix: subnet.prefix, to: index, subject: network.bridge)
        }
        if let subnet = network.subnet6, let gateway = network.gateway6 {
            try netlink.addAddress(gateway.bytes, prefix: subnet.prefix, to: index, subject: network.bridge)
        }
        try netlink.setUp(index, name: network.bridge)
    }

    /// What an interface is marked with; nil for one without a mark.
    public static func mark(of interface: String) -> String? {
        guard let text = try? Files.readText("/sys/class/net/\(interface)/ifalias", limit: 256) else { return nil }
        return text.split(separator: "\n").first.map(String.init)
    }

    /// Removes interfaces of ours, all that are given; every failure is reported.
    public static func removeLinks(_ names: [String]) -> [any Error] {
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

    /// Puts an interface back on its bridge after the bridge was recreated.
    public static func attach(_ endpoint: EndpointPlan) throws {
        let netlink = try Netlink()
        guard let index = try netlink.index(of: endpoint.hostInterface),
            let master = try netlink.index(of: endpoint.bridge)
        else { return }
        try netlink.setMaster(index, bridge: master, name: endpoint.hostInterface)
        try Sandbox.applyPortSettings(endpoint)
    }

    /// What the kernel needs for traffic between bridges and the world.
    public static func enableForwarding() {
        for path in ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"]
        where (try? Files.readText(path))?.hasPrefix("1") != true {
            try? Files.set(path, "1")
        }
    }
}

extension Bridges {
    public static func exists(_ name: String) -> Bool { Files.exists("/sys/class/net/\(name)") }

    /// Every interface of the host.
    public static func interfaceNames() -> [String] { NetworkInventory.interfaceNames() }
}
