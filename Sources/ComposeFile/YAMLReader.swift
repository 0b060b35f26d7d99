import CYAML
import ComposeModel
import EngineModel

/// A value of a YAML document with its location, for error messages.
package struct Node: Sendable, Equatable {
    package indirect enum Kind: Sendable, Equatable {
        /// `isPlain`: unquoted, so that it may be a number, a boolean or null.
        case scalar(String, isPlain: Bool)
        case sequence([Node])
        case mapping([Entry])
    }

    package struct Entry: Sendable, Equatable {
        package var key: String
        package var location: SourceLocation
        package var value: Node
    }

    package var kind: Kind
    package var location: SourceLocation
    /// `!reset` or `!override`; empty without a tag.
    package var tag: String
}

/// Reads YAML from libyaml's events, which carry line and column. Resolves anchors and merge keys within limits: a document that
/// exceeds them is rejected, not expanded.
package struct YAMLReader {
    static let nodeLimit = 1_000_000
    static let depthLimit = 100
    static let sizeLimit = 16 << 20

    private let file: String
    private var anchors: [String: (node: Node, count: Int)] = [:]
    private var count = 0

    /// All documents of a file, in order.
    package static func documents(_ bytes: [UInt8], file: String) throws(ComposeError) -> [Node] {
        guard bytes.count <= sizeLimit else {
            throw ComposeError(
                "the file is larger than \(sizeLimit >> 20) MiB", at: SourceLocation(file: file, line: 1, column: 1))
        }
        var reader = YAMLReader(file: file)
        return try reader.stream(try EventSource(bytes, file: file))
    }

    private init(file: String) { self.file = file }

    private mutating func stream(_ parser: EventSource) throws(ComposeError) -> [Node] {
        var documents: [Node] = []
        while true {
            switch try parser.next() {
            case .streamEnd: return documents
            case .documentStart:
                anchors = [:]
                documents.append(try node(try parser.next(), parser, depth: 0))
            default: break
            }
        }
    }

    private mutating func node(_ event: EventSource.Event, _ parser: EventSource, depth: Int) throws(ComposeError)
        -> Node
    {
        count += 1
        let before = count
        switch event {
        case .scalar(let text, let isPlain, let anchor, let tag, let location):
            try check(location, depth)
            let plain = isPlain && tag.isEmpty || tag.hasPrefix("!") && isPlain && tag != "!"
            return remember(anchor, Node(kind: .scalar(text, isPlain: plain), location: location, tag: tag), before)
        case .alias(let name, let location):
            guard let known = anchors[name] else {
                throw ComposeError("yaml: unknown anchor '\(name)' referenced", at: location)
            }
            count += known.count
            try check(location, depth)
            var copy = known.node
            copy.tag = ""
            return copy
        case .sequence(let anchor, let tag, let location):
            try check(location, depth)
            var items: [Node] = []
            while true {
                let event = try parser.next()
                if case .sequenceEnd = event { break }
                items.append(try node(event, parser, depth: depth + 1))
            }
            return remember(anchor, Node(kind: .sequence(items), location: location, tag: tag), before)
        case .mapping(let anchor, let tag, let location):
            try check(location, depth)
            return remember(
                anchor, Node(kind: .mapping(try entries(parser, depth)), location: location, tag: tag), before)
        default:
            throw ComposeError(
                "yaml: unexpected end of the document", at: SourceLocation(file: file, line: 1, column: 1))
        }
    }

    private func check(_ location: SourceLocation, _ depth: Int) throws(ComposeError) {
        if count > Self.nodeLimit {
            throw ComposeError(
                "yaml: the document grows beyond \(Self.nodeLimit) values", at: location,
                hint: "nested anchors grow exponentially")
        }
        if depth > Self.depthLimit {
            throw ComposeError("yaml: the document is nested more than \(Self.depthLimit) levels deep", at: location)
        }
    }

    private mutating func remember(_ anchor: String?, _ node: Node, _ before: Int) -> Node {
        if let anchor { anchors[anchor] = (node, count - before) }
        return node
    }

    private mutating func entries(_ parser: EventSource, _ depth: Int) throws(ComposeError) -> [Node.Entry] {
        var list: [Node.Entry] = []
        var merged: [Node] = []
        while true {
            let event = try parser.next()
            if case .mappingEnd = event { break }
            let keyNode = try node(event, parser, depth: depth + 1)
            guard case .scalar(let key, _) = keyNode.kind else {
                throw ComposeError(
                    "yaml: a key must be a scalar", at: keyNode.location,
                    hint: "{ and [ start a mapping or a list: quote a value such as {{ x }}")
            }
            guard case .string = keyNode.scalarValue else {
                throw ComposeError(
                    "yaml: non-string key: \(key)", at: keyNode.location, hint: "put it in quotes: \"\(key)\"")
            }
            let value = try node(try parser.next(), parser, depth: depth + 1)
            if key == "<<" {
                merged.append(value)
            } else if let earlier = list.first(where: { $0.key.isExactly(key) }) {
                throw ComposeError(
                    "yaml: mapping key \"\(key)\" already defined at line \(earlier.location.line)",
                    at: keyNode.location,
                    hint: "remove one of the two")
            } else {
                list.append(Node.Entry(key: key, location: keyNode.location, value: value))
            }
        }
        for source in merged { try merge(source, into: &list) }
        return list
    }

    /// Merge keys (yaml.org/type/merge): local keys take precedence, then earlier sources over later ones.
    private func merge(_ source: Node, into list: inout [Node.Entry]) throws(ComposeError) {
        switch source.kind {
        case .mapping(let entries):
            for entry in entries where !list.contains(where: { $0.key.isExactly(entry.key) }) { list.append(entry) }
        case .sequence(let items): for item in items { try merge(item, into: &list) }
        case .scalar:
            throw ComposeError(
                "yaml: map merge requires a mapping, or a list of them, as the value", at: source.location)
        }
    }
}

