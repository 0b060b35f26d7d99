/// A transaction of nf_tables messages (linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h): a value that can be compared and
/// concatenated before it is sent. The kernel applies all of it or nothing.
struct NetfilterBatch: Sendable, Equatable {
    /// The address family of a table (NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6).
    enum Family: UInt8, Sendable {
        case inet = 1
        case ipv4 = 2
        case ipv6 = 10
    }

    struct Table: Sendable, Equatable {
        var family: Family
        var name: String
    }

    /// The netfilter hook (NF_INET_…) and priority of a base chain.
    struct Hook: Sendable, Equatable {
        enum Point: UInt32, Sendable {
            case prerouting = 0
            case forward = 2
            case output = 3
            case postrouting = 4
        }
        /// The chain type; a `nat` chain sees only the first packet of a connection.
        enum Kind: String, Sendable {
            case filter
            case nat
        }
        var kind: Kind
        var point: Point
        var priority: Int32
    }

    /// Data types of set keys, for `nft list` (nft's enum datatypes); the kernel uses only the lengths.
    enum FieldType: UInt32, Sendable {
        case ipv4Address = 7
        case ipv6Address = 8
        case service = 13
        case interfaceName = 41

        /// The length padded to 4-byte registers, as in concatenations.
        var paddedLength: UInt32 {
            switch self {
            case .ipv4Address, .service: 4
            case .ipv6Address, .interfaceName: 16
            }
        }
        var length: UInt32 { self == .service ? 2 : paddedLength }
    }

    private var messages: [Message] = []

    var isEmpty: Bool { messages.isEmpty }

    static func + (left: NetfilterBatch, right: NetfilterBatch) -> NetfilterBatch {
        var both = left
        both.messages += right.messages
        return both
    }

    // MARK: Objects

    mutating func addTable(_ table: Table) {
        add(.newTable, table.family) { $0.text(TableAttribute.name, table.name) }
    }

    mutating func deleteTable(_ table: Table) {
        add(.deleteTable, table.family, create: false) { $0.text(TableAttribute.name, table.name) }
    }

    /// Adds a chain: a base chain with a hook, otherwise one that is only reached by jumps.
    mutating func addChain(_ name: String, in table: Table, hook: Hook? = nil) {
        add(.newChain, table.family) { body in
            body.text(ChainAttribute.table, table.name)
            body.text(ChainAttribute.name, name)
            guard let hook else { return }
            body.nested(ChainAttribute.hook) {
                $0.number(HookAttribute.number, hook.point.rawValue)
                $0.number(HookAttribute.priority, UInt32(bitPattern: hook.priority))
            }
            body.text(ChainAttribute.type, hook.kind.rawValue)
        }
    }

    /// Position of a new rule in its chain.
    enum Position: Sendable {
        case first
        case last
    }

    mutating func addRule(
        _ expressions: [NetfilterExpression], to chain: String, in table: Table, at position: Position = .last,
        comment: String? = nil
    ) {
        add(.newRule, table.family, flags: position == .last ? Message.append : 0) { body in
            body.text(RuleAttribute.table, table.name)
            body.text(RuleAttribute.chain, chain)
            body.nested(RuleAttribute.expressions) { list in
                for expression in expressions { list.nested(ListAttribute.element) { expression.write(to: &$0) } }
            }
            if let comment { body.data(RuleAttribute.userData, Self.userData(comment: comment)) }
        }
    }

    mutating func deleteRule(handle: UInt64, from chain: String, in table: Table) {
        add(.deleteRule, table.family, create: false) { body in
            body.text(RuleAttribute.table, table.name)
            body.text(RuleAttribute.chain, chain)
            body.number64(RuleAttribute.handle, handle)
        }
    }

    /// A rule comment in the user data format of `nft` (libnftnl, NFTNL_UDATA_RULE_COMMENT).
    static func userData(comment: String) -> [UInt8] {
        let text = Array(comment.utf8) + [0]
        return [0, UInt8(clamping: text.count)] + text
    }

    /// Adds a set, or with `values` a map.
    mutating func addSet(_ name: String, keys: [FieldType], values: [FieldType] = [], in table: Table) {
        let id = UInt32(messages.count)
        add(.newSet, table.family) { body in
            body.text(SetAttribute.table, table.name)
            body.text(SetAttribute.name, name)
            body.number(SetAttribute.flags, values.isEmpty ? 0 : SetAttribute.isMap)
            body.number(SetAttribute.keyType, Self.concatenated(keys))
            body.number(SetAttribute.keyLength, Self.length(keys))
            if !values.isEmpty {
                body.number(SetAttribute.dataType, Self.concatenated(values))
                body.number(SetAttribute.dataLength, Self.length(values))
            }
            body.number(SetAttribute.id, id)
        }
    }

    /// nft encodes the types of a concatenation in six bits each.
    private static func concatenated(_ fields: [FieldType]) -> UInt32 {
        fields.reduce(0) { $0 << 6 | $1.rawValue }
    }

    private static func length(_ fields: [FieldType]) -> UInt32 {
        fields.count == 1 ? fields[0].length : fields.reduce(0) { $0 + $1.paddedLength }
    }

    struct Element: Sendable, Equatable {
        var key: [UInt8]
        var value: [UInt8]?
    }

    /// Maximum number of elements per message: an attribute's length has 16 bits.
    private static let elementsPerMessage = 512

