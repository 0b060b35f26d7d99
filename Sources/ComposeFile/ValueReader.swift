import ComposeModel
import EngineModel

/// Reads nodes into canonical values. Each function accepts the forms that the specification allows and reports the location of
/// anything else. Records the origin of every value.
struct ValueReader {
    /// The base directory of relative paths.
    var directory: String
    /// False keeps paths as written.
    var resolvesPaths = true
    /// Keeps values as written, because their variables have not been interpolated.
    var keepsWritten = false
    /// Values for attributes that are read from the environment.
    let variables: [String: String]
    private(set) var origins: [String: String] = [:]
    private(set) var warnings: [String] = []
    /// Attributes without a value: an error unless another file sets one.
    private(set) var valueless: [(path: String, location: SourceLocation)] = []

    init(directory: String, variables: [String: String]) {
        self.directory = directory
        self.variables = variables
    }

    var serviceTable: [String: Field] { keepsWritten ? RawModelTable.service : ServiceTable.attributes }

    mutating func note(_ path: String, _ node: Node) { origins[path] = node.location.description }
    mutating func warn(_ text: String) { if !warnings.contains(text) { warnings.append(text) } }

    static func describe(_ node: Node) -> String {
        switch node.kind {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar:
            switch node.scalarValue {
            case .null: "nothing"
            case .bool: "a boolean"
            case .int, .double: "a number"
            default: "a string"
            }
        }
    }

    func wrong(_ path: String, _ wanted: String, _ node: Node, hint: String? = nil) -> ComposeError {
        let problem = node.isNothing ? "is empty (expected \(wanted))" : "must be \(wanted), not \(Self.describe(node))"
        return ComposeError("\(path) \(problem)", at: node.location, hint: hint)
    }

    // MARK: Scalars

    mutating func string(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        guard case .scalar(let text, _) = node.kind, case .string = node.scalarValue else {
            let text: String = if case .scalar(let text, _) = node.kind { text } else { "" }
            throw wrong(path, "a string", node, hint: text.isEmpty ? nil : "put it in quotes: \"\(text)\"")
        }
        return .string(text)
    }

    /// A string, number or boolean as text; nil without a value. Numbers are printed as Go prints them.
    mutating func text(_ node: Node, _ path: String) throws(ComposeError) -> String? {
        note(path, node)
        guard case .scalar(let text, _) = node.kind else {
            throw wrong(path, "a string, a number or a boolean", node, hint: Self.pairHint(node))
        }
        switch node.scalarValue {
        case .null: return nil
        case .int(let value): return String(value)
        case .string(let value): return value
        case .double(let value): return GoNumber.text(value)
        case .bool(let value): return value ? "true" : "false"
        default: return text
        }
    }

    /// YAML parses `- KEY: value` in a list of pairs as a mapping.
    private static func pairHint(_ node: Node) -> String? {
        guard case .mapping(let entries) = node.kind, entries.count == 1, let entry = entries.first,
            case .scalar(let text, _) = entry.value.kind
        else { return nil }
        return "in a list, use - \(entry.key)=\(text), or remove the hyphens"
    }

    mutating func bool(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        if case .bool(let value) = node.scalarValue { return .bool(value) }
        if case .scalar(let text, _) = node.kind {
            switch text.lowercased() {
            case "true", "yes", "y", "on": return .bool(true)
            case "false", "no", "n", "off": return .bool(false)
            default: break
            }
        }
        throw wrong(path, "true or false", node)
    }

    /// `1e3` and `1.0` are integers. `cuts`: accepts any number and drops the fraction.
    mutating func int(_ node: Node, _ path: String, cuts: Bool = false) throws(ComposeError) -> JSON {
        note(path, node)
        switch node.scalarValue {
        case .int(let value): return .int(value)
        case .double(let value) where cuts || value == value.rounded():
            if let whole = Int64(exactly: value.rounded(.towardZero)) { return .int(whole) }
        default: if case .scalar(let text, _) = node.kind, let value = Int64(text) { return .int(value) }
        }
        throw wrong(path, "a whole number", node)
    }

