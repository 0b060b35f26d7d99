extension JSON {
    /// Decodes a value of this type. As in Go's decoder, keys match exactly or else ignoring case, and the last of several wins.
    /// Unknown members are ignored; null counts as absent.
    ///
    /// `zeroIfAbsent`: an absent member is the zero value of its type, as in Go, instead of an error.
    ///
    /// Throws `RoostError` of kind `invalid` with the path of the value of a wrong type.
    package func decode<Value: Decodable>(_ type: Value.Type = Value.self, zeroIfAbsent: Bool = false) throws -> Value {
        try JSONValueDecoder(self, zeroIfAbsent: zeroIfAbsent).decode(type)
    }
}

extension JSON {
    /// The error for a value of the wrong type; `path` is empty for the whole body.
    package func wrongType(at path: String, expected: String) -> RoostError {
        .invalid("invalid JSON: cannot use \(typeName) for \(path.isEmpty ? "the body" : path): expected \(expected)")
    }

    private var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int, .double: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSON {
    /// The value as one of the frequent types that need no decoder; nil if it is another one, or the type is.
    fileprivate func leaf<Value>(_ type: Value.Type) -> Value? {
        switch self {
        case .string(let text): if type == String.self { return text as? Value }
        case .array(let elements): if type == [String].self { return Self.texts(elements) as? Value }
        // Of equal keys the last one counts.
        case .object(let members): if type == [String: String].self { return Self.textMap(members) as? Value }
        default: break
        }
        return type == JSON.self ? self as? Value : nil
    }

    private static func texts(_ elements: [JSON]) -> [String]? {
        var list: [String] = []
        list.reserveCapacity(elements.count)
        for element in elements {
            guard case .string(let text) = element else { return nil }
            list.append(text)
        }
        return list
    }

    private static func textMap(_ members: [(key: String, value: JSON)]) -> [String: String]? {
        var map: [String: String] = [:]
        map.reserveCapacity(members.count)
        for (key, member) in members {
            guard case .string(let text) = member else { return nil }
            map[key] = text
        }
        return map
    }
}

/// Decodes one value. It refers to its parent: the path is made for errors only.
private final class JSONValueDecoder: Decoder, SingleValueDecodingContainer {
    /// Where a value is in its parent.
    enum Position {
        case root
        case member(String)
        case element(Int)
    }

    let value: JSON
    private let position: Position
    private let parent: JSONValueDecoder?
    let zeroIfAbsent: Bool

    /// The whole document.
    init(_ value: JSON, zeroIfAbsent: Bool) {
        self.value = value
        self.zeroIfAbsent = zeroIfAbsent
        position = .root
        parent = nil
    }

    private init(_ value: JSON, at position: Position, of parent: JSONValueDecoder) {
        self.value = value
        self.position = position
        self.parent = parent
        zeroIfAbsent = parent.zeroIfAbsent
    }

    func member(_ key: String, _ value: JSON) -> JSONValueDecoder {
        JSONValueDecoder(value, at: .member(key), of: self)
    }
    func element(_ index: Int, _ value: JSON) -> JSONValueDecoder {
        JSONValueDecoder(value, at: .element(index), of: self)
    }

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    var codingPath: [any CodingKey] {
        let outer = parent?.codingPath ?? []
        switch position {
        case .root: return []
        case .member(let key): return outer + [JSONKey(stringValue: key)]
        case .element(let index): return outer + [JSONKey(stringValue: String(index))]
        }
    }

    /// The path of the value in its document; empty for the whole one.
    var path: String {
        let outer = parent?.path ?? ""
        switch position {
        case .root: return ""
        case .member(let key): return outer.isEmpty ? key : "\(outer).\(key)"
        case .element(let index): return "\(outer)[\(index)]"
        }
    }

    private func wrong(_ wanted: String) -> RoostError { value.wrongType(at: path, expected: wanted) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard let members = value.isNull ? [] : value.object else { throw wrong("an object") }
        return KeyedDecodingContainer(KeyedDecoder<Key>(self, members))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let elements = value.isNull ? [] : value.array else { throw wrong("a list") }
        return UnkeyedDecoder(self, elements)
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { value.isNull }

    func decode(_ type: Bool.Type) throws -> Bool {
        if value.isNull { return false }
        guard case .bool(let value) = value else { throw wrong("true or false") }
        return value
    }

    func decode(_ type: String.Type) throws -> String {
        if value.isNull { return "" }
        guard case .string(let value) = value else { throw wrong("a string") }
        return value
    }

    func decode(_ type: Double.Type) throws -> Double {
        guard let value = value.isNull ? 0 : value.double else { throw wrong("a number") }
        return value
    }

    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }

