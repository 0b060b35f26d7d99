import EngineModel

/// `filters` of the list endpoints: `{"label":{"a=b":true}}` or `{"label":["a=b"]}`.
package struct Filters: Sendable, Equatable {
    package var values: [String: [String]]

    package init(_ values: [String: [String]] = [:]) { self.values = values }

    package init(query: String?, known: Set<String>) throws(RoostError) {
        values = [:]
        guard let query, !query.isEmpty else { return }
        // An invalid filter must not be ignored: prune would remove everything.
        guard let members = try JSON(parsing: query).object else {
            throw .invalid("invalid filter: expected an object of lists (e.g. {\"label\":[\"a=b\"]})")
        }
        for (key, value) in members {
            guard known.isEmpty || known.contains(key) else { throw .invalid("invalid filter '\(key)'") }
            if let list = value.array, let texts = value.strings, texts.count == list.count {
                values[key] = texts
            } else if let map = value.object, map.allSatisfy({ $0.value.bool != nil }) {
                values[key] = map.filter { $0.value.bool == true }.map(\.key)
            } else {
                throw .invalid("invalid filter '\(key)': expected a list of strings")
            }
        }
    }

    /// The value of a boolean filter; nil without one.
    package func truth(_ key: String) throws(RoostError) -> Bool? {
        guard let text = self[key].first else { return nil }
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        default: throw .invalid("invalid filter '\(key)=\(self[key])'")
        }
    }

    /// Rejects values of a filter that are not allowed.
    package func require(_ key: String, oneOf allowed: [String]) throws(RoostError) {
        for value in self[key] where !allowed.contains(value) { throw .invalid("invalid filter '\(key)=[\(value)]'") }
    }

    package subscript(_ key: String) -> [String] { values[key] ?? [] }

    /// True if the key has no filter, or if one of its values matches.
    package func matches(_ key: String, _ fits: (String) -> Bool) -> Bool {
        guard let wanted = values[key], !wanted.isEmpty else { return true }
        return wanted.contains(where: fits)
    }

    /// Whether all label filters match: `name` or `name=value`.
    package func matchesLabels(_ labels: [String: String]) -> Bool {
        self["label"].allSatisfy { wanted in
            let parts = wanted.split(separator: "=", maxSplits: 1).map(String.init)
            guard let value = labels[parts.first ?? ""] else { return false }
            return parts.count < 2 || parts[1] == value
        }
    }

    package var json: JSON { .object(values.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON($0.value)) }) }
}

/// The `name` filter of lists: a regular expression, as in Docker, that may match anywhere in the name. An invalid expression is matched
/// literally.
package struct NamePattern {
    private let pattern: String

    package init(_ pattern: String) { self.pattern = pattern }

    package func fits(_ name: String) -> Bool {
        if name.contains(pattern) || "/\(name)".contains(pattern) { return true }
        guard pattern.contains(where: { "^$.*+?()[]{}|\\".contains($0) }), let expression = try? Regex(pattern) else {
            return false
        }
        return [name, "/\(name)"].contains { (try? expression.firstMatch(in: $0)) != nil }
    }
}

/// A port filter: `80`, `80/udp`, `80-90/tcp`.
package struct PortRange {
    private let low: Int
    private let high: Int
    private let transport: String?

    package init(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        let ends = (parts.first ?? "").split(separator: "-").map { Int($0) ?? -1 }
        low = ends.first ?? -1
        high = ends.last ?? -1
        transport = parts.count > 1 ? parts[1] : nil
    }

    package var isValid: Bool {
        (1...65535).contains(low) && (low...65535).contains(high)
            && (transport.map { TransportProtocol(rawValue: $0) != nil } ?? true)
    }

    package func holds(_ port: ContainerPort) -> Bool {
        low <= Int(port.number) && Int(port.number) <= high
            && (transport == nil || transport == port.transport.rawValue)
    }
}
