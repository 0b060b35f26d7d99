/// One of a container's output streams.
public enum LogStream: Hashable, Sendable {
    case output
    case error
}

/// Decides where a container's log continues in a new file: between lines, so that what is kept begins with a whole line.
public struct LogRotation: Sendable {
    /// How far a file may grow beyond its limit to keep a line whole; a longer line is cut.
    public static let grace: UInt64 = 1 << 20

    private let limit: UInt64
    private var size: UInt64 = 0
    /// Streams whose last record was a part of a line.
    private var openLines: Set<LogStream> = []

    /// `limit`: the size that a file should not exceed, in bytes.
    public init(limit: UInt64) { self.limit = limit }

    /// A file has been opened that has this size already.
    public mutating func opened(size: UInt64) { self.size = size }

    /// Counts a record that is about to be written. True if it begins a new file; its bytes are counted for that one.
    public mutating func beginsFile(_ length: Int, of stream: LogStream, isPart: Bool) -> Bool {
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
