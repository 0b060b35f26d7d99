import LinuxKernel
import Synchronization

/// The engine's nf_tables socket in the host's network namespace. It stays open for the engine's lifetime, because closing it blocks until
/// the kernel has freed old rules.
final class NetfilterConnection: Sendable {
    struct Rule: Sendable, Equatable {
        var chain: String
        var handle: UInt64
        var userData: [UInt8]
        /// As the kernel sends them: a list of netlink attributes.
        var expressions: [UInt8]
    }

    private struct State {
        var socket: OwnedFD?
        var nextSequence: UInt32 = 1
    }
    private let state = Mutex(State())

    /// Applies a transaction atomically, or throws the kernel's first error.
    func commit(_ batch: NetfilterBatch, subject: String) throws(SyscallError) {
        try state.withLock { (state) throws(SyscallError) in
            let socket = try Self.open(&state)
            let (bytes, last) = batch.encoded(first: state.nextSequence)
            let first = state.nextSequence
            // The batch end message has a sequence number too.
            state.nextSequence = last &+ 2
            try NetlinkSockets.transact(socket, bytes, first: first, last: last, subject: subject)
        }
    }

    /// The rules of a table, or of one of its chains; empty if there is no such table.
    func rules(in table: NetfilterBatch.Table, chain: String? = nil) throws(SyscallError) -> [Rule] {
        var body = NetlinkAttributes()
        body.text(NetfilterBatch.RuleAttribute.table, table.name)
        if let chain { body.text(NetfilterBatch.RuleAttribute.chain, chain) }
        // NLM_F_REQUEST and NLM_F_DUMP.
        let answers = try ask(.getRule, flags: 0x301, family: table.family.rawValue, body, subject: table.name)
        return answers.compactMap { answer in
            func value(_ type: UInt16) -> ArraySlice<UInt8>? { NetlinkAttributeReader.value(type, in: answer) }
            func text(_ type: UInt16) -> String? {
                value(type).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            }
            guard let name = text(NetfilterBatch.RuleAttribute.chain),
                let handle = value(NetfilterBatch.RuleAttribute.handle), handle.count == 8,
                text(NetfilterBatch.RuleAttribute.table) == table.name, chain == nil || chain == name
            else { return nil }
            return Rule(
                chain: name, handle: handle.reduce(0) { $0 << 8 | UInt64($1) },
                userData: value(NetfilterBatch.RuleAttribute.userData).map(Array.init) ?? [],
                expressions: value(NetfilterBatch.RuleAttribute.expressions).map(Array.init) ?? [])
        }
    }

    /// The generation id of the ruleset, which every change of any table increments.
    func generation() throws(SyscallError) -> UInt32 {
        let answers = try ask(.getGeneration, flags: 0x1, family: 0, NetlinkAttributes(), subject: "generation")
        guard let value = answers.first.flatMap({ NetlinkAttributeReader.value(1, in: $0) }), value.count == 4 else {
            return 0
        }
        return value.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Sends one request and returns the attributes of the replies.
    private func ask(
        _ type: NetfilterBatch.MessageType, flags: UInt16, family: UInt8, _ body: NetlinkAttributes, subject: String
    ) throws(SyscallError) -> [ArraySlice<UInt8>] {
        try state.withLock { (state) throws(SyscallError) in
            let socket = try Self.open(&state)
            let sequence = state.nextSequence
            state.nextSequence &+= 1
            var bytes: [UInt8] = []
            bytes.append(native: UInt32(20 + body.bytes.count))
            bytes.append(native: type.number)
            bytes.append(native: flags)
            bytes.append(native: sequence)
            bytes += [0, 0, 0, 0, family, 0, 0, 0] + body.bytes
            // The attributes follow the 4-byte nfgenmsg.
            return try NetlinkSockets.ask(
                socket, bytes, sequence: sequence, isDump: flags & 0x300 != 0, subject: subject
            )
            .map { $0.dropFirst(4) }
        }
    }

    private static func open(_ state: inout State) throws(SyscallError) -> Int32 {
        if let socket = state.socket { return socket.raw }
        let socket = try NetlinkSockets.open(.netfilter)
        state.socket = socket
        return socket.raw
    }
}
