import ComposeModel
import EngineModel

/// Files of `NAME=value` lines (specification, "Env_file format"): `.env` and `env_file`.
package enum EnvironmentFile {
    /// The name and value of an entry, and its line.
    package struct Entry: Sendable, Equatable {
        package let name: String
        package let value: String
        package let line: Int
    }

    /// `known`: variables for interpolation and for lines with a bare name. Interpolation falls back to values of `earlier` files and of
    /// the file itself.
    package static func parse(
        _ bytes: [UInt8], file: String, known: [String: String], earlier: [String: String] = [:]
    ) throws(ComposeError) -> [Entry] {
        var statements = EnvironmentStatements(
            String(decoding: withoutMark(bytes), as: UTF8.self), file: file, known: known, earlier: earlier)
        return try statements.entries()
    }

    /// The raw format of `docker run --env-file`: no quotes, no interpolation; a bare name reads its value from the environment.
    package static func parseRaw(_ bytes: [UInt8], file: String, known: [String: String]) throws(ComposeError)
        -> [Entry]
    {
        var found: [Entry] = []
        for (index, bytes) in withoutMark(bytes).split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            let location = SourceLocation(file: file, line: index + 1, column: 1)
            guard let text = String(validating: bytes.last == 13 ? bytes.dropLast() : bytes, as: UTF8.self) else {
                throw ComposeError("invalid utf8 bytes at line \(location.line)", at: location)
            }
            let line = Substring(text.unicodeScalars.drop { $0.properties.isWhitespace })
            if line.isEmpty || line.begins(with: "#") { continue }
            let parts = line.cut(at: "=")
            let name = parts?.before ?? line
            guard !name.isEmpty else {
                throw ComposeError("no variable name on line '\(line)'", at: location, hint: "expected NAME=value")
            }
            guard !name.unicodeScalars.contains(where: { $0 == " " || $0 == "\t" }) else {
                throw ComposeError("variable '\(name)' contains whitespaces", at: location, hint: "expected NAME=value")
            }
            if let value = parts.map({ String($0.after) }) ?? known[String(name)] {
                found.append(Entry(name: String(name), value: value, line: location.line))
            }
        }
        return found
    }

    /// Windows editors write a byte order mark.
    private static func withoutMark(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    }
}

/// Reads the statements of a file in order, by the reference tool's grammar: after a quoted value the next statement may follow on
/// the same line, and a name consists of letters, digits and a few punctuation characters.
private struct EnvironmentStatements {
    private let text: [Unicode.Scalar]
    private let file: String
    private let known: [String: String]
    private var variables: [String: String]
    private var position = 0
    private var line = 1

