/// A string as a key that is compared by its scalars: `String` itself treats "é" in one scalar and in two as equal.
public struct ExactText: Hashable, Sendable {
    public let text: String
    public init(_ text: String) { self.text = text }

    public static func == (one: ExactText, other: ExactText) -> Bool { one.text.isExactly(other.text) }
    // Equal scalars imply equal strings, so the hash of the string will do.
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
