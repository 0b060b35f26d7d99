import EngineModel

/// An authentication challenge (`WWW-Authenticate`, RFC 9110, section 11.6.1; Docker Registry token authentication).
package enum AuthenticationChallenge: Sendable, Equatable {
    case basic
    /// A token from another server: its URL and parameters.
    case bearer(realm: String, service: String?, scope: String?)

    /// Parses one header; nil for unknown schemes.
    package init?(header: String) {
        let parts = header.split(separator: " ", maxSplits: 1).map(String.init)
        guard let scheme = parts.first?.lowercased() else { return nil }
        switch scheme {
        case "basic": self = .basic
        case "bearer":
            let parameters = Self.parameters(parts.count > 1 ? parts[1] : "")
            guard let realm = parameters["realm"] else { return nil }
            self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
        default: return nil
        }
    }

    /// `a="b,c",d=e`: quoted commas belong to the value.
    static func parameters(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        var name = ""
        var value: String?
        var quoted = false
        var escaped = false
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" }
        for character in text + "," {
            if quoted {
                if escaped {
                    value?.append(character)
                    escaped = false
                } else if character == "\\" {
                    escaped = true
                } else if character == "\"" {
                    quoted = false
                } else {
                    value?.append(character)
                }
            } else if character == "," {
                if let value { found[name.lowercased()] = value }
                name = ""
                value = nil
            } else if character == "=", value == nil {
                value = ""
            } else if character == "\"", value != nil {
                quoted = true
            } else if !isBlank(character) {
                if value == nil { name.append(character) } else { value?.append(character) }
            }
        }
        return found
    }
}
