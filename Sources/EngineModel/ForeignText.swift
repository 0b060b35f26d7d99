/// External text is split by scalars. A `Character` combines "\r\n", and a base character with combining marks, so that a search for
/// a line end or for "=" by characters misses those.
extension StringProtocol {
    /// The fields between separators, including empty ones.
    package func fields(at separator: Unicode.Scalar, most: Int = .max) -> [Substring] {
        Substring(self).unicodeScalars.split(
            separator: separator, maxSplits: most - 1, omittingEmptySubsequences: false
        ).map { Substring($0) }
    }

    /// Lines without their "\n" or "\r\n". A final line end is followed by an empty line.
    package var textLines: [Substring] {
        fields(at: "\n").map { $0.utf8.last == 13 ? Substring($0.utf8.dropLast()) : $0 }
    }

    /// The text before and after the first separator; nil without one.
    package func cut(at separator: Unicode.Scalar) -> (before: Substring, after: Substring)? {
        let whole = Substring(self)
        guard let index = whole.unicodeScalars.firstIndex(of: separator) else { return nil }
        return (whole[..<index], whole[whole.unicodeScalars.index(after: index)...])
    }

    /// The text after a prefix; nil if the text does not start with it.
    package func after(_ beginning: String) -> Substring? {
        let whole = Substring(self)
        guard whole.utf8.starts(with: beginning.utf8) else { return nil }
        return whole[whole.utf8.index(whole.startIndex, offsetBy: beginning.utf8.count)...]
    }

    package func begins(with beginning: String) -> Bool { utf8.starts(with: beginning.utf8) }

    /// Without leading and trailing white space; `trimmedAtEnd` removes only trailing white space.
    package var trimmed: Substring {
        Substring(Substring(self).unicodeScalars.drop { $0.properties.isWhitespace }).trimmedAtEnd
    }
    package var trimmedAtEnd: Substring {
        var scalars = Substring(self).unicodeScalars
        while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
        return Substring(scalars)
    }
}

extension String {
    /// Whether both have the same bytes. `==` compares precomposed and decomposed "é" as equal, but as names they differ.
    package func isExactly(_ other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let (one, two) = (utf8.span, other.utf8.span)
        for index in one.indices where one[index] != two[index] { return false }
        return true
    }
    /// Whether this text sorts before the other, by bytes.
    package func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
