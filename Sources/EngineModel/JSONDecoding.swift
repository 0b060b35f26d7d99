extension JSON {
    /// Decodes a value of this type. As in Go's decoder, keys match exactly or else ignoring case, and the last of several wins.
    /// Unknown members are ignored; null counts as absent.
    ///
    /// `zeroIfAbsent`: an absent member is the zero value of its type, as in Go, instead of an error.
    ///
    /// Throws `RoostError` of kind `invalid` with the path of the value of a wrong type.
    package func decode<Value: Decodable>(_ type: Value.Type = Value.self, zeroIfAbsent: Bool = false) throws -> Value {
        try JSONValueDecoder(value: self, path: DecodingPath(), zeroIfAbsent: zeroIfAbsent).decode(type)
    }
}

/// The path of a value in its document. Converted to text only for errors.
private indirect enum DecodingPath {
    case root
    case member(String, of: DecodingPath)
    case element(Int, of: DecodingPath)

    init() { self = .root }

    var text: String {
        switch self {
        case .root: ""
        case .member(let key, .root): key
        case .member(let key, let parent): "\(parent.text).\(key)"
        case .element(let index, let parent): "\(parent.text)[\(index)]"
        }
    }

    var keys: [any CodingKey] {
        switch self {
        case .root: []
        case .member(let key, let parent): parent.keys + [JSONKey(stringValue: key)]
        case .element(let index, let parent): parent.keys + [JSONKey(stringValue: String(index))]
        }
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

private struct JSONValueDecoder: Decoder, SingleValueDecodingContainer {
    let value: JSON
    let path: DecodingPath
    let zeroIfAbsent: Bool
    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    private func wrong(_ wanted: String) -> RoostError { value.wrongType(at: path.text, expected: wanted) }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard let members = value.isNull ? [] : value.object else { throw wrong("an object") }
        return KeyedDecodingContainer(KeyedDecoder<Key>(members: members, path: path, zeroIfAbsent: zeroIfAbsent))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let elements = value.isNull ? [] : value.array else { throw wrong("a list") }
        return UnkeyedDecoder(elements: elements, path: path, zeroIfAbsent: zeroIfAbsent)
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
            throw RoostError.invalid("invalid JSON: \(path.text.isEmpty ? "the body" : path.text): \(error.reason)")
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
    let members: [(key: String, value: JSON)]
    let path: DecodingPath
    let zeroIfAbsent: Bool
    var codingPath: [any CodingKey] { path.keys }
    var allKeys: [Key] { members.compactMap { Key(stringValue: $0.key) } }

    /// nil where it is absent or null.
    private func member(_ key: Key) -> JSONValueDecoder? {
        guard let value = JSON.member(of: members, key.stringValue), !value.isNull else { return nil }
        return decoder(value, key)
    }

    private func decoder(_ value: JSON, _ key: Key) -> JSONValueDecoder {
        JSONValueDecoder(value: value, path: .member(key.stringValue, of: path), zeroIfAbsent: zeroIfAbsent)
    }

    /// null stands for the zero value, as in Go.
    private func present(_ key: Key) throws -> JSONValueDecoder {
        if let value = JSON.member(of: members, key.stringValue) { return decoder(value, key) }
        guard zeroIfAbsent else {
            throw RoostError.invalid("invalid JSON: \(DecodingPath.member(key.stringValue, of: path).text) is missing")
        }
        return decoder(.null, key)
    }

    func contains(_ key: Key) -> Bool { JSON.member(of: members, key.stringValue) != nil }
    func decodeNil(forKey key: Key) -> Bool { member(key) == nil }

    // The path is made for errors only, and for values that have members.
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        if case .bool(let value) = JSON.member(of: members, key.stringValue) { return value }
        return try present(key).decode(type)
    }
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        if case .string(let value) = JSON.member(of: members, key.stringValue) { return value }
        return try present(key).decode(type)
    }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try present(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try present(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        if case .int(let value) = JSON.member(of: members, key.stringValue) { return Int(value) }
        return try present(key).decode(type)
    }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try present(key).decode(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try present(key).decode(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try present(key).decode(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        if case .int(let value) = JSON.member(of: members, key.stringValue) { return value }
        return try present(key).decode(type)
    }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try present(key).decode(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try present(key).decode(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try present(key).decode(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try present(key).decode(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try present(key).decode(type) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        if let leaf = JSON.member(of: members, key.stringValue)?.leaf(type) { return leaf }
        return try present(key).decode(type)
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try member(key)?.decode(type) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        let value = JSON.member(of: members, key.stringValue)
        if case .string(let value) = value { return value }
        return try value.flatMap { $0.isNull ? nil : try decoder($0, key).decode(type) }
    }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try member(key)?.decode(type) }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        guard let value = JSON.member(of: members, key.stringValue), !value.isNull else { return nil }
        return try value.leaf(type) ?? decoder(value, key).decode(type)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    { try present(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try present(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder {
        JSONValueDecoder(value: .object(members), path: path, zeroIfAbsent: zeroIfAbsent)
    }
    func superDecoder(forKey key: Key) throws -> any Decoder { try present(key) }
}

private struct UnkeyedDecoder: UnkeyedDecodingContainer {
    let elements: [JSON]
    let path: DecodingPath
    let zeroIfAbsent: Bool
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { path.keys }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    init(elements: [JSON], path: DecodingPath, zeroIfAbsent: Bool) {
        self.elements = elements
        self.path = path
        self.zeroIfAbsent = zeroIfAbsent
    }

    private mutating func next() throws -> JSONValueDecoder {
        guard !isAtEnd else { throw RoostError.invalid("invalid JSON: \(path.text) has too few elements") }
        defer { currentIndex += 1 }
        return JSONValueDecoder(
            value: elements[currentIndex], path: .element(currentIndex, of: path), zeroIfAbsent: zeroIfAbsent)
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
