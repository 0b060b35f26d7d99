import EngineModel
import ImageStore
import LinuxKernel
import OCI
import Registry
import Synchronization

/// The progress of a transfer: of one layer, or of the whole image if `layer` is nil.
package struct TransferProgress: Sendable, Equatable {
    package var layer: String?
    package var status: String
    /// Bytes so far and in total, while bytes are transferred.
    package var amount: (current: Int64, total: Int64)?

    package init(_ layer: String?, _ status: String, _ amount: (current: Int64, total: Int64)? = nil) {
        self.layer = layer
        self.status = status
        self.amount = amount
    }

    package static func == (one: TransferProgress, other: TransferProgress) -> Bool {
        one.layer == other.layer && one.status == other.status && one.amount?.current == other.amount?.current
    }
}

/// A semaphore: at most `count` holders at a time; the others wait in line.
actor DownloadSlots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    func take() async {
        if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
    }

    func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}

/// Lets one report through per tenth of a second.
final class Throttle: Sendable {
    private let last = Mutex<Int64>(0)
    func isDue() -> Bool {
        let now = Int64(Clocks.monotonicNanoseconds())
        return last.withLock { last in
            guard now - last > 100_000_000 else { return false }
            last = now
            return true
        }
    }
}

/// A blob sink that reports the download's progress.
struct ReportingSink: BlobSink {
    let blob: BlobIngest
    let total: Int64
    let throttle = Throttle()
    let report: @Sendable (Int64) -> Void

    init(blob: BlobIngest, total: Int64, report: @escaping @Sendable (Int64) -> Void) {
        self.blob = blob
        self.total = total
        self.report = report
    }

    var count: Int64 { blob.count }

    func append(_ bytes: [UInt8]) throws {
        try blob.append(bytes)
        if throttle.isDue() { report(blob.count) }
    }
}
