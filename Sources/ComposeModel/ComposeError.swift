import EngineModel

/// A source location in a Compose file.
package struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    package var file: String
    /// Line and column start at 1.
    package var line: Int
    package var column: Int
    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }
    package var description: String { "\(file):\(line):\(column)" }

    /// Parses `file:line:column`, as in `description`, or `file:line`; the file name may contain colons.
    package init?(parsing text: String) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var numbers: [Int] = []
        while numbers.count < 2, parts.count > 1, let last = parts.last, let number = Int(last) {
            numbers.insert(number, at: 0)
            parts.removeLast()
        }
        guard let line = numbers.first else { return nil }
        self.init(file: parts.joined(separator: ":"), line: line, column: numbers.count > 1 ? numbers[1] : 1)
    }
}

/// An error in a Compose file, with its location and a hint for the fix.
package struct ComposeError: Error, Sendable, Equatable, CustomStringConvertible {
    package var message: String
    package var location: SourceLocation?
    package var hint: String?
    /// The keys that are allowed in place of an unknown one.
    package var alternatives: [String]

    /// A Compose file of the command line does not exist, or there is none to find.
    package var isMissingFile = false

    package init(
        _ message: String, at location: SourceLocation? = nil, hint: String? = nil, alternatives: [String] = []
    ) {
        self.message = message
        self.location = location
        self.hint = hint
        self.alternatives = alternatives
    }

    package var description: String { (location.map { "\($0): " } ?? "") + message + (hint.map { " (\($0))" } ?? "") }

    /// The error with the source line and a caret below the column; `source` returns the text of a file.
    package func rendered(source: (String) -> String?) -> String {
        var text = (location.map { "\($0): " } ?? "") + message
        if let location,
            let line = source(location.file)?.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(
                location.line - 1
            ).first
        {
            let number = String(location.line)
            let margin = String(repeating: " ", count: number.count)
            let caret = String(line.prefix(location.column - 1).map { $0 == "\t" ? "\t" : " " }) + "^"
            text += "\n \(number) | \(line)\n \(margin) | \(caret)"
        }
        if let hint { text += "\n  \(hint)" }
        return text
    }
}
