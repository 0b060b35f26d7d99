import EngineModel

/// An error in a Dockerfile, with its line.
package struct DockerfileError: Error, Sendable, Equatable, CustomStringConvertible {
    package let line: Int
    package let message: String
    package init(_ line: Int, _ message: String) {
        self.line = line
        self.message = message
    }
    package var description: String { "dockerfile parse error on line \(line): \(message)" }
}

/// A heredoc: `<<EOF` and the lines up to `EOF`.
package struct HereDocument: Sendable, Equatable {
    /// The unquoted delimiter, which is also the name of the file that COPY creates.
    package var name: String
    package var content: String
    /// Variables are substituted unless the delimiter is quoted.
    package var expands: Bool
    /// `<<-`: leading tabs of the lines are removed.
    package var dropsTabs: Bool

    /// The name of the file that COPY, or RUN with `#!`, creates. The name comes from the Dockerfile: it cannot leave the target
    /// directory, and no directory is created for it (BuildKit joins it to `/`).
    package func fileName() throws(RoostError) -> String {
        let parts = name.absolutePath.pathParts
        guard parts.count == 1, parts[0] != ".", !name.utf8.contains(0) else {
            throw .invalid("here-document \"\(name)\": open /\(name): no such file or directory")
        }
        return String(parts[0])
    }
}

/// One instruction as written, with continued lines joined.
package struct SourceInstruction: Sendable, Equatable {
    package var line: Int
    package var lastLine: Int
    /// The instruction name in upper case.
    package var word: String
    /// `--name=value`, in order.
    package var flags: [(name: String, value: String?)]
    /// The text after the instruction name and its flags.
    package var rest: String
    package var documents: [HereDocument] = []
    /// The original text, for display.
    package var text: String

    package static func == (one: SourceInstruction, other: SourceInstruction) -> Bool {
        one.line == other.line && one.word == other.word && one.rest == other.rest && one.documents == other.documents
    }
}

