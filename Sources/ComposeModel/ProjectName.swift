/// Project names as Compose allows them: lowercase letters, digits, _ and -, starting with a letter or digit.
package enum ProjectName {
    private static func isPart(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || scalar == "_" || scalar == "-"
    }

    package static func isValid(_ name: String) -> Bool {
        name.unicodeScalars.allSatisfy(isPart) && name.unicodeScalars.first.map { $0 != "_" && $0 != "-" } == true
    }

    /// The valid name that Compose makes of any text, such as that of a directory; empty if nothing of it can be kept.
    package static func normalized(_ name: String) -> String {
        let kept = name.lowercased().unicodeScalars.filter(isPart).drop { $0 == "_" || $0 == "-" }
        return String(String.UnicodeScalarView(kept))
    }
}
