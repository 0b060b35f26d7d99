import EngineModel

/// Templates as Docker's `--format` takes them: Go's text/template over JSON, with Docker's own functions.
package struct GoTemplate {
    private indirect enum Node {
        case text(String)
        case output(Pipeline)
        case branch([(condition: Pipeline, body: [Node])], otherwise: [Node])
        case range(key: String?, value: String?, Pipeline, body: [Node], otherwise: [Node])
        case with(Pipeline, body: [Node], otherwise: [Node])
    }

    private struct Pipeline {
        var variable: String?
        var commands: [[Operand]]
    }

    private indirect enum Operand {
        case literal(JSON)
        /// `.A.B`, from the dot.
        case field([String])
        /// `$x.A`; `$` is the root value.
        case variable(String, [String])
        case function(String)
        case group(Pipeline, [String])
    }

    private let nodes: [Node]

    package init(_ text: String) throws(RoostError) {
        var parser = Parser(text)
        nodes = try parser.nodes(until: []).nodes
    }

    /// What a missing field gives.
    package enum Absence: Sendable {
        /// `<no value>`, as with Go's maps.
        case noValue
        /// An error: rows of lists have all fields.
        case unknownInRow
        /// An error, except for fields of Docker's types that JSON omits.
        case unknownInObject
    }

    /// Renders one value.
    package func render(_ value: JSON, absence: Absence = .noValue) throws(RoostError) -> String {
        var run = Run(root: value, absence: absence)
        try run.write(nodes, value)
        return run.text
    }

    /// Names of the fields that are printed, for the header of a table.
    package var fields: [String] { Self.fields(nodes) }

    private static func fields(_ nodes: [Node]) -> [String] {
        nodes.flatMap { node -> [String] in
            guard case .output(let pipeline) = node else { return [] }
            return pipeline.commands.flatMap { $0 }.compactMap { operand in
                if case .field(let path) = operand { return path.last } else { return nil }
            }
        }
    }

    // MARK: Parsing

    private struct Parser {
        private let pieces: [(isAction: Bool, text: String)]
        private var index = 0

        init(_ text: String) {
            var pieces: [(isAction: Bool, text: String)] = []
            var rest = text[...]
            while let open = rest.firstIndex(of: "{", followedBy: "{") {
                var before = rest[..<open]
                rest = rest[rest.index(open, offsetBy: 2)...]
                if rest.hasPrefix("- ") {
                    while before.last?.isWhitespace == true { before = before.dropLast() }
                    rest = rest.dropFirst(2)
                }
                pieces.append((false, String(before)))
                let (action, after) = Self.action(rest)
                var body = action
                rest = after
                if body.hasSuffix(" -") {
                    body = body.dropLast(2)
                    rest = rest.drop(while: \.isWhitespace)
                }
                pieces.append((true, String(body)))
            }
            pieces.append((false, String(rest)))
            self.pieces = pieces
        }

        /// The action up to the closing braces outside strings, and the text after them.
        private static func action(_ text: Substring) -> (Substring, Substring) {
            var quote: Character?
            var index = text.startIndex
            while index < text.endIndex {
                let character = text[index]
                if let open = quote {
                    if character == "\\", open == "\"" {
                        index = text.index(after: index)
                    } else if character == open {
                        quote = nil
                    }
                } else if character == "\"" || character == "`" {
                    quote = character
                } else if text[index...].hasPrefix("}}") {
                    return (text[..<index], text[index...].dropFirst(2))
                }
                if index < text.endIndex { index = text.index(after: index) }
            }
            return (text, "")
        }

        /// Parses nodes up to an action that starts with one of `ends`; returns that word and the rest of the action too.
        mutating func nodes(until ends: Set<String>) throws(RoostError) -> (nodes: [Node], end: String, rest: [String])
        {
            var list: [Node] = []
            while index < pieces.count {
                let piece = pieces[index]
                index += 1
                guard piece.isAction else {
                    if !piece.text.isEmpty { list.append(.text(piece.text)) }
                    continue
                }
                let words = try Self.words(piece.text)
                guard let first = words.first else { continue }
                if first.hasPrefix("/*") { continue }
                if ends.contains(first) { return (list, first, Array(words.dropFirst())) }
                switch first {
                case "if": list.append(try branch(Array(words.dropFirst())))
                case "range": list.append(try range(Array(words.dropFirst())))
                case "with":
                    let pipeline = try Self.pipeline(Array(words.dropFirst()))
                    let body = try nodes(until: ["else", "end"])
                    let otherwise = body.end == "else" ? try nodes(until: ["end"]).nodes : []
                    list.append(.with(pipeline, body: body.nodes, otherwise: otherwise))
                case "else", "end": throw .invalid("template: unexpected {{\(first)}}")
                default: list.append(.output(try Self.pipeline(words)))
                }
            }
            if !ends.isEmpty { throw .invalid("template: unexpected EOF: {{end}} is missing") }
            return (list, "", [])
        }

        private mutating func branch(_ words: [String]) throws(RoostError) -> Node {
            var cases: [(condition: Pipeline, body: [Node])] = []
            var condition = try Self.pipeline(words)
            while true {
                let body = try nodes(until: ["else", "end"])
                cases.append((condition, body.nodes))
                if body.end == "end" { return .branch(cases, otherwise: []) }
                if body.rest.first == "if" {
                    condition = try Self.pipeline(Array(body.rest.dropFirst()))
                    continue
                }
                return .branch(cases, otherwise: try nodes(until: ["end"]).nodes)
            }
        }

        private mutating func range(_ words: [String]) throws(RoostError) -> Node {
            var words = words
            var key: String?
            var value: String?
            if let assign = words.firstIndex(of: ":=") {
                let names = words[..<assign].map { $0.filter { $0 != "," } }.filter { !$0.isEmpty }
                (key, value) = names.count > 1 ? (names[0], names[1]) : (nil, names.first)
                words = Array(words[(assign + 1)...])
            }
            let pipeline = try Self.pipeline(words)
            let body = try nodes(until: ["else", "end"])
            let otherwise = body.end == "else" ? try nodes(until: ["end"]).nodes : []
            return .range(key: key, value: value, pipeline, body: body.nodes, otherwise: otherwise)
        }

        /// Words, strings (with their quotes), `|`, `(`, `)`, `:=`.
        static func words(_ text: String) throws(RoostError) -> [String] {
            var words: [String] = []
            var word = ""
            var rest = text[...]
            func isBreak(_ character: Character) -> Bool { character.isWhitespace || "|(),".contains(character) }
            while let character = rest.first {
                if character == "\"" || character == "`" {
                    var string = String(character)
                    rest.removeFirst()
                    var isClosed = false
                    while let next = rest.popFirst() {
                        string.append(next)
                        if next == "\\", character == "\"", let escaped = rest.popFirst() {
                            string.append(escaped)
                            continue
                        }
                        if next == character {
                            isClosed = true
                            break
                        }
                    }
                    guard isClosed else { throw .invalid("template: unterminated quoted string") }
                    words.append(string)
                    continue
                }
                rest.removeFirst()
                if isBreak(character) {
                    if !word.isEmpty { words.append(word) }
                    word = ""
                    if character == ")" {
                        // A field may follow the parenthesis directly.
                        var tail = ")"
                        while let next = rest.first, next == "." || (!isBreak(next) && tail.count > 1) {
                            tail.append(next)
                            rest.removeFirst()
                        }
                        words.append(tail)
                    } else if !character.isWhitespace {
                        words.append(String(character))
                    }
                } else {
                    word.append(character)
                }
            }
            if !word.isEmpty { words.append(word) }
            return words
        }

        static func pipeline(_ words: [String]) throws(RoostError) -> Pipeline {
            var words = words
            var variable: String?
            if words.count > 2, words[0].hasPrefix("$"), words[1] == ":=" || words[1] == "=" {
                variable = words[0]
                words = Array(words.dropFirst(2))
            }
            var index = 0
            let commands = try self.commands(words, &index, inGroup: false).commands
            guard commands.allSatisfy({ !$0.isEmpty }) else { throw .invalid("template: missing value for command") }
            return Pipeline(variable: variable, commands: commands)
        }

        private static func commands(_ words: [String], _ index: inout Int, inGroup: Bool) throws(RoostError) -> (
            commands: [[Operand]], tail: [String]
        ) {
            var commands: [[Operand]] = [[]]
            while index < words.count {
                let word = words[index]
                index += 1
                if word == "|" {
                    commands.append([])
                } else if word == "(" {
                    let group = try self.commands(words, &index, inGroup: true)
                    commands[commands.count - 1].append(
                        .group(Pipeline(variable: nil, commands: group.commands), group.tail))
                } else if word.hasPrefix(")") {
                    guard inGroup else { throw .invalid("template: unexpected right paren") }
                    return (commands, word.dropFirst().split(separator: ".").map(String.init))
                } else {
                    commands[commands.count - 1].append(try operand(word))
                }
            }
            if inGroup { throw .invalid("template: unclosed left paren") }
            return (commands, [])
        }

        private static func operand(_ word: String) throws(RoostError) -> Operand {
            if word.hasPrefix("\"") {
                guard let json = try? JSON(parsing: word) else { throw .invalid("template: bad string \(word)") }
                return .literal(json)
            }
            if word.hasPrefix("`") { return .literal(.string(String(word.dropFirst().dropLast()))) }
            if word.hasPrefix(".") { return .field(word.split(separator: ".").map(String.init)) }
            if word.hasPrefix("$") {
                let parts = word.split(separator: ".").map(String.init)
                return .variable(parts[0], Array(parts.dropFirst()))
            }
            if word == "true" || word == "false" { return .literal(.bool(word == "true")) }
            if word == "nil" { return .literal(.null) }
            if let number = Int64(word) { return .literal(.int(number)) }
            if let number = Double(word) { return .literal(.double(number)) }
            return .function(word)
        }
    }

    // MARK: Rendering

    private struct Run {
        let fields: FieldRules
        var text = ""
        var variables: [String: JSON] = [:]
        /// Nesting depth of `range` and `with`, where the dot is not the root value.
        var depth = 0

        init(root: JSON, absence: Absence) {
            fields = FieldRules(absence: absence)
            variables["$"] = root
        }

        mutating func write(_ nodes: [Node], _ dot: JSON) throws(RoostError) {
            for node in nodes {
                switch node {
                case .text(let part): text += part
                case .output(let pipeline):
                    let value = try evaluate(pipeline, dot)
                    guard pipeline.variable == nil else { continue }
                    if value.isNull, pipeline.commands.count == 1, case .field(let path) = pipeline.commands[0].first {
                        text += fields.nothing(path, dot)
                    } else {
                        text += GoTemplate.plain(value)
                    }
                case .branch(let cases, let otherwise):
                    var chosen: [Node]?
                    for (condition, body) in cases where chosen == nil {
                        if GoTemplate.isTrue(try evaluate(condition, dot)) { chosen = body }
                    }
                    try write(chosen ?? otherwise, dot)
                case .with(let pipeline, let body, let otherwise):
                    let value = try evaluate(pipeline, dot)
                    guard GoTemplate.isTrue(value) else {
                        try write(otherwise, dot)
                        continue
                    }
                    depth += 1
                    try write(body, value)
                    depth -= 1
                case .range(let key, let name, let pipeline, let body, let otherwise):
                    let entries = GoTemplate.entries(try evaluate(pipeline, dot))
                    if entries.isEmpty { try write(otherwise, dot) }
                    depth += 1
                    defer { depth -= 1 }
                    for (index, value) in entries {
                        if let key { variables[key] = index }
                        if let name { variables[name] = value }
                        try write(body, value)
                    }
                }
            }
        }

        private mutating func evaluate(_ pipeline: Pipeline, _ dot: JSON) throws(RoostError) -> JSON {
            var last: JSON?
            for command in pipeline.commands { last = try evaluate(command, last, dot) }
            let value = last ?? .null
            if let name = pipeline.variable { variables[name] = value }
            return value
        }

        private mutating func evaluate(_ command: [Operand], _ piped: JSON?, _ dot: JSON) throws(RoostError) -> JSON {
            guard let first = command.first else { return piped ?? .null }
            var arguments: [JSON] = []
            for operand in command.dropFirst() { arguments.append(try value(operand, dot)) }
            if let piped { arguments.append(piped) }
            if case .function(let name) = first { return try GoTemplate.call(name, arguments) }
            // Docker's rows have a method that returns one label.
            if case .field(let path) = first, path == ["Label"], let key = arguments.first?.string {
                return GoTemplate.label(key, of: dot)
            }
            return try value(first, dot)
        }

        private mutating func value(_ operand: Operand, _ dot: JSON) throws(RoostError) -> JSON {
            switch operand {
            case .literal(let value): return value
            case .field(let path): return try fields.follow(path, dot, isWhole: depth == 0)
            case .variable(let name, let path):
                guard let found = variables[name] else { throw .invalid("template: undefined variable \"\(name)\"") }
                return GoTemplate.follow(path, found)
            case .group(let pipeline, let path): return GoTemplate.follow(path, try evaluate(pipeline, dot))
            case .function(let name): return try GoTemplate.call(name, [])
            }
        }
    }

    /// The value of one label; rows of lists have labels as `a=1,b=2`.
    private static func label(_ key: String, of row: JSON) -> JSON {
        let found = (row["Labels"].string ?? "").split(separator: ",").first { $0.hasPrefix(key + "=") }
        return .string(found.map { String($0.dropFirst(key.count + 1)) } ?? row["Labels"][key].string ?? "")
    }

    static func follow(_ path: some Sequence<String>, _ value: JSON) -> JSON { path.reduce(value) { $0[$1] } }

    private static func entries(_ value: JSON) -> [(JSON, JSON)] {
        switch value {
        case .array(let items): items.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        // Go iterates over maps in key order.
        case .object(let members): members.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
        default: []
        }
    }

    static func isTrue(_ value: JSON) -> Bool {
        switch value {
        case .null: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .double(let value): value != 0
        case .string(let value): !value.isEmpty
        case .array(let items): !items.isEmpty
        case .object(let members): !members.isEmpty
        }
    }

    /// The value as Go prints it.
    static func plain(_ value: JSON) -> String {
        switch value {
        case .string(let text): text
        case .null: "<no value>"
        case .array(let items): "[" + items.map(plain).joined(separator: " ") + "]"
        case .object(let members):
            "map[" + members.sorted { $0.key < $1.key }.map { "\($0.key):\(plain($0.value))" }.joined(separator: " ")
                + "]"
        default: value.text()
        }
    }

    static func text(_ value: JSON?) -> String { value.map(plain) ?? "" }
}

extension Substring {
    /// The index of the first occurrence of a text.
    package func firstRange(of text: String) -> Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index }
            index = self.index(after: index)
        }
        return nil
    }

    fileprivate func firstIndex(of one: Character, followedBy other: Character) -> Index? {
        firstRange(of: "\(one)\(other)")
    }
}
