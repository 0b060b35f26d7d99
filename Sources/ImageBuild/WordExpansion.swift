import EngineModel

/// Expands quotes and variables in words of a Dockerfile (Dockerfile reference, "Environment replacement").
package struct WordExpansion: Sendable {
    package var escape: Character
    /// The value of a variable; nil if it is not set.
    package var value: @Sendable (String) -> String?

    package init(escape: Character = "\\", value: @escaping @Sendable (String) -> String?) {
        self.escape = escape
        self.value = value
    }

    /// Expands one word: removes quotes and substitutes variables.
    package func word(_ text: String) throws(RoostError) -> String {
        var reader = Reader(expansion: self, characters: Array(text))
        return try reader.all(splits: false).joined()
    }

    /// Expands and splits at unquoted white space; the value of a variable may contain several words.
    package func words(_ text: String) throws(RoostError) -> [String] {
        var reader = Reader(expansion: self, characters: Array(text))
        return try reader.all(splits: true)
    }

    /// Expands a heredoc: substitutes variables and keeps quotes.
    package func document(_ text: String) throws(RoostError) -> String {
        var reader = Reader(expansion: self, characters: Array(text))
        return try reader.document()
    }

    /// Scans one text from start to end.
    private struct Reader {
        let expansion: WordExpansion
        let characters: [Character]
        var index = 0
        var words: [String] = []
        var current = ""
        var isOpen = false

        var next: Character? { index < characters.count ? characters[index] : nil }

        mutating func all(splits: Bool) throws(RoostError) -> [String] {
            while let character = next {
                if character == "'" {
                    try single()
                } else if character == "\"" {
                    try double()
                } else if character == "$" {
                    let text = try dollar()
                    if splits { addUnquoted(text) } else { add(text) }
                } else if character == expansion.escape {
                    index += 1
                    // Escaped line ends are already removed; any other escaped character is literal.
                    if let escaped = next {
                        add(String(escaped))
                        index += 1
                    }
                } else if splits, character.isWhitespace {
                    close()
                    index += 1
                } else {
                    add(String(character))
                    index += 1
                }
            }
            if !splits { return [current] }
            close()
            return words
        }

        mutating func document() throws(RoostError) -> String {
            var text = ""
            while let character = next {
                if character == "$" {
                    text += try dollar()
                } else if character == expansion.escape, index + 1 < characters.count,
                    ["$", expansion.escape].contains(characters[index + 1])
                {
                    text.append(characters[index + 1])
                    index += 2
                } else {
                    text.append(character)
                    index += 1
                }
            }
            return text
        }

        private mutating func add(_ text: String) {
            current += text
            isOpen = true
        }

        private mutating func addUnquoted(_ text: String) {
            for character in text {
                if character.isWhitespace { close() } else { add(String(character)) }
            }
        }

        private mutating func close() {
            if isOpen { words.append(current) }
            current = ""
            isOpen = false
        }

        private mutating func single() throws(RoostError) {
            index += 1
            isOpen = true
            while let character = next {
                index += 1
                if character == "'" { return }
                current.append(character)
            }
            throw .invalid("unexpected end of statement while looking for matching single-quote")
        }

        private mutating func double() throws(RoostError) {
            index += 1
            isOpen = true
            while let character = next {
                if character == "\"" {
                    index += 1
                    return
                } else if character == "$" {
                    current += try dollar()
                } else if character == expansion.escape {
                    index += 1
                    guard let escaped = next else { break }
                    // In double quotes, only these characters can be escaped.
                    if escaped != "\"" && escaped != "$" && escaped != expansion.escape {
                        current.append(expansion.escape)
                    }
                    current.append(escaped)
                    index += 1
                } else {
                    current.append(character)
                    index += 1
                }
            }
            throw .invalid("unexpected end of statement while looking for matching double-quote")
        }

        private mutating func dollar() throws(RoostError) -> String {
            index += 1
            guard next == "{" else {
                let name = takeName()
                return name.isEmpty ? "$" : expansion.value(name) ?? ""
            }
            index += 1
            guard let first = next else { throw .invalid("syntax error: missing '}'") }
            if first == "}" { throw .invalid("syntax error: bad substitution \"${}\"") }
            let name = takeName()
            if name.isEmpty { throw .invalid("syntax error: bad substitution at \"${\(first)\"") }
            guard let sign = next else { throw .invalid("syntax error: missing '}'") }
            index += 1
            let found = expansion.value(name)
            switch sign {
            case "}": return found ?? ""
            case ":":
                guard let kind = next else { throw .invalid("syntax error: missing '}'") }
                index += 1
                return try choose(kind, name, found, isSet: found?.isEmpty == false)
            case "-", "+", "?": return try choose(sign, name, found, isSet: found != nil)
            case "#", "%":
                let greedy = next == sign
                if greedy { index += 1 }
                return try strip(found ?? "", fromStart: sign == "#", greedy: greedy)
            case "/":
                let all = next == "/"
                if all { index += 1 }
                return try replace(found ?? "", all: all)
            default: throw .invalid("unsupported modifier (\(sign)) in substitution of \(name)")
            }
        }

        /// A variable name, a single digit, or a special parameter of the shell.
        private mutating func takeName() -> String {
            var name = ""
            while let character = next {
                let fits = character == "_" || (character.isASCII && (character.isLetter || character.isNumber))
                guard fits else { break }
                if name.isEmpty, character.isNumber {
                    index += 1
                    return String(character)
                }
                name.append(character)
                index += 1
            }
            if name.isEmpty, let character = next, "@*#?!$-".contains(character) {
                index += 1
                return String(character)
            }
            return name
        }

        private mutating func choose(_ kind: Character, _ name: String, _ found: String?, isSet: Bool)
            throws(RoostError) -> String
        {
            let word = try operand(until: "}")
            switch kind {
            case "-": return isSet ? found ?? "" : word
            case "+": return isSet ? word : ""
            case "?":
                if isSet { return found ?? "" }
                throw .invalid("\(name): \(word.isEmpty ? "is not allowed to be unset" : word)")
            default: throw .invalid("unsupported modifier (:\(kind)) in substitution of \(name)")
            }
        }

        /// The text up to a closing character, with nested variables substituted.
        private mutating func operand(until end: Character) throws(RoostError) -> String {
            var text = ""
            while let character = next {
                if character == end {
                    index += 1
                    return text
                }
                if character == "$" {
                    text += try dollar()
                } else if character == "'" || character == "\"" {
                    index += 1
                    while let inner = next, inner != character {
                        if character == "\"", inner == "$" {
                            text += try dollar()
                        } else {
                            text.append(inner)
                            index += 1
                        }
                    }
                    index += 1
                } else if character == expansion.escape, index + 1 < characters.count {
                    text.append(characters[index + 1])
                    index += 2
                } else {
                    text.append(character)
                    index += 1
                }
            }
            throw .invalid("syntax error: missing '\(end)'")
        }

        private mutating func strip(_ value: String, fromStart: Bool, greedy: Bool) throws(RoostError) -> String {
            let pattern = ShellPattern(try operand(until: "}"))
            let text = Array(value)
            let lengths = greedy ? Array((0...text.count).reversed()) : Array(0...text.count)
            for length in lengths {
                let part = fromStart ? text[..<length] : text[(text.count - length)...]
                if pattern.matches(part) {
                    return String(fromStart ? text[length...] : text[..<(text.count - length)])
                }
            }
            return value
        }

        private mutating func replace(_ value: String, all: Bool) throws(RoostError) -> String {
            let pattern = ShellPattern(try operand(until: "/"))
            let replacement = try operand(until: "}")
            let text = Array(value)
            var result = ""
            var position = 0
            var isDone = false
            while position < text.count {
                let match =
                    isDone
                    ? nil
                    : (1...(text.count - position)).reversed().first {
                        pattern.matches(text[position..<(position + $0)])
                    }
                if let match {
                    result += replacement
                    position += match
                    isDone = !all
                } else {
                    result.append(text[position])
                    position += 1
                }
            }
            return result
        }
    }
}

/// A shell pattern with `*` and `?`, as in `${name#pattern}`.
private struct ShellPattern {
    let characters: [Character]
    init(_ text: String) { characters = Array(text) }

    func matches(_ text: ArraySlice<Character>) -> Bool {
        var pattern = 0
        var position = text.startIndex
        var retry: (pattern: Int, position: Int)?
        while position < text.endIndex {
            if pattern < characters.count, characters[pattern] == "*" {
                retry = (pattern, position)
                pattern += 1
            } else if pattern < characters.count, characters[pattern] == "?" || characters[pattern] == text[position] {
                pattern += 1
                position += 1
            } else if let point = retry {
                retry = (point.pattern, point.position + 1)
                pattern = point.pattern + 1
                position = point.position + 1
            } else {
                return false
            }
        }
        while pattern < characters.count, characters[pattern] == "*" { pattern += 1 }
        return pattern == characters.count
    }
}
