import EngineModel

/// The filters of `prune`: `until`, `label` and `label!`.
package struct PruneFilter: Sendable {
    private let filters: Filters
    /// Nanoseconds since 1970; objects that were created later are kept.
    package let until: Int64?

    /// `now` is in nanoseconds since 1970. Throws for a value of `until` that is neither a time nor an age.
    package init(_ filters: Filters, now: Int64) throws(RoostError) {
        self.filters = filters
        until = try Self.time(filters["until"].first, now: now)
    }

    /// A time, or an age (`24h`), as nanoseconds since 1970.
    package static func time(_ text: String?, now: Int64) throws(RoostError) -> Int64? {
        guard let text, !text.isEmpty else { return nil }
        if let time = Timestamp(parsing: text) { return time.nanoseconds }
        guard let span = TimeSpan.parse(text) else {
            throw .invalid("invalid filter 'until=\(text)': expected a time, or an age (e.g. 24h)")
        }
        return now - span
    }

    /// `createdAt` is in nanoseconds since 1970.
    package func matches(_ labels: [String: String], createdAt: Int64 = 0) -> Bool {
        if let until, createdAt >= until { return false }
        guard filters.matchesLabels(labels) else { return false }
        return filters["label!"].allSatisfy { unwanted in
            let parts = unwanted.split(separator: "=", maxSplits: 1).map(String.init)
            guard let value = labels[parts.first ?? ""] else { return true }
            return parts.count > 1 && parts[1] != value
        }
    }
}
