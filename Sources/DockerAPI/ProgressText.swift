import EngineModel

/// Progress in the format of Docker's clients.
package enum ProgressText {
    /// `[====>      ]  1.5MB/4MB`, 50 columns wide.
    package static func bar(_ current: Int64, _ total: Int64) -> String {
        guard total > 0 else { return ByteSize.decimalText(current) }
        let filled = Int(min(50, current * 50 / total))
        let bar =
            filled >= 50
            ? String(repeating: "=", count: 49) + ">"
            : String(repeating: "=", count: filled) + ">" + String(repeating: " ", count: 49 - filled)
        return "[\(bar)]  \(ByteSize.decimalText(current))/\(ByteSize.decimalText(total))"
    }
}
