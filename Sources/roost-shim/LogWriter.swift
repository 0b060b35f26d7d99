import EngineModel
import Glibc
import LinuxKernel
import ShimProtocol

/// Writes the container's output, a record per line: `2026-11-21T01:08:36.123456789Z stdout F text\n`, the format that CRI
/// runtimes write too (kubernetes/design-proposals, "CRI logging"). F ends a line; P is a part whose line goes on.
/// Bytes are never changed, and nothing waits for a reader.
struct LogWriter {
    private let plan: LogPlan
    private var file: OwnedFD?
    private var rotation: LogRotation
    private var buffer: [UInt8] = []
    /// Bytes that are in the file.
    private var size: UInt64 = 0
    /// Output that the log did not take. It is said in the log as soon as there is room.
    private var missing: UInt64 = 0
    /// Why the last write failed: errno.
    private(set) var failure: Int32 = 0
    private var secondText: [UInt8] = []
    private var second: Int64 = -1
    /// A reader still needs old files: rotate, but delete none.
    var defersDeletion = false {
        didSet { if !defersDeletion, oldValue { dropOldFiles(keeping: 0) } }
    }
    /// Old files that are kept for a reader beyond those of the plan. A slower reader loses them, not the host its disk.
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

    /// Takes what one read returned; answers with the end of it that the log did not take. The rest is in the file when this returns.
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

    /// Whether all that was gathered is in the file.
    private mutating func flush() -> Bool {
        defer { buffer.removeAll(keepingCapacity: true) }
        guard !buffer.isEmpty else { return true }
        guard let number = file?.raw else { return false }
        do throws(SyscallError) { try writeAll(number, buffer) } catch {
            failure = error.errno
            // Half a record would spoil the one behind it.
            try? Files.setSize(number, size)
            return false
        }
        size += UInt64(buffer.count)
        missing = 0
        return true
    }

    /// A full disk loses lines; it must not stop the container, and the next write may succeed.
    private mutating func lose(_ part: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        missing += UInt64(part.count)
        return part
    }

    /// Begins a new file, with a record of this length.
    private mutating func rotate(toHold length: Int) {
        defer { rotation.opened(size: UInt64(length)) }
        guard plan.maximumFiles > 1 else {
            // One file only: it starts again from nothing.
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

    /// `more`: how many are kept beyond those of the plan.
    private func dropOldFiles(keeping more: Int) {
        var number = Int(plan.maximumFiles) + more
        while Files.exists("\(plan.path).\(number)") {
            try? Files.remove("\(plan.path).\(number)")
            number += 1
        }
    }

    /// RFC 3339 with nanoseconds; the part up to the second is made once a second.
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
