import EngineModel

/// The functions of templates: Go's own and Docker's (Go, text/template, "Functions"; Docker, "Format command and log output").
extension GoTemplate {
    static func call(_ name: String, _ arguments: [JSON]) throws(RoostError) -> JSON {
        func need(_ count: Int) throws(RoostError) {
            guard arguments.count >= count else {
                throw .invalid("template: wrong number of args for \(name): want \(count) got \(arguments.count)")
            }
        }
        switch name {
        case "json":
            try need(1)
            return .string(arguments[0].text())
        case "join":
            try need(2)
            let items = arguments[0].array ?? arguments[1].array ?? []
            let separator = arguments[0].array == nil ? arguments[0] : arguments[1]
            return .string(items.map(plain).joined(separator: text(separator)))
        case "lower": return .string(text(arguments.last).lowercased())
        case "upper": return .string(text(arguments.last).uppercased())
        case "title":
            return .string(
                text(arguments.last).split(separator: " ", omittingEmptySubsequences: false).map {
                    $0.prefix(1).uppercased() + $0.dropFirst()
                }.joined(separator: " "))
        case "split":
            try need(2)
            return .array(split(text(arguments[0]), text(arguments[1])).map { .string($0) })
        case "pad":
            try need(3)
            let before = Int(arguments[1].int ?? 0)
            let after = Int(arguments[2].int ?? 0)
            let word = text(arguments[0])
            return .string(
                word.isEmpty
                    ? ""
                    : String(repeating: " ", count: max(0, before)) + word
                        + String(repeating: " ", count: max(0, after)))
        case "truncate":
            try need(2)
            return .string(String(text(arguments[0]).prefix(Int(arguments[1].int ?? 0))))
        case "len":
            try need(1)
            return .int(Int64(arguments[0].array?.count ?? arguments[0].object?.count ?? text(arguments[0]).utf8.count))
        case "index":
            try need(1)
            var value = arguments[0]
            for key in arguments.dropFirst() {
                if let number = key.int, let items = value.array {
                    guard number >= 0, number < items.count else {
                        throw .invalid("template: error calling index: index out of range: \(number)")
                    }
                    value = items[Int(number)]
                } else {
                    // Keys of maps are matched exactly, and may contain dots and slashes.
                    let members = value.object ?? []
                    // A missing key of a map of strings gives the empty string.
                    let nothing: JSON = members.allSatisfy { $0.value.string != nil } ? "" : .null
                    value = members.last { $0.key == text(key) }?.value ?? nothing
                }
            }
            return value
        case "slice":
            try need(1)
            let low = arguments.count > 1 ? Int(arguments[1].int ?? 0) : 0
            if let items = arguments[0].array {
                let high = arguments.count > 2 ? Int(arguments[2].int ?? 0) : items.count
                guard 0 <= low, low <= high, high <= items.count else { throw .invalid("template: slice out of range") }
                return .array(Array(items[low..<high]))
            }
            let characters = Array(text(arguments[0]))
            let high = arguments.count > 2 ? Int(arguments[2].int ?? 0) : characters.count
            guard 0 <= low, low <= high, high <= characters.count else {
                throw .invalid("template: slice out of range")
            }
            return .string(String(characters[low..<high]))
        case "print": return .string(arguments.map(plain).joined(separator: ""))
        case "println": return .string(arguments.map(plain).joined(separator: " ") + "\n")
        case "printf": return .string(try format(arguments))
        case "not":
            try need(1)
            return .bool(!isTrue(arguments[0]))
        case "and": return arguments.first { !isTrue($0) } ?? arguments.last ?? .null
        case "or": return arguments.first(where: isTrue) ?? arguments.last ?? .null
        case "eq":
            try need(2)
            return .bool(arguments.dropFirst().contains { same($0, arguments[0]) })
        case "ne":
            try need(2)
            return .bool(!same(arguments[0], arguments[1]))
        case "lt", "le", "gt", "ge":
            try need(2)
            return .bool(try compare(name, arguments[0], arguments[1]))
        case "html", "js", "urlquery": return .string(text(arguments.last))
        default: throw .invalid("template: function \"\(name)\" not defined")
        }
    }

    private static func same(_ one: JSON, _ other: JSON) -> Bool {
        if let one = one.double, let other = other.double { return one == other }
        return one == other
    }

    private static func compare(_ name: String, _ one: JSON, _ other: JSON) throws(RoostError) -> Bool {
        let order: Int
        if let one = one.double, let other = other.double {
            order = one < other ? -1 : one > other ? 1 : 0
        } else if let one = one.string, let other = other.string {
            order = one < other ? -1 : one > other ? 1 : 0
        } else {
            throw .invalid("template: error calling \(name): incompatible types for comparison")
        }
        return name == "lt" ? order < 0 : name == "le" ? order <= 0 : name == "gt" ? order > 0 : order >= 0
    }

    private static func split(_ text: String, _ separator: String) -> [String] {
        guard !separator.isEmpty else { return text.map { String($0) } }
        var parts: [String] = []
        var rest = text[...]
        while let cut = rest.firstRange(of: separator) {
            parts.append(String(rest[..<cut]))
            rest = rest[cut...].dropFirst(separator.count)
        }
        return parts + [String(rest)]
    }

    /// `%s %d %v %q %t %x %%`, with widths.
    private static func format(_ arguments: [JSON]) throws(RoostError) -> String {
        var out = ""
        var values = arguments.dropFirst()
        var rest = text(arguments.first)[...]
        while let character = rest.popFirst() {
            guard character == "%" else {
                out.append(character)
                continue
            }
            var flags = ""
            while let next = rest.first, "-+0123456789. ".contains(next) {
                flags.append(next)
                rest.removeFirst()
            }
            guard let verb = rest.popFirst() else { break }
            if verb == "%" {
                out.append("%")
                continue
            }
            guard let value = values.popFirst() else {
                out += "%!\(verb)(MISSING)"
                continue
            }
            var word: String
            switch verb {
            case "q": word = JSON.string(plain(value)).text()
            case "x": word = value.int.map { String($0, radix: 16) } ?? plain(value)
            case "f":
                let digits = flags.split(separator: ".").last.flatMap { Int($0) } ?? 6
                word = decimal(value.double ?? 0, digits)
            default: word = plain(value)
            }
            if verb == "s", flags.contains("."), let limit = flags.split(separator: ".").last.flatMap({ Int($0) }) {
                word = String(word.prefix(limit))
            }
            let width = Int(flags.split(separator: ".").first?.filter(\.isNumber) ?? "") ?? 0
            let filler = flags.hasPrefix("0") && verb == "d" ? "0" : " "
            let padding = String(repeating: filler, count: max(0, width - word.count))
            out += flags.hasPrefix("-") ? word + padding : padding + word
        }
        return out
    }

    private static func decimal(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<min(digits, 15) { scale *= 10 }
        let whole = (value.magnitude * scale).rounded()
        var text = String(Int64(whole))
        while text.count <= digits { text = "0" + text }
        let cut = text.index(text.endIndex, offsetBy: -digits)
        return (value < 0 ? "-" : "") + text[..<cut] + (digits > 0 ? "." + text[cut...] : "")
    }
}
