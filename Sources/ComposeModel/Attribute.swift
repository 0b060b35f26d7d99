import EngineModel

/// An attribute of the canonical form of a project; nil where it is absent, null, or of another type.
@propertyWrapper package struct Attribute<Value: AttributeValue>: Decodable, Sendable, Equatable {
    package var wrappedValue: Value?

    package init(wrappedValue: Value? = nil) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws { wrappedValue = Value(attribute: try JSON(from: decoder)) }
}

extension KeyedDecodingContainer {
    /// Used by the compiler's `init(from:)`.
    package func decode<Value>(_ type: Attribute<Value>.Type, forKey key: Key) throws -> Attribute<Value> {
        Attribute(wrappedValue: try decodeIfPresent(JSON.self, forKey: key).flatMap(Value.init(attribute:)))
    }
}

/// A type of attributes.
package protocol AttributeValue: Sendable, Equatable {
    init?(attribute: JSON)
}

extension String: AttributeValue {
    package init?(attribute: JSON) {
        guard let text = attribute.string else { return nil }
        self = text
    }
}

extension Bool: AttributeValue {
    package init?(attribute: JSON) {
        guard let value = attribute.bool else { return nil }
        self = value
    }
}

/// A number, or as sizes in bytes a text of digits.
extension Int64: AttributeValue {
    package init?(attribute: JSON) {
        guard let value = attribute.int ?? attribute.string.flatMap({ Int64($0) }) else { return nil }
        self = value
    }
}

extension Double: AttributeValue {
    package init?(attribute: JSON) {
        guard let value = attribute.double ?? attribute.string.flatMap(Double.init) else { return nil }
        self = value
    }
}

extension [String]: AttributeValue {
    package init?(attribute: JSON) {
        guard let list = attribute.strings else { return nil }
        self = list
    }
}

extension [String: String]: AttributeValue {
    package init?(attribute: JSON) {
        guard let map = attribute.stringMap else { return nil }
        self = map
    }
}

extension JSON: AttributeValue {
    package init?(attribute: JSON) {
        if attribute.isNull { return nil }
        self = attribute
    }
}
