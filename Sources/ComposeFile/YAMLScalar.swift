import EngineModel

/// The YAML form of a string: plain if it reads back as the same string, otherwise quoted or as a block. Follows the library of the
/// reference tool (gopkg.in/yaml.v3, emitterc.go and resolve.go).
struct YAMLScalar {
    private let text: String
    private let bytes: [UInt8]

    private var hasBlockIndicators = false
    private var hasLineBreaks = false
    private var hasSpecial = false
    private var leadingSpace = false
    private var trailingSpace = false
    private var edgeBreak = false
    private var breakSpace = false
    private var spaceBreak = false

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
        if !isSimple { analyze() }
    }

    /// Whether no character can have a meaning in YAML, as in most strings.
    private var isSimple: Bool {
        bytes.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122, 95, 47: true  // 0-9 A-Z a-z _ /
            case 46, 45: byte != bytes.first  // . -
            default: false
            }
        }
    }

    private mutating func analyze() {
        let scalars = Array(text.unicodeScalars)
        if text.hasPrefix("---") || text.hasPrefix("...") { hasBlockIndicators = true }
        func isBlank(_ index: Int) -> Bool {
            index >= scalars.count
                || [" ", "\t", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalars[index])
        }
        var previousSpace = false
        var previousBreak = false
        for (index, scalar) in scalars.enumerated() {
            let precededByBlank = index == 0 || isBlank(index - 1)
            if index == 0 {
                switch scalar {
                case "#", ",", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`":
                    hasBlockIndicators = true
                case "?", ":", "-": if isBlank(index + 1) { hasBlockIndicators = true }
                default: break
                }
            } else {
                if scalar == ":", isBlank(index + 1) { hasBlockIndicators = true }
                if scalar == "#", precededByBlank { hasBlockIndicators = true }
            }
            let isBreak = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalar)
            let isPrintable =
                scalar.value == 0x0A || (0x20...0x7E).contains(scalar.value) || scalar.value == 0x85
                || (0xA0...0xD7FF).contains(scalar.value)
                || (scalar.value >= 0xE000 && scalar.value <= 0xFFFD && scalar.value != 0xFEFF)
            if !isPrintable { hasSpecial = true }
            if scalar == " " {
                if index == 0 { leadingSpace = true }
                if index == scalars.count - 1 { trailingSpace = true }
                if previousBreak { breakSpace = true }
                (previousSpace, previousBreak) = (true, false)
            } else if isBreak {
                hasLineBreaks = true
                if index == 0 || index == scalars.count - 1 { edgeBreak = true }
                if previousSpace { spaceBreak = true }
                (previousSpace, previousBreak) = (false, true)
            } else {
                (previousSpace, previousBreak) = (false, false)
            }
        }
    }

    /// The form on one line, for keys and where a block is not possible.
    var line: String {
        let isPlain =
            !bytes.isEmpty && !hasBlockIndicators && !hasLineBreaks && !hasSpecial && !leadingSpace && !trailingSpace
            && !readsAsOther
        if isPlain { return text }
        // Single quotes if only indicator characters prevent the plain form; double quotes if it would read as another type.
        let isSingle =
            !bytes.isEmpty && !readsAsOther && !hasSpecial && !hasLineBreaks && !spaceBreak && !breakSpace
        if isSingle {
            return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
        }
        return quoted
    }

    /// Several lines as a block below their key; nil if they must be quoted.
    func block(indent: Int) -> String? {
        guard hasLineBreaks, !hasSpecial, !spaceBreak, !trailingSpace, !text.contains("\r") else { return nil }
        let body = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var head = "|"
        if let first = bytes.first, first == 32 || first == 10 { head += "2" }
        if !text.hasSuffix("\n") { head += "-" } else if text.hasSuffix("\n\n") || text == "\n" { head += "+" }
        let margin = String(repeating: " ", count: indent)
        let lines = text.hasSuffix("\n") ? body.dropLast() : body[...]
        return head + "\n" + lines.map { $0.isEmpty ? "\n" : margin + $0 + "\n" }.joined()
    }

    private var quoted: String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            case "\0": out += "\\0"
            case "\u{1b}": out += "\\e"
            case "\u{7}": out += "\\a"
            case "\u{8}": out += "\\b"
            case "\u{b}": out += "\\v"
            case "\u{c}": out += "\\f"
            case "\u{85}": out += "\\N"
            case "\u{2028}": out += "\\L"
            case "\u{2029}": out += "\\P"
            case "\u{feff}": out += "\\uFEFF"
            default:
                if scalar.value >= 0x10000 {
                    let digits = String(scalar.value, radix: 16, uppercase: true)
                    out += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
                } else if scalar.value < 0x20 || scalar.value == 0x7f {
                    out += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16, uppercase: true)
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        return out + "\""
    }

    private static let words: Set<String> = [
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", ".nan", ".NaN", ".NAN",
        ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
        // Booleans in YAML 1.1.
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF",
    ]

    /// Whether the unquoted text would be a number, a date, a boolean or null.
    private var readsAsOther: Bool {
        if Self.words.contains(text) { return true }
        guard let first = bytes.first, first == 43 || first == 45 || first == 46 || (48...57).contains(first) else {
            return false
        }
        return isInteger || isFloat || isSexagesimal || isDate
    }

    private var isInteger: Bool {
        var rest = text.filter { $0 != "_" }[...]
        if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2), ("0o", 8), ("0O", 8)]
        where rest.hasPrefix(prefix) {
            return !rest.dropFirst(2).isEmpty && UInt64(rest.dropFirst(2), radix: radix) != nil
        }
        guard !rest.isEmpty, rest.allSatisfy({ $0.isASCII && $0.isNumber }) else { return false }
        // A leading zero makes it octal; with an 8 or 9 it is still a float.
        return true
    }

    private var isFloat: Bool {
        var rest = text.filter { $0 != "_" }[...]
        if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
        let whole = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(whole.count)
        var fraction: Substring = ""
        if rest.hasPrefix(".") {
            rest = rest.dropFirst()
            fraction = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(fraction.count)
        }
        guard !(whole.isEmpty && fraction.isEmpty) else { return false }
        if rest.hasPrefix("e") || rest.hasPrefix("E") {
            rest = rest.dropFirst()
            if rest.hasPrefix("+") || rest.hasPrefix("-") { rest = rest.dropFirst() }
            guard let digit = rest.first, digit.isNumber else { return false }
            rest = rest.drop { $0.isASCII && $0.isNumber }
        }
        // A number out of the range of a double is a string.
        return rest.isEmpty && Double(text.filter { $0 != "_" })?.isFinite == true
    }

    /// `10:30`, a base-60 number in YAML 1.1.
    private var isSexagesimal: Bool {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count > 1 else { return false }
        var head = parts.removeFirst()
        if head.hasPrefix("+") || head.hasPrefix("-") { head = head.dropFirst() }
        guard let first = head.first, first.isNumber, head.allSatisfy({ ($0.isASCII && $0.isNumber) || $0 == "_" })
        else {
            return false
        }
        if let cut = parts[parts.count - 1].firstIndex(of: ".") {
            let fraction = parts[parts.count - 1][cut...].dropFirst()
            guard fraction.allSatisfy({ ($0.isASCII && $0.isNumber) || $0 == "_" }) else { return false }
            parts[parts.count - 1] = parts[parts.count - 1][..<cut]
        }
        return parts.allSatisfy { (1...2).contains($0.count) && (Int($0).map { (0..<60).contains($0) } ?? false) }
    }

    /// `2001-02-03`, optionally followed by a time.
    private var isDate: Bool {
        guard bytes.count >= 8 else { return false }
        let parts = text.prefix(10).split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts.allSatisfy({ !$0.isEmpty }) else { return false }
        let day = parts[2].prefix { $0.isNumber }
        guard Int(parts[0]) != nil, let month = Int(parts[1]), let number = Int(day), (1...12).contains(month),
            (1...31).contains(number)
        else { return false }
        let rest = text.dropFirst(parts[0].count + parts[1].count + 2 + day.count)
        if rest.isEmpty { return true }
        guard let mark = rest.first, "Tt ".contains(mark) else { return false }
        return rest.dropFirst().allSatisfy { $0.isNumber || ":.Zz+- ".contains($0) } && rest.contains(":")
    }
}
