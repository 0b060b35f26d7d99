extension JSON {
    /// The JSON form of a value. Object keys keep the order in which the value encodes them; optional members that are nil are absent.
    public init(encoding value: some Encodable) throws {
        self = try EncodingContainer.element(value).json
    }
}

/// What one `Encoder` collects: a single value, a list or an object.
private final class EncodingContainer {
    enum Content {
        case single(JSON)
        case array([Element])
        case object([(key: String, value: Element)])
    }
    /// An element is a finished value, or a container that its owner may still be filling.
    enum Element {
        case value(JSON)
        case container(EncodingContainer)

        var json: JSON {
            switch self {
            case .value(let value): value
            case .container(let container): container.json
            }
        }
    }

    var content: Content?

    var json: JSON {
        switch content {
        case nil: .object([])
        case .single(let value): value
        case .array(let elements): .array(elements.map(\.json))
        case .object(let members): .object(members.map { ($0.key, $0.value.json) })
        }
    }

    func append(_ element: Element) {
        guard case .array(var elements) = content else { return content = .array([element]) }
        // Emptied first: the array has one owner, and grows in place.
        content = nil
        elements.append(element)
        content = .array(elements)
    }

    func set(_ element: Element, _ key: String) {
        guard case .object(var members) = content else { return content = .object([(key, element)]) }
        content = nil
        members.append((key, element))
        content = .object(members)
    }

    /// The element for a value of any type.
    static func element(_ value: some Encodable) throws -> Element {
        // Values of JSON are taken as they are.
        if let json = value as? JSON { return .value(json) }
        // In the order of their keys: that of a dictionary differs from run to run.
        if let map = value as? [String: String] { return .value(JSON(map)) }
        let encoder = JSONValueEncoder()
        try value.encode(to: encoder)
        if case .single(let value) = encoder.container.content { return .value(value) }
        return .container(encoder.container)
    }
}

private struct JSONValueEncoder: Encoder {
    let container = EncodingContainer()
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        if container.content == nil { container.content = .object([]) }
        return KeyedEncodingContainer(KeyedEncoder<Key>(container: container))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if container.content == nil { container.content = .array([]) }
        return UnkeyedEncoder(container: container)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleValueEncoder(container: container)
    }
}

private struct KeyedEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let container: EncodingContainer
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) { container.set(.value(.null), key.stringValue) }
    func encode(_ value: Bool, forKey key: Key) { container.set(.value(.bool(value)), key.stringValue) }
    func encode(_ value: String, forKey key: Key) { container.set(.value(.string(value)), key.stringValue) }
    func encode(_ value: Double, forKey key: Key) { container.set(.value(.double(value)), key.stringValue) }
    func encode(_ value: Float, forKey key: Key) { encode(Double(value), forKey: key) }
    func encode(_ value: Int, forKey key: Key) { integer(value, key) }
    func encode(_ value: Int8, forKey key: Key) { integer(value, key) }
    func encode(_ value: Int16, forKey key: Key) { integer(value, key) }
    func encode(_ value: Int32, forKey key: Key) { integer(value, key) }
    func encode(_ value: Int64, forKey key: Key) { integer(value, key) }
    func encode(_ value: UInt, forKey key: Key) { integer(value, key) }
    func encode(_ value: UInt8, forKey key: Key) { integer(value, key) }
    func encode(_ value: UInt16, forKey key: Key) { integer(value, key) }
    func encode(_ value: UInt32, forKey key: Key) { integer(value, key) }
    func encode(_ value: UInt64, forKey key: Key) { integer(value, key) }
    func encode(_ value: some Encodable, forKey key: Key) throws {
        container.set(try EncodingContainer.element(value), key.stringValue)
    }

    private func integer(_ value: some BinaryInteger, _ key: Key) {
        container.set(.value(JSON(value)), key.stringValue)
    }

    private func nested(_ key: Key) -> JSONValueEncoder {
        let encoder = JSONValueEncoder()
        container.set(.container(encoder.container), key.stringValue)
        return encoder
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<
        Nested
    > { nested(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nested(key).unkeyedContainer() }
    func superEncoder(forKey key: Key) -> any Encoder { nested(key) }
    func superEncoder() -> any Encoder {
        let encoder = JSONValueEncoder()
        container.set(.container(encoder.container), "super")
        return encoder
    }
}

private struct UnkeyedEncoder: UnkeyedEncodingContainer {
    let container: EncodingContainer
    var codingPath: [any CodingKey] { [] }

    var count: Int { if case .array(let elements) = container.content { elements.count } else { 0 } }

    func encodeNil() { container.append(.value(.null)) }
    func encode(_ value: Bool) { container.append(.value(.bool(value))) }
    func encode(_ value: String) { container.append(.value(.string(value))) }
    func encode(_ value: some Encodable) throws {
        container.append(try EncodingContainer.element(value))
    }

    private func nested() -> JSONValueEncoder {
        let encoder = JSONValueEncoder()
        container.append(.container(encoder.container))
        return encoder
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        nested().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }
    func superEncoder() -> any Encoder { nested() }
}

private struct SingleValueEncoder: SingleValueEncodingContainer {
    let container: EncodingContainer
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { container.content = .single(.null) }
    func encode(_ value: Bool) { container.content = .single(.bool(value)) }
    func encode(_ value: String) { container.content = .single(.string(value)) }
    func encode(_ value: Double) { container.content = .single(.double(value)) }
    func encode(_ value: Float) { encode(Double(value)) }
    func encode(_ value: Int) { container.content = .single(JSON(value)) }
    func encode(_ value: Int8) { container.content = .single(JSON(value)) }
    func encode(_ value: Int16) { container.content = .single(JSON(value)) }
    func encode(_ value: Int32) { container.content = .single(JSON(value)) }
    func encode(_ value: Int64) { container.content = .single(JSON(value)) }
    func encode(_ value: UInt) { container.content = .single(JSON(value)) }
    func encode(_ value: UInt8) { container.content = .single(JSON(value)) }
    func encode(_ value: UInt16) { container.content = .single(JSON(value)) }
    func encode(_ value: UInt32) { container.content = .single(JSON(value)) }
    func encode(_ value: UInt64) { container.content = .single(JSON(value)) }
    func encode(_ value: some Encodable) throws {
        container.content = .single(try EncodingContainer.element(value).json)
    }
}

extension JSON: Encodable {
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let value): try value.encode(to: encoder)
        case .int(let value): try value.encode(to: encoder)
        case .double(let value): try value.encode(to: encoder)
        case .string(let value): try value.encode(to: encoder)
        case .array(let values): try values.encode(to: encoder)
        case .object(let members):
            var container = encoder.container(keyedBy: JSONKey.self)
            for (key, value) in members { try container.encode(value, forKey: JSONKey(stringValue: key)) }
        }
    }
}

/// A key that is known at run time only.
struct JSONKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
