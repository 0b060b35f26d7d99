import EngineModel
import Glibc
import LinuxKernel
import Synchronization
import SystemLibraries

/// The engine's one nftables table: who may talk to whom, and where published ports lead. Made as text, applied as one transaction.
public struct PacketFilter: Sendable {
    public struct Network: Sendable, Equatable {
        public var bridge: String
        public var subnet4: Subnet?
        public var subnet6: Subnet?
        public var isInternal: Bool
        /// Whether what leaves it has the host's address.
        public var masquerades = true
        public init(bridge: String, subnet4: Subnet?, subnet6: Subnet?, isInternal: Bool) {
            self.bridge = bridge
            self.subnet4 = subnet4
            self.subnet6 = subnet6
            self.isInternal = isInternal
        }
    }

    /// A published port with the container's address it leads to.
    public struct Forward: Sendable, Hashable {
        public var port: PublishedPort
        public var target: IPAddress
        public init(port: PublishedPort, target: IPAddress) {
            self.port = port
            self.target = target
        }
    }

    let names: KernelNames

    public init(names: KernelNames) { self.names = names }

    /// The whole table: it replaces whatever there was.
    public func ruleset(networks: [Network], forwards: [Forward]) -> String {
        let table = "inet \(names.table)"
        var text = "add table \(table)\ndelete table \(table)\nadd table \(table)\n"
        for family in ["4", "6"] {
            let address = family == "4" ? "ipv4_addr" : "ipv6_addr"
            for transport in ["tcp", "udp"] {
                text +=
                    "add map \(table) \(transport)\(family) { type \(address) . inet_service : \(address) . inet_service ; }\n"
                text +=
                    "add map \(table) \(transport)\(family)any { type inet_service : \(address) . inet_service ; }\n"
            }
        }
        text += "add set \(table) bridges { type ifname ; }\nadd set \(table) internal { type ifname ; }\n"
        text += "add chain \(table) publish\n"
        for (family, keyword) in [("4", "ip"), ("6", "ip6")] {
            for transport in ["tcp", "udp"] {
                text +=
                    "add rule \(table) publish dnat \(keyword) to \(keyword) daddr . \(transport) dport map @\(transport)\(family)\n"
                text +=
                    "add rule \(table) publish dnat \(keyword) to \(transport) dport map @\(transport)\(family)any\n"
            }
        }
        text += """
            add chain \(table) prerouting { type nat hook prerouting priority -100 ; }
            add rule \(table) prerouting fib daddr type local jump publish
            add chain \(table) output { type nat hook output priority -100 ; }
            add rule \(table) output ip daddr 127.0.0.0/8 accept
            add rule \(table) output ip6 daddr ::1 accept
            add rule \(table) output fib daddr type local jump publish
            add chain \(table) postrouting { type nat hook postrouting priority 100 ; }
            add chain \(table) inbound
            add chain \(table) forward { type filter hook forward priority 0 ; policy accept ; }
            add rule \(table) forward oifname @bridges jump inbound
            add rule \(table) forward iifname @internal drop
            add rule \(table) inbound ct state established,related accept
            add rule \(table) inbound ct status dnat accept

            """
        for network in networks { text += rules(for: network, table) }
        text += "add rule \(table) inbound drop\n"
        return text + elements(forwards, add: true)
    }

    private func rules(for network: Network, _ table: String) -> String {
        var text = "add element \(table) bridges { \"\(network.bridge)\" }\n"
        if network.isInternal { text += "add element \(table) internal { \"\(network.bridge)\" }\n" }
        text += "add rule \(table) inbound iifname \"\(network.bridge)\" oifname \"\(network.bridge)\" accept\n"
        for (subnet, keyword) in [(network.subnet4, "ip"), (network.subnet6, "ip6")] {
            guard let subnet else { continue }
            if !network.isInternal, network.masquerades {
                text +=
                    "add rule \(table) postrouting \(keyword) saddr \(subnet) oifname != \"\(network.bridge)\" masquerade\n"
            }
            // A container that calls a published port of its own network must see the answer come from where it called.
            text +=
                "add rule \(table) postrouting \(keyword) saddr \(subnet) \(keyword) daddr \(subnet) ct status dnat masquerade\n"
        }
        return text
    }

    /// Adds or removes published ports in one transaction.
    public func elements(_ forwards: [Forward], add: Bool) -> String {
        let table = "inet \(names.table)"
        var text = ""
        for forward in forwards {
            let port = forward.port
            // What the kernel cannot carry (other families, SCTP, loopback) is the relay's.
            guard port.container.transport != .sctp, port.hostAddress.isVersion6 == forward.target.isVersion6,
                !port.hostAddress.isLoopback
            else { continue }
            let map = port.container.transport.rawValue + (forward.target.isVersion6 ? "6" : "4")
            let value = add ? " : \(forward.target) . \(port.container.number)" : ""
            let verb = add ? "add" : "delete"
            if port.hostAddress.isUnspecified {
                text += "\(verb) element \(table) \(map)any { \(port.hostPort)\(value) }\n"
            } else {
                text += "\(verb) element \(table) \(map) { \(port.hostAddress) . \(port.hostPort)\(value) }\n"
            }
        }
        return text
    }

    public func apply(_ ruleset: String) throws(PacketRuleError) {
        if !ruleset.isEmpty { try PacketRules.apply(ruleset) }
    }

    /// Whether the table is still there as we made it, told by the drop at its end.
    public func isIntact() -> Bool {
        guard let text = try? PacketRules.apply("list chain inet \(names.table) inbound") else { return false }
        return text.contains("drop")
    }

    public func removeTable() throws(PacketRuleError) {
        try PacketRules.apply("add table inet \(names.table)\ndelete table inet \(names.table)\n")
    }

    // MARK: Other firewalls

    /// Docker, ufw and firewalld may drop what is forwarded. An accept for our own bridges is all that is added to their chains.
    public func openForeignChains() {
        for family in ["ip", "ip6"] {
            guard let text = try? PacketRules.apply("list chain \(family) filter FORWARD") else { continue }
            if text.contains(mark) { continue }
            for direction in ["iifname", "oifname"] {
                _ = try? PacketRules.apply(
                    "insert rule \(family) filter FORWARD \(direction) \"\(names.bridgePrefix)*\" counter accept comment \"\(mark)\""
                )
            }
        }
    }

    /// Takes the accepts back.
    public func closeForeignChains() {
        for family in ["ip", "ip6"] {
            guard let text = try? PacketRules.apply("list chain \(family) filter FORWARD") else { continue }
            guard text.contains(mark), let withHandles = try? listWithHandles(family) else { continue }
            for line in withHandles.split(separator: "\n") where line.contains(mark) {
                guard let handle = line.split(separator: " ").last, Int(handle) != nil else { continue }
                _ = try? PacketRules.apply("delete rule \(family) filter FORWARD handle \(handle)")
            }
        }
    }

    private func listWithHandles(_ family: String) throws(PacketRuleError) -> String {
        try PacketRules.apply("list chain \(family) filter FORWARD", handles: true)
    }

    private var mark: String { "roost \(names.tag)" }
}