    init(_ text: String, file: String, known: [String: String], earlier: [String: String]) {
        self.text = Array(text.unicodeScalars)
        self.file = file
        self.known = known
        variables = earlier.merging(known) { $1 }
    }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }
    private var location: SourceLocation { SourceLocation(file: file, line: line, column: 1) }

    private mutating func take() -> Unicode.Scalar? {
        guard let scalar = next else { return nil }
        position += 1
        if scalar == "\n" { line += 1 }
        return scalar
    }

    private mutating func skip(while matches: (Unicode.Scalar) -> Bool) {
        while let scalar = next, matches(scalar) { _ = take() }
    }

    mutating func entries() throws(ComposeError) -> [EnvironmentFile.Entry] {
        var found: [EnvironmentFile.Entry] = []
        while skipToStatement() {
            let start = line
            let (name, hasValue) = try name()
            var value = known[name]
            if hasValue {
                let read = try self.value()
                variables[name] = known[name] ?? read
                value = read
            }
            if let value { found.append(EnvironmentFile.Entry(name: name, value: value, line: start)) }
        }
        return found
    }

    /// Skips white space and comments; returns false at the end of the file.
    private mutating func skipToStatement() -> Bool {
        while true {
            skip { $0.properties.isWhitespace }
            guard next == "#" else { return next != nil }
            skip { $0 != "\n" }
        }
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        ["\t", "\u{b}", "\u{c}", "\r", " ", "\u{85}", "\u{a0}"].contains(scalar)
    }

    /// A name up to `=` or `:`; without one, `hasValue` is false.
    private mutating func name() throws(ComposeError) -> (name: String, hasValue: Bool) {
        let location = location
        let export = Array("export".unicodeScalars)
        if text[position...].starts(with: export), position + export.count < text.count,
            Self.isBlank(text[position + export.count])
        {
            position += export.count
            skip(while: Self.isBlank)
        }
        let start = position
        var hasValue = false
        var name: Substring = ""
        while true {
            guard let scalar = next, scalar != "\n", scalar != "=", scalar != ":" else {
                name = Self.string(text[start..<position]).trimmedAtEnd
                hasValue = next != nil && next != "\n"
                _ = take()
                break
            }
            guard Self.isBlank(scalar) || Self.isPartOfName(scalar) else {
                let rest = Self.string(text[start...].prefix { $0 != "\n" }).trimmedAtEnd
                throw ComposeError(
                    "unexpected character \"\(scalar)\" in variable name \"\(rest)\"", at: location,
                    hint: "names may contain letters, digits, _, . and -")
            }
            position += 1
        }
        if name.utf8.contains(32) {
            throw ComposeError("key cannot contain a space", at: location, hint: "expected NAME=value")
        }
        return (String(name), hasValue)
    }

    private static func isPartOfName(_ scalar: Unicode.Scalar) -> Bool {
        if ["_", ".", "-", "[", "]"].contains(scalar) { return true }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }

    private static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }

    private mutating func value() throws(ComposeError) -> String {
        let location = location
        skip(while: Self.isBlank)
        guard let quote = next, quote == "\"" || quote == "'" else {
            let start = position
            skip { $0 != "\n" }
            var plain = text[start..<position]
            if let comment = plain.indices.dropLast().first(where: { plain[$0] == " " && plain[$0 + 1] == "#" }) {
                plain = plain[..<comment]
            }
            return try expand(String(Self.string(plain).trimmedAtEnd), location)
        }
        _ = take()
        var inner: [Unicode.Scalar] = []
        while let scalar = take() {
            if scalar == quote {
                let body = Self.string(inner)
                return quote == "'" ? body : try expand(Self.unescaped(inner), location)
            }
            if scalar == "\\" {
                guard let escaped = take() else { break }
                if escaped != quote { inner.append("\\") }
                inner.append(escaped)
            } else {
                inner.append(scalar)
            }
        }
        throw ComposeError("unterminated quoted value", at: location, hint: "the quote that opens here is not closed")
    }

    private func expand(_ text: String, _ location: SourceLocation) throws(ComposeError) -> String {
        guard text.utf8.contains(36) else { return text }
        var interpolation = Interpolation(variables: variables)
        return try interpolation.substitute(text, location, "the value")
    }

    /// Replaces the escapes of double quotes; `\$` becomes `$$`, an escaped dollar sign.
    private static func unescaped(_ text: [Unicode.Scalar]) -> String {
        let signs: [Unicode.Scalar: String] = [
            "n": "\n", "r": "\r", "t": "\t", "\"": "\"", "\\": "\\", "$": "$$", "a": "\u{7}", "b": "\u{8}",
            "f": "\u{c}", "v": "\u{b}",
        ]
        var out = ""
        var index = 0
        while index < text.count {
            let following = index + 1 < text.count ? text[index + 1] : nil
            if text[index] == "\\", let following, let sign = signs[following] {
                out += sign
                index += 2
            } else if text[index] == "\\", following == "0", index + 4 < text.count,
                let code = UInt8(string(text[(index + 2)...(index + 4)]), radix: 8)
            {
                out.unicodeScalars.append(Unicode.Scalar(code))
                index += 5
            } else {
                out.unicodeScalars.append(text[index])
                index += 1
            }
        }
        return out
    }
}