extension Node {
    /// Whether this is the null value, e.g. of a key without a value.
    var isNothing: Bool { if case .scalar = kind { scalarValue.isNull } else { false } }

    /// The value of a scalar in YAML's core schema, with the YAML 1.1 forms that Compose files rely on.
    package var scalarValue: JSON {
        guard case .scalar(let text, let isPlain) = kind else { return .null }
        guard isPlain else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .double(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .double(-.infinity)
        case ".nan", ".NaN", ".NAN": return .double(.nan)
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: return Self.number(text) ?? .string(text)
        }
    }

    /// An integer; a value that fits only in an unsigned 64-bit integer is kept as a string of digits.
    private static func whole(_ digits: Substring, _ sign: Int64, radix: Int) -> JSON? {
        if let value = Int64((sign < 0 ? "-" : "") + digits, radix: radix) { return .int(value) }
        guard sign > 0 else { return nil }
        return UInt64(digits, radix: radix).map { .string(String($0)) }
    }

    private static func number(_ text: String) -> JSON? {
        guard let first = text.utf8.first, (first >= 48 && first <= 57) || first == 45 || first == 43 || first == 46
        else { return nil }
        let digits = text.replacing("_", "")
        let unsigned = digits.hasPrefix("-") || digits.hasPrefix("+") ? String(digits.dropFirst()) : digits
        let sign: Int64 = digits.hasPrefix("-") ? -1 : 1
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where unsigned.hasPrefix(prefix) {
            return whole(unsigned.dropFirst(2), sign, radix: radix)
        }
        let isWhole = unsigned.utf8.allSatisfy { (48...57).contains($0) }
        if isWhole, unsigned.utf8.count > 1, unsigned.utf8.first == 48, let octal = whole(unsigned[...], sign, radix: 8)
        {
            return octal
        }
        if isWhole, let value = whole(unsigned[...], sign, radix: 10) { return value }
        guard unsigned.utf8.allSatisfy({ (48...57).contains($0) || [43, 45, 46, 69, 101].contains($0) }),
            let value = Double(digits), value.isFinite
        else { return nil }
        return .double(value)
    }
}

extension String {
    func replacing(_ old: Character, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}

/// libyaml's parser as a sequence of events. The only code in this module that accesses C memory.
@safe private final class EventSource {
    enum Event {
        case streamEnd, documentStart, documentEnd, sequenceEnd, mappingEnd, other
        case alias(String, SourceLocation)
        case scalar(String, isPlain: Bool, anchor: String?, tag: String, SourceLocation)
        case sequence(anchor: String?, tag: String, SourceLocation)
        case mapping(anchor: String?, tag: String, SourceLocation)
    }

    private let file: String
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    /// The last multi-line quoted scalar: with a closing quote missing, it extends to the next quote.
    private var longQuote: (start: SourceLocation, end: Int)?

    init(_ bytes: [UInt8], file: String) throws(ComposeError) {
        self.file = file
        unsafe parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        // libyaml reads from this copy until the parser is deleted.
        unsafe input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, bytes.count))
        _ = unsafe input.initialize(from: bytes)
        guard unsafe yaml_parser_initialize(parser) == 1 else { throw ComposeError("yaml: out of memory") }
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    private func location(line: Int, column: Int) -> SourceLocation {
        SourceLocation(file: file, line: line + 1, column: column + 1)
    }

    private func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    /// The byte at a position of the input, as a character.
    private func character(line: Int, column: Int) -> Character? {
        var left = line
        var start = 0
        while left > 0, start < (unsafe input.count) {
            if unsafe input[start] == 10 { left -= 1 }
            start += 1
        }
        guard start + column < (unsafe input.count) else { return nil }
        return Character(UnicodeScalar(unsafe input[start + column]))
    }

