import EngineModel
import OCI

extension Dockerfile {
    /// Parses a Dockerfile; stops at the first error.
    package init(parsing text: String) throws(DockerfileError) {
        let lines = try DockerfileLines(parsing: text)
        escape = lines.escape
        directives = lines.directives
        warnings = lines.warnings
        for source in lines.instructions {
            let parser = InstructionParser(source: source, escape: lines.escape)
            if source.word == "FROM" {
                let stage = try parser.stage()
                if let name = stage.name, stages.contains(where: { $0.name == name }) {
                    throw DockerfileError(source.line, "duplicate name \(name)")
                }
                stages.append(stage)
                continue
            }
            let instruction = try parser.instruction()
            if stages.isEmpty {
                guard case .arg(let list) = instruction.kind else {
                    throw DockerfileError(source.line, "no build stage in current context: start with FROM")
                }
                globalArguments += list.map { (source.line, $0.0, $0.1) }
            } else {
                stages[stages.count - 1].instructions.append(instruction)
            }
        }
        guard !stages.isEmpty else { throw DockerfileError(1, "file with no instructions") }
        warnings += checks()
    }

    /// Parses a single instruction, as in ONBUILD and `--change`.
    package static func instruction(_ text: String, escape: Character = "\\") throws(DockerfileError) -> Instruction {
        let lines = try DockerfileLines(parsing: text)
        guard let source = lines.instructions.first, lines.instructions.count == 1 else {
            throw DockerfileError(1, "expected exactly one instruction: \(text)")
        }
        return try InstructionParser(source: source, escape: escape).instruction()
    }
}

/// Parses one instruction.
struct InstructionParser {
    let source: SourceInstruction
    let escape: Character

    private func failure(_ message: String) -> DockerfileError { DockerfileError(source.line, message) }

    private func needsArguments() throws(DockerfileError) {
        if source.rest.isEmpty { throw failure("\(source.word) requires at least one argument") }
    }

    private func allow(_ names: Set<String>) throws(DockerfileError) {
        for flag in source.flags where !names.contains(flag.name) {
            throw failure("unknown flag: \(flag.name)")
        }
    }

    private func flag(_ name: String) -> String? { source.flags.last { $0.name == name }.map { $0.value ?? "true" } }
    private func isOn(_ name: String) throws(DockerfileError) -> Bool {
        guard let value = flag(name) else { return false }
        guard ["true", "false", "1", "0"].contains(value.lowercased()) else {
            throw failure("expecting boolean value for flag \(name), not: \(value)")
        }
        return value.lowercased() == "true" || value == "1"
    }

    func stage() throws(DockerfileError) -> BuildStage {
        try allow(["platform"])
        let words = source.rest.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 1 || (words.count == 3 && words[1].uppercased() == "AS") else {
            throw failure("FROM requires either one or three arguments")
        }
        var stage = BuildStage(line: source.line, base: words[0], platform: flag("platform"), text: source.text)
        if words.count == 3 {
            let name = words[2].lowercased()
            let fits =
                name.first?.isLetter == true
                && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
            guard fits else {
                throw failure(
                    "invalid name for build stage: \"\(words[2])\", name can't start with a number or contain symbols")
            }
            stage.name = name
        }
        return stage
    }

    func instruction() throws(DockerfileError) -> Instruction {
        Instruction(line: source.line, kind: try kind(), text: source.text)
    }

