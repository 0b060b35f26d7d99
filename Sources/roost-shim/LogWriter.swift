import EngineModel
import Glibc
import LinuxKernel
import ShimProtocol

/// Writes the container's output, a record per line: `2026-11-21T01:08:36.123456789Z stdout F text\n`, the CRI log format
/// (kubernetes/design-proposals, "CRI logging"). F completes a line; P is a partial line. Bytes are never changed, and writing never waits
/// for a reader.
struct LogWriter {
    private let plan: LogPlan
    private var file: OwnedFD?
    private var rotation: LogRotation
    private var buffer: [UInt8] = []
    /// Size of the current file in bytes.
    private var size: UInt64 = 0
    /// Bytes of output that could not be logged. Noted in the log as soon as a write succeeds.
    private var missing: UInt64 = 0
    /// The errno of the last failed write.
    private(set) var failure: Int32 = 0
    private var secondText: [UInt8] = []
    private var second: Int64 = -1
    /// A reader still needs rotated files: keep up to `heldFiles` more of them.
    var defersDeletion = false {
        didSet { if !defersDeletion, oldValue { dropOldFiles(keeping: 0) } }
    }
    /// Rotated files kept for a reader beyond the plan's limit. A slower reader loses output rather than filling the host's disk.
    private static let heldFiles = 8

    init(_ plan: LogPlan) {
        self.plan = plan
        rotation = LogRotation(limit: plan.maximumBytes)
        buffer.reserveCapacity(256 << 10)
        open()
    }

    private mutating func open() {
        guard !plan.path.isEmpty else { return }
        do throws(SyscallError) {
            let opened = try Files.open(plan.path, [.writeOnly, .create, .append], mode: 0o640)
            size = UInt64(max(0, try Files.status(of: opened.raw).size))
            file = opened
        } catch {
            file = nil
            size = 0
            failure = error.errno
        }
        rotation.opened(size: size)
    }

    /// Logs one chunk of output; returns the suffix that could not be logged. The rest is in the file on return.
    mutating func write(_ chunk: [UInt8], stream: LogStream) -> ArraySlice<UInt8> {
        guard !plan.path.isEmpty else { return [] }
        if file == nil { open() }
        let now = Clocks.wallNanoseconds()
        if missing > 0 {
            let text = "roost: \(missing) bytes of output are missing here: \(describeErrno(failure))"
            buffer += timestamp(now) + LogStream.error.tag + fullTag + Array(text.utf8) + [10]
        }
        let head = timestamp(now) + stream.tag
        var start = 0
        var written = 0
        while start < chunk.count {
            let end = unsafe chunk.withUnsafeBytes { bytes -> Int? in
                guard let base = bytes.baseAddress, let hit = unsafe memchr(base + start, 10, chunk.count - start)
                else { return nil }
                return unsafe UnsafeRawPointer(hit) - base
            }
            let content = chunk[start..<(end ?? chunk.count)]
            let tag = end == nil ? partTag : fullTag
            let length = head.count + tag.count + content.count + 1
            if rotation.beginsFile(length, of: stream, isPart: end == nil) {
                guard flush() else { return lose(chunk[written...]) }
                written = start
                rotate(toHold: length)
            }
            buffer += head
            buffer += tag
            buffer += content
            buffer.append(10)
            start = (end ?? chunk.count) + 1
            if buffer.count > 192 << 10 {
                guard flush() else { return lose(chunk[written...]) }
                written = min(start, chunk.count)
            }
        }
        return flush() ? [] : lose(chunk[written...])
    }

    /// Writes the buffer to the file; false on failure.
    private mutating func flush() -> Bool {
        defer { buffer.removeAll(keepingCapacity: true) }
        guard !buffer.isEmpty else { return true }
        guard let number = file?.raw else { return false }
        do throws(SyscallError) { try writeAll(number, buffer) } catch {
            failure = error.errno
            // Half a record would corrupt the next one.
            try? Files.setSize(number, size)
            return false
        }
        size += UInt64(buffer.count)
        missing = 0
        return true
    }

    /// A full disk loses lines; it must not block the container, and the next write may succeed.
    private mutating func lose(_ part: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        missing += UInt64(part.count)
        return part
    }

    /// Starts a new file, whose first record has this length.
    private mutating func rotate(toHold length: Int) {
        defer { rotation.opened(size: UInt64(length)) }
        guard plan.maximumFiles > 1 else {
            // Only one file: start over with an empty one.
            file = nil
            try? Files.remove(plan.path)
            return open()
        }
        var last = 0
        while Files.exists("\(plan.path).\(last + 1)") { last += 1 }
        for number in stride(from: last, to: 0, by: -1) {
            try? Files.rename("\(plan.path).\(number)", to: "\(plan.path).\(number + 1)")
        }
        try? Files.rename(plan.path, to: "\(plan.path).1")
        file = nil
        open()
        dropOldFiles(keeping: defersDeletion ? Self.heldFiles : 0)
    }

    /// `more` is the number of files kept beyond the plan's limit.
    private func dropOldFiles(keeping more: Int) {
        var number = Int(plan.maximumFiles) + more
        while Files.exists("\(plan.path).\(number)") {
            try? Files.remove("\(plan.path).\(number)")
            number += 1
        }
    }

    /// RFC 3339 with nanoseconds; the part up to the second is cached.
    private mutating func timestamp(_ nanoseconds: Int64) -> [UInt8] {
        let now = nanoseconds / 1_000_000_000
        if now != second {
            second = now
            secondText = Array(Timestamp.secondText(now).utf8) + [46]
        }
        var text = secondText
        var divisor: Int64 = 100_000_000
        while divisor > 0 {
            text.append(UInt8(48 + nanoseconds / divisor % 10))
            divisor /= 10
        }
        text += [90, 32]
        return text
    }
}

private let fullTag: [UInt8] = Array(" F ".utf8)
private let partTag: [UInt8] = Array(" P ".utf8)

extension LogStream {
    var tag: [UInt8] {
        switch self {
        case .output: Array("stdout".utf8)
        case .error: Array("stderr".utf8)
        }
    }
}
