import EngineModel
import LinuxKernel
import Synchronization

/// One line, or part of a line, of a container's log.
package struct LogRecord: Sendable, Equatable {
    /// RFC 3339 with nine fractional digits; sorts as text.
    package var timestamp: ArraySlice<UInt8>
    package var isError: Bool
    /// Partial: the line continues in the next record of the same stream.
    package var isPart: Bool
    package var content: ArraySlice<UInt8>
}

/// Reads a container's log files in order, oldest first, across rotations: an opened file stays readable until it is read to its end.
package struct LogCursor: Sendable {
    /// Timestamp, space, stream, space, tag, space: a fixed length.
    static let headerLength = 40
    static let blockSize = 1 << 18

    private let path: String
    private var file: OwnedFD?
    private var inode: UInt64 = 0
    private var offset = 0
    private var rest: [UInt8] = []

    /// Starts at the oldest log file.
    package init(path: String) {
        self.path = path
        var number = 0
        while Files.exists("\(path).\(number + 1)") { number += 1 }
        open(number == 0 ? path : "\(path).\(number)")
    }

    /// Starts at the last `count` lines.
    package init(path: String, tail count: Int) {
        self.path = path
        if count == 0 {
            open(path)
            offset = file.flatMap { try? Files.status(of: $0.raw) }.map { Int($0.size) } ?? 0
        } else if let start = LogTail.find(path, last: count) {
            (file, offset) = (start.file, start.offset)
            inode = (try? Files.status(of: start.file.raw).inode) ?? 0
        } else {
            open(path)
        }
    }

    /// Whether a record is from stderr, by the stream name after "std".
    static func isError(_ header: ArraySlice<UInt8>) -> Bool { header[header.startIndex + 34] == UInt8(ascii: "e") }
    /// Whether a record is partial (tag P).
    static func isPart(_ header: ArraySlice<UInt8>) -> Bool { header[header.startIndex + 38] == UInt8(ascii: "P") }

    private mutating func open(_ name: String) {
        file = try? Files.open(name, .readOnly)
        inode = file.flatMap { try? Files.status(of: $0.raw).inode } ?? 0
        offset = 0
    }

    /// The next records, from about 256 KiB at most; empty at the current end of the log.
    package mutating func next() throws -> [LogRecord] {
        while true {
            if file == nil { open(path) }
            guard let file else { return [] }
            let block = try readSome(file.raw, at: offset, limit: Self.blockSize)
            if block.isEmpty {
                guard moveOn() else { return [] }
                continue
            }
            offset += block.count
            let bytes = rest + block
            let records = Self.parse(bytes, rest: &rest)
            if !records.isEmpty { return records }
        }
    }

    /// Moves to the file that follows the one read to its end; false while that is still the current file.
    private mutating func moveOn() -> Bool {
        guard let current = try? Files.status(path), current.inode != inode else { return false }
        var number = 1
        while let status = try? Files.status("\(path).\(number)") {
            if status.inode == inode {
                open(number == 1 ? path : "\(path).\(number - 1)")
                return true
            }
            number += 1
        }
        // The file has been deleted by rotation: continue with the oldest remaining one.
        open(number > 1 ? "\(path).\(number - 1)" : path)
        return true
    }

    private static func parse(_ bytes: [UInt8], rest: inout [UInt8]) -> [LogRecord] {
        var records: [LogRecord] = []
        var start = 0
        while let end = bytes[start...].firstIndex(of: 10) {
            if end - start >= headerLength {
                records.append(
                    LogRecord(
                        timestamp: bytes[start..<(start + 30)], isError: isError(bytes[start...]),
                        isPart: isPart(bytes[start...]), content: bytes[(start + headerLength)..<end]))
            }
            start = end + 1
        }
        rest = Array(bytes[start...])
        return records
    }
}

/// The options of a log request.
package struct LogQuery: Sendable, Equatable {
    package var output = true
    package var error = true
    package var timestamps = false
    package var follow = false
    /// nil means all.
    package var tail: Int?
    package var since: Timestamp?
    package var until: Timestamp?
    /// Printed before every line, after its timestamp (`logs --details`).
    package var details = ""
    package init() {}
}