    private func kind() throws(DockerfileError) -> InstructionKind {
        switch source.word {
        case "RUN": return try run()
        case "COPY", "ADD": return .copy(try copy())
        case "ENV":
            try needsArguments()
            return .env(try pairs("ENV"))
        case "LABEL":
            try needsArguments()
            return .label(try pairs("LABEL"))
        case "ARG": return try argument()
        case "WORKDIR":
            try needsOne()
            return .workdir(source.rest)
        case "USER":
            try needsOne()
            return .user(source.rest)
        case "EXPOSE":
            try needsArguments()
            try allow([])
            return .expose(source.rest.split(whereSeparator: \.isWhitespace).map(String.init))
        case "VOLUME":
            try needsArguments()
            try allow([])
            let list = try jsonArray(source.rest) ?? source.rest.split(whereSeparator: \.isWhitespace).map(String.init)
            if list.isEmpty { throw failure("VOLUME requires at least one argument") }
            if list.contains(where: { $0.trimmedBlanks.isEmpty }) {
                throw failure("VOLUME specified can not be an empty string")
            }
            return .volume(list)
        case "CMD": return .command(try form())
        case "ENTRYPOINT":
            return .entrypoint(try form())
        case "SHELL":
            guard let words = try jsonArray(source.rest), !words.isEmpty else {
                throw failure("SHELL requires the arguments to be in JSON form")
            }
            return .shell(words)
        case "STOPSIGNAL":
            try needsOne()
            return .stopSignal(source.rest)
        case "HEALTHCHECK": return try healthcheck()
        case "ONBUILD": return try onBuild()
        case "MAINTAINER":
            try needsArguments()
            return .maintainer(source.rest)
        default:
            let near = Self.words.min { Self.distance($0, source.word) < Self.distance($1, source.word) } ?? ""
            let hint = Self.distance(near, source.word) <= 2 ? " (did you mean \(near)?)" : ""
            throw failure("unknown instruction: \(source.word)\(hint)")
        }
    }

    private static let words = [
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
        "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
    ]

