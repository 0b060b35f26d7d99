/// Text that was written elsewhere is parted at its scalars. A `Character` joins "\r\n", and a sign with the accents behind it: a search for
/// a line's end or for "=" among characters passes by there.
extension StringProtocol {
    /// Between separators; empty ones as well.
    public func fields(at separator: Unicode.Scalar, most: Int = .max) -> [Substring] {
        Substring(self).unicodeScalars.split(
            separator: separator, maxSplits: most - 1, omittingEmptySubsequences: false
        ).map { Substring($0) }
    }

    /// Lines without their ends: "\n" or "\r\n". A text that ends with one has an empty line there.
    public var textLines: [Substring] {
        fields(at: "\n").map { $0.utf8.last == 13 ? Substring($0.utf8.dropLast()) : $0 }
    }

    /// What is in front of the first separator and what is behind it; nil without one.
    public func cut(at separator: Unicode.Scalar) -> (before: Substring, after: Substring)? {
        let whole = Substring(self)
        guard let index = whole.unicodeScalars.firstIndex(of: separator) else { return nil }
        return (whole[..<index], whole[whole.unicodeScalars.index(after: index)...])
    }

    /// What follows these signs; nil if the text does not begin with them.
    public func after(_ beginning: String) -> Substring? {
        let whole = Substring(self)
        guard whole.utf8.starts(with: beginning.utf8) else { return nil }
        return whole[whole.utf8.index(whole.startIndex, offsetBy: beginning.utf8.count)...]
    }

    public func begins(with beginning: String) -> Bool { utf8.starts(with: beginning.utf8) }

    /// Without white space at both ends, and at the end alone.
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
    /// Whether both are the same signs: `==` takes "é" in one sign and in two for the same, and a name of a variable is not.
    public func isExactly(_ other: String) -> Bool { self == other && utf8.elementsEqual(other.utf8) }
    /// In the order of their bytes.
    public func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
