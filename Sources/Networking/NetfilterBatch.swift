/// A transaction for nf_tables as the kernel reads it (linux/netfilter/nf_tables.h, linux/netlink.h). For rules that every
/// container's start needs: a fixed handful, for which a parser of rulesets takes longer than everything else.
struct NetfilterBatch {
    private(set) var bytes: [UInt8] = []
    /// The number of the last message, whose acknowledgement stands for the whole transaction.
    private(set) var lastSequence: UInt32 = 0

    init() { message(type: 0x10, flags: 0x1, family: 0, resource: 10) { _ in } }

    /// Ends the transaction: without this the kernel takes nothing.
    mutating func commit() { message(type: 0x11, flags: 0x1, family: 0, resource: 10) { _ in } }

    mutating func addTable(_ name: String) { request(0) { $0.text(1, name) } }

    /// A chain that sees what the namespace itself sends (NF_INET_LOCAL_OUT).
    mutating func addOutputChain(_ name: String, table: String, priority: Int32) {
        request(3) { body in
            body.text(1, table)
            body.text(3, name)
            body.nested(4) { hook in
                hook.number(1, 3)
                hook.number(2, UInt32(bitPattern: priority))
            }
            body.text(7, "filter")
        }
    }

    mutating func addRule(table: String, chain: String, _ expressions: [Expression]) {
        request(6, flags: 0x800) { body in
            body.text(1, table)
            body.text(2, chain)
            body.nested(4) { list in for expression in expressions { list.nested(1) { expression.write(&$0) } } }
        }
    }

    /// Part of a rule; everything goes through register 1.
    enum Expression {
        case loadProtocol
        /// From the network header (1) or the transport header (2).
        case load(header: UInt32, offset: UInt32, length: UInt32)
        case equals([UInt8])
        case set([UInt8])
        /// Writes the register into the transport header and mends the checksum there.
        case store(offset: UInt32, length: UInt32, checksumOffset: UInt32)

        func write(_ out: inout Attributes) {
            switch self {
            case .loadProtocol:
                out.expression("meta") {
                    $0.number(1, 1)
                    $0.number(2, 16)
                }
            case .load(let header, let offset, let length):
                out.expression("payload") {
                    $0.number(1, 1)
                    $0.number(2, header)
                    $0.number(3, offset)
                    $0.number(4, length)
                }
            case .equals(let value):
                out.expression("cmp") {
                    $0.number(1, 1)
                    $0.number(2, 0)
                    $0.nested(3) { $0.data(1, value) }
                }
            case .set(let value):
                out.expression("immediate") {
                    $0.number(1, 1)
                    $0.nested(2) { $0.data(1, value) }
                }
            case .store(let offset, let length, let checksum):
                out.expression("payload") {
                    $0.number(5, 1)
                    $0.number(2, 2)
                    $0.number(3, offset)
                    $0.number(4, length)
                    $0.number(6, 1)
                    $0.number(7, checksum)
                }
            }
        }
    }

    /// NLM_F_REQUEST, NLM_F_CREATE and NLM_F_ACK for a message of nf_tables about IPv4.
    private mutating func request(_ type: UInt16, flags: UInt16 = 0, _ fill: (inout Attributes) -> Void) {
        message(type: 10 << 8 | type, flags: 0x1 | 0x4 | 0x400 | flags, family: 2, resource: 0, fill)
        lastSequence = sequence - 1
    }

    private var sequence: UInt32 = 1

    private mutating func message(
        type: UInt16, flags: UInt16, family: UInt8, resource: UInt16, _ fill: (inout Attributes) -> Void
    ) {
        var body = Attributes()
        fill(&body)
        bytes += host(UInt32(20 + body.bytes.count)) + host(type) + host(flags) + host(sequence) + host(UInt32(0))
        bytes += [family, 0, UInt8(resource >> 8), UInt8(resource & 0xff)] + body.bytes
        sequence += 1
    }

    /// Type, length and value, padded to four bytes; numbers in network order, as nf_tables has them.
    struct Attributes {
        private(set) var bytes: [UInt8] = []

        mutating func data(_ type: UInt16, _ value: [UInt8]) {
            bytes += host(UInt16(4 + value.count)) + host(type) + value
            while bytes.count % 4 != 0 { bytes.append(0) }
        }
        mutating func text(_ type: UInt16, _ value: String) { data(type, Array(value.utf8) + [0]) }
        mutating func number(_ type: UInt16, _ value: UInt32) {
            data(type, (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) })
        }
        mutating func nested(_ type: UInt16, _ fill: (inout Attributes) -> Void) {
            var inner = Attributes()
            fill(&inner)
            data(type | 0x8000, inner.bytes)
        }
        mutating func expression(_ name: String, _ fill: (inout Attributes) -> Void) {
            text(1, name)
            nested(2, fill)
        }
    }
}

private func host<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
    (0..<MemoryLayout<Number>.size).map { UInt8(truncatingIfNeeded: value >> Number(8 * $0)) }
}