    mutating func number(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        if case .int(let value) = node.scalarValue { return .int(value) }
        if case .scalar(let text, _) = node.kind, !text.hasPrefix("0x"), let value = Double(text), value.isFinite {
            return value == value.rounded() && value.magnitude < 1e15 ? .int(Int64(value)) : .double(value)
        }
        throw wrong(path, "a number", node)
    }

    /// A size, as a decimal string of bytes. `cuts`: accepts fractions of a byte.
    mutating func bytes(_ node: Node, _ path: String, cuts: Bool = false) throws(ComposeError) -> JSON {
        note(path, node)
        guard case .scalar(let text, _) = node.kind, !node.scalarValue.isNull else {
            throw wrong(path, "a size (e.g. 512m, 2g)", node)
        }
        // YAML's value, e.g. 8 for 010.
        if case .int(let value) = node.scalarValue { return .string(String(value)) }
        if case .double(let value) = node.scalarValue, !cuts, value != value.rounded() {
            throw wrong(path, "a whole number of bytes or a string (e.g. 512m)", node)
        }
        guard let value = ByteSize.parse(text) else {
            throw ComposeError("invalid size \"\(text)\" for \(path) (e.g. 512m, 2g)", at: node.location)
        }
        return .string(String(value))
    }

    mutating func duration(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        if case .scalar(let text, _) = node.kind, case .string = node.scalarValue, let value = TimeSpan.parse(text) {
            return .string(TimeSpan.text(value))
        }
        guard case .scalar(let text, _) = node.kind, !node.scalarValue.isNull else {
            throw wrong(path, "a duration (e.g. 30s, 1m30s)", node)
        }
        throw ComposeError(
            "invalid duration \"\(text)\" for \(path) (e.g. 30s, 1m30s)", at: node.location,
            hint: Int(text) != nil ? "add the unit: \(text)s" : nil)
    }

    mutating func choice(_ node: Node, _ path: String, _ allowed: [String]) throws(ComposeError) -> JSON {
        note(path, node)
        guard case .scalar(let text, _) = node.kind, allowed.contains(text) else {
            throw ComposeError("\(path) must be one of \(allowed.joined(separator: ", "))", at: node.location)
        }
        return .string(text)
    }

    // MARK: Lists and maps

    func items(_ node: Node, _ path: String) throws(ComposeError) -> [Node] {
        guard case .sequence(let items) = node.kind else { throw wrong(path, "a list", node) }
        return items
    }

    func entries(_ node: Node, _ path: String) throws(ComposeError) -> [Node.Entry] {
        switch node.kind {
        case .mapping(let entries): return entries.filter { $0.value.tag != "!reset" }
        case .scalar where node.scalarValue.isNull: return []
        default: throw wrong(path, "a mapping", node)
        }
    }

    mutating func strings(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        var list: [JSON] = []
        for (index, item) in try items(node, path).enumerated() {
            list.append(try string(item, "\(path).[\(index)]"))
        }
        return .array(list)
    }

    /// A string; integers and booleans are converted to text.
    mutating func word(_ node: Node, _ path: String) throws(ComposeError) -> String {
        if case .double = node.scalarValue { throw wrong(path, "a string or a whole number", node) }
        return try text(node, path) ?? ""
    }

    /// A list of such strings.
    mutating func words(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        var list: [JSON] = []
        for (index, item) in try items(node, path).enumerated() {
            list.append(.string(try word(item, "\(path).[\(index)]")))
        }
        return .array(list)
    }

    /// One string or a list of strings, as a list.
    mutating func stringOrList(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        if case .scalar = node.kind { return [try string(node, path)] }
        return try strings(node, path)
    }

