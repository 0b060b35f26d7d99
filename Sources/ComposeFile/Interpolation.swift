import ComposeModel
import EngineModel

/// Replaces `$NAME`, `${NAME}` and `${NAME:-default}` forms in values, not in keys (specification, "Interpolation").
struct Interpolation {
    let variables: [String: String]
    /// Used variables that are not set.
    private(set) var unset: [UnsetVariable] = []
    /// Every use of a variable, in order.
    private(set) var uses: [VariableUse] = []
    /// Collects uses only; required variables may be unset.
    var onlyCollects = false

    init(variables: [String: String]) { self.variables = variables }

    mutating func apply(_ node: Node, path: String) throws(ComposeError) -> Node {
        guard Self.mayName(node) else { return node }
        var result = node
        switch node.kind {
        case .scalar(let text, _):
            if text.utf8.contains(36) {
                let replaced = try substitute(text, node.location, path)
                // An interpolated value is a string; attributes of other types parse it.
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

    /// Whether a node contains a dollar sign; most do not and are kept as they are.
    private static func mayName(_ node: Node) -> Bool {
        switch node.kind {
        case .scalar(let text, _): text.utf8.contains(36)
        case .sequence(let items): items.contains(where: mayName)
        case .mapping(let entries): entries.contains { mayName($0.value) }
        }
    }

    mutating func substitute(_ text: String, _ location: SourceLocation?, _ path: String) throws(ComposeError) -> String
    {
        var scanner = Scanner(Array(text.unicodeScalars), depth: 0)
        return try run(&scanner, until: nil, location, path)
    }

    private struct Scanner {
        let scalars: [Unicode.Scalar]
        var position = 0
        var depth: Int
        init(_ scalars: [Unicode.Scalar], depth: Int) {
            self.scalars = scalars
            self.depth = depth
        }
        var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }
        mutating func take() -> Unicode.Scalar? {
            defer { position += 1 }
            return next
        }
        mutating func takeName() -> String {
            var name = ""
            while let scalar = next, Interpolation.isNamePart(scalar) {
                name.unicodeScalars.append(scalar)
                position += 1
            }
            return name
        }
    }

    private mutating func run(
        _ scanner: inout Scanner, until end: Unicode.Scalar?, _ location: SourceLocation?, _ path: String
    )
        throws(ComposeError) -> String
    {
        var out = ""
        while let scalar = scanner.take() {
            if scalar == end { return out }
            guard scalar == "$" else {
                out.unicodeScalars.append(scalar)
                continue
            }
            switch scanner.next {
            case "$":
                _ = scanner.take()
                out.append("$")
            case "{":
                _ = scanner.take()
                out += try braced(&scanner, location, path)
            case let first? where Self.isNameStart(first):
                out += value(scanner.takeName(), location, isBare: true)
            default: out.append("$")
            }
        }
        if end != nil { throw invalid(location, path) }
        return out
    }

    private static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
    }
    private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
        isNameStart(scalar) || ("0"..."9").contains(scalar)
    }

    private func invalid(_ location: SourceLocation?, _ path: String) -> ComposeError {
        ComposeError(
            "invalid interpolation format for \(path)", at: location,
            hint: "you may need to escape any $ with another $")
    }

    private mutating func value(_ name: String, _ location: SourceLocation?, isBare: Bool) -> String {
        uses.append(VariableUse(name: name))
        if let value = variables[name] { return value }
        unset.append(UnsetVariable(name: name, location: location, isBare: isBare))
        return ""
    }

    private mutating func braced(_ scanner: inout Scanner, _ location: SourceLocation?, _ path: String)
        throws(ComposeError)
        -> String
    {
        scanner.depth += 1
        guard scanner.depth < 32, let first = scanner.next, Self.isNameStart(first) else {
            throw invalid(location, path)
        }
        let name = scanner.takeName()
        var mark = ""
        while let scalar = scanner.next, ":-?+".unicodeScalars.contains(scalar), mark.isEmpty || mark == ":" {
            mark.unicodeScalars.append(scalar)
            _ = scanner.take()
        }
        if mark.isEmpty {
            guard scanner.take() == "}" else { throw invalid(location, path) }
            scanner.depth -= 1
            return value(name, location, isBare: false)
        }
        guard let kind = mark.last, kind != ":" else { throw invalid(location, path) }
        let quiet = unset
        let alternative = try run(&scanner, until: "}", location, path)
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
                    at: location,
                    hint: "set it in the environment or in .env: \(name)=…")
            }
            return known ?? ""
        }
    }
}
