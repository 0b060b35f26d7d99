/// The members of a JSON object whose keys are not known, in their order.
package struct OrderedMap<Value: Sendable>: Sendable, ExpressibleByDictionaryLiteral, RandomAccessCollection {
    package private(set) var elements: [(key: String, value: Value)]

    package init(_ elements: [(key: String, value: Value)] = []) { self.elements = elements }
    package init(dictionaryLiteral elements: (String, Value)...) {
        self.elements = elements.map { (key: $0.0, value: $0.1) }
    }

    package var startIndex: Int { elements.startIndex }
    package var endIndex: Int { elements.endIndex }
    package subscript(position: Int) -> (key: String, value: Value) { elements[position] }

    package var keys: [String] { elements.map(\.key) }
    package var values: [Value] { elements.map(\.value) }

    /// Setting nil removes the member; a new one becomes the last.
    package subscript(key: String) -> Value? {
        get { elements.last { $0.key.isExactly(key) }?.value }
        set {
            let index = elements.firstIndex { $0.key.isExactly(key) }
            switch (index, newValue) {
            case (let index?, let value?): elements[index].value = value
            case (let index?, nil): elements.remove(at: index)
            case (nil, let value?): elements.append((key, value))
            case (nil, nil): break
            }
        }
    }

    /// With the members of another map added; of two with the same key the other's counts.
    package func merging(_ other: OrderedMap) -> OrderedMap {
        var merged = self
        for (key, value) in other { merged[key] = value }
        return merged
    }

    package func mapValues<Other>(_ transform: (Value) throws -> Other) rethrows -> OrderedMap<Other> {
        OrderedMap<Other>(try elements.map { ($0.key, try transform($0.value)) })
    }
}

extension OrderedMap: Equatable where Value: Equatable {
    package static func == (one: OrderedMap, other: OrderedMap) -> Bool {
        one.elements.elementsEqual(other.elements) { $0.key.isExactly($1.key) && $0.value == $1.value }
    }
}

extension OrderedMap: Encodable where Value: Encodable {
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: JSONKey.self)
        for (key, value) in elements { try container.encode(value, forKey: JSONKey(stringValue: key)) }
    }
}

extension OrderedMap: Decodable where Value: Decodable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: JSONKey.self)
        elements = try container.allKeys.map { ($0.stringValue, try container.decode(Value.self, forKey: $0)) }
    }
}

/// A member that is null instead of absent if it has no value, as Go's slices, maps and pointers without `omitempty`.
@propertyWrapper package struct NullIfNil<Value: Codable & Sendable>: Codable, Sendable {
    package var wrappedValue: Value?

    package init(wrappedValue: Value? = nil) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    package func encode(to encoder: any Encoder) throws {
        guard let wrappedValue else {
            var container = encoder.singleValueContainer()
            return try container.encodeNil()
        }
        try wrappedValue.encode(to: encoder)
    }
}

extension NullIfNil: Equatable where Value: Equatable {}

extension KeyedDecodingContainer {
    /// Used by the compiler's `init(from:)`: an absent member has no value.
    package func decode<Value>(_ type: NullIfNil<Value>.Type, forKey key: Key) throws -> NullIfNil<Value> {
        NullIfNil(wrappedValue: try decodeIfPresent(Value.self, forKey: key))
    }
}

extension KeyedEncodingContainer {
    /// Used by the compiler's `encode(to:)`: without an encoder of its own for the wrapper.
    package mutating func encode<Value>(_ member: NullIfNil<Value>, forKey key: Key) throws {
        if let value = member.wrappedValue { try encode(value, forKey: key) } else { try encodeNil(forKey: key) }
    }
}

/// A JSON object without members, such as the values of `ExposedPorts` and `Volumes`.
package struct EmptyObject: Codable, Sendable, Equatable {
    package init() {}
    private enum CodingKeys: CodingKey {}
}