    /// Levenshtein distance.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.prefix(20)), Array(other.prefix(20)))
        var row = Array(0...other.count)
        for (i, letter) in one.enumerated() {
            var previous = row[0]
            row[0] = i + 1
            for (j, wanted) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, previous + (letter == wanted ? 0 : 1))
                previous = above
            }
        }
        return row[other.count]
    }

    private func needsOne() throws(DockerfileError) {
        try allow([])
        if source.rest.isEmpty { throw failure("\(source.word) requires exactly one argument") }
    }

    /// The JSON array at the start of a text; text after it is ignored, as in Docker. nil without an array; elements that are not
    /// strings are an error.
    private func jsonArray(_ text: String) throws(DockerfileError) -> [String]? {
        guard text.hasPrefix("["), let end = Self.endOfArray(text),
            let items = (try? JSON(parsing: Array(text[...end].utf8)))?.array
        else { return nil }
        let strings = items.compactMap(\.string)
        guard strings.count == items.count else {
            throw failure("when using JSON array syntax, arrays must be comprised of strings only")
        }
        return strings
    }

    /// The bracket that closes the array.
    private static func endOfArray(_ text: String) -> String.Index? {
        var depth = 0
        var inString = false
        var escaped = false
        for index in text.indices {
            let character = text[index]
            if inString {
                if escaped {
                    escaped = false
                } else if character == "\\" {
                    escaped = true
                } else if character == "\"" {
                    inString = false
                }
                continue
            }
            switch character {
            case "\"": inString = true
            case "[", "{": depth += 1
            case "]", "}":
                depth -= 1
                if depth == 0 { return index }
            default: break
            }
        }
        return nil
    }

    private func form() throws(DockerfileError) -> CommandForm {
        try jsonArray(source.rest).map { .exec($0) } ?? .shell(source.rest)
    }

    private func run() throws(DockerfileError) -> InstructionKind {
        try allow(["mount", "network", "security"])
        if let security = flag("security"), security != "sandbox" {
            throw failure("RUN --security=\(security) is not allowed by this engine")
        }
        if source.rest.isEmpty { throw failure("RUN requires at least one argument") }
        if let network = flag("network"), !["default", "none", "host"].contains(network) {
            throw failure("RUN --network=\(network): use default, none or host")
        }
        let mounts = source.flags.filter { $0.name == "mount" }.map { $0.value ?? "" }
        return .run(try form(), mounts: mounts, network: flag("network"), documents: source.documents)
    }

    private func copy() throws(DockerfileError) -> CopyInstruction {
        let isAdd = source.word == "ADD"
        try allow(
            isAdd
                ? ["chown", "chmod", "link", "keep-git-dir", "checksum", "exclude", "unpack"]
                : ["from", "chown", "chmod", "link", "parents", "exclude"])
        var words = try jsonArray(source.rest) ?? []
        if words.isEmpty { words = Self.splitWords(source.rest, escape) }
        // Heredocs are among the sources as `<<NAME`.
        let plain = words.filter { source.documents.isEmpty || DockerfileLines.document($0) == nil }
        guard let target = plain.last, plain.count + source.documents.count > 1 else {
            throw failure(
                "\(source.word) requires at least two arguments, but only one was provided. Destination could not be determined"
            )
        }
        var copy = CopyInstruction(isAdd: isAdd, sources: Array(plain.dropLast()), target: target)
        copy.from = flag("from")
        copy.owner = flag("chown")
        copy.mode = flag("chmod")
        copy.isLinked = try isOn("link")
        copy.keepsParents = try isOn("parents")
        copy.excluded = source.flags.filter { $0.name == "exclude" }.compactMap(\.value)
        copy.checksum = flag("checksum")
        copy.keepsGit = try isOn("keep-git-dir")
        if flag("unpack") != nil { copy.unpacks = try isOn("unpack") }
        copy.documents = source.documents
        return copy
    }

    /// Splits at unquoted white space; quotes and escapes are kept for the expansion.
    static func splitWords(_ text: String, _ escape: Character) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        var escaped = false
        for character in text {
            if escaped {
                word.append(character)
                escaped = false
            } else if character == escape, quote != "'" {
                word.append(character)
                escaped = true
            } else if let open = quote {
                word.append(character)
                if character == open { quote = nil }
            } else if character == "\"" || character == "'" {
                quote = character
                word.append(character)
            } else if character.isWhitespace {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    /// `A=1 B="two words"`, or the legacy form `A one value`; values keep their quotes until they are expanded.
    private func pairs(_ name: String) throws(DockerfileError) -> [(String, String)] {
        let words = Self.splitWords(source.rest, escape)
        guard let first = words.first else { return [] }
        guard first.contains("=") else {
            let value = source.rest.dropFirst(first.count).drop(while: \.isWhitespace)
            guard !value.isEmpty else { throw failure("\(name) must have two arguments") }
            return [(first, Self.escapedBlanks(String(value), escape))]
        }
        var list: [(String, String)] = []
        for word in words {
            guard let cut = word.firstIndex(of: "=") else {
                throw failure("Syntax error - can't find = in \"\(word)\". Must be of the form: name=value")
            }
            let key = String(word[..<cut])
            if key.isEmpty { throw failure("\(name) names can not be blank") }
            list.append((key, String(word[word.index(after: cut)...])))
        }
        return list
    }

    /// The value of the legacy form is one word. It is expanded without splitting, so its spaces need no escaping.
    private static func escapedBlanks(_ text: String, _ escape: Character) -> String { text }

    private func argument() throws(DockerfileError) -> InstructionKind {
        try allow([])
        let words = Self.splitWords(source.rest, escape)
        guard !words.isEmpty else { throw failure("ARG requires at least one argument") }
        var list: [(String, String?)] = []
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts[0].isEmpty { throw failure("ARG names can not be blank") }
            list.append((parts[0], parts.count > 1 ? parts[1] : nil))
        }
        return .arg(list)
    }

    private func healthcheck() throws(DockerfileError) -> InstructionKind {
        try allow(["interval", "timeout", "start-period", "start-interval", "retries"])
        try needsArguments()
        let word = source.rest.prefix { !$0.isWhitespace }.uppercased()
        let rest = source.rest.dropFirst(word.count).drop(while: \.isWhitespace)
        let flags = source.flags.map { ($0.name, $0.value ?? "") }
        switch word {
        case "NONE":
            if !rest.isEmpty { throw failure("HEALTHCHECK NONE takes no arguments") }
            return .healthcheck(flags: [], test: nil)
        case "CMD":
            if rest.isEmpty { throw failure("Missing command after HEALTHCHECK CMD") }
            return .healthcheck(
                flags: flags, test: try jsonArray(String(rest)).map { .exec($0) } ?? .shell(String(rest)))
        default: throw failure("Unknown type \"\(word)\" in HEALTHCHECK (try CMD)")
        }
    }

    private func onBuild() throws(DockerfileError) -> InstructionKind {
        try needsArguments()
        let word = source.rest.prefix { !$0.isWhitespace }.uppercased()
        if word == "ONBUILD" {
            throw failure("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        }
        if word == "FROM" || word == "MAINTAINER" {
            throw failure("\(word) isn't allowed as an ONBUILD trigger")
        }
        // The trigger is validated now, although it runs later.
        let text = source.rest + source.documents.map { "\n" + $0.content + $0.name }.joined()
        let inner = try DockerfileLines(parsing: text)
        if let first = inner.instructions.first {
            var shifted = first
            shifted.line = source.line
            _ = try InstructionParser(source: shifted, escape: escape).instruction()
        }
        return .onBuild(text)
    }
}

extension Dockerfile {
    /// Warnings for valid but suspicious instructions (`--check`), named as Docker's build checks.
    func checks() -> [(line: Int, message: String)] {
        var found: [(line: Int, message: String)] = []
        func twice(_ stage: BuildStage, _ word: String) {
            let all = stage.instructions.filter { $0.word == word }
            for instruction in all.dropLast() {
                found.append(
                    (
                        instruction.line,
                        "MultipleInstructionsDisallowed: Multiple \(word) instructions should not be used in the same stage because only the last one will be used"
                    ))
            }
        }
        for stage in stages {
            for word in ["CMD", "ENTRYPOINT", "HEALTHCHECK"] { twice(stage, word) }
            for instruction in stage.instructions {
                switch instruction.kind {
                case .maintainer:
                    found.append(
                        (
                            instruction.line,
                            "MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label"
                        ))
                case .command(.shell), .entrypoint(.shell):
                    found.append(
                        (
                            instruction.line,
                            "JSONArgsRecommended: JSON arguments recommended for \(instruction.word) to prevent unintended behavior related to OS signals"
                        ))
                case .workdir(let path) where !path.hasPrefix("/") && !path.hasPrefix("$"):
                    let earlier = stage.instructions.contains {
                        guard $0.line < instruction.line, case .workdir(let other) = $0.kind else { return false }
                        return other.hasPrefix("/") || other.hasPrefix("$")
                    }
                    if !earlier {
                        found.append(
                            (
                                instruction.line,
                                "WorkdirRelativePath: Relative workdir \"\(path)\" can have unexpected results if the base image changes"
                            ))
                    }
                case .env(let pairs):
                    let parts = instruction.text.split(whereSeparator: \.isWhitespace)
                    if pairs.count == 1, parts.count > 1, !parts[1].contains("=") {
                        found.append(
                            (
                                instruction.line,
                                "LegacyKeyValueFormat: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format"
                            ))
                    }
                    for (name, _) in pairs where Self.isSecret(name) { found.append(secret(instruction, name, "ENV")) }
                case .arg(let list):
                    for (name, _) in list where Self.isSecret(name) { found.append(secret(instruction, name, "ARG")) }
                default: break
                }
                let word = instruction.text.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
                if word != word.uppercased() && word != word.lowercased() {
                    found.append(
                        (
                            instruction.line,
                            "ConsistentInstructionCasing: Command '\(word)' should match the case of the command majority (uppercase)"
                        ))
                }
            }
        }
        return found
    }

    private func secret(_ instruction: Instruction, _ name: String, _ word: String) -> (line: Int, message: String) {
        (
            instruction.line,
            "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (\(word) \"\(name)\")"
        )
    }

    private static func isSecret(_ name: String) -> Bool {
        let words = Set(name.lowercased().split { $0 == "_" || $0 == "-" }.map(String.init))
        return !words.isDisjoint(with: [
            "password", "passwd", "pword", "secret", "token", "apikey", "credential", "credentials",
        ])
            && !words.contains("public")
    }
}
