/// A string as a key that is compared by its scalars: `String` itself treats "é" in one scalar and in two as equal.
package struct ExactText: Hashable, Sendable {
    package let text: String
    package init(_ text: String) { self.text = text }

    package static func == (one: ExactText, other: ExactText) -> Bool { one.text.isExactly(other.text) }
    // Equal scalars imply equal strings, so the hash of the string will do.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
