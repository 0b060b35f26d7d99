import ComposeModel
import EngineModel

/// Replaces `${NAME}` and its relatives (specification, "Interpolation"). Keys are left alone.
struct Interpolation {
    let variables: [String: String]
    /// The variables that were asked for and are not set.
    private(set) var unset: [UnsetVariable] = []
    /// Every variable that a text names, as it names it.
    private(set) var uses: [VariableUse] = []
    /// Only the uses are wanted: what is required may be missing.
    var onlyCollects = false

    init(variables: [String: String]) { self.variables = variables }

    mutating func apply(_ node: Node, path: String) throws(ComposeError) -> Node {
        guard Self.mayName(node) else { return node }
        var result = node
        switch node.kind {
        case .scalar(let text, _):
            if text.utf8.contains(36) {
                let replaced = try substitute(text, node.place, path)
                // What comes out of a variable is a text; where a number or a truth value is wanted, the text is read as one.
                result.kind = .scalar(replaced, isPlain: false)
            }
        case .sequence(let items):
            var list: [Node] = []
            for (index, item) in items.enumerated() { list.append(try apply(item, path: "\(path).[\(index)]")) }
            result.kind = .sequence(list)
        case .mapping(let entries):
            var list: [Node.Entry] = []
            for entry in entries {
                var changed = entry
                changed.value = try apply(entry.value, path: path.isEmpty ? entry.key : "\(path).\(entry.key)")
                list.append(changed)
            }
            result.kind = .mapping(list)
        }
        return result
    }

    /// Whether anything in a node has a dollar in it: most has not, and stays as it is.
    private static func mayName(_ node: Node) -> Bool {
        switch node.kind {
        case .scalar(let text, _): text.utf8.contains(36)
        case .sequence(let items): items.contains(where: mayName)
        case .mapping(let entries): entries.contains { mayName($0.value) }
        }
    }

    mutating func substitute(_ text: String, _ place: Place?, _ path: String) throws(ComposeError) -> String {
        var scanner = Scanner(Array(text), depth: 0)
        return try run(&scanner, until: nil, place, path)
    }

    private struct Scanner {
        let characters: [Character]
        var position = 0
        var depth: Int
        init(_ characters: [Character], depth: Int) {
            self.characters = characters
            self.depth = depth
        }
        var next: Character? { position < characters.count ? characters[position] : nil }
        mutating func take() -> Character? {
            defer { position += 1 }
            return next
        }
    }

    private mutating func run(_ scanner: inout Scanner, until end: Character?, _ place: Place?, _ path: String)
        throws(ComposeError) -> String
    {
        var out = ""
        while let character = scanner.take() {
            if character == end { return out }
            guard character == "$" else {
                out.append(character)
                continue
            }
            switch scanner.next {
            case "$":
                _ = scanner.take()
                out.append("$")
            case "{":
                _ = scanner.take()
                out += try braced(&scanner, place, path)
            case let first? where Self.isNameStart(first):
                var name = ""
                while let letter = scanner.next, Self.isNamePart(letter) {
                    name.append(letter)
                    _ = scanner.take()
                }
                out += value(name, place, isBare: true)
            default: out.append("$")
            }
        }
        if end != nil { throw invalid(place, path) }
        return out
    }

    private static func isNameStart(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character == "_")
    }
    private static func isNamePart(_ character: Character) -> Bool {
        isNameStart(character) || (character.isASCII && character.isNumber)
    }

    private func invalid(_ place: Place?, _ path: String) -> ComposeError {
        ComposeError(
            "invalid interpolation format for \(path)", at: place, hint: "you may need to escape any $ with another $")
    }

    private mutating func value(_ name: String, _ place: Place?, isBare: Bool) -> String {
        uses.append(VariableUse(name: name))
        if let value = variables[name] { return value }
        unset.append(UnsetVariable(name: name, place: place, isBare: isBare))
        return ""
    }

    private mutating func braced(_ scanner: inout Scanner, _ place: Place?, _ path: String) throws(ComposeError)
        -> String
    {
        scanner.depth += 1
        guard scanner.depth < 32, let first = scanner.next, Self.isNameStart(first) else { throw invalid(place, path) }
        var name = ""
        while let letter = scanner.next, Self.isNamePart(letter) {
            name.append(letter)
            _ = scanner.take()
        }
        var mark = ""
        while let letter = scanner.next, ":-?+".contains(letter), mark.count < 2, mark.isEmpty || mark == ":" {
            mark.append(letter)
            _ = scanner.take()
        }
        if mark.isEmpty {
            guard scanner.take() == "}" else { throw invalid(place, path) }
            scanner.depth -= 1
            return value(name, place, isBare: false)
        }
        guard let kind = mark.last, kind != ":" else { throw invalid(place, path) }
        let quiet = unset
        let alternative = try run(&scanner, until: "}", place, path)
        scanner.depth -= 1
        uses.append(
            VariableUse(
                name: name, isRequired: kind == "?", defaultValue: kind == "-" ? alternative : "",
                alternativeValue: kind == "+" ? alternative : ""))
        if onlyCollects { return alternative }
        let known = variables[name]
        let counts = mark.hasPrefix(":") ? known?.isEmpty == false : known != nil
        switch kind {
        case "-":
            if counts { unset = quiet }
            return counts ? known ?? "" : alternative
        case "+":
            if !counts { unset = quiet }
            return counts ? alternative : ""
        default:
            unset = quiet
            guard counts else {
                throw ComposeError(
                    "required variable \(name) is missing a value\(alternative.isEmpty ? "" : ": \(alternative)")",
                    at: place,
                    hint: "set it in the environment or in .env: \(name)=…")
            }
            return known ?? ""
        }
    }
}
