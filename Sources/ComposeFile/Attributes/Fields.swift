import ComposeModel
import EngineModel

/// The value types of the attribute tables.
enum Fields {
    typealias Field = ValueReader.Field
    typealias Table = [String: Field]

    static let string: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.string(node, path)
    }
    static let bool: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bool(node, path)
    }
    static let int: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.int(node, path)
    }
    static func int(in range: ClosedRange<Int64>) -> Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            let value = try reader.int(node, path)
            if let number = value.int, !range.contains(Int64(number)) {
                let limit =
                    Int64(number) < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
                throw ComposeError("\(path) must be \(limit), not \(number)", at: node.location)
            }
            return value
        }
    }
    /// Any number; the fraction is dropped.
    static let cutInt: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.int(node, path, cuts: true)
    }
    /// The same, but not quoted.
    static let plainInt: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        if case .string = node.scalarValue { throw reader.wrong(path, "a number", node) }
        return try reader.int(node, path, cuts: true)
    }
    static let number: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.number(node, path)
    }
    static let bytes: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bytes(node, path)
    }
    /// A size; fractions of a byte are accepted.
    static let cutBytes: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bytes(node, path, cuts: true)
    }
    static let duration: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.duration(node, path)
    }
    static let strings: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.strings(node, path)
    }
    /// A list of strings; integers and booleans are converted.
    static let wordList: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.words(node, path)
    }
    /// A list of strings, without duplicates.
    static let set: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        unique(try reader.strings(node, path))
    }
    /// One string or a list of strings, without duplicates.
    static let setOrOne: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        unique(try reader.stringOrList(node, path))
    }
    static func unique(_ list: JSON) -> JSON {
        var found: [JSON] = []
        for item in list.array ?? [] where !found.contains(item) { found.append(item) }
        return .array(found)
    }
    static let stringOrList: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.stringOrList(node, path)
    }
    /// `name: value` or `- name=value`; a bare name has an empty value.
    static let labels: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.pairs(node, path, absent: "")
    }
    /// The same; a bare name reads its value from the environment.
    static let variables: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.pairs(node, path, absent: nil)
    }
    /// The same; names missing from the environment are dropped.
    static let knownVariables: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .object((try reader.pairs(node, path, absent: nil).object ?? []).filter { !$0.value.isNull })
    }
    static let command: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.command(node, path)
    }
    /// A string; integers and booleans are converted.
    static let words: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(try reader.word(node, path))
    }
    /// Driver options: a mapping to strings, and to the other types in `allowed`.
    static func options(_ allowed: OptionValues = []) -> Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            for entry in try reader.entries(node, path) {
                switch entry.value.scalarValue {
                case .string: continue
                case .int where !allowed.isEmpty, .double where allowed.contains(.numbers): continue
                case .null where entry.value.isNothing && allowed.contains(.nothing): continue
                default:
                    throw reader.wrong(
                        "\(path).\(entry.key)", allowed.isEmpty ? "a string" : "a string or a number", entry.value,
                        hint: entry.value.scalarValue.bool.map { "put it in quotes: \"\($0)\"" })
                }
            }
            return try reader.pairs(node, path, absent: "")
        }
    }
    struct OptionValues: OptionSet {
        let rawValue: Int
        static let wholeNumbers = OptionValues(rawValue: 1)
        static let numbers = OptionValues(rawValue: 2)
        static let nothing = OptionValues(rawValue: 4)
    }
    /// A path, relative to the project directory.
    static let path: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(reader.resolved(try reader.string(node, path).string ?? ""))
    }
    /// Any value, kept as it is.
    static let anything: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        return reader.any(node)
    }

    /// A size that must be a string, as in `deploy.resources`.
    static let byteText: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        _ = try reader.string(node, path)
        return try reader.bytes(node, path)
    }

    static func choice(_ allowed: [String]) -> Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in try reader.choice(node, path, allowed) }
    }

    /// A mapping with these keys.
    static func object(_ table: Table) -> Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in try reader.object(node, path, table) }
    }

    /// A list of mappings with these keys.
    static func objects(_ table: Table, required: [String] = []) -> Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            reader.note(path, node)
            var found: [JSON] = []
            for (index, item) in try reader.items(node, path).enumerated() {
                let value = try reader.object(item, "\(path).[\(index)]", table)
                for key in required where value[key].isNull {
                    throw ComposeError("\(path).[\(index)]: \(key) is required", at: item.location)
                }
                found.append(value)
            }
            return .array(found)
        }
    }

    /// An octal mode: a YAML octal number or a string.
    static let fileMode: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .int(let value) = node.scalarValue { return .int(value) }
        if case .scalar(let text, _) = node.kind, let value = Int64(text, radix: 8) { return .int(value) }
        throw reader.wrong(path, "a file mode (e.g. 0440)", node)
    }

    static let ulimits: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [(key: String, value: JSON)] = []
        for entry in try reader.entries(node, path) {
            let memberPath = "\(path).\(entry.key)"
            if case .mapping = entry.value.kind {
                let value = try reader.object(entry.value, memberPath, ["soft": int, "hard": int])
                guard !value["soft"].isNull, !value["hard"].isNull else {
                    throw ComposeError("\(memberPath): soft and hard are both required", at: entry.location)
                }
                found.append((entry.key, value))
            } else {
                found.append((entry.key, try reader.int(entry.value, memberPath)))
            }
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    /// Host names and addresses, as `name=address`.
    static let extraHosts: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [String] = []
        if case .sequence(let items) = node.kind {
            for item in items {
                guard let text = try reader.text(item, path) else { continue }
                guard let (name, addresses) = text.cut(at: "=") ?? text.cut(at: ":"), !name.isEmpty else {
                    throw ComposeError(
                        "invalid extra host \"\(text)\" in \(path) (e.g. \"db.example:10.0.0.5\")", at: item.location)
                }
                for address in addresses.fields(at: ",") { found.append("\(name)=\(unbracketed(String(address)))") }
            }
        } else {
            for entry in try reader.entries(node, path) {
                let addresses: [Node] = if case .sequence(let list) = entry.value.kind { list } else { [entry.value] }
                for address in addresses {
                    found.append("\(entry.key)=\(unbracketed(try reader.string(address, path).string ?? ""))")
                }
            }
        }
        return JSON(found.sorted())
    }

    private static func unbracketed(_ text: String) -> String {
        text.utf8.count > 2 && text.begins(with: "[") && text.utf8.last == 93
            ? String(text.unicodeScalars.dropFirst().dropLast()) : text
    }

    /// Secrets and configs that a service or build uses. `root` is the directory for those without a target.
    static func files(root: String) -> Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            reader.note(path, node)
            var found: [JSON] = []
            for (index, item) in try reader.items(node, path).enumerated() {
                defer { if let name = found.last?["source"].string { reader.note("\(path).\(name)", item) } }
                if case .mapping = item.kind {
                    let table: Table = [
                        "source": string, "target": string, "uid": words, "gid": words, "mode": fileMode,
                    ]
                    var file = try reader.object(item, "\(path).[\(index)]", table)
                    if file["source"].isNull { reader.note("\(path).", item) }
                    if !root.isEmpty, file["target"].isNull, let name = file["source"].string {
                        file.set("target", .string(root + name))
                    }
                    found.append(file)
                } else {
                    let name = try reader.string(item, path).string ?? ""
                    found.append(
                        root.isEmpty
                            ? ["source": .string(name)] : ["source": .string(name), "target": .string(root + name)])
                }
            }
            return unique(.array(found))
        }
    }
}