    /// `NAME: value` or `- NAME=value`, as a map. `absent` is the value of a bare name; nil reads it from the environment.
    mutating func pairs(_ node: Node, _ path: String, absent: JSON?, separator: Unicode.Scalar = "=")
        throws(ComposeError)
        -> JSON
    {
        note(path, node)
        var found: [ExactText: JSON] = [:]
        switch node.kind {
        case .sequence(let items):
            for item in items {
                let line = try pair(item, path)
                let parts = line.fields(at: separator, most: 2).map(String.init)
                if absent == nil, parts[0].unicodeScalars.last?.properties.isWhitespace == true {
                    throw ComposeError(
                        "environment variable \(parts[0]) is declared with a trailing space", at: item.location,
                        hint: "remove the space before \(separator)")
                }
                note("\(path).\(parts[0])", item)
                found[ExactText(parts[0])] =
                    parts.count > 1 ? .string(parts[1]) : absent ?? variables[parts[0]].map(JSON.string) ?? .null
            }
        default:
            for entry in try entries(node, path) {
                let value = try text(entry.value, "\(path).\(entry.key)")
                found[ExactText(entry.key)] =
                    value.map(JSON.string) ?? absent ?? variables[entry.key].map(JSON.string) ?? .null
            }
        }
        return .object(found.map { ($0.key.text, $0.value) }.sorted { $0.0.precedes($1.0) })
    }

    private mutating func pair(_ item: Node, _ path: String) throws(ComposeError) -> String {
        if case .mapping = item.kind { _ = try text(item, path) }
        return try string(item, path).string ?? ""
    }

    /// A command: a list of arguments, or a line that is split by shell-like rules without running a shell.
    mutating func command(_ node: Node, _ path: String) throws(ComposeError) -> JSON {
        note(path, node)
        if case .sequence = node.kind { return try strings(node, path) }
        if case .scalar = node.kind, node.scalarValue.isNull { return .null }
        return JSON(try Self.split(try string(node, path).string ?? "", at: node.location))
    }

