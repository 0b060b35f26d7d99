import EngineModel

/// Overall progress, speed and remaining time of several transfers. It has no clock: the caller passes times, in nanoseconds.
package struct TransferMeter {
    private var amounts: [String: (current: Int64, total: Int64)] = [:]
    private var samples: [(time: Int64, bytes: Int64)] = []
    /// The period over which the speed is measured, in nanoseconds.
    static let window: Int64 = 5_000_000_000

    package init() {}

    package mutating func record(_ object: String, current: Int64, total: Int64, at time: Int64) {
        // A later phase of the same layer counts from 0 again: never go back.
        let known = amounts[object] ?? (0, 0)
        amounts[object] = (max(known.current, min(current, total)), max(known.total, total))
        samples.append((time, bytes))
        samples.removeAll { time - $0.time > Self.window }
    }

    /// Marks an object as completely transferred.
    package mutating func complete(_ object: String) {
        if let amount = amounts[object] { amounts[object] = (amount.total, amount.total) }
    }

    private var bytes: Int64 { amounts.values.reduce(0) { $0 + $1.current } }
    private var total: Int64 { amounts.values.reduce(0) { $0 + $1.total } }

    /// Bytes per second; nil until there are enough samples.
    package var speed: Double? {
        guard let first = samples.first, let last = samples.last, last.time - first.time >= 200_000_000,
            last.bytes > first.bytes
        else { return nil }
        return Double(last.bytes - first.bytes) * 1e9 / Double(last.time - first.time)
    }

    /// `112.3MB / 180.1MB  45.2MB/s  2s left`; empty before anything moves.
    package var summary: String {
        guard total > 0 else { return "" }
        var text = "\(ByteSize.decimalText(bytes)) / \(ByteSize.decimalText(total))"
        guard let speed, bytes < total else { return text }
        text += "  \(ByteSize.decimalText(Int64(speed)))/s"
        let seconds = Int64((Double(total - bytes) / speed).rounded(.up))
        return text + "  \(seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s") left"
    }
}
