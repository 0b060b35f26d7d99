import DockerAPI
import EngineModel
import LinuxKernel

/// The filters of `prune`: `until`, `label` and `label!`.
enum PruneRules {
    /// A time, or an age (`24h`), as nanoseconds since 1970.
    static func time(_ text: String?) throws(RoostError) -> Int64? {
        guard let text, !text.isEmpty else { return nil }
        if let time = Timestamp(parsing: text) { return time.nanoseconds }
        guard let span = TimeSpan.parse(text) else {
            throw .invalid("invalid filter 'until=\(text)': expected a time, or an age (e.g. 24h)")
        }
        return Clocks.wallNanoseconds() - span
    }

    static func matches(_ filters: Filters, _ labels: [String: String]) -> Bool {
        guard filters.matchesLabels(labels) else { return false }
        return filters["label!"].allSatisfy { unwanted in
            let parts = unwanted.split(separator: "=", maxSplits: 1).map(String.init)
            guard let value = labels[parts.first ?? ""] else { return true }
            return parts.count > 1 && parts[1] != value
        }
    }
}
