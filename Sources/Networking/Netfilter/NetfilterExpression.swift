/// One expression of a rule (linux/netfilter/nf_tables.h). Expressions pass values in registers; evaluation of the rule stops at the first mismatch.
enum NetfilterExpression: Sendable, Equatable {
    /// Registers have 16 bytes; longer values and further fields of a concatenation continue in the following 4-byte words.
    enum Register: UInt32, Sendable {
        case verdict = 0
        case first = 1
        case second = 2
        /// The second word of the first register.
        case firstSecondWord = 9
    }

    /// Packet metadata (enum nft_meta_keys).
    enum MetaKey: UInt32, Sendable {
        case inputInterfaceIndex = 4
        case inputInterface = 6
        case outputInterface = 7
        case networkProtocol = 15
        case transportProtocol = 16
    }

    /// Connection tracking data of a packet (enum nft_ct_keys).
    enum ConnectionKey: UInt32, Sendable {
        case state = 0
        case status = 2
    }

    enum Header: UInt32, Sendable {
        case network = 1
        case transport = 2
    }

    enum Comparison: UInt32, Sendable {
        case equal = 0
        case notEqual = 1
    }

    enum Verdict: Sendable, Equatable {
        case drop
        case accept
        case jump(String)
    }

    case loadMeta(MetaKey, Register = .first)
    case loadConnection(ConnectionKey)
    case loadHeader(Header, offset: UInt32, length: UInt32, Register = .first)
    /// Loads the FIB type of the destination address, e.g. RTN_LOCAL for addresses of this host.
    case loadDestinationType
    /// Loads the FIB type of the source address.
    case loadSourceType
    case setValue([UInt8])
    /// Writes the register to the transport header and updates the checksum.
    case storeInTransportHeader(offset: UInt32, length: UInt32, checksumOffset: UInt32)
    /// Bitwise AND of the register with this mask.
    case mask(UInt32)
    case compare(Comparison, [UInt8])
    /// Matches if the register's value is in the set; a map replaces it with the mapped value.
    case lookUp(String, isMap: Bool = false)
    /// DNAT to the address in the first register.
    case translateDestination(NetfilterBatch.Family, port: Register)
    case masquerade
    case counter
    case verdict(Verdict)

    /// The kernel's name of the expression type.
    private var name: String {
        switch self {
        case .loadMeta: "meta"
        case .loadConnection: "ct"
        case .loadHeader, .storeInTransportHeader: "payload"
        case .loadDestinationType, .loadSourceType: "fib"
        case .setValue, .verdict: "immediate"
        case .mask: "bitwise"
        case .compare: "cmp"
        case .lookUp: "lookup"
        case .translateDestination: "nat"
        case .masquerade: "masq"
        case .counter: "counter"
        }
    }

    func write(to out: inout NetlinkAttributes) {
        out.text(1, name)
        out.nested(2) { writeAttributes(to: &$0) }
    }

    private func writeAttributes(to out: inout NetlinkAttributes) {
        switch self {
        case .loadMeta(let key, let register): out.numbers((1, register.rawValue), (2, key.rawValue))
        case .loadConnection(let key): out.numbers((1, Register.first.rawValue), (2, key.rawValue))
        case .loadHeader(let header, let offset, let length, let register):
            out.numbers((1, register.rawValue), (2, header.rawValue), (3, offset), (4, length))
        case .loadDestinationType:
            // NFT_FIB_RESULT_ADDRTYPE with NFTA_FIB_F_DADDR.
            out.numbers((1, Register.first.rawValue), (2, 3), (3, 2))
        case .loadSourceType:
            // NFT_FIB_RESULT_ADDRTYPE with NFTA_FIB_F_SADDR.
            out.numbers((1, Register.first.rawValue), (2, 3), (3, 1))
        case .setValue(let value):
            out.number(1, Register.first.rawValue)
            out.value(2, value)
        case .storeInTransportHeader(let offset, let length, let checksum):
            // NFT_PAYLOAD_CSUM_INET.
            out.numbers((5, Register.first.rawValue), (2, Header.transport.rawValue), (3, offset), (4, length))
            out.numbers((6, 1), (7, checksum))
        case .mask(let bits):
            out.numbers((1, Register.first.rawValue), (2, Register.first.rawValue), (3, 4))
            out.value(4, nativeBytes(bits))
            out.value(5, [0, 0, 0, 0])
        case .compare(let comparison, let value):
            out.numbers((1, Register.first.rawValue), (2, comparison.rawValue))
            out.value(3, value)
        case .lookUp(let set, let isMap):
            out.text(1, set)
            out.number(2, Register.first.rawValue)
            if isMap { out.number(3, Register.first.rawValue) }
        case .translateDestination(let family, let port):
            // NFT_NAT_DNAT.
            out.numbers((1, 1), (2, UInt32(family.rawValue)), (3, Register.first.rawValue), (5, port.rawValue))
        case .masquerade, .counter: break
        case .verdict(let verdict):
            out.number(1, Register.verdict.rawValue)
            out.nested(2) { data in
                data.nested(NetfilterBatch.DataAttribute.verdict) { verdict.write(to: &$0) }
            }
        }
    }
}

extension NetfilterExpression.Verdict {
    func write(to out: inout NetlinkAttributes) {
        switch self {
        case .drop: out.number(1, 0)
        case .accept: out.number(1, 1)
        case .jump(let chain):
            // NFT_JUMP.
            out.number(1, UInt32(bitPattern: -3))
            out.text(2, chain)
        }
    }
}

extension [NetfilterExpression] {
    /// Matches if the connection's state (NF_CT_STATE_BIT) or status (IPS_…) has any of the bits.
    static func connection(_ key: NetfilterExpression.ConnectionKey, hasAny bits: UInt32) -> Self {
        [.loadConnection(key), .mask(bits), .compare(.notEqual, [0, 0, 0, 0])]
    }

    /// Matches if the output interface is in the set.
    static func output(in set: String) -> Self { [.loadMeta(.outputInterface), .lookUp(set)] }

    /// Matches if the input interface is in the set.
    static func input(in set: String) -> Self { [.loadMeta(.inputInterface), .lookUp(set)] }

    /// Matches if the pair of input and output interface is in the set.
    static func inputAndOutput(in set: String) -> Self {
        [.loadMeta(.inputInterface), .loadMeta(.outputInterface, .second), .lookUp(set)]
    }

    static func networkProtocol(_ family: NetfilterBatch.Family) -> Self {
        [.loadMeta(.networkProtocol), .compare(.equal, [family.rawValue])]
    }
}

extension NetlinkAttributes {
    fileprivate mutating func numbers(_ pairs: (UInt16, UInt32)...) {
        for (type, value) in pairs { number(type, value) }
    }

    fileprivate mutating func value(_ type: UInt16, _ bytes: [UInt8]) {
        nested(type) { $0.data(NetfilterBatch.DataAttribute.value, bytes) }
    }
}

/// A number in host byte order, in which nf_tables compares values such as interface indexes and types.
func nativeBytes(_ value: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(native: value)
    return bytes
}