    /// The error for merge conflict markers, if they are why the file cannot be parsed.
    private func conflict() -> ComposeError? {
        var lines: [String: Int] = [:]
        var line = 0
        var start = 0
        while start < (unsafe input.count) {
            var end = start
            while end < (unsafe input.count), unsafe input[end] != 10 { end += 1 }
            let text = unsafe String(decoding: input[start..<min(end, start + 8)], as: UTF8.self)
            for mark in ["<<<<<<< ", ">>>>>>> "] where text == mark && lines[mark] == nil { lines[mark] = line + 1 }
            (start, line) = (end + 1, line + 1)
        }
        guard let first = lines["<<<<<<< "], let last = lines[">>>>>>> "], first < last else { return nil }
        return ComposeError(
            "the file has merge conflict markers (lines \(first) to \(last))", at: location(line: first - 1, column: 0),
            hint: "keep one side of the conflict and remove the lines with <<<<<<<, ======= and >>>>>>>")
    }

    /// A hint for an error of libyaml.
    private static func advice(_ problem: String, _ character: Character?) -> String? {
        if problem.contains("cannot start any token") {
            if character == "\t" { return "use spaces for indentation, not tabs" }
            return "a value cannot start with \(character.map { "\"\($0)\"" } ?? "this"): put it in quotes"
        }
        if problem.contains("expected key") || problem.contains("block end") || problem.contains("block mapping") {
            return
                "check the indentation: keys of one mapping must start in the same column"
        }
        if problem.contains("mapping values are not allowed") {
            return "quote a value that contains a colon and a space, or check the indentation"
        }
        if problem.contains("expected ':'") { return "use KEY: value, with a space after the colon" }
        return nil
    }

    func next() throws(ComposeError) -> Event {
        let event = UnsafeMutablePointer<yaml_event_t>.allocate(capacity: 1)
        defer { unsafe event.deallocate() }
        guard unsafe yaml_parser_parse(parser, event) == 1 else {
            let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "unreadable"
            let mark = unsafe (Int(parser.pointee.problem_mark.line), Int(parser.pointee.problem_mark.column))
            if let conflict = conflict() { throw conflict }
            let context = unsafe parser.pointee.context.map { unsafe String(cString: $0) } ?? ""
            if context == "while scanning a quoted scalar" {
                let opening = unsafe location(
                    line: Int(parser.pointee.context_mark.line), column: Int(parser.pointee.context_mark.column))
                throw ComposeError(
                    "yaml: the quote that opens here is not closed", at: opening,
                    hint: "close it at the end of the value")
            }
            if let longQuote, abs(longQuote.end - mark.0) <= 1 {
                throw ComposeError(
                    "yaml: the quote that opens here closes only on line \(longQuote.end + 1): \(problem)",
                    at: longQuote.start, hint: "close it on the same line")
            }
            throw ComposeError(
                "yaml: \(problem)", at: location(line: mark.0, column: mark.1),
                hint: Self.advice(problem, character(line: mark.0, column: mark.1)))
        }
        defer { unsafe yaml_event_delete(event) }
        let start = unsafe location(
            line: Int(event.pointee.start_mark.line), column: Int(event.pointee.start_mark.column))
        switch unsafe event.pointee.type {
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_ALIAS_EVENT: return .alias(unsafe text(event.pointee.data.alias.anchor) ?? "", start)
        case YAML_SCALAR_EVENT:
            let value = unsafe String(
                decoding: UnsafeBufferPointer(
                    start: event.pointee.data.scalar.value, count: event.pointee.data.scalar.length), as: UTF8.self)
            let isPlain = unsafe event.pointee.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
            let last = unsafe Int(event.pointee.end_mark.line)
            let style = unsafe event.pointee.data.scalar.style
            if last + 1 > start.line,
                style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE
            {
                longQuote = (start, last)
            }
            let anchor = unsafe text(event.pointee.data.scalar.anchor)
            let tag = unsafe text(event.pointee.data.scalar.tag) ?? ""
            return .scalar(value, isPlain: isPlain, anchor: anchor, tag: tag, start)
        case YAML_SEQUENCE_START_EVENT:
            let anchor = unsafe text(event.pointee.data.sequence_start.anchor)
            let tag = unsafe text(event.pointee.data.sequence_start.tag) ?? ""
            return .sequence(anchor: anchor, tag: tag, start)
        case YAML_MAPPING_START_EVENT:
            let anchor = unsafe text(event.pointee.data.mapping_start.anchor)
            let tag = unsafe text(event.pointee.data.mapping_start.tag) ?? ""
            return .mapping(anchor: anchor, tag: tag, start)
        default: return .other
        }
    }
}
