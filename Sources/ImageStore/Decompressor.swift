import Archives
import Dispatch
import EngineModel
import HelperProtocol
import LinuxKernel
import Synchronization

/// Compression formats, detected by magic bytes.
package enum Compression: Sendable, Equatable {
    case none, gzip, zstd, bzip2, xz

    package init(firstBytes bytes: [UInt8]) {
        if bytes.starts(with: [0x1f, 0x8b]) {
            self = .gzip
        } else if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            self = .zstd
        } else if bytes.starts(with: [0x42, 0x5a, 0x68]) {
            self = .bzip2
        } else if bytes.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) {
            self = .xz
        } else {
            self = .none
        }
    }
}

/// Reads the uncompressed bytes of a layer, through the decompressing helper if necessary.
final class Decompressor {
    /// Maximum expansion ratio of a layer, checked once it exceeds `ratioFree` bytes.
    static let ratioLimit: Int64 = 200
    static let ratioFree: Int64 = 2 << 30

    private let source: LayerSource
    private let pipe: Pipe?
    private let helper: Int32
    private let feeder: Feeder?
    private var offset: Int64 = 0

    /// `errors` receives the helper's standard error.
    init(_ source: LayerSource, compressed: Bool, errors: Int32) throws {
        self.source = source
        guard compressed else {
            pipe = nil
            helper = -1
            feeder = nil
            if case .file(let file, _) = source { try Files.rewind(file) }
            return
        }
        let plain = try Pipe()
        pipe = plain
        switch source {
        case .file(let file, _):
            try Files.rewind(file)
            feeder = nil
            helper = try ConfinedHelper.start(.decompress, descriptors: [file, plain.writing.raw, errors])
        case .arriving(let blob):
            let packed = try Pipe()
            helper = try ConfinedHelper.start(
                .decompress, descriptors: [packed.reading.raw, plain.writing.raw, errors])
            packed.reading.close()
            feeder = try Feeder(blob, to: packed.writing)
        }
        plain.writing.close()
    }

    /// The next uncompressed bytes; empty at the end.
    func next() throws -> [UInt8] {
        let part: [UInt8]
        if let pipe {
            part = try readSome(pipe.reading.raw, limit: 1 << 18)
        } else if case .arriving(let blob) = source {
            part = try blob.next(at: offset)
        } else if case .file(let file, _) = source {
            part = try readSome(file, limit: 1 << 18)
        } else {
            part = []
        }
        offset += Int64(part.count)
        if pipe != nil, offset > Self.ratioFree, offset / Self.ratioLimit > packedSize {
            throw RoostError.invalid(
                "the layer expands to more than \(Self.ratioLimit) times its compressed size")
        }
        if part.isEmpty, let failure = feeder?.failure { throw failure }
        return part
    }

    private var packedSize: Int64 {
        switch source {
        case .file(let file, _): (try? Files.status(of: file).size) ?? 0
        case .arriving(let blob): blob.count
        }
    }

    /// Waits for the helper; `check` inspects its exit. A failed download is reported first.
    func end(_ check: (Int32) throws -> Void) throws {
        pipe?.reading.close()
        let checked = Result { if helper > 0 { try check(helper) } }
        feeder?.wait()
        if let failure = feeder?.failure { throw failure }
        try checked.get()
    }
}

/// Writes a blob into a pipe while it is received, on a dedicated thread.
private final class Feeder: Sendable {
    private let outcome = Mutex<(any Error)?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ blob: BlobIngest, to pipe: OwnedFD) throws {
        try Threads.detach { [self] in
            var offset: Int64 = 0
            do {
                while true {
                    let part = try blob.next(at: offset)
                    if part.isEmpty { break }
                    try writeAll(pipe.raw, part)
                    offset += Int64(part.count)
                }
            } catch {
                // A helper that stops reading reports the reason itself.
                if (error as? SyscallError)?.errno != Errno.brokenPipe { outcome.withLock { $0 = error } }
            }
            pipe.close()
            done.signal()
        }
    }

    var failure: (any Error)? { outcome.withLock { $0 } }
    func wait() { done.wait() }
}
