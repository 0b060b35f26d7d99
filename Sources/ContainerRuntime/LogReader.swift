import EngineModel
import LinuxKernel
import Synchronization

/// One line, or a part of one, of a container's log.
public struct LogRecord: Sendable, Equatable {
    /// RFC 3339 with nine digits of fraction; sorts as text.
    public var timestamp: ArraySlice<UInt8>
    public var isError: Bool
    /// The line goes on in the next record of the same stream.
    public var isPart: Bool
    public var content: ArraySlice<UInt8>
}

/// Reads a container's log files in order, oldest first, through rotations: what has been opened stays readable until it is read.
public struct LogCursor: Sendable {
    /// Timestamp, blank, stream, blank, tag, blank: always the same length.
    static let headerLength = 40
    static let blockSize = 1 << 18

    private let path: String
    private var file: OwnedFD?
    private var inode: UInt64 = 0
    private var offset = 0
    private var rest: [UInt8] = []

    /// Starts with the oldest file that there is.
    public init(path: String) {
        self.path = path
        var number = 0
        while Files.exists("\(path).\(number + 1)") { number += 1 }
        open(number == 0 ? path : "\(path).\(number)")
    }

    /// Starts at the last `count` lines.
    public init(path: String, tail count: Int) {
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

    /// The stream of a record, by the first letter of its name.
    static func isError(_ header: ArraySlice<UInt8>) -> Bool { header[header.startIndex + 34] == UInt8(ascii: "e") }
    /// The tag of a record: the line continues in the next one.
    static func isPart(_ header: ArraySlice<UInt8>) -> Bool { header[header.startIndex + 38] == UInt8(ascii: "P") }

    private mutating func open(_ name: String) {
        file = try? Files.open(name, .readOnly)
        inode = file.flatMap { try? Files.status(of: $0.raw).inode } ?? 0
        offset = 0
    }

    /// The next records, about a quarter of a megabyte at most; nothing means that all is read for now.
    public mutating func next() throws -> [LogRecord] {
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

    /// To the file that followed the one we have read to its end; false while it is still the one being written.
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
        // Ours has been rotated away: the oldest that is left comes next.
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

/// What a reader of a log wants to see.
public struct LogQuery: Sendable, Equatable {
    public var output = true
    public var error = true
    public var timestamps = false
    public var follow = false
    /// nil means all.
    public var tail: Int?
    public var since: Timestamp?
    public var until: Timestamp?
    /// Stands in front of every line, behind its time (`logs --details`).
    public var details = ""
    public init() {}
}

/// Chooses and frames records for a reader; remembers where lines go on.
public struct LogFramer: Sendable {
    private let query: LogQuery
    private let sinceText: [UInt8]?
    private let untilText: [UInt8]?
    /// Frames of Docker's multiplexed stream, or plain bytes for a terminal.
    private let multiplexed: Bool
    private var inLine: [Bool: Bool] = [:]
    private let details: [UInt8]

    public init(_ query: LogQuery, multiplexed: Bool) {
        self.query = query
        self.multiplexed = multiplexed
        sinceText = query.since.map(Self.text)
        untilText = query.until.map(Self.text)
        details = query.details.isEmpty ? [] : Array(query.details.utf8) + [32]
    }

    /// With all nine digits, so that it compares with the log's own.
    private static func text(_ time: Timestamp) -> [UInt8] {
        let fraction = String(time.nanoseconds - time.seconds * 1_000_000_000)
        return Array(
            (Timestamp.secondText(time.seconds) + "." + String(repeating: "0", count: max(0, 9 - fraction.count))
                + fraction + "Z").utf8)
    }

    /// The bytes for output that is in no record.
    public mutating func bytes(_ content: [UInt8], isError: Bool) -> [UInt8] {
        bytes([LogRecord(timestamp: [], isError: isError, isPart: true, content: content[...])])
    }

    /// The bytes for these records. Whole lines get their end back; parts do not.
    public mutating func bytes(_ records: [LogRecord]) -> [UInt8] {
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

/// Tells when logs have grown (inotify(7)). One instance serves all: closing one makes the kernel wait for milliseconds.
public final class LogWatcher: Sendable {
    private struct State {
        var callbacks: [Int32: [UInt64: @Sendable () -> Void]] = [:]
        var next: UInt64 = 0
    }
    private let watch: FileWatch
    private let state = Mutex(State())

    public init(loop: IOLoop) throws {
        watch = try FileWatch()
        try loop.add(watch.descriptor, .readable) { [weak self] _ in self?.deliver() }
    }

    private func deliver() {
        let changed = Set(watch.events())
        let calls = state.withLock { state in changed.flatMap { state.callbacks[$0].map { Array($0.values) } ?? [] } }
        for call in calls { call() }
    }

    /// Calls back for every change in the folder until the subscription is let go of.
    public func subscribe(folder: String, changed: @escaping @Sendable () -> Void) throws -> LogSubscription {
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

/// Ends with its last holder.
public final class LogSubscription: Sendable {
    private let cancel: @Sendable () -> Void
    init(cancel: @escaping @Sendable () -> Void) { self.cancel = cancel }
    deinit { cancel() }
}