/// The lines of a Dockerfile as instructions (Dockerfile reference, "Format", "Parser directives", "Here-documents").
package struct DockerfileLines: Sendable {
    package private(set) var instructions: [SourceInstruction] = []
    /// `# name=value` at the top: syntax, escape, check.
    package private(set) var directives: [String: String] = [:]
    package private(set) var escape: Character = "\\"
    package private(set) var warnings: [(line: Int, message: String)] = []

    static let instructionLimit = 10_000
    static let documentWords: Set<String> = ["RUN", "COPY", "ADD"]

    package init(parsing source: String) throws(DockerfileError) {
        var text = source[...]
        if text.unicodeScalars.first == "\u{feff}" { text = Substring(text.unicodeScalars.dropFirst()) }
        // Swift reads "\r\n" as one character: lines end at either.
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        var index = try readDirectives(lines)
        while index < lines.count { index = try readInstruction(lines, from: index) }
    }

    private mutating func readDirectives(_ lines: [Substring]) throws(DockerfileError) -> Int {
        for (index, line) in lines.enumerated() {
            let text = line.drop(while: \.isWhitespace)
            guard text.first == "#" else { return index }
            let parts = text.dropFirst().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0]).trimmedBlanks.lowercased()
            guard parts.count == 2, !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }) else {
                return index
            }
            let value = String(parts[1]).trimmedBlanks
            if ["syntax", "escape", "check"].contains(name), directives[name] != nil {
                throw DockerfileError(index + 1, "only one \(name) parser directive can be used")
            }
            guard ["syntax", "escape", "check"].contains(name) else { return index }
            directives[name] = value
            if name == "escape" {
                guard value == "\\" || value == "`", let character = value.first else {
                    throw DockerfileError(index + 1, "invalid escape token '\(value)' does not match ` or \\")
                }
                escape = character
            }
        }
        return lines.count
    }

    /// Reads one instruction with its continuation lines and heredocs; returns the index of the line after it.
    private mutating func readInstruction(_ lines: [Substring], from start: Int) throws(DockerfileError) -> Int {
        var index = start
        var text = ""
        var shown: [Substring] = []
        var isOpen = false
        while index < lines.count {
            let line = lines[index]
            let trimmed = line.drop(while: \.isWhitespace)
            if trimmed.isEmpty || trimmed.first == "#" {
                // Comments and empty lines are allowed between the lines of one instruction.
                index += 1
                if !isOpen { return index }
                if trimmed.isEmpty { warnings.append((index, "Empty continuation line")) }
                continue
            }
            shown.append(line)
            index += 1
            let (part, goesOn) = continuation(isOpen ? line : trimmed)
            text += part
            isOpen = goesOn
            if !goesOn { break }
        }
        let body = text.trimmedBlanks
        if body.isEmpty { return index }
        var instruction = try split(body, line: start + 1)
        // The trigger instruction of ONBUILD may have heredocs, too.
        let trigger = instruction.rest.prefix { !$0.isWhitespace }
        let isTrigger = instruction.word == "ONBUILD"
        if Self.documentWords.contains(isTrigger ? trigger.uppercased() : instruction.word) {
            let words = isTrigger ? String(instruction.rest.dropFirst(trigger.count)) : instruction.rest
            for var document in Self.documents(words) {
                var content: [Substring] = []
                var isClosed = false
                while index < lines.count {
                    let line = document.dropsTabs ? lines[index].drop { $0 == "\t" } : lines[index]
                    shown.append(lines[index])
                    index += 1
                    if line.utf8.elementsEqual(document.name.utf8) {
                        isClosed = true
                        break
                    }
                    content.append(line)
                }
                guard isClosed else {
                    throw DockerfileError(start + 1, "unterminated heredoc: missing delimiter \(document.name)")
                }
                document.content = content.map { $0 + "\n" }.joined()
                instruction.documents.append(document)
            }
        }
        instruction.lastLine = index
        instruction.text = shown.joined(separator: "\n")
        instructions.append(instruction)
        guard instructions.count <= Self.instructionLimit else {
            throw DockerfileError(start + 1, "too many instructions (limit \(Self.instructionLimit))")
        }
        return index
    }

    /// The line without its trailing escape character, and whether it continues. An escaped escape character does not continue a line.
    private func continuation(_ line: Substring) -> (text: String, goesOn: Bool) {
        var end = line
        while let last = end.last, last == " " || last == "\t" { end = end.dropLast() }
        guard end.last == escape else { return (String(line), false) }
        let before = end.dropLast()
        if before.last == escape { return (String(line), false) }
        return (String(before), true)
    }

    private func split(_ text: String, line: Int) throws(DockerfileError) -> SourceInstruction {
        let word = text.prefix { !$0.isWhitespace }
        var rest = text.dropFirst(word.count).drop(while: \.isWhitespace)
        var flags: [(name: String, value: String?)] = []
        let upper = word.uppercased()
        // Flags come first; after them, or after a bare `--`, a shell command may start with dashes.
        while rest.hasPrefix("--") {
            let (flag, length) = Self.flagWord(rest, escape)
            if flag == "--" {
                rest = rest.dropFirst(2).drop(while: \.isWhitespace)
                break
            }
            let parts = flag.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            flags.append((String(parts[0]), parts.count > 1 ? String(parts[1]) : nil))
            rest = rest.dropFirst(length).drop(while: \.isWhitespace)
        }
        if upper == "ONBUILD" || upper == "CMD" || upper == "ENTRYPOINT" || upper == "ENV" || upper == "LABEL" {
            if let first = flags.first { throw DockerfileError(line, "unknown flag: \(first.name)") }
        }
        return SourceInstruction(
            line: line, lastLine: line, word: upper, flags: flags, rest: String(rest), text: text)
    }

    /// One flag up to the next unquoted white space, without quotes, and its length in the text.
    private static func flagWord(_ text: Substring, _ escape: Character) -> (String, Int) {
        var word = ""
        var length = 0
        var quote: Character?
        var escaped = false
        for character in text {
            if escaped {
                word.append(character)
                escaped = false
            } else if character == escape, quote != "'" {
                escaped = true
            } else if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character.isWhitespace {
                break
            } else {
                word.append(character)
            }
            length += 1
        }
        return (word, length)
    }

    /// The heredocs that a line opens: words of the form `[number]<<[-]NAME` (BuildKit, `parser.ParseHeredoc`).
    static func documents(_ text: String) -> [HereDocument] {
        InstructionParser.splitWords(text, "\\").compactMap { document($0) }
    }

    /// The heredoc that a word opens; nil for other words.
    package static func document(_ word: String) -> HereDocument? {
        var rest = word.drop { $0.isASCII && $0.isNumber }
        guard rest.hasPrefix("<<") else { return nil }
        rest = rest.dropFirst(2)
        let dropsTabs = rest.first == "-"
        if dropsTabs { rest = rest.dropFirst() }
        guard !rest.contains("<") else { return nil }
        var name = ""
        var quote: Character?
        var isQuoted = false
        while let character = rest.popFirst() {
            if character == "\\", quote != "'", let next = rest.popFirst() {
                isQuoted = true
                name.append(next)
            } else if let open = quote {
                if character == open { quote = nil } else { name.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
                isQuoted = true
            } else if character.isWhitespace {
                return nil
            } else {
                name.append(character)
            }
        }
        guard quote == nil, !name.isEmpty else { return nil }
        return HereDocument(name: name, content: "", expands: !isQuoted, dropsTabs: dropsTabs)
    }
}

extension String {
    var trimmedBlanks: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