    mutating func addElements(_ elements: [Element], to set: String, in table: Table) {
        change(.newSetElement, elements, set, table)
    }

    mutating func deleteElements(_ elements: [Element], from set: String, in table: Table) {
        change(.deleteSetElement, elements, set, table)
    }

    private mutating func change(_ type: MessageType, _ elements: [Element], _ set: String, _ table: Table) {
        var rest = elements[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.elementsPerMessage)
            rest = rest.dropFirst(part.count)
            add(type, table.family, create: type == .newSetElement) { body in
                body.text(ElementsAttribute.table, table.name)
                body.text(ElementsAttribute.set, set)
                body.nested(ElementsAttribute.elements) { list in
                    for element in part {
                        list.nested(ListAttribute.element) { item in
                            item.nested(ElementAttribute.key) { $0.data(DataAttribute.value, element.key) }
                            guard let value = element.value else { return }
                            item.nested(ElementAttribute.data) { $0.data(DataAttribute.value, value) }
                        }
                    }
                }
            }
        }
    }

    // MARK: Encoding

    private struct Message: Sendable, Equatable {
        static let request: UInt16 = 0x1
        static let acknowledge: UInt16 = 0x4
        static let create: UInt16 = 0x400
        static let append: UInt16 = 0x800
        var type: MessageType
        var flags: UInt16
        var family: Family
        var body: NetlinkAttributes
    }

    private mutating func add(
        _ type: MessageType, _ family: Family, create: Bool = true, flags: UInt16 = 0,
        _ fill: (inout NetlinkAttributes) -> Void
    ) {
        var body = NetlinkAttributes()
        fill(&body)
        messages.append(
            Message(
                type: type, flags: Message.request | flags | (create ? Message.create : 0), family: family, body: body))
    }

    /// The encoded batch. Sequence numbers start at `first`; the kernel acknowledges message `last` and thereby the transaction.
    func encoded(first: UInt32) -> (bytes: [UInt8], last: UInt32) {
        var bytes: [UInt8] = []
        var sequence = first
        // Batch begin and end messages carry the subsystem in `res_id`.
        let subsystem = UInt8(MessageType.subsystem)
        func append(type: UInt16, flags: UInt16, family: UInt8, resource: UInt8, _ body: [UInt8]) {
            bytes.append(native: UInt32(20 + body.count))
            bytes.append(native: type)
            bytes.append(native: flags)
            bytes.append(native: sequence)
            bytes += [0, 0, 0, 0, family, 0, 0, resource]
            bytes += body
            sequence &+= 1
        }
        append(type: MessageType.batchBegin, flags: Message.request, family: 0, resource: subsystem, [])
        for (index, message) in messages.enumerated() {
            let acknowledge = index == messages.count - 1 ? Message.acknowledge : 0
            append(
                type: message.type.number, flags: message.flags | acknowledge, family: message.family.rawValue,
                resource: 0, message.body.bytes)
        }
        let last = sequence &- 1
        append(type: MessageType.batchEnd, flags: Message.request, family: 0, resource: subsystem, [])
        return (bytes, last)
    }

    // MARK: Numbers of nf_tables

    enum MessageType: UInt16, Sendable {
        case newTable = 0
        case deleteTable = 2
        case newChain = 3
        case newRule = 6
        case getRule = 7
        case deleteRule = 8
        case newSet = 9
        case newSetElement = 12
        case deleteSetElement = 14
        case newGeneration = 15
        case getGeneration = 16

        /// NFNL_SUBSYS_NFTABLES.
        static let subsystem: UInt16 = 10
        /// NFNL_MSG_BATCH_BEGIN and NFNL_MSG_BATCH_END.
        static let batchBegin: UInt16 = 0x10
        static let batchEnd: UInt16 = 0x11
        var number: UInt16 { Self.subsystem << 8 | rawValue }
    }

    private enum TableAttribute { static let name: UInt16 = 1 }

    private enum ChainAttribute {
        static let table: UInt16 = 1
        static let name: UInt16 = 3
        static let hook: UInt16 = 4
        static let type: UInt16 = 7
    }

    private enum HookAttribute {
        static let number: UInt16 = 1
        static let priority: UInt16 = 2
    }

    enum RuleAttribute {
        static let table: UInt16 = 1
        static let chain: UInt16 = 2
        static let handle: UInt16 = 3
        static let expressions: UInt16 = 4
        static let userData: UInt16 = 7
    }

    private enum SetAttribute {
        static let table: UInt16 = 1
        static let name: UInt16 = 2
        static let flags: UInt16 = 3
        static let keyType: UInt16 = 4
        static let keyLength: UInt16 = 5
        static let dataType: UInt16 = 6
        static let dataLength: UInt16 = 7
        static let id: UInt16 = 10
        /// NFT_SET_MAP.
        static let isMap: UInt32 = 8
    }

    private enum ElementsAttribute {
        static let table: UInt16 = 1
        static let set: UInt16 = 2
        static let elements: UInt16 = 3
    }

    private enum ElementAttribute {
        static let key: UInt16 = 1
        static let data: UInt16 = 2
    }

    private enum ListAttribute { static let element: UInt16 = 1 }

    enum DataAttribute {
        static let value: UInt16 = 1
        static let verdict: UInt16 = 2
    }
}