    static func split(_ line: String, at location: SourceLocation) throws(ComposeError) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var inWord = false
        /// The open delimiter: a quote, a backtick, or the parenthesis of `$(`.
        var open: Unicode.Scalar?
        var rest = line.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            if let mark = open {
                if mark == "`" || mark == ")" {
                    word.append(scalar)
                    if scalar == mark { open = nil }
                } else if scalar == mark {
                    open = nil
                } else if scalar == "\\", mark == "\"" {
                    // Compose's own rule; a shell keeps the backslash before most characters.
                    guard let next = rest.popFirst() else { break }
                    word.append(next)
                } else {
                    word.append(scalar)
                }
                continue
            }
            switch scalar {
            case "'", "\"":
                open = scalar
                inWord = true
            case "\\":
                guard let next = rest.popFirst() else {
                    throw ComposeError("invalid command line string: trailing backslash", at: location)
                }
                word.append(next)
                inWord = true
            case "`":
                open = "`"
                word.append(scalar)
                inWord = true
            case "$" where rest.first == "(":
                rest = rest.dropFirst()
                open = ")"
                word.append(contentsOf: "$(".unicodeScalars)
                inWord = true
            case "(", ")":
                throw ComposeError(
                    "invalid command line string: unquoted parenthesis", at: location,
                    hint: "use a list for the command, or quote the parenthesis")
            case " ", "\t", "\r", "\n":
                if inWord { words.append(String(word)) }
                word = String.UnicodeScalarView()
                inWord = false
            case ";", "|", "&", "<", ">":
                // As in Compose: a shell operator ends the command, because there is no shell; a descriptor number before it is dropped too.
                if scalar == "<" || scalar == ">", word.allSatisfy({ ("0"..."9").contains($0) }) { inWord = false }
                rest = rest.prefix(0)
            default:
                word.append(scalar)
                inWord = true
            }
        }
        if open != nil { throw ComposeError("invalid command line string: unclosed quote", at: location) }
        if inWord { words.append(String(word)) }
        return words
    }

    // MARK: Objects

    typealias Field = @Sendable (inout ValueReader, Node, String) throws(ComposeError) -> JSON

    /// Reads a mapping with a table of allowed keys. An unknown key is an error that suggests the closest known key.
    mutating func object(_ node: Node, _ path: String, _ table: [String: Field]) throws(ComposeError) -> JSON {
        note(path, node)
        var members: [(key: String, value: JSON)] = []
        for entry in try entries(node, path) {
            if entry.value.tag == "!reset" { continue }
            let memberPath = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            if entry.key.hasPrefix("x-") {
                members.append((entry.key, any(entry.value)))
                continue
            }
            guard let field = table[entry.key] else {
                throw ComposeError(
                    "\(path.isEmpty ? "(root)" : path) Additional property \(entry.key) is not allowed",
                    at: entry.location, hint: Self.suggestion(entry.key, Array(table.keys)),
                    alternatives: table.keys.sorted())
            }
            if entry.value.scalarValue.isNull, case .scalar = entry.value.kind, !entry.key.hasPrefix("command"),
                entry.key != "entrypoint"
            {
                if keepsWritten {
                    members.append((entry.key, .null))
                    continue
                }
                if !["deploy", "develop", "image"].contains(entry.key) {
                    valueless.append((memberPath, entry.location))
                }
                continue
            }
            members.append((entry.key, try field(&self, entry.value, memberPath)))
        }
        return .object(members)
    }

    static func suggestion(_ word: String, _ known: [String]) -> String? {
        let nearest = known.map { ($0, distance(word, $0)) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
        guard let nearest, nearest.1 <= max(2, word.count / 3) else { return nil }
        return "did you mean \(nearest.0)?"
    }

    /// Levenshtein distance.
    static func distance(_ one: String, _ other: String) -> Int {
        let left = Array(one.utf8.prefix(64))
        let right = Array(other.utf8.prefix(64))
        var row = Array(0...right.count)
        for (i, a) in left.enumerated() {
            var before = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let next = min(row[j + 1] + 1, row[j] + 1, before + (a == b ? 0 : 1))
                before = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[right.count]
    }

    /// Any value, without validation.
    func any(_ node: Node) -> JSON {
        switch node.kind {
        case .scalar: node.scalarValue
        case .sequence(let items): .array(items.map(any))
        case .mapping(let entries): .object(entries.map { ($0.key, any($0.value)) })
        }
    }

    // MARK: Paths

    /// Absolute paths are returned as written.
    func resolved(_ path: String) -> String {
        path.begins(with: "/") || !resolvesPaths
            ? path : PathRules.resolve(path, in: directory, home: variables["HOME"])
    }

    /// The source of a bind mount. Windows paths are returned as written.
    func resolvedSource(_ path: String) -> String { PathRules.isWindows(path) ? path : resolved(path) }

    /// A build context, which may be a URL or a service instead of a directory.
    func resolvedContext(_ text: String) -> String {
        if text.isEmpty { return text }
        let elsewhere = ["service:", "https://", "http://", "git://", "ssh://", "github.com/", "git@"]
        return text.contains("://") || elsewhere.contains(where: text.hasPrefix) ? text : resolved(text)
    }
}

/// Lexical resolution of paths in a Compose file; does not access the file system.
package enum PathRules {
    package static func resolve(_ path: String, in directory: String, home: String?) -> String {
        var text = path
        if text == "~" || text.begins(with: "~/"), let home { text = home + (text.after("~") ?? "") }
        return clean(text.begins(with: "/") ? text : directory + "/" + text)
    }

    /// Whether a path starts with a drive letter and a colon, or with two backslashes.
    static func isWindows(_ path: String) -> Bool {
        let scalars = path.unicodeScalars
        return path.begins(with: "\\\\")
            || scalars.dropFirst().first == ":" && scalars.first.map { Character($0).isLetter } == true
    }

    /// An absolute path without `.`, `..` and double slashes.
    package static func clean(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.pathParts where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// Splits a command line into arguments with Compose's quoting rules.
package enum CommandLineWords {
    package static func split(_ line: String) throws(ComposeError) -> [String] {
        try ValueReader.split(line, at: SourceLocation(file: "", line: 0, column: 0))
    }
}
