import EngineModel

/// The config hash by which Docker Compose recognizes whether a container is up to date: with equal hashes, neither tool recreates
/// the other's containers.
package enum ServiceHash {
    /// `first` returns the ID of the first container of a service, which replaces references to the service in the hash.
    package static func hash(_ form: JSON, first: (String) -> String?) -> String {
        ServiceTranslation.hash(String(decoding: GoJSON.bytes(resolved(form, first)), as: UTF8.self))
    }

    /// Whether the hash depends on IDs of other containers.
    static func hasReferences(_ form: JSON) -> Bool {
        !form["volumes_from"].isNull
            || ["network_mode", "ipc", "pid"].contains { form[$0].string?.hasPrefix("service:") == true }
    }

    private static func resolved(_ form: JSON, _ first: (String) -> String?) -> JSON {
        var form = form
        for key in ["network_mode", "ipc", "pid"] {
            guard let text = form[key].string, text.hasPrefix("service:"), let id = first(String(text.dropFirst(8)))
            else { continue }
            form.set(key, .string("container:\(id)"))
        }
        guard let sources = form["volumes_from"].strings else { return form }
        let ids = sources.map { source -> String in
            let parts = source.split(separator: ":").map(String.init)
            if parts.first == "container" { return parts.dropFirst().first ?? "" }
            return parts.first.flatMap(first) ?? source
        }
        form.set("volumes_from", JSON(ids))
        return form
    }
}

/// JSON as Go's encoder writes it: HTML characters are escaped, and fractions have 32-bit precision.
enum GoJSON {
    static func bytes(_ value: JSON) -> [UInt8] {
        var out: [UInt8] = []
        write(value, &out)
        return out
    }

    private static func write(_ value: JSON, _ out: inout [UInt8]) {
        switch value {
        case .array(let items):
            out.append(91)
            for (index, item) in items.enumerated() {
                if index > 0 { out.append(44) }
                write(item, &out)
            }
            out.append(93)
        case .object(let members):
            out.append(123)
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(44) }
                quote(member.key, &out)
                out.append(58)
                write(member.value, &out)
            }
            out.append(125)
        case .string(let text): quote(text, &out)
        case .double(let number) where number != number.rounded(): out += Array("\(Float(number))".utf8)
        default: out += value.bytes()
        }
    }

    private static func quote(_ text: String, _ out: inout [UInt8]) {
        out.append(34)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": out += [92, UInt8(scalar.value)]
            case "\n": out += [92, 110]
            case "\r": out += [92, 114]
            case "\t": out += [92, 116]
            case "\u{8}": out += [92, 98]
            case "\u{c}": out += [92, 102]
            case "<", ">", "&", "\u{0}"..."\u{1f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                out += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
            default: out += Array(String(scalar).utf8)
            }
        }
        out.append(34)
    }
}
