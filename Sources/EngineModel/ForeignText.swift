/// External text is split by scalars. A `Character` combines "\r\n", and a base character with combining marks, so that a search for
/// a line end or for "=" by characters misses those.
extension StringProtocol {
    /// The fields between separators, including empty ones.
    public func fields(at separator: Unicode.Scalar, most: Int = .max) -> [Substring] {
        Substring(self).unicodeScalars.split(
            separator: separator, maxSplits: most - 1, omittingEmptySubsequences: false
        ).map { Substring($0) }
    }

    /// Lines without their "\n" or "\r\n". A final line end is followed by an empty line.
    public var textLines: [Substring] {
        fields(at: "\n").map { $0.utf8.last == 13 ? Substring($0.utf8.dropLast()) : $0 }
    }

    /// The text before and after the first separator; nil without one.
    public func cut(at separator: Unicode.Scalar) -> (before: Substring, after: Substring)? {
        let whole = Substring(self)
        guard let index = whole.unicodeScalars.firstIndex(of: separator) else { return nil }
        return (whole[..<index], whole[whole.unicodeScalars.index(after: index)...])
    }

    /// The text after a prefix; nil if the text does not start with it.
    public func after(_ beginning: String) -> Substring? {
        let whole = Substring(self)
        guard whole.utf8.starts(with: beginning.utf8) else { return nil }
        return whole[whole.utf8.index(whole.startIndex, offsetBy: beginning.utf8.count)...]
    }

    public func begins(with beginning: String) -> Bool { utf8.starts(with: beginning.utf8) }

    /// Without leading and trailing white space; `trimmedAtEnd` removes only trailing white space.
    public var trimmed: Substring {
        Substring(Substring(self).unicodeScalars.drop { $0.properties.isWhitespace }).trimmedAtEnd
    }
    public var trimmedAtEnd: Substring {
        var scalars = Substring(self).unicodeScalars
        while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
        return Substring(scalars)
    }
}

extension String {
    /// Whether both have the same bytes. `==` compares precomposed and decomposed "é" as equal, but as names they differ.
    public func isExactly(_ other: String) -> Bool { self == other && utf8.elementsEqual(other.utf8) }
    /// Whether this text sorts before the other, by bytes.
    public func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
