extension JSON {
    /// The JSON form of a value. Object keys keep the order in which the value encodes them; optional members that are nil are absent.
    package init(encoding value: some Encodable) throws { self = try EncodingContainer.value(value) }
}

/// What one `Encoder` collects: a single value, a list or an object.
private final class EncodingContainer {
    enum Kind { case single, array, object }

    /// What kind of container was asked for; nil if none was.
    var kind: Kind? {
        // Most objects of the API have about this many members.
        didSet { if kind == .object, members.isEmpty { members.reserveCapacity(16) } }
    }
    var single = JSON.null
    private(set) var elements: [JSON] = []
    private(set) var members: [(key: String, value: JSON)] = []
    /// Containers that their owners fill later, and where they belong.
    private var nested: [(index: Int, container: EncodingContainer)] = []

    func append(_ value: JSON) { elements.append(value) }
    func set(_ value: JSON, _ key: String) { members.append((key, value)) }

    /// A place for a container that is filled later.
    func append(_ container: EncodingContainer) {
        nested.append((elements.count, container))
        append(.null)
    }
    func set(_ container: EncodingContainer, _ key: String) {
        nested.append((members.count, container))
        set(.null, key)
    }

    /// What was collected. Asked once, when the value has been encoded.
    var json: JSON {
        switch kind {
        case .single: return single
        case .array:
            for (index, container) in nested { elements[index] = container.json }
            return .array(elements)
        case .object, nil:
            for (index, container) in nested { members[index].value = container.json }
            return .object(members)
        }
    }

    /// The JSON form of a value of any type. Frequent types are recognized first: a container for each would be expensive.
    static func value<Value: Encodable>(_ value: Value) throws -> JSON {
        // Values of JSON are taken as they are.
        if Value.self == JSON.self, let json = value as? JSON { return json }
        if Value.self == String.self, let text = value as? String { return .string(text) }
        if Value.self == [String].self, let list = value as? [String] { return JSON(list) }
        // In the order of their keys: that of a dictionary differs from run to run.
        if Value.self == [String: String].self, let map = value as? [String: String] { return JSON(map) }
        let encoder = JSONValueEncoder()
        try value.encode(to: encoder)
        return encoder.container.json
    }
}

private struct JSONValueEncoder: Encoder {
    let container = EncodingContainer()
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        container.kind = .object
        return KeyedEncodingContainer(KeyedEncoder<Key>(container: container))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        container.kind = .array
        return UnkeyedEncoder(container: container)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleValueEncoder(container: container)
    }
}

private struct KeyedEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let container: EncodingContainer
    var codingPath: [any CodingKey] { [] }

    func encodeNil(forKey key: Key) { container.set(.null, key.stringValue) }
    func encode(_ value: Bool, forKey key: Key) { container.set(.bool(value), key.stringValue) }
    func encode(_ value: String, forKey key: Key) { container.set(.string(value), key.stringValue) }
    func encode(_ value: Double, forKey key: Key) { container.set(.double(value), key.stringValue) }
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
        container.set(try EncodingContainer.value(value), key.stringValue)
    }

    private func integer(_ value: some BinaryInteger, _ key: Key) {
        container.set(JSON(value), key.stringValue)
    }

    private func nested(_ key: Key) -> JSONValueEncoder {
        let encoder = JSONValueEncoder()
        container.set(encoder.container, key.stringValue)
        return encoder
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<
        Nested
    > { nested(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nested(key).unkeyedContainer() }
    func superEncoder(forKey key: Key) -> any Encoder { nested(key) }
    func superEncoder() -> any Encoder {
        let encoder = JSONValueEncoder()
        container.set(encoder.container, "super")
        return encoder
    }
}

private struct UnkeyedEncoder: UnkeyedEncodingContainer {
    let container: EncodingContainer
    var codingPath: [any CodingKey] { [] }

    var count: Int { container.elements.count }

    func encodeNil() { container.append(.null) }
    func encode(_ value: Bool) { container.append(.bool(value)) }
    func encode(_ value: String) { container.append(.string(value)) }
    func encode(_ value: some Encodable) throws {
        container.append(try EncodingContainer.value(value))
    }

    private func nested() -> JSONValueEncoder {
        let encoder = JSONValueEncoder()
        container.append(encoder.container)
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

    private func set(_ value: JSON) {
        container.kind = .single
        container.single = value
    }

    func encodeNil() { set(.null) }
    func encode(_ value: Bool) { set(.bool(value)) }
    func encode(_ value: String) { set(.string(value)) }
    func encode(_ value: Double) { set(.double(value)) }
    func encode(_ value: Float) { encode(Double(value)) }
    func encode(_ value: Int) { set(JSON(value)) }
    func encode(_ value: Int8) { set(JSON(value)) }
    func encode(_ value: Int16) { set(JSON(value)) }
    func encode(_ value: Int32) { set(JSON(value)) }
    func encode(_ value: Int64) { set(JSON(value)) }
    func encode(_ value: UInt) { set(JSON(value)) }
    func encode(_ value: UInt8) { set(JSON(value)) }
    func encode(_ value: UInt16) { set(JSON(value)) }
    func encode(_ value: UInt32) { set(JSON(value)) }
    func encode(_ value: UInt64) { set(JSON(value)) }
    func encode(_ value: some Encodable) throws {
        set(try EncodingContainer.value(value))
    }
}

extension JSON: Encodable {
    package func encode(to encoder: any Encoder) throws {
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