/// Filters and frames records for a client; keeps track of partial lines.
package struct LogFramer: Sendable {
    private let query: LogQuery
    private let sinceText: [UInt8]?
    private let untilText: [UInt8]?
    /// Docker's multiplexed stream format, or raw bytes for a TTY.
    private let multiplexed: Bool
    private var inLine: [Bool: Bool] = [:]
    private let details: [UInt8]

    package init(_ query: LogQuery, multiplexed: Bool) {
        self.query = query
        self.multiplexed = multiplexed
        sinceText = query.since.map(Self.text)
        untilText = query.until.map(Self.text)
        details = query.details.isEmpty ? [] : Array(query.details.utf8) + [32]
    }

    /// With nine fractional digits, so that it compares with the log's timestamps.
    private static func text(_ time: Timestamp) -> [UInt8] {
        let fraction = String(time.nanoseconds - time.seconds * 1_000_000_000)
        return Array(
            (Timestamp.secondText(time.seconds) + "." + String(repeating: "0", count: max(0, 9 - fraction.count))
                + fraction + "Z").utf8)
    }

    /// Frames output that is not in the log.
    package mutating func bytes(_ content: [UInt8], isError: Bool) -> [UInt8] {
        bytes([LogRecord(timestamp: [], isError: isError, isPart: true, content: content[...])])
    }

    /// Frames these records. A newline is appended to complete lines, not to partial ones.
    package mutating func bytes(_ records: [LogRecord]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(records.reduce(0) { $0 + $1.content.count + 48 })
        for record in records {
            guard record.isError ? query.error : query.output else { continue }
            if let sinceText, record.timestamp.lexicographicallyPrecedes(sinceText) { continue }
            if let untilText, untilText[...].lexicographicallyPrecedes(record.timestamp) { continue }
            let begins = inLine[record.isError] != true
            let stamped = query.timestamps && begins
            let details = begins ? self.details : []
            inLine[record.isError] = record.isPart
            if multiplexed {
                let length = record.content.count + (record.isPart ? 0 : 1) + (stamped ? 31 : 0) + details.count
                out += [record.isError ? 2 : 1, 0, 0, 0]
                for shift in [24, 16, 8, 0] { out.append(UInt8(truncatingIfNeeded: length >> shift)) }
            }
            if stamped {
                out += record.timestamp
                out.append(32)
            }
            out += details
            out += record.content
            if !record.isPart { out.append(10) }
        }
        return out
    }
}

/// Notifies about log changes (inotify(7)). One instance serves all logs: closing an instance blocks for milliseconds in the kernel.
package final class LogWatcher: Sendable {
    private struct State {
        var callbacks: [Int32: [UInt64: @Sendable () -> Void]] = [:]
        var next: UInt64 = 0
    }
    private let watch: Inotify
    private let state = Mutex(State())

    package init(loop: IOLoop) throws {
        watch = try Inotify()
        try loop.add(watch.descriptor, .readable) { [weak self] _ in self?.deliver() }
    }

    private func deliver() {
        let changed = Set(watch.events())
        let calls = state.withLock { state in changed.flatMap { state.callbacks[$0].map { Array($0.values) } ?? [] } }
        for call in calls { call() }
    }

    /// Calls back for every change in the directory until the subscription is released.
    package func subscribe(folder: String, changed: @escaping @Sendable () -> Void) throws -> LogSubscription {
        let (descriptor, id) = try state.withLock { state in
            let descriptor = try watch.add(folder)
            state.next += 1
            state.callbacks[descriptor, default: [:]][state.next] = changed
            return (descriptor, state.next)
        }
        return LogSubscription { [weak self] in self?.remove(descriptor, id) }
    }

    private func remove(_ descriptor: Int32, _ id: UInt64) {
        let old = state.withLock { state in
            let old = state.callbacks[descriptor]?.removeValue(forKey: id)
            guard state.callbacks[descriptor]?.isEmpty == true else { return old }
            state.callbacks[descriptor] = nil
            watch.remove(descriptor)
            return old
        }
        _ = consume old
    }
}

/// Cancels the subscription when the last reference is released.
package final class LogSubscription: Sendable {
    private let cancel: @Sendable () -> Void
    init(cancel: @escaping @Sendable () -> Void) { self.cancel = cancel }
    deinit { cancel() }
}
