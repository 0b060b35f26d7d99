/// One of a container's output streams.
package enum LogStream: Hashable, Sendable {
    case output
    case error
}

/// Decides when a container's log is rotated: between lines, so that every file starts with a complete line.
package struct LogRotation: Sendable {
    /// How far a file may exceed its limit to keep a line whole, in bytes; a longer line is split.
    package static let grace: UInt64 = 1 << 20

    private let limit: UInt64
    private var size: UInt64 = 0
    /// Streams whose last record was partial.
    private var openLines: Set<LogStream> = []

    /// `limit` is the maximum file size in bytes.
    package init(limit: UInt64) { self.limit = limit }

    /// A file with this current size has been opened.
    package mutating func opened(size: UInt64) { self.size = size }

    /// Accounts for a record that is about to be written. True if it must start a new file; it is then counted there.
    package mutating func beginsFile(_ length: Int, of stream: LogStream, isPart: Bool) -> Bool {
        let wanted = UInt64(length)
        let isBetweenLines = openLines.isEmpty
        if isPart { openLines.insert(stream) } else { openLines.remove(stream) }
        let allowed = isBetweenLines ? limit : limit + min(limit, Self.grace)
        guard size > 0, size + wanted > allowed else {
            size += wanted
            return false
        }
        size = wanted
        return true
    }
}
