/// A file name pattern as in Go's `path/filepath.Match`, with `**` for any number of directories.
package struct PathPattern: Sendable, Equatable {
    private enum Piece: Sendable, Equatable {
        case literal(Character)
        /// `?`
        case one
        /// `*`
        case many
        case set(Set<Character>, ranges: [ClosedRange<Character>], negated: Bool)
    }

    private enum Component: Sendable, Equatable {
        case pieces([Piece])
        /// `**`
        case anyDepth
    }

    package let text: String
    private let components: [Component]
    /// Whether it contains any wildcard.
    package let isWild: Bool

    package init(_ text: String) throws(RoostError) {
        self.text = text
        var list: [Component] = []
        var wild = false
        for part in text.pathParts where part != "." {
            if part == "**" {
                list.append(.anyDepth)
                wild = true
                continue
            }
            // `**name`: a name with any prefix, at any depth.
            if part.hasPrefix("**") { list.append(.anyDepth) }
            let pieces = try Self.pieces(part, of: text)
            wild = wild || pieces.contains { if case .literal = $0 { false } else { true } }
            list.append(.pieces(pieces))
        }
        components = list
        isWild = wild
    }

    private static func pieces(_ part: Substring, of text: String) throws(RoostError) -> [Piece] {
        var pieces: [Piece] = []
        var rest = part
        while let character = rest.popFirst() {
            switch character {
            case "*": if pieces.last != .many { pieces.append(.many) }
            case "?": pieces.append(.one)
            case "\\":
                guard let next = rest.popFirst() else { throw .invalid("\"\(text)\": syntax error in pattern") }
                pieces.append(.literal(next))
            case "[": pieces.append(try set(&rest, of: text))
            default: pieces.append(.literal(character))
            }
        }
        return pieces
    }

    private static func set(_ rest: inout Substring, of text: String) throws(RoostError) -> Piece {
        var negated = false
        if rest.first == "^" || rest.first == "!" {
            negated = true
            rest.removeFirst()
        }
        var single: Set<Character> = []
        var ranges: [ClosedRange<Character>] = []
        var isFirst = true
        while let next = rest.popFirst() {
            if next == "]", !isFirst { return .set(single, ranges: ranges, negated: negated) }
            isFirst = false
            var low = next
            if low == "\\", let escaped = rest.popFirst() { low = escaped }
            if rest.first == "-", rest.dropFirst().first != "]", rest.count > 1 {
                rest.removeFirst()
                guard var high = rest.popFirst() else { break }
                if high == "\\", let escaped = rest.popFirst() { high = escaped }
                guard low <= high else { throw .invalid("\"\(text)\": syntax error in pattern") }
                ranges.append(low...high)
            } else {
                single.insert(low)
            }
        }
        throw .invalid("\"\(text)\": syntax error in pattern")
    }

    /// Whether the whole path matches.
    package func matches(_ path: [Substring]) -> Bool { Self.matches(components[...], path[...]) }

    /// Whether the path or one of its parent directories matches.
    package func matchesPathOrParent(_ path: [Substring]) -> Bool {
        (1...max(1, path.count)).contains { count in
            count <= path.count && Self.matches(components[...], path[..<count])
        }
    }

    /// The number of path components; nil with `**`.
    package var depth: Int? { components.contains(.anyDepth) ? nil : components.count }

    /// Whether a path below the directory could match.
    package func mayMatchBelow(_ folder: [Substring]) -> Bool {
        for (index, component) in components.enumerated() {
            guard case .pieces(let pieces) = component else { return true }
            guard index < folder.count else { return true }
            if !Self.matches(pieces[...], folder[index]) { return false }
        }
        return false
    }

    private static func matches(_ pattern: ArraySlice<Component>, _ path: ArraySlice<Substring>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        switch first {
        case .anyDepth:
            let rest = pattern.dropFirst()
            // As in Docker: a trailing `**` matches everything below, a leading one may match nothing.
            if rest.isEmpty { return !path.isEmpty }
            return (0...path.count).contains { matches(rest, path.dropFirst($0)) }
        case .pieces(let pieces):
            guard let name = path.first, matches(pieces[...], name) else { return false }
            return matches(pattern.dropFirst(), path.dropFirst())
        }
    }

    private static func matches(_ pieces: ArraySlice<Piece>, _ name: Substring) -> Bool {
        // Greedy with one backtracking point: linear in practice, quadratic at worst.
        var piece = pieces.startIndex
        var position = name.startIndex
        var retry: (piece: Int, position: Substring.Index)?
        while position < name.endIndex {
            if piece < pieces.endIndex, pieces[piece] == .many {
                retry = (piece, position)
                piece += 1
            } else if piece < pieces.endIndex, fits(pieces[piece], name[position]) {
                piece += 1
                position = name.index(after: position)
            } else if let point = retry {
                let next = name.index(after: point.position)
                retry = (point.piece, next)
                piece = point.piece + 1
                position = next
            } else {
                return false
            }
        }
        while piece < pieces.endIndex, pieces[piece] == .many { piece += 1 }
        return piece == pieces.endIndex
    }

    private static func fits(_ piece: Piece, _ character: Character) -> Bool {
        switch piece {
        case .literal(let wanted): character == wanted
        case .one, .many: true
        case .set(let single, let ranges, let negated):
            (single.contains(character) || ranges.contains { $0.contains(character) }) != negated
        }
    }
}

