import EngineModel

/// A source location in a Compose file.
public struct Place: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    /// Line and column start at 1.
    public var line: Int
    public var column: Int
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }
    public var description: String { "\(file):\(line):\(column)" }

    /// Parses `file:line:column`, as in `description`, or `file:line`; the file name may contain colons.
    public init?(parsing text: String) {
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
public struct ComposeError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    public var place: Place?
    public var hint: String?
    /// The keys that are allowed in place of an unknown one.
    public var alternatives: [String]

    /// A Compose file of the command line does not exist, or there is none to find.
    public var isMissingFile = false

    public init(_ message: String, at place: Place? = nil, hint: String? = nil, alternatives: [String] = []) {
        self.message = message
        self.place = place
        self.hint = hint
        self.alternatives = alternatives
    }

    public var description: String { (place.map { "\($0): " } ?? "") + message + (hint.map { " (\($0))" } ?? "") }

    /// The error with the source line and a caret below the column; `source` returns the text of a file.
    public func rendered(source: (String) -> String?) -> String {
        var text = (place.map { "\($0): " } ?? "") + message
        if let place,
            let line = source(place.file)?.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(
                place.line - 1
            ).first
        {
            let number = String(place.line)
            let margin = String(repeating: " ", count: number.count)
            let caret = String(line.prefix(place.column - 1).map { $0 == "\t" ? "\t" : " " }) + "^"
            text += "\n \(number) | \(line)\n \(margin) | \(caret)"
        }
        if let hint { text += "\n  \(hint)" }
        return text
    }
}