    private func integer<Integer: FixedWidthInteger>() throws -> Integer {
        if value.isNull { return 0 }
        guard case .int(let value) = value, let fitting = Integer(exactly: value) else {
            throw wrong("a \(Integer.bitWidth)-bit integer")
        }
        return fitting
    }

    func decode(_ type: Int.Type) throws -> Int { try integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer() }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if let leaf = value.leaf(type) { return leaf }
        do { return try Value(from: self) } catch let error as DecodingError {
            // The standard library's own types (enums of texts) say what is wrong, not where.
            throw RoostError.invalid("invalid JSON: \(path.isEmpty ? "the body" : path): \(error.reason)")
        }
    }
}

extension DecodingError {
    fileprivate var reason: String {
        switch self {
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context),
            .dataCorrupted(let context):
            context.debugDescription
        @unknown default: "\(self)"
        }
    }
}

private struct KeyedDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let decoder: JSONValueDecoder
    private let members: [(key: String, value: JSON)]
    /// The lengths of the keys, a bit for each: most keys that are absent are known by theirs.
    private let lengths: UInt64

    init(_ decoder: JSONValueDecoder, _ members: [(key: String, value: JSON)]) {
        self.decoder = decoder
        self.members = members
        lengths = members.reduce(0) { $0 | Self.length($1.key) }
    }

    private static func length(_ key: String) -> UInt64 { 1 << UInt64(min(key.utf8.count, 63)) }

    private func find(_ name: String) -> JSON? {
        lengths & Self.length(name) == 0 ? nil : JSON.member(of: members, name)
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] { members.compactMap { Key(stringValue: $0.key) } }

    /// nil where it is absent or null.
    private func member(_ key: Key) -> JSONValueDecoder? {
        guard let value = find(key.stringValue), !value.isNull else { return nil }
        return decoder.member(key.stringValue, value)
    }

    /// null stands for the zero value, as in Go.
    private func present(_ key: Key) throws -> JSONValueDecoder {
        let value = find(key.stringValue)
        let member = decoder.member(key.stringValue, value ?? .null)
        guard value != nil || decoder.zeroIfAbsent else {
            throw RoostError.invalid("invalid JSON: \(member.path) is missing")
        }
        return member
    }

    func contains(_ key: Key) -> Bool { find(key.stringValue) != nil }
    func decodeNil(forKey key: Key) -> Bool { member(key) == nil }

    // The path is made for errors only, and for values that have members.
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        if case .bool(let value) = find(key.stringValue) { return value }
        return try present(key).decode(type)
    }
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        if case .string(let value) = find(key.stringValue) { return value }
        return try present(key).decode(type)
    }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try present(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try present(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        if case .int(let value) = find(key.stringValue) { return Int(value) }
        return try present(key).decode(type)
    }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try present(key).decode(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try present(key).decode(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try present(key).decode(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        if case .int(let value) = find(key.stringValue) { return value }
        return try present(key).decode(type)
    }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try present(key).decode(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try present(key).decode(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try present(key).decode(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try present(key).decode(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try present(key).decode(type) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        if let leaf = find(key.stringValue)?.leaf(type) { return leaf }
        return try present(key).decode(type)
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try member(key)?.decode(type) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        let value = find(key.stringValue)
        if case .string(let value) = value { return value }
        return try value.flatMap { $0.isNull ? nil : try decoder.member(key.stringValue, $0).decode(type) }
    }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try member(key)?.decode(type) }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        guard let value = find(key.stringValue), !value.isNull else { return nil }
        return try value.leaf(type) ?? decoder.member(key.stringValue, value).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    { try present(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try present(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { try present(key) }
}

private struct UnkeyedDecoder: UnkeyedDecodingContainer {
    private let decoder: JSONValueDecoder
    private let elements: [JSON]
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    init(_ decoder: JSONValueDecoder, _ elements: [JSON]) {
        self.decoder = decoder
        self.elements = elements
    }

    private mutating func next() throws -> JSONValueDecoder {
        guard !isAtEnd else { throw RoostError.invalid("invalid JSON: \(decoder.path) has too few elements") }
        defer { currentIndex += 1 }
        return decoder.element(currentIndex, elements[currentIndex])
    }

    mutating func decodeNil() -> Bool {
        guard !isAtEnd, elements[currentIndex].isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try next().decode(type) }
    mutating func decode(_ type: String.Type) throws -> String { try next().decode(type) }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().decode(type) }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) throws
        -> KeyedDecodingContainer<Nested>
    { try next().container(keyedBy: type) }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}

extension JSON: Decodable {
    package init(from decoder: any Decoder) throws {
        guard let decoder = decoder as? JSONValueDecoder else {
            throw RoostError.failure("a JSON value can be decoded from JSON only")
        }
        self = decoder.value
    }
}
