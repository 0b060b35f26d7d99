/// A JSON value whose objects keep the order of their keys, as Docker's answers and `config` need it. Foundation's coders do not
/// keep it, and the command line starts faster without them.
public indirect enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object([(key: String, value: JSON)])

    public static func == (one: JSON, other: JSON) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.int(let one), .int(let other)): one == other
        case (.double(let one), .double(let other)): one == other
        case (.string(let one), .string(let other)): one.isExactly(other)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)):
            one.count == other.count
                && one.allSatisfy { entry in other.first { $0.key.isExactly(entry.key) }?.value == entry.value }
        default: false
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }

    public init(_ value: some BinaryInteger) { self = .int(Int64(clamping: value)) }
    public init(_ value: String?) { self = value.map(JSON.string) ?? .null }
    public init(_ value: Bool) { self = .bool(value) }
    public init(_ values: [String]) { self = .array(values.map(JSON.string)) }
    /// Sorted by key.
    public init(_ values: [String: String]) {
        self = .object(values.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) })
    }
}

extension JSON {
    /// A member; null where there is none. Keys match in any case if not exactly, as Go's decoder does it.
    public subscript(_ key: String) -> JSON {
        guard case .object(let members) = self else { return .null }
        if let exact = members.last(where: { $0.key.isExactly(key) }) { return exact.value }
        return members.last { Self.matches($0.key, key) }?.value ?? .null
    }

    private static func matches(_ one: String, _ other: String) -> Bool {
        func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 32 : byte }
        return one.utf8.count == other.utf8.count && one.utf8.elementsEqual(other.utf8) { lower($0) == lower($1) }
    }

    public var isNull: Bool { if case .null = self { true } else { false } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var int: Int64? {
        switch self {
        case .int(let value): value
        case .double(let value): Int64(exactly: value.rounded())
        default: nil
        }
    }
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    public var object: [(key: String, value: JSON)]? { if case .object(let value) = self { value } else { nil } }
    public var strings: [String]? { array.map { $0.compactMap(\.string) } }
    /// Members whose values are strings.
    public var stringMap: [String: String]? {
        object.map { Dictionary($0.compactMap { entry in entry.value.string.map { (entry.key, $0) } }) { $1 } }
    }

    public mutating func set(_ key: String, _ value: JSON) {
        guard case .object(var members) = self else { return }
        if let index = members.firstIndex(where: { $0.key.isExactly(key) }) {
            members[index].value = value
        } else {
            members.append((key, value))
        }
        self = .object(members)
    }
}

// MARK: Writing

extension JSON {
    /// The text; with `indent` one member per line, else without any blanks.
    public func text(indent: Int? = nil) -> String { String(decoding: bytes(indent: indent), as: UTF8.self) }

    public func bytes(indent: Int? = nil) -> [UInt8] {
        var out: [UInt8] = []
        write(to: &out, indent: indent, depth: 0)
        return out
    }

    private func write(to out: inout [UInt8], indent: Int?, depth: Int) {
        switch self {
        case .null: out += Array("null".utf8)
        case .bool(let value): out += Array((value ? "true" : "false").utf8)
        case .int(let value): out += Array(String(value).utf8)
        case .double(let value): out += Array(Self.number(value).utf8)
        case .string(let value): Self.quote(value, to: &out)
        case .array(let values):
            Self.list(values.count, 91, 93, &out, indent, depth) { index, out in
                values[index].write(to: &out, indent: indent, depth: depth + 1)
            }
        case .object(let members):
            Self.list(members.count, 123, 125, &out, indent, depth) { index, out in
                Self.quote(members[index].key, to: &out)
                out.append(58)
                if indent != nil { out.append(32) }
                members[index].value.write(to: &out, indent: indent, depth: depth + 1)
            }
        }
    }

    private static func list(
        _ count: Int, _ open: UInt8, _ close: UInt8, _ out: inout [UInt8], _ indent: Int?, _ depth: Int,
        _ item: (Int, inout [UInt8]) -> Void
    ) {
        out.append(open)
        for index in 0..<count {
            if index > 0 { out.append(44) }
            if let indent { out += [10] + Array(repeating: 32, count: indent * (depth + 1)) }
            item(index, &out)
        }
        if let indent, count > 0 { out += [10] + Array(repeating: 32, count: indent * depth) }
        out.append(close)
    }

    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        return GoNumber.json(value)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func quote(_ text: String, to out: inout [UInt8]) {
        out.append(34)
        let bytes = text.utf8.span
        var isPlain = true
        for index in bytes.indices where bytes[index] < 32 || bytes[index] == 34 || bytes[index] == 92 {
            isPlain = false
            break
        }
        // Most texts are written as they are.
        if isPlain {
            out.append(contentsOf: text.utf8)
            return out.append(34)
        }
        for byte in text.utf8 {
            switch byte {
            case 34: out += [92, 34]
            case 92: out += [92, 92]
            case 10: out += [92, 110]
            case 13: out += [92, 114]
            case 9: out += [92, 116]
            case 0..<32: out += [92, 117, 48, 48, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: out.append(byte)
            }
        }
        out.append(34)
    }
}

// MARK: Reading

extension JSON {
    /// Parses a text (RFC 8259). Depth and size are bounded: what comes from outside must not exhaust the stack.
    public init(parsing bytes: some Collection<UInt8>, depthLimit: Int = 128) throws(RoostError) {
        var parser = JSONParser(Array(bytes), depthLimit: depthLimit)
        self = try parser.document()
    }

