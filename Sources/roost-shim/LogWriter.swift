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
    private var size: UInt64 = 0
    private var buffer: [UInt8] = []
    private var secondText: [UInt8] = []
    private var second: Int64 = -1
    /// A reader still needs old files: rotate, but delete none.
    var defersDeletion = false {
        didSet { if !defersDeletion, oldValue { dropOldFiles() } }
    }

    init(_ plan: LogPlan) {
        self.plan = plan
        buffer.reserveCapacity(256 << 10)
        open()
    }

    private mutating func open() {
        guard !plan.path.isEmpty else { return }
        file = try? Files.open(plan.path, [.writeOnly, .create, .append], mode: 0o640)
        if let number = file?.raw { size = UInt64(max(0, (try? Files.status(of: number).size) ?? 0)) }
    }

    /// Takes what one read returned. Everything that is complete is in the file when this returns.
    mutating func write(_ chunk: [UInt8], stream: LogStream) {
        guard !plan.path.isEmpty else { return }
        let now = Clocks.wallNanoseconds()
        let head = timestamp(now) + stream.tag
        var start = 0
        while start < chunk.count {
            let end = unsafe chunk.withUnsafeBytes { bytes -> Int? in
                guard let base = bytes.baseAddress, let hit = unsafe memchr(base + start, 10, chunk.count - start)
                else { return nil }
                return unsafe UnsafeRawPointer(hit) - base
            }
            buffer += head
            buffer += end == nil ? partTag : fullTag
            buffer += chunk[start..<(end ?? chunk.count)]
            buffer.append(10)
            start = (end ?? chunk.count) + 1
            if buffer.count > 192 << 10 { flush() }
        }
        flush()
    }

    private mutating func flush() {
        guard !buffer.isEmpty else { return }
        if size > 0, size + UInt64(buffer.count) > plan.maximumBytes { rotate() }
        if let number = file?.raw, (try? writeAll(number, buffer)) != nil { size += UInt64(buffer.count) }
        // A full disk loses lines; it must not stop the container, and the next write may succeed.
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func rotate() {
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
        if !defersDeletion { dropOldFiles() }
    }

    private func dropOldFiles() {
        var number = Int(plan.maximumFiles)
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

enum LogStream {
    case output, error
    var tag: [UInt8] {
        switch self {
        case .output: Array("stdout".utf8)
        case .error: Array("stderr".utf8)
        }
    }
}
