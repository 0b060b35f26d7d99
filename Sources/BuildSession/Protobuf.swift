import EngineModel

/// Writes Protocol Buffers messages (protobuf.dev, "Encoding"). Empty and zero values are omitted, as in proto3.
package struct ProtobufWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    package mutating func number(_ field: Int, _ value: Int64) {
        guard value != 0 else { return }
        varint(UInt64(field) << 3)
        varint(UInt64(bitPattern: value))
    }

    package mutating func bool(_ field: Int, _ value: Bool) { number(field, value ? 1 : 0) }

    package mutating func data(_ field: Int, _ value: some Collection<UInt8>) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    package mutating func text(_ field: Int, _ value: String) { if !value.isEmpty { data(field, Array(value.utf8)) } }

    /// A nested message; written even if empty, because its presence is significant.
    package mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        data(field, inner.bytes)
    }

    package mutating func map(_ field: Int, _ values: [String: String]) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            message(field) {
                $0.text(1, key)
                $0.text(2, value)
            }
        }
    }

    /// `google.protobuf.Timestamp`.
    package mutating func time(_ field: Int, nanoseconds: Int64) {
        message(field) {
            $0.number(1, nanoseconds / 1_000_000_000)
            $0.number(2, nanoseconds % 1_000_000_000)
        }
    }
}

/// Parses a Protocol Buffers message; unknown fields are ignored.
package struct ProtobufReader: Sendable {
    private enum Value: Sendable {
        case number(UInt64)
        case data(ArraySlice<UInt8>)
    }

    private var fields: [(number: Int, value: Value)] = []

    package init(_ bytes: some Collection<UInt8>) throws(RoostError) {
        var rest = Array(bytes)[...]
        func broken() -> RoostError { .invalid("truncated or malformed protobuf message") }
        func varint() throws(RoostError) -> UInt64 {
            var value: UInt64 = 0
            for shift in stride(from: UInt64(0), to: 64, by: 7) {
                guard let byte = rest.popFirst() else { throw broken() }
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return value }
            }
            throw broken()
        }
        while !rest.isEmpty {
            let tag = try varint()
            let number = Int(truncatingIfNeeded: tag >> 3)
            switch tag & 7 {
            case 0: fields.append((number, .number(try varint())))
            case 1, 5:
                let count = tag & 7 == 1 ? 8 : 4
                guard rest.count >= count else { throw broken() }
                rest = rest.dropFirst(count)
            case 2:
                let count = try varint()
                guard count <= UInt64(rest.count) else { throw broken() }
                fields.append((number, .data(rest.prefix(Int(count)))))
                rest = rest.dropFirst(Int(count))
            default: throw broken()
            }
        }
    }

    package func number(_ field: Int) -> Int64 {
        for entry in fields.reversed() where entry.number == field {
            if case .number(let value) = entry.value { return Int64(bitPattern: value) }
        }
        return 0
    }

    package func all(_ field: Int) -> [ArraySlice<UInt8>] {
        fields.compactMap { entry in
            if entry.number == field, case .data(let bytes) = entry.value { return bytes }
            return nil
        }
    }

    package func data(_ field: Int) -> ArraySlice<UInt8> { all(field).last ?? [] }
    package func text(_ field: Int) -> String { String(decoding: data(field), as: UTF8.self) }

    package func map(_ field: Int) throws(RoostError) -> [String: String] {
        var found: [String: String] = [:]
        for bytes in all(field) {
            let entry = try ProtobufReader(bytes)
            found[entry.text(1)] = entry.text(2)
        }
        return found
    }
}
