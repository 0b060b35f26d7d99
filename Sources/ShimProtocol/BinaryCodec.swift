/// Encodes a message as little-endian numbers and length-prefixed bytes.
///
/// The shim does not link Foundation, so plans and messages use this small codec.
package struct BinaryWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    package init() {}

    package mutating func write(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
    package mutating func write(_ value: Int64) { write(UInt64(bitPattern: value)) }
    package mutating func write(_ value: Int32) { write(Int64(value)) }
    package mutating func write(_ value: UInt32) { write(UInt64(value)) }
    package mutating func write(_ value: Bool) { bytes.append(value ? 1 : 0) }
    package mutating func write(_ value: [UInt8]) {
        write(UInt64(value.count))
        bytes += value
    }
    package mutating func write(_ value: String) { write(Array(value.utf8)) }

    package mutating func write<Value>(_ value: Value?, _ encode: (inout BinaryWriter, Value) -> Void) {
        write(value != nil)
        if let value { encode(&self, value) }
    }
    package mutating func write<Value>(_ values: [Value], _ encode: (inout BinaryWriter, Value) -> Void) {
        write(UInt64(values.count))
        for value in values { encode(&self, value) }
    }
    package mutating func write(_ values: [String]) { write(values) { $0.write($1) } }
}

/// A message is truncated or contains an invalid value.
package struct MalformedMessage: Error, Sendable, Equatable {
    package let place: String
}

/// Decodes the output of `BinaryWriter`; checks every length before using it.
package struct BinaryReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func uint64() throws(MalformedMessage) -> UInt64 {
        guard bytes.count - position >= 8 else { throw MalformedMessage(place: "number at \(position)") }
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[position + index]) << (8 * UInt64(index)) }
        position += 8
        return value
    }
    package mutating func int64() throws(MalformedMessage) -> Int64 { Int64(bitPattern: try uint64()) }
    package mutating func int32() throws(MalformedMessage) -> Int32 {
        guard let value = Int32(exactly: try int64()) else {
            throw MalformedMessage(place: "32-bit number at \(position)")
        }
        return value
    }
    package mutating func uint32() throws(MalformedMessage) -> UInt32 {
        guard let value = UInt32(exactly: try uint64()) else {
            throw MalformedMessage(place: "32-bit number at \(position)")
        }
        return value
    }
    package mutating func bool() throws(MalformedMessage) -> Bool {
        guard position < bytes.count, bytes[position] < 2 else { throw MalformedMessage(place: "flag at \(position)") }
        position += 1
        return bytes[position - 1] == 1
    }
    package mutating func byteArray() throws(MalformedMessage) -> [UInt8] {
        guard let length = Int(exactly: try uint64()), length <= bytes.count - position else {
            throw MalformedMessage(place: "length at \(position)")
        }
        position += length
        return Array(bytes[(position - length)..<position])
    }
    package mutating func string() throws(MalformedMessage) -> String {
        String(decoding: try byteArray(), as: UTF8.self)
    }

    package mutating func optional<Value>(
        _ decode: (inout BinaryReader) throws(MalformedMessage) -> Value
    ) throws(MalformedMessage) -> Value? {
        try bool() ? try decode(&self) : nil
    }
    package mutating func array<Value>(
        _ decode: (inout BinaryReader) throws(MalformedMessage) -> Value
    ) throws(MalformedMessage) -> [Value] {
        // Every element takes at least one byte, so a count beyond the remaining bytes is invalid.
        guard let count = Int(exactly: try uint64()), count <= bytes.count - position else {
            throw MalformedMessage(place: "count at \(position)")
        }
        var values: [Value] = []
        for _ in 0..<count { values.append(try decode(&self)) }
        return values
    }
    package mutating func strings() throws(MalformedMessage) -> [String] {
        try array { (reader: inout BinaryReader) throws(MalformedMessage) in try reader.string() }
    }
    package mutating func variant<Choice: RawRepresentable>(_ type: Choice.Type) throws(MalformedMessage) -> Choice
    where Choice.RawValue == UInt8 {
        guard position < bytes.count, let value = Choice(rawValue: bytes[position]) else {
            throw MalformedMessage(place: "choice at \(position)")
        }
        position += 1
        return value
    }
}

extension BinaryWriter {
    package mutating func write<Choice: RawRepresentable>(variant: Choice) where Choice.RawValue == UInt8 {
        bytes.append(variant.rawValue)
    }
}
