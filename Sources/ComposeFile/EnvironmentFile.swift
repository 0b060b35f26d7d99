import ComposeModel
import EngineModel

/// Files of `NAME=value` lines (specification, "Env_file format"): `.env` and `env_file`.
public enum EnvironmentFile {
    /// A line's name and value, and where it stands.
    public struct Entry: Sendable, Equatable {
        public let name: String
        public let value: String
        public let line: Int
    }

    /// `known` are variables for interpolation and for lines with a name alone; values of the file itself come on top as they are read.
    public static func parse(_ text: String, file: String, known: [String: String]) throws(ComposeError)
        -> [Entry]
    {
        var result: [Entry] = []
        var variables = known
        let lines = text.replacing("\u{feff}", "").split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.hasSuffix("\r") ? $0.dropLast() : $0
        }
        var number = 0
        while number < lines.count {
            let place = Place(file: file, line: number + 1, column: 1)
            var line = lines[number].drop { $0 == " " || $0 == "\t" }
            number += 1
            if line.isEmpty || line.first == "#" { continue }
            if line.hasPrefix("export ") { line = line.dropFirst(7).drop { $0 == " " } }
            guard let cut = line.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
                let name = trim(line)
                if name.contains(" ") { throw ComposeError("key cannot contain a space", at: place) }
                if let value = known[name] { result.append(Entry(name: name, value: value, line: place.line)) }
                continue
            }
            let name = trim(line[..<cut])
            if name.contains(" ") {
                throw ComposeError("key cannot contain a space", at: place, hint: "write NAME=value")
            }
            var rest = line[line.index(after: cut)...].drop { $0 == " " || $0 == "\t" }
            let value: String
            if let quote = rest.first, quote == "\"" || quote == "'" {
                rest = rest.dropFirst()
                var body = String(rest)
                while close(body, quote) == nil {
                    guard number < lines.count else { throw ComposeError("unterminated quoted value", at: place) }
                    body += "\n" + lines[number]
                    number += 1
                }
                let end = close(body, quote) ?? body.endIndex
                let inner = String(body[..<end])
                value = quote == "'" ? inner.replacingEscapedQuotes : try expand(unescape(inner), variables, place)
            } else {
                var plain = String(rest)
                if let comment = plain.firstRange(of: " #") { plain = String(plain[..<comment]) }
                value = try expand(trim(plain[...]), variables, place)
            }
            variables[name] = known[name] ?? value
            result.append(Entry(name: name, value: value, line: place.line))
        }
        return result
    }

    /// The raw format, as `docker run --env-file` reads it: no quotes, no interpolation, a name alone from the environment.
    public static func parseRaw(_ text: String, known: [String: String]) -> [Entry] {
        let lines = text.replacing("\u{feff}", "").split(separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().compactMap { number, line in
            let line = (line.hasSuffix("\r") ? line.dropLast() : line).drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.first == "#" { return nil }
            guard let cut = line.firstIndex(of: "=") else {
                return known[String(line)].map { Entry(name: String(line), value: $0, line: number + 1) }
            }
            return Entry(
                name: String(line[..<cut]), value: String(line[line.index(after: cut)...]), line: number + 1)
        }
    }

    private static func trim(_ text: Substring) -> String {
        var part = text
        while part.first?.isWhitespace == true { part = part.dropFirst() }
        while part.last?.isWhitespace == true { part = part.dropLast() }
        return String(part)
    }

    private static func expand(_ text: String, _ variables: [String: String], _ place: Place) throws(ComposeError)
        -> String
    {
        guard text.contains("$") else { return text }
        var interpolation = Interpolation(variables: variables)
        return try interpolation.substitute(text, place, "the value")
    }

    /// The closing quote that is not escaped.
    private static func close(_ text: String, _ quote: Character) -> String.Index? {
        var escaped = false
        for index in text.indices {
            if escaped {
                escaped = false
            } else if text[index] == "\\" {
                escaped = true
            } else if text[index] == quote {
                return index
            }
        }
        return nil
    }

    private static func unescape(_ text: String) -> String {
        let known: [Character: String] = [
            "n": "\n", "r": "\r", "t": "\t", "\"": "\"", "\\": "\\", "$": "$$", "a": "\u{7}", "b": "\u{8}",
            "f": "\u{c}", "v": "\u{b}",
        ]
        var out = ""
        var escaped = false
        for character in text {
            if escaped {
                out += known[character] ?? "\\\(character)"
                escaped = false
            } else if character == "\\" {
                escaped = true
            } else {
                out.append(character)
            }
        }
        return out
    }
}

extension String {
    var replacingEscapedQuotes: String {
        var out = ""
        var rest = self[...]
        while let character = rest.popFirst() {
            if character == "\\", rest.first == "'" { continue }
            out.append(character)
        }
        return out
    }

    func firstRange(of text: String) -> String.Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index }
            index = self.index(after: index)
        }
        return nil
    }
}
