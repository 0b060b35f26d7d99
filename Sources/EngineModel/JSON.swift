/// A JSON value whose objects keep the order of their keys, as Docker's responses and `config` need. Foundation's coders do not keep
/// it, and the CLI starts faster without them.
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([(key: String, value: JSON)])

    package static func == (one: JSON, other: JSON) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.int(let one), .int(let other)): one == other
        case (.double(let one), .double(let other)): one == other
        case (.string(let one), .string(let other)): one.isExactly(other)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)):
            one.count == other.count
                && one.allSatisfy { entry in other.first { $0.key.isExactly(entry.key) }?.value == entry.value }
        default: false
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }

    package init(_ value: some BinaryInteger) { self = .int(Int64(clamping: value)) }
    package init(_ value: String?) { self = value.map(JSON.string) ?? .null }
    package init(_ value: Bool) { self = .bool(value) }
    package init(_ values: [String]) { self = .array(values.map(JSON.string)) }
    /// Sorted by key.
    package init(_ values: [String: String]) {
        self = .object(values.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) })
    }
}

extension JSON {
    /// A member; null if missing. Prefers an exact match, then ignores ASCII case, as Go's decoder does.
    package subscript(_ key: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        return Self.member(of: members, key) ?? .null
    }

    static func member(of members: [(key: String, value: JSON)], _ key: String) -> JSON? {
        for index in members.indices.reversed() where members[index].key.isExactly(key) { return members[index].value }
        for index in members.indices.reversed() where matches(members[index].key, key) { return members[index].value }
        return nil
    }

    private static func matches(_ one: String, _ other: String) -> Bool {
        guard one.utf8.count == other.utf8.count else { return false }
        func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 32 : byte }
        let (first, second) = (one.utf8.span, other.utf8.span)
        for index in first.indices where lower(first[index]) != lower(second[index]) { return false }
        return true
    }

    package var isNull: Bool { if case .null = self { true } else { false } }
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value.rounded())
        default: nil
        }
    }
    package var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var object: [(key: String, value: JSON)]? { if case .object(let value) = self { value } else { nil } }
    package var strings: [String]? { array.map { $0.compactMap(\.string) } }
    /// Members whose values are strings.
    package var stringMap: [String: String]? {
        object.map { Dictionary($0.compactMap { entry in entry.value.string.map { (entry.key, $0) } }) { $1 } }
    }

    package mutating func set(_ key: String, _ value: JSON) {
        guard case .object(var members) = self else { return }
        // Emptied first: the list of members has one owner, and changes in place.
        self = .null
        if let index = members.firstIndex(where: { $0.key.isExactly(key) }) {
            members[index].value = value
        } else {
            members.append((key, value))
        }
        self = .object(members)
    }
}
