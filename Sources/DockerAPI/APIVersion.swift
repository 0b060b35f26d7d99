import EngineModel

/// Supported versions of the Docker Engine API.
public enum APIVersion {
    public static let current = "1.48"
    public static let minimum = "1.24"
    /// The version of this product.
    public static let product = "0.1.0"

    /// `1.45` as a comparable number, major * 1000 + minor; nil if the text is not a version.
    public static func number(_ text: some StringProtocol) -> Int? {
        let parts = text.split(separator: ".").map { Int($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1], (0..<1000).contains(minor), major >= 0,
            text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return major * 1000 + minor
    }
}

/// The HTTP status of an error kind.
public func httpStatus(for kind: RoostError.Kind) -> Int {
    switch kind {
    case .notModified: 304
    case .invalidArgument: 400
    case .unauthorized: 401
    case .forbidden: 403
    case .notFound: 404
    case .conflict: 409
    case .failure: 500
    case .unsupported: 501
    case .unavailable: 503
    }
}

/// The error kind of an HTTP status, for clients.
public func errorKind(forStatus status: Int) -> RoostError.Kind {
    switch status {
    case 304: .notModified
    case 400: .invalidArgument
    case 401: .unauthorized
    case 403: .forbidden
    case 404: .notFound
    case 409: .conflict
    case 501: .unsupported
    case 503: .unavailable
    default: .failure
    }
}

/// `filters` of the list endpoints: `{"label":{"a=b":true}}` or `{"label":["a=b"]}`.
public struct Filters: Sendable, Equatable {
    public var values: [String: [String]]

    public init(_ values: [String: [String]] = [:]) { self.values = values }

    public init(query: String?, known: Set<String>) throws(RoostError) {
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
    public func truth(_ key: String) throws(RoostError) -> Bool? {
        guard let text = self[key].first else { return nil }
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return true
        case "0", "f", "F", "false", "FALSE", "False": return false
        default: throw .invalid("invalid filter '\(key)=\(self[key])'")
        }
    }

    /// Rejects values of a filter that are not allowed.
    public func require(_ key: String, oneOf allowed: [String]) throws(RoostError) {
        for value in self[key] where !allowed.contains(value) { throw .invalid("invalid filter '\(key)=[\(value)]'") }
    }

    public subscript(_ key: String) -> [String] { values[key] ?? [] }

    /// True if the key has no filter, or if one of its values matches.
    public func matches(_ key: String, _ fits: (String) -> Bool) -> Bool {
        guard let wanted = values[key], !wanted.isEmpty else { return true }
        return wanted.contains(where: fits)
    }

    /// Whether all label filters match: `name` or `name=value`.
    public func matchesLabels(_ labels: [String: String]) -> Bool {
        self["label"].allSatisfy { wanted in
            let parts = wanted.split(separator: "=", maxSplits: 1).map(String.init)
            guard let value = labels[parts.first ?? ""] else { return false }
            return parts.count < 2 || parts[1] == value
        }
    }

    public var json: JSON { .object(values.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON($0.value)) }) }
}

/// Our own headers, in addition to Docker's.
public enum RoostHeader {
    /// Different for every run of an engine: tells a client whether two connections reach the same one. Lower case, like all header
    /// lookups.
    public static let instance = "x-roost-instance"
}
