/// The number of terminal cells a text takes: two for wide characters, none for combining marks (Unicode annex 11, wcwidth(3)).
package enum TextWidth {
    package static func of(_ text: String) -> Int {
        text.utf8.allSatisfy { $0 >= 32 && $0 < 127 } ? text.utf8.count : text.reduce(0) { $0 + of($1) }
    }

    package static func of(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        // An emoji, or a character that a variation selector turns into one.
        if first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        if wide.contains(where: { $0.contains(first.value) }) { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: return 1
        }
    }

    /// East Asian wide and full-width characters.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x231A...0x231B, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF,
        0x4E00...0x9FFF, 0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19,
        0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF,
        0x20000...0x3FFFD,
    ]

    /// Pads a text with spaces to a width in cells.
    package static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - of(text)))
    }
}

/// Truncates a text to a width in cells; a truncated text ends with an ellipsis.
package func shortened(_ text: String, _ width: Int) -> String {
    guard TextWidth.of(text) > width else { return text }
    guard width > 0 else { return "" }
    var left = width - 1
    return text.prefix { character in
        left -= TextWidth.of(character)
        return left >= 0
    } + "…"
}
