/// Sizes in bytes as in Docker and Compose: `512m`, `1.5g`, `10kib`. Units are powers of 1024.
package enum ByteSize {
    /// nil if the text is not a size. Accepts negative values such as -1 for "unlimited"; callers check the range.
    package static func parse(_ text: String) -> Int64? {
        // As in go-units: the number ends with the last digit, point or space, so that it may have an exponent.
        let bytes = Array(text.utf8)
        guard let end = bytes.lastIndex(where: { (48...57).contains($0) || $0 == 46 || $0 == 32 }) else { return nil }
        let digits = bytes[...end].reversed().drop { $0 == 32 }.reversed()
        var unit = bytes[(end + 1)...].map { (65...90).contains($0) ? $0 | 32 : $0 }
        if unit.suffix(2) == [105, 98], unit.count > 2 {
            unit.removeLast(2)
        } else if unit.last == 98 {
            unit.removeLast()
        }
        let shifts: [String: Double] = [
            "": 1, "k": 1024, "m": 1_048_576, "g": 1_073_741_824, "t": 1_099_511_627_776, "p": 1_125_899_906_842_624,
        ]
        guard digits.allSatisfy({ (48...57).contains($0) || [43, 45, 46, 69, 101].contains($0) }),
            let factor = shifts[String(decoding: unit, as: UTF8.self)],
            let number = Double(String(decoding: digits, as: UTF8.self)), number.isFinite
        else { return nil }
        // Exact beyond 2^53, where a floating point number is not.
        if factor == 1, let whole = Int64(String(decoding: digits, as: UTF8.self)) { return whole }
        return Int64(exactly: (number * factor).rounded(.towardZero))
    }

    /// In units of 1000 with three significant digits, as `docker images` prints: `13.3MB`.
    package static func decimalText(_ bytes: Int64) -> String {
        scaled(Double(bytes), 1000, ["B", "kB", "MB", "GB", "TB", "PB"])
    }

    /// In units of 1024 with three significant digits: `64MiB`.
    package static func binaryText(_ bytes: Int64) -> String {
        scaled(Double(bytes), 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
    }

    private static func scaled(_ value: Double, _ base: Double, _ units: [String]) -> String {
        var rest = value
        var unit = 0
        while rest >= base, unit < units.count - 1 {
            rest /= base
            unit += 1
        }
        return significant(rest) + units[unit]
    }

    /// Like Go's `%.3g`, for values up to about 1000.
    private static func significant(_ value: Double) -> String {
        let places = value >= 100 ? 0 : value >= 10 ? 1 : 2
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let rounded = Int64((value * scale).rounded())
        let whole = rounded / Int64(scale)
        let fraction = rounded % Int64(scale)
        if fraction == 0 { return String(whole) }
        var text = String(fraction)
        text = String(repeating: "0", count: places - text.count) + text
        while text.hasSuffix("0") { text.removeLast() }
        return "\(whole).\(text)"
    }
}

/// Durations as in Go and Compose: `1h30m`, `90s`, `1.5s`, `100ms`.
package enum TimeSpan {
    /// Nanoseconds; nil if the text is not a duration.
    package static func parse(_ text: String) -> Int64? {
        var rest = text[...]
        var sign: Int64 = 1
        if rest.hasPrefix("-") {
            sign = -1
            rest = rest.dropFirst()
        } else if rest.hasPrefix("+") {
            rest = rest.dropFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest[digits.endIndex...]
            let unit = rest.prefix { !($0.isNumber || $0 == ".") }
            rest = rest[unit.endIndex...]
            guard let factor = units[unit], let part = scaled(digits, factor) else { return nil }
            let (sum, overflows) = total.addingReportingOverflow(part)
            if overflows { return nil }
            total = sum
        }
        return sign * total
    }

    /// A decimal number times a unit in nanoseconds; what is below a nanosecond is cut off. Whole numbers are exact.
    private static func scaled(_ digits: Substring, _ factor: Int64) -> Int64? {
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, !digits.isEmpty, digits != ".", let whole = first.isEmpty ? 0 : Int64(first)
        else { return nil }
        let (nanoseconds, overflows) = whole.multipliedReportingOverflow(by: factor)
        guard !overflows, parts.count > 1, !parts[1].isEmpty else { return overflows ? nil : nanoseconds }
        // As Go's time.ParseDuration: digits beyond the eighteenth do not count.
        let digits = parts[1].prefix(18)
        guard let fraction = Int64(digits), fraction >= 0 else { return nil }
        let scale = digits.reduce(1.0) { scale, _ in scale * 10 }
        let (sum, tooLarge) = nanoseconds.addingReportingOverflow(Int64(Double(fraction) * (Double(factor) / scale)))
        return tooLarge ? nil : sum
    }

    /// In nanoseconds; microseconds with either Greek letter mu or the micro sign, as in Go.
    private static let units: [Substring: Int64] = [
        "ns": 1, "us": 1000, "\u{b5}s": 1000, "\u{3bc}s": 1000, "ms": 1_000_000, "s": 1_000_000_000,
        "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000, "w": 604_800_000_000_000,
    ]

    /// As Go's `time.Duration.String`: `1m30s`, `1.5s`, `100ms`, `0s`.
    package static func text(_ nanoseconds: Int64) -> String {
        if nanoseconds == 0 { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let value = nanoseconds.magnitude
        if value < 1000 { return "\(sign)\(value)ns" }
        if value < 1_000_000 { return sign + fraction(value, 1000) + "µs" }
        if value < 1_000_000_000 { return sign + fraction(value, 1_000_000) + "ms" }
        let seconds = value / 1_000_000_000
        let rest = fraction(value % 60_000_000_000, 1_000_000_000) + "s"
        if seconds < 60 { return sign + rest }
        let minutes = seconds / 60
        if minutes < 60 { return "\(sign)\(minutes)m\(rest)" }
        return "\(sign)\(minutes / 60)h\(minutes % 60)m\(rest)"
    }

    private static func fraction(_ value: UInt64, _ unit: UInt64) -> String {
        let rest = value % unit
        if rest == 0 { return String(value / unit) }
        var digits = String(rest)
        digits = String(repeating: "0", count: String(unit).count - 1 - digits.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(value / unit).\(digits)"
    }

    /// Docker's text for a duration: `2 minutes`, `About an hour`, `3 weeks`.
    package static func words(seconds: Int64) -> String {
        let minutes = seconds / 60
        let hours = Int64((Double(seconds) / 3600).rounded())
        switch true {
        case seconds < 1: return "Less than a second"
        case seconds == 1: return "1 second"
        case seconds < 60: return "\(seconds) seconds"
        case minutes == 1: return "About a minute"
        case minutes < 60: return "\(minutes) minutes"
        case hours == 1: return "About an hour"
        case hours < 48: return "\(hours) hours"
        case hours < 24 * 7 * 2: return "\(hours / 24) days"
        case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
        case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
        default: return "\(seconds / (24 * 3600) / 365) years"
        }
    }
}
