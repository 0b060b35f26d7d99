extension JSON {
    /// Parses a text (RFC 8259). The depth is limited, so that external input cannot exhaust the stack.
    package init(parsing bytes: some Collection<UInt8>, depthLimit: Int = 128) throws(RoostError) {
        var parser = JSONParser(Array(bytes), depthLimit: depthLimit)
        self = try parser.document()
    }

    package init(parsing text: String) throws(RoostError) { try self.init(parsing: Array(text.utf8)) }
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
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): position += 1
            default: return
            }
        }
    }

    /// Consumes the next byte if it has this value.
    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func document() throws(RoostError) -> JSON {
        let value = try value(depth: 0)
        skipBlanks()
        if position < bytes.count { throw error("unexpected data after the value") }
        return value
    }

    private mutating func value(depth: Int) throws(RoostError) -> JSON {
        skipBlanks()
        guard depth < depthLimit else { throw error("nested too deeply") }
        guard position < bytes.count else { throw error("unexpected end of input") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSON) throws(RoostError) -> JSON {
        guard bytes[position...].starts(with: "\(text)".utf8) else { throw error("unexpected character") }
        position += text.utf8CodeUnitCount
        return value
    }

    private mutating func object(_ depth: Int) throws(RoostError) -> JSON {
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object([]) }
        var members: [(key: String, value: JSON)] = []
        while true {
            skipBlanks()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error("expected a key") }
            let key = try string()
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw error("expected a colon") }
            members.append((key, try value(depth: depth + 1)))
            if try end(of: UInt8(ascii: "}")) { return .object(members) }
        }
    }

    private mutating func array(_ depth: Int) throws(RoostError) -> JSON {
        position += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array([]) }
        var values: [JSON] = []
        while true {
            values.append(try value(depth: depth + 1))
            if try end(of: UInt8(ascii: "]")) { return .array(values) }
        }
    }

    private mutating func end(of close: UInt8) throws(RoostError) -> Bool {
        skipBlanks()
        if take(UInt8(ascii: ",")) { return false }
        guard take(close) else { throw error("expected a comma or a closing bracket") }
        return true
    }

    private mutating func string() throws(RoostError) -> String {
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            guard bytes[position] >= 32 else { throw error("a control character in a string") }
            // Most strings have no escapes and are a slice of the input.
            if bytes[position] == UInt8(ascii: "\\") { return try escapedString(from: start) }
            position += 1
        }
        guard position < bytes.count else { throw error("unterminated string") }
        position += 1
        return String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
    }

    private mutating func escapedString(from start: Int) throws(RoostError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            guard byte >= 32 else { throw error("a control character in a string") }
            if byte == UInt8(ascii: "\\") { try escape(&text) } else { text.append(byte) }
        }
        throw error("unterminated string")
    }

    private mutating func escape(_ text: inout [UInt8]) throws(RoostError) {
        guard position < bytes.count else { throw error("unterminated string") }
        let escaped = bytes[position]
        position += 1
        switch escaped {
        case UInt8(ascii: "n"): text.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "t"): text.append(UInt8(ascii: "\t"))
        case UInt8(ascii: "r"): text.append(UInt8(ascii: "\r"))
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escaped)
        case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(try scalar()) ?? UTF8.encodedReplacementCharacter)
        default: throw error("unknown escape")
        }
    }

    private mutating func unit() throws(RoostError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw error("bad \\u escape") }
        let digits = bytes[position..<(position + 4)]
        // The initializer would take a sign.
        guard let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), digits.first != UInt8(ascii: "+")
        else { throw error("bad \\u escape") }
        position += 4
        return value
    }

    /// An unpaired surrogate becomes U+FFFD, as in Go.
    private mutating func scalar() throws(RoostError) -> Unicode.Scalar {
        let first = try unit()
        var value = first
        if (0xd800..<0xdc00).contains(first), position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let second = try unit()
            if (0xdc00..<0xe000).contains(second) { value = 0x10000 + (first - 0xd800) << 10 + (second - 0xdc00) }
        }
        return Unicode.Scalar(value) ?? "\u{fffd}"
    }

    private mutating func number() throws(RoostError) -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        // No leading zeros, and at least one digit on each side of the point and in the exponent (RFC 8259, section 6).
        let isZero = take(UInt8(ascii: "0"))
        guard isZero || digits() > 0 else { throw error("unexpected character") }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard digits() > 0 else { throw error("expected a digit") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard digits() > 0 else { throw error("expected a digit") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let value = Int64(text) { return .int(value) }
        guard let value = Double(text) else { throw error("unexpected character") }
        return .double(value)
    }

    /// Consumes digits; returns their number.
    private mutating func digits() -> Int {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return position - start
    }
}