    public init(parsing text: String) throws(RoostError) { try self.init(parsing: Array(text.utf8)) }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private let depthLimit: Int
    private var position = 0

    init(_ bytes: [UInt8], depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    private func error(_ what: String) -> RoostError { .invalid("invalid JSON at byte \(position): \(what)") }

    private mutating func skipBlanks() {
        while position < bytes.count, [32, 9, 10, 13].contains(bytes[position]) { position += 1 }
    }

    mutating func document() throws(RoostError) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        if position < bytes.count { throw error("something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws(RoostError) -> JSON {
        skipBlanks()
        guard depth < depthLimit else { throw error("nested too deeply") }
        guard position < bytes.count else { throw error("unexpected end of input") }
        switch bytes[position] {
        case 123: return try object(depth)
        case 91: return try array(depth)
        case 34: return .string(try string())
        case 116: return try word("true", .bool(true))
        case 102: return try word("false", .bool(false))
        case 110: return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: String, _ value: JSON) throws(RoostError) -> JSON {
        guard bytes[position...].starts(with: text.utf8) else { throw error("unexpected character") }
        position += text.utf8.count
        return value
    }

    private mutating func object(_ depth: Int) throws(RoostError) -> JSON {
        position += 1
        var members: [(key: String, value: JSON)] = []
        skipBlanks()
        if position < bytes.count, bytes[position] == 125 {
            position += 1
            return .object([])
        }
        while true {
            skipBlanks()
            guard position < bytes.count, bytes[position] == 34 else { throw error("expected a key") }
            let key = try string()
            skipBlanks()
            guard position < bytes.count, bytes[position] == 58 else { throw error("expected a colon") }
            position += 1
            members.append((key, try value(depth: depth + 1)))
            if try end(of: 125) { return .object(members) }
        }
    }

    private mutating func array(_ depth: Int) throws(RoostError) -> JSON {
        position += 1
        var values: [JSON] = []
        skipBlanks()
        if position < bytes.count, bytes[position] == 93 {
            position += 1
            return .array([])
        }
        while true {
            values.append(try value(depth: depth + 1))
            if try end(of: 93) { return .array(values) }
        }
    }

    private mutating func end(of close: UInt8) throws(RoostError) -> Bool {
        skipBlanks()
        guard position < bytes.count, bytes[position] == 44 || bytes[position] == close else {
            throw error("expected a comma or the end")
        }
        position += 1
        return bytes[position - 1] == close
    }

    private mutating func string() throws(RoostError) -> String {
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == 34 { return String(decoding: text, as: UTF8.self) }
            guard byte == 92 else {
                text.append(byte)
                continue
            }
            guard position < bytes.count else { break }
            let escaped = bytes[position]
            position += 1
            switch escaped {
            case 110: text.append(10)
            case 116: text.append(9)
            case 114: text.append(13)
            case 98: text.append(8)
            case 102: text.append(12)
            case 34, 92, 47: text.append(escaped)
            case 117: text += Array(String(try scalar()).utf8)
            default: throw error("unknown escape")
            }
        }
        throw error("the string has no end")
    }

    private mutating func unit() throws(RoostError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else {
            throw error("bad \\u escape")
        }
        position += 4
        return value
    }

    private mutating func scalar() throws(RoostError) -> Character {
        let first = try unit()
        var value = first
        if (0xd800..<0xdc00).contains(first), position + 6 <= bytes.count, bytes[position] == 92,
            bytes[position + 1] == 117
        {
            position += 2
            let second = try unit()
            if (0xdc00..<0xe000).contains(second) { value = 0x10000 + (first - 0xd800) << 10 + (second - 0xdc00) }
        }
        return Character(Unicode.Scalar(value) ?? "\u{fffd}")
    }

    private mutating func number() throws(RoostError) -> JSON {
        let start = position
        while position < bytes.count,
            [43, 45, 46, 69, 101].contains(bytes[position]) || (48...57).contains(bytes[position])
        { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let value = Int64(text) { return .int(value) }
        guard let value = Double(text), !text.isEmpty else { throw error("unexpected character") }
        return .double(value)
    }
}
