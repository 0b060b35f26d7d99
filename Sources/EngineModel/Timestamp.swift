/// A point in time, in nanoseconds since 1970 (UTC). Written as RFC 3339 with nanoseconds, as Docker's API does.
package struct Timestamp: Sendable, Hashable, Comparable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Docker's value for "never": the zero value of Go's `time.Time`.
    package static let never = "0001-01-01T00:00:00Z"

    package var seconds: Int64 {
        nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : (nanoseconds - 999_999_999) / 1_000_000_000
    }

    package static func < (one: Timestamp, other: Timestamp) -> Bool { one.nanoseconds < other.nanoseconds }

    /// `2026-11-21T01:08:36`, without fraction and time zone.
    package static func secondText(_ seconds: Int64) -> String {
        let day = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = seconds - day * 86400
        let (year, month, date) = civil(day)
        return
            "\(pad(year, 4))-\(pad(month, 2))-\(pad(date, 2))T\(pad(rest / 3600, 2)):\(pad(rest / 60 % 60, 2)):\(pad(rest % 60, 2))"
    }

    /// `2026-11-21 01:08:36 +0000 UTC`, as in Docker's lists.
    package static func dockerText(_ seconds: Int64) -> String {
        secondText(seconds).split(separator: "T").joined(separator: " ") + " +0000 UTC"
    }

    /// Days since 1970 to a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
    static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// RFC 3339 with up to nine fractional digits, without trailing zeros, as Go's `RFC3339Nano`.
    package var rfc3339: String {
        let fraction = nanoseconds - seconds * 1_000_000_000
        var digits = Self.pad(fraction, 9)
        while digits.hasSuffix("0") { digits.removeLast() }
        return Self.secondText(seconds) + (digits.isEmpty ? "Z" : ".\(digits)Z")
    }

    /// Parses RFC 3339, or seconds since 1970 with an optional fraction, as in the API's `since` and `until`. `zoneSeconds`: the offset
    /// from UTC for times without a time zone.
    package init?(parsing text: String, zoneSeconds: Int64 = 0) {
        guard let parsed = Self.parseUnix(text) ?? Self.parseDate(text, zoneSeconds) else { return nil }
        self = parsed
    }

    private static func parseUnix(_ text: String) -> Timestamp? {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard let first = parts.first, let whole = Int64(first), whole.magnitude < 9_000_000_000 else { return nil }
        guard let fraction = fractionNanoseconds(parts.count > 1 ? parts[1] : "") else { return nil }
        return Timestamp(nanoseconds: whole * 1_000_000_000 + fraction)
    }

    private static func fractionNanoseconds(_ digits: Substring) -> Int64? {
        guard digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return Int64(digits.prefix(9) + String(repeating: "0", count: max(0, 9 - digits.count)))
    }

    private static func parseDate(_ text: String, _ zoneSeconds: Int64) -> Timestamp? {
        let separators: Set<Character> = ["T", "t", " "]
        guard let cut = text.firstIndex(where: { separators.contains($0) }) else {
            return date(text[...], time: "00:00:00", offset: zoneSeconds)
        }
        var time = text[text.index(after: cut)...]
        var offset = zoneSeconds
        if time.hasSuffix("Z") || time.hasSuffix("z") {
            time = time.dropLast()
            offset = 0
        } else if let sign = time.lastIndex(where: { $0 == "+" || $0 == "-" }) {
            let zone = time[time.index(after: sign)...].split(separator: ":").compactMap { Int64($0) }
            guard zone.count == 2, zone.allSatisfy({ (0...99).contains($0) }) else { return nil }
            offset = (zone[0] * 3600 + zone[1] * 60) * (time[sign] == "+" ? 1 : -1)
            time = time[..<sign]
        }
        return date(text[..<cut], time: time, offset: offset)
    }

    private static func date(_ day: Substring, time: Substring, offset: Int64) -> Timestamp? {
        let parts = day.split(separator: "-").compactMap { Int64($0) }
        let clock = time.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 3, (1...12).contains(parts[1]), (1...31).contains(parts[2]),
            (1600...9999).contains(parts[0]),
            (1...3).contains(clock.count), let hour = Int64(clock[0]),
            let minute = Int64(clock.count > 1 ? clock[1] : "0")
        else { return nil }
        let secondParts = (clock.count == 3 ? clock[2] : "0").split(separator: ".", maxSplits: 1)
        guard let first = secondParts.first, let second = Int64(first), (0...23).contains(hour),
            (0...59).contains(minute),
            (0...60).contains(second), let fraction = fractionNanoseconds(secondParts.count > 1 ? secondParts[1] : "")
        else { return nil }
        let total = daysSince1970(parts[0], parts[1], parts[2]) * 86400 + hour * 3600 + minute * 60 + second - offset
        let (nanoseconds, overflow) = total.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isTooLate) = nanoseconds.addingReportingOverflow(fraction)
        return overflow || isTooLate ? nil : Timestamp(nanoseconds: sum)
    }
}
