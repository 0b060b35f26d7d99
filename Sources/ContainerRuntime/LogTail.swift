import LinuxKernel

/// Finds the start of the last lines of a log. Reads backwards block by block, so that its cost depends neither on the log's size nor on
/// line lengths.
struct LogTail {
    private static let blockSize = 1 << 16
    private var missing: Int
    /// Streams with a counted line whose start may be further back.
    private var unfinished: Set<Bool> = []
    private var start: (file: OwnedFD, offset: Int)?

    private init(_ count: Int) { missing = count }

    /// The file and the offset in it; nil if there is no log.
    static func find(_ path: String, last count: Int) -> (file: OwnedFD, offset: Int)? {
        var tail = LogTail(count)
        var number = 0
        var inode: UInt64 = 0
        while let file = try? Files.open(number == 0 ? path : "\(path).\(number)", .readOnly),
            let status = try? Files.status(of: file.raw)
        {
            number += 1
            // A rotation meanwhile has given the next name to a file that was already read.
            if status.inode == inode { continue }
            inode = status.inode
            guard (try? tail.scan(file, size: Int(status.size))) == true else { break }
        }
        return tail.start
    }

    /// Scans one file backwards; false if no older file is needed.
    private mutating func scan(_ file: OwnedFD, size: Int) throws(SyscallError) -> Bool {
        var position = size
        // A record still being written has no newline yet and does not count.
        var hasEnd = false
        while position > 0 {
            let from = max(0, position - Self.blockSize)
            // Includes the header of a record that begins at the end of the block.
            let block = try readSome(file.raw, at: from, limit: position - from + LogCursor.headerLength)
            var end = min(position - from, block.count)
            while let newline = block[..<end].lastIndex(of: 10) {
                end = newline
                if hasEnd {
                    let header = block[(newline + 1)...].prefix(LogCursor.headerLength)
                    guard count(header, file, from + newline + 1) else { return false }
                }
                hasEnd = true
            }
            if from == 0, hasEnd { return count(block.prefix(LogCursor.headerLength), file, 0) }
            position = from
        }
        return true
    }

    /// Counts a record by its header; false if it exceeds the requested number of lines.
    private mutating func count(_ header: ArraySlice<UInt8>, _ file: OwnedFD, _ offset: Int) -> Bool {
        guard header.count == LogCursor.headerLength else { return true }
        let isError = LogCursor.isError(header)
        if !(LogCursor.isPart(header) && unfinished.contains(isError)) {
            guard missing > 0 else { return false }
            missing -= 1
            unfinished.insert(isError)
        }
        start = (file, offset)
        return true
    }
}