/// The files of a build context to exclude: the lines of a `.dockerignore`, or `--exclude`.
package struct IgnoreRules: Sendable, Equatable {
    private struct Rule: Sendable, Equatable {
        var pattern: PathPattern
        var keeps: Bool
    }

    private var rules: [Rule] = []
    private var hasExceptions = false

    package init(lines: [String]) throws(RoostError) {
        // A comment starts in the first column; after a space, `#` is part of a name.
        for line in lines where !line.hasPrefix("#") {
            var text = line[...]
            while text.first?.isWhitespace == true { text = text.dropFirst() }
            while text.last?.isWhitespace == true { text = text.dropLast() }
            if text.isEmpty { continue }
            var keeps = false
            if text.hasPrefix("!") {
                keeps = true
                text = text.dropFirst()
                while text.first?.isWhitespace == true { text = text.dropFirst() }
                if text.isEmpty { throw .invalid("illegal exclusion pattern: \"!\"") }
            }
            let clean = Self.clean(text)
            // A lone "." or "/" would match everything; Docker ignores it.
            if clean.isEmpty { continue }
            rules.append(Rule(pattern: try PathPattern(clean), keeps: keeps))
            hasExceptions = hasExceptions || keeps
        }
    }

    private static func clean(_ text: Substring) -> String {
        var parts: [Substring] = []
        for part in text.pathParts where part != "." {
            if part == "..", !parts.isEmpty { parts.removeLast() } else if part != ".." { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    /// The rules of a `.dockerignore` (moby, patternmatcher/ignorefile).
    package static func lines(_ text: String) -> [String] {
        var scalars = text.unicodeScalars[...]
        // Some editors write a byte order mark.
        if scalars.first == "\u{FEFF}" { scalars = scalars.dropFirst() }
        return scalars.split(separator: "\n").map { String(Substring($0)) }.filter { !$0.hasPrefix("#") }
    }

    package var isEmpty: Bool { rules.isEmpty }

    /// Whether a path, relative to the context, is excluded. The last matching rule decides.
    package func excludes(_ path: [Substring]) -> Bool {
        var excluded = false
        for rule in rules where excluded == rule.keeps && rule.pattern.matchesPathOrParent(path) {
            excluded = !rule.keeps
        }
        return excluded
    }

    /// Whether a path below an excluded directory may be included.
    package func mayKeepBelow(_ folder: [Substring]) -> Bool {
        hasExceptions && rules.contains { $0.keeps && $0.pattern.mayMatchBelow(folder) }
    }
}
