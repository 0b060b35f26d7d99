import EngineModel
import LinuxKernel
import Synchronization

/// The engine's nftables table: forwarding between networks, masquerading and published ports. The rules are fixed; networks and ports are
/// elements of sets and maps, so that a change costs the same with one network or a thousand.
package final class PacketFilter: Sendable {
    /// Changes that are applied as one transaction.
    package struct Changes: Sendable, Equatable {
        var batch = NetfilterBatch()
        package init() {}
        package var isEmpty: Bool { batch.isEmpty }
        package static func + (left: Changes, right: Changes) -> Changes {
            var both = left
            both.batch = left.batch + right.batch
            return both
        }
    }

    package struct Network: Sendable, Equatable {
        package var bridge: String
        package var isInternal: Bool
        /// Whether outgoing packets are masqueraded with the host's address.
        package var masquerades = true
        /// Its containers cannot reach each other (`enable_icc=false`).
        package var isIsolated = false
        package init(bridge: String, isInternal: Bool) {
            self.bridge = bridge
            self.isInternal = isInternal
        }
    }

    /// A published port and the container address it forwards to.
    package struct Forward: Sendable, Hashable {
        package var port: PublishedPort
        package var target: IPAddress
        package init(port: PublishedPort, target: IPAddress) {
            self.port = port
            self.target = target
        }
    }

    let names: KernelNames
    private let table: NetfilterBatch.Table
    private let kernel: NetfilterConnection
    /// The ruleset generation at which the table was last found complete.
    private let completeGeneration = Mutex<UInt32?>(nil)

    package init(names: KernelNames) {
        self.names = names
        table = NetfilterBatch.Table(family: .inet, name: names.table)
        kernel = NetfilterConnection()
    }

    private enum Chain {
        static let publish = "publish"
        static let prerouting = "prerouting"
        static let output = "output"
        static let postrouting = "postrouting"
        static let forward = "forward"
        static let inbound = "inbound"
    }

    private enum SetName {
        static let bridges = "bridges"
        static let internalBridges = "internal"
        static let masquerading = "masquerading"
        static let isolated = "isolated"
        /// Pairs of a bridge and itself: a rule cannot compare two registers.
        static let sameBridge = "same_bridge"
    }

    // MARK: Changes

    /// Creates the whole table; replaces an existing one in the same transaction.
    package func reset(networks: [Network], forwards: [Forward]) -> Changes {
        var batch = NetfilterBatch()
        batch.addTable(table)
        batch.deleteTable(table)
        batch.addTable(table)
        addSets(to: &batch)
        addChains(to: &batch)
        for rule in rules { batch.addRule(rule.expressions, to: rule.chain, in: table) }
        var changes = Changes()
        changes.batch = batch
        return changes + add(networks) + publish(forwards)
    }

    package func add(_ networks: [Network]) -> Changes { change(networks, isAdded: true) }

    package func remove(_ networks: [Network]) -> Changes { change(networks, isAdded: false) }

    private func change(_ networks: [Network], isAdded: Bool) -> Changes {
        func keys(_ members: [Network]) -> [NetfilterBatch.Element] {
            members.map { .init(key: interfaceKey($0.bridge)) }
        }
        let sets = [
            (SetName.bridges, keys(networks)), (SetName.internalBridges, keys(networks.filter(\.isInternal))),
            (SetName.masquerading, keys(networks.filter { $0.masquerades && !$0.isInternal })),
            (SetName.isolated, keys(networks.filter(\.isIsolated))),
            (
                SetName.sameBridge,
                networks.map { .init(key: interfaceKey($0.bridge) + interfaceKey($0.bridge)) }
            ),
        ]
        var changes = Changes()
        for (name, elements) in sets {
            if isAdded {
                changes.batch.addElements(elements, to: name, in: table)
            } else {
                changes.batch.deleteElements(elements, from: name, in: table)
            }
        }
        return changes
    }

    /// An interface name as the kernel compares it: IFNAMSIZ bytes, zero-padded.
    private func interfaceKey(_ name: String) -> [UInt8] {
        let bytes = Array(name.utf8.prefix(15))
        return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }

    package func publish(_ forwards: [Forward]) -> Changes { change(forwards, isAdded: true) }

    package func withdraw(_ forwards: [Forward]) -> Changes { change(forwards, isAdded: false) }

    private func change(_ forwards: [Forward], isAdded: Bool) -> Changes {
        var elements: [PortMap: [NetfilterBatch.Element]] = [:]
        for forward in forwards {
            let port = forward.port
            // Address family translation, SCTP and loopback are not handled by NAT and left to the relay.
            guard port.container.transport != .sctp, port.hostAddress.isVersion6 == forward.target.isVersion6,
                !port.hostAddress.isLoopback
            else { continue }
            let map = PortMap(
                isVersion6: forward.target.isVersion6, isUDP: port.container.transport == .udp,
                isAnyAddress: port.hostAddress.isUnspecified)
            let address = map.isAnyAddress ? [] : port.hostAddress.bytes
            // Fields of a concatenation are padded to four bytes; a port as the only key is not.
            let key = address + bigEndianBytes(port.hostPort) + (map.isAnyAddress ? [] : [0, 0])
            let value = forward.target.bytes + bigEndianBytes(port.container.number) + [0, 0]
            elements[map, default: []].append(.init(key: key, value: isAdded ? value : nil))
        }
        var changes = Changes()
        for map in PortMap.all {
            guard let members = elements[map] else { continue }
            if isAdded {
                changes.batch.addElements(members, to: map.name, in: table)
            } else {
                changes.batch.deleteElements(members, from: map.name, in: table)
            }
        }
        return changes
    }

    /// A map from host ports to container ports. For each family and transport: one for ports bound to a single address, one for ports
    /// bound to all addresses.
    private struct PortMap: Hashable {
        var isVersion6: Bool
        var isUDP: Bool
        var isAnyAddress: Bool

        static let all = [false, true].flatMap { isVersion6 in
            [false, true].flatMap { isUDP in
                [false, true].map { PortMap(isVersion6: isVersion6, isUDP: isUDP, isAnyAddress: $0) }
            }
        }

        var name: String { (isUDP ? "udp" : "tcp") + (isVersion6 ? "6" : "4") + (isAnyAddress ? "any" : "") }
        var address: NetfilterBatch.FieldType { isVersion6 ? .ipv6Address : .ipv4Address }
        var family: NetfilterBatch.Family { isVersion6 ? .ipv6 : .ipv4 }

        /// DNAT to the map's value for the packet's destination.
        var rule: [NetfilterExpression] {
            let transport: [NetfilterExpression] =
                .networkProtocol(family) + [
                    .loadMeta(.transportProtocol), .compare(.equal, [isUDP ? 17 : 6]),
                ]
            let portRegister: NetfilterExpression.Register = isVersion6 ? .second : .firstSecondWord
            let key: [NetfilterExpression] =
                isAnyAddress
                ? [.loadHeader(.transport, offset: 2, length: 2)]
                : [
                    .loadHeader(.network, offset: isVersion6 ? 24 : 16, length: isVersion6 ? 16 : 4),
                    .loadHeader(.transport, offset: 2, length: 2, portRegister),
                ]
            return transport + key + [.lookUp(name, isMap: true), .translateDestination(family, port: portRegister)]
        }
    }

    private func addSets(to batch: inout NetfilterBatch) {
        for map in PortMap.all {
            batch.addSet(
                map.name, keys: map.isAnyAddress ? [.service] : [map.address, .service],
                values: [map.address, .service], in: table)
        }
        for name in [SetName.bridges, SetName.internalBridges, SetName.masquerading, SetName.isolated] {
            batch.addSet(name, keys: [.interfaceName], in: table)
        }
        batch.addSet(SetName.sameBridge, keys: [.interfaceName, .interfaceName], in: table)
    }

    private func addChains(to batch: inout NetfilterBatch) {
        batch.addChain(Chain.publish, in: table)
        batch.addChain(Chain.inbound, in: table)
        // The priorities that iptables uses: NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC and NF_IP_PRI_FILTER.
        for (name, hook) in [
            (Chain.prerouting, NetfilterBatch.Hook(kind: .nat, point: .prerouting, priority: -100)),
            (Chain.output, .init(kind: .nat, point: .output, priority: -100)),
            (Chain.postrouting, .init(kind: .nat, point: .postrouting, priority: 100)),
            (Chain.forward, .init(kind: .filter, point: .forward, priority: 0)),
        ] { batch.addChain(name, in: table, hook: hook) }
    }

    private struct Rule {
        var chain: String
        var expressions: [NetfilterExpression]
        init(_ chain: String, _ expressions: [NetfilterExpression]) {
            self.chain = chain
            self.expressions = expressions
        }
    }

    private var rules: [Rule] {
        let toThisHost: [NetfilterExpression] = [
            .loadDestinationType, .compare(.equal, nativeBytes(2)), .verdict(.jump(Chain.publish)),
        ]
        let loopback6 = [UInt8](repeating: 0, count: 15) + [1]
        /// IPS_DST_NAT.
        let isPublished = [NetfilterExpression].connection(.status, hasAny: 0x20)
        /// NF_CT_STATE_BIT of IP_CT_ESTABLISHED and IP_CT_RELATED.
        let isKnown = [NetfilterExpression].connection(.state, hasAny: 0x6)
        // The bridge drops frames between isolated ports, so connections to published ports from there are left to the relay.
        let publish =
            [Rule(Chain.publish, .input(in: SetName.isolated) + [.verdict(.accept)])]
            + PortMap.all.map { Rule(Chain.publish, $0.rule) }
        /// RTN_LOCAL.
        let localType = nativeBytes(2)
        return publish + [
            Rule(Chain.prerouting, toThisHost),
            // Loopback addresses are served by the relay.
            Rule(
                Chain.output,
                .networkProtocol(.ipv4) + [
                    .loadHeader(.network, offset: 16, length: 1), .compare(.equal, [127]), .verdict(.accept),
                ]),
            Rule(
                Chain.output,
                .networkProtocol(.ipv6) + [
                    .loadHeader(.network, offset: 24, length: 16), .compare(.equal, loopback6), .verdict(.accept),
                ]),
            Rule(Chain.output, toThisHost),
            // Packets that br_netfilter translates within a bridge have no input interface here. Packets sent by the host have none either,
            // and keep their source address.
            Rule(
                Chain.postrouting,
                [.loadMeta(.inputInterfaceIndex), .compare(.equal, nativeBytes(0))] + .output(in: SetName.bridges)
                    + isPublished + [.loadSourceType, .compare(.notEqual, localType), .masquerade]),
            // Hairpin: a container that connects to a published port of its own network must get the reply from the address it connected to.
            Rule(Chain.postrouting, .inputAndOutput(in: SetName.sameBridge) + isPublished + [.masquerade]),
            Rule(Chain.postrouting, .inputAndOutput(in: SetName.sameBridge) + [.verdict(.accept)]),
            Rule(Chain.postrouting, .input(in: SetName.masquerading) + [.masquerade]),
            Rule(Chain.forward, .output(in: SetName.bridges) + [.verdict(.jump(Chain.inbound))]),
            Rule(Chain.forward, .input(in: SetName.internalBridges) + [.verdict(.drop)]),
            Rule(Chain.inbound, isKnown + [.verdict(.accept)]),
            Rule(Chain.inbound, .inputAndOutput(in: SetName.sameBridge) + [.verdict(.accept)]),
            // Published ports of other networks are outside of an internal network, too.
            Rule(Chain.inbound, .input(in: SetName.internalBridges) + [.verdict(.drop)]),
            Rule(Chain.inbound, isPublished + [.verdict(.accept)]),
            Rule(Chain.inbound, [.verdict(.drop)]),
        ]
    }

    // MARK: Applying and checking

    package func apply(_ changes: Changes) throws(SyscallError) {
        if !changes.isEmpty { try kernel.commit(changes.batch, subject: "packet rules") }
    }

    /// Whether the table has all its rules. Costs a single request as long as the ruleset generation is unchanged.
    package func isIntact() -> Bool {
        guard let generation = try? kernel.generation() else { return false }
        if completeGeneration.withLock({ $0 == generation }) { return true }
        guard let found = try? kernel.rules(in: table) else { return false }
        func countByChain(_ chains: [String]) -> [String: Int] {
            chains.reduce(into: [:]) { $0[$1, default: 0] += 1 }
        }
        guard countByChain(found.map(\.chain)) == countByChain(rules.map(\.chain)) else { return false }
        completeGeneration.withLock { $0 = generation }
        return true
    }

    package func removeTable() throws(SyscallError) {
        var batch = NetfilterBatch()
        // Adding the table first makes the deletion succeed even if it did not exist.
        batch.addTable(table)
        batch.deleteTable(table)
        try kernel.commit(batch, subject: "packet rules")
    }

    // MARK: Other firewalls

    /// The tables whose FORWARD chain Docker, ufw and firewalld may use to drop forwarded packets.
    private static let foreignTables = [
        NetfilterBatch.Table(family: .ipv4, name: "filter"), NetfilterBatch.Table(family: .ipv6, name: "filter"),
    ]
    private static let foreignChain = "FORWARD"

    /// Accepts packets of our bridges in other firewalls' FORWARD chains. `bridges` are those with user-defined names; the others are
    /// matched by prefix.
    package func openForeignChains(_ bridges: [String] = []) {
        let patterns =
            [Array(names.bridgePrefix.utf8)]
            + bridges.filter { !$0.hasPrefix(names.bridgePrefix) }.map { Array($0.utf8) + [0] }
        for table in Self.foreignTables {
            guard let rules = try? kernel.rules(in: table, chain: Self.foreignChain),
                rules.count(where: isOurs) != patterns.count * 2
            else { continue }
            var batch = NetfilterBatch()
            for rule in rules where isOurs(rule) {
                batch.deleteRule(handle: rule.handle, from: Self.foreignChain, in: table)
            }
            for pattern in patterns {
                for direction in [NetfilterExpression.MetaKey.inputInterface, .outputInterface] {
                    // Comparing fewer bytes than the register holds is a prefix match.
                    batch.addRule(
                        [.loadMeta(direction), .compare(.equal, pattern), .counter, .verdict(.accept)],
                        to: Self.foreignChain, in: table, at: .first, comment: comment)
                }
            }
            // Fails if there is no such chain, which then drops no packets.
            try? kernel.commit(batch, subject: "\(table.name) \(Self.foreignChain)")
        }
    }

    /// Removes the rules of `openForeignChains`.
    package func closeForeignChains() {
        for table in Self.foreignTables {
            guard let rules = try? kernel.rules(in: table, chain: Self.foreignChain) else { continue }
            var batch = NetfilterBatch()
            for rule in rules where isOurs(rule) {
                batch.deleteRule(handle: rule.handle, from: Self.foreignChain, in: table)
            }
            if !batch.isEmpty { try? kernel.commit(batch, subject: "\(table.name) \(Self.foreignChain)") }
        }
    }

    private var comment: String { "roost \(names.tag)" }

    private func isOurs(_ rule: NetfilterConnection.Rule) -> Bool {
        // Other tools that save and restore rules drop the comment; the prefix of our bridges is in no rule but ours.
        rule.userData == NetfilterBatch.userData(comment: comment)
            || rule.expressions.firstRange(of: Array(names.bridgePrefix.utf8)) != nil
    }
}
