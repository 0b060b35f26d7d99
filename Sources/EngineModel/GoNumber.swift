/// Floating-point numbers as Go formats them, for numbers that become strings and for `config`.
package enum GoNumber {
    /// `%v`: `1.5`, `1e+06`, `+Inf`.
    package static func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let (digits, point) = decimal(value)
        let sign = value.sign == .minus ? "-" : ""
        return sign
            + ((-4..<6).contains(point - 1) ? plain(digits, point) : scientific(digits, point))
    }

    /// As `encoding/json`: `1000000`, `1e+21`, `1e-7`.
    package static func json(_ value: Double) -> String {
        let (digits, point) = decimal(value)
        let sign = value.sign == .minus ? "-" : ""
        guard value != 0, value.magnitude < 1e-6 || value.magnitude >= 1e21 else { return sign + plain(digits, point) }
        let text = scientific(digits, point)
        // A negative exponent of two digits loses its leading zero.
        return sign + (text.hasSuffix("e-0\(1 - point)") ? "\(text.dropLast(2))\(1 - point)" : text)
    }

    /// The shortest digits that parse as the same number, and how many of them precede the decimal point.
    private static func decimal(_ value: Double) -> (digits: String, point: Int) {
        guard value != 0 else { return ("0", 1) }
        let parts = "\(value.magnitude)".split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
        let all = mantissa[0] + fraction
        let digits = all.drop { $0 == "0" }
        let point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - (all.count - digits.count)
        var short = String(digits)
        while short.count > 1, short.last == "0" { short.removeLast() }
        return (short, point)
    }

    private static func plain(_ digits: String, _ point: Int) -> String {
        if point <= 0 { return "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return digits + String(repeating: "0", count: point - digits.count) }
        return "\(digits.prefix(point)).\(digits.dropFirst(point))"
    }

    private static func scientific(_ digits: String, _ point: Int) -> String {
        let exponent = point - 1
        let fraction = digits.dropFirst()
        let power = "\(exponent.magnitude)"
        return
            "\(digits.prefix(1))\(fraction.isEmpty ? "" : ".\(fraction)")e\(exponent < 0 ? "-" : "+")\(power.count < 2 ? "0" : "")\(power)"
    }
}
