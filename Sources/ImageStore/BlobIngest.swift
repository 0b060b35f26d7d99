import Archives
import Dispatch
import EngineModel
import Glibc
import LinuxKernel
import OCI
import Synchronization

import struct Crypto.SHA256

/// A blob being ingested: the writer appends and hashes it while one reader may already consume it, waiting for more. It gets its final
/// name only when it is complete and its size and digest match.
package final class BlobIngest: Sendable {
    private struct State {
        var count: Int64 = 0
        var hash = SHA256()
        var ended = false
        var failure: (any Error)?
    }

    private let content: ContentStore
    private let path: String
    private let file: OwnedFD
    private let expected: Descriptor
    private let state = Mutex(State())
    private let arrival = DispatchSemaphore(value: 0)

    init(_ expected: Descriptor, content: ContentStore) throws {
        self.expected = expected
        self.content = content
        path = content.temporaryPath()
        file = try Files.open(path, [.readWrite, .create, .exclusive])
    }

    deinit { try? Files.remove(path) }

    package var count: Int64 { state.withLock { $0.count } }

    package func append(_ bytes: [UInt8]) throws {
        try writeAll(file.raw, bytes)
        state.withLock { state in
            state.hash.update(data: bytes)
            state.count += Int64(bytes.count)
        }
        arrival.signal()
    }

    /// Commits the blob: verifies size and digest, and links it into the store.
    package func finish() throws {
        do {
            let (count, digest) = state.withLock { ($0.count, ContentStore.digest(of: $0.hash)) }
            guard count == expected.size, digest == expected.digest else {
                throw RoostError.invalid(
                    "blob \(expected.digest): received \(count) bytes with digest \(digest), expected \(expected.size) bytes"
                )
            }
            try ignoring(Errno.exists) { () throws(SyscallError) in
                try Files.linkDescriptor(file.raw, to: content.path(digest))
            }
            state.withLock { $0.ended = true }
            arrival.signal()
        } catch {
            fail(error)
            throw error
        }
    }

    /// Aborts the ingest; the reader gets the error.
    package func fail(_ error: any Error) {
        state.withLock { $0.failure = $0.failure ?? error }
        arrival.signal()
    }

    /// For the single reader: bytes from an offset, waiting until some are available; empty at the end.
    func next(at offset: Int64) throws -> [UInt8] {
        while true {
            let (count, ended, failure) = state.withLock { ($0.count, $0.ended, $0.failure) }
            if let failure { throw failure }
            if count > offset {
                return try readSome(file.raw, at: Int(offset), limit: Int(min(count - offset, 1 << 18)))
            }
            if ended { return [] }
            arrival.wait()
        }
    }
}

/// The source of a layer's bytes.
enum LayerSource {
    /// A complete file, with its digest if known.
    case file(Int32, digest: Digest?)
    case arriving(BlobIngest)

    /// The first bytes, for detecting the compression.
    func start() throws -> [UInt8] {
        switch self {
        case .file(let file, _): return try readSome(file, at: 0, limit: 8)
        case .arriving(let blob):
            var bytes: [UInt8] = []
            while bytes.count < 8 {
                let more = try blob.next(at: Int64(bytes.count))
                if more.isEmpty { break }
                bytes += more
            }
            return bytes
        }
    }
}

extension ImageStore {
    /// Starts the ingest of a blob.
    package func arriving(_ descriptor: Descriptor) throws -> BlobIngest {
        try BlobIngest(descriptor, content: content)
    }

    /// Unpacks a layer while it is downloaded, concurrently with others: its chain id is known from the image configuration.
    package func receive(_ blob: BlobIngest, of descriptor: Descriptor, layer: Digest, onto parent: Digest?) throws
        -> StoredLayer
    {
        try stored(.arriving(blob), descriptor, layer, parent)
    }

    /// Unpacks a layer whose blob is in the store.
    package func unpack(_ descriptor: Descriptor, layer: Digest, onto parent: Digest?) throws -> StoredLayer {
        let file = try Files.open(content.path(descriptor.digest), .readOnly)
        return try withExtendedLifetime(file) {
            try stored(.file(file.raw, digest: descriptor.digest), descriptor, layer, parent)
        }
    }

    private func stored(_ source: LayerSource, _ descriptor: Descriptor, _ layer: Digest, _ parent: Digest?) throws
        -> StoredLayer
    {
        let unpacked = try layers.unpack(
            source, onto: parent, expecting: layer, subject: "layer \(descriptor.digest)")
        return StoredLayer(
            layer: layer, chain: unpacked.chain, blob: descriptor.digest, blobSize: descriptor.size,
            mediaType: descriptor.mediaType, size: unpacked.size)
    }

    /// Whether the layer of a chain id is unpacked.
    package func hasLayer(_ chain: Digest) -> Bool { Files.exists(layers.path(chain)) }

    /// The chain id of a layer on top of a parent, which names its directory.
    package static func chain(_ parent: Digest?, _ layer: Digest) -> Digest { LayerStore.chain(parent, layer) }

    /// Compresses an uncompressed layer for a registry, reproducibly; other layers are returned unchanged.
    package func compress(_ layer: StoredLayer) throws -> StoredLayer {
        guard layer.mediaType == MediaTypes.layer else { return layer }
        let source = try Files.open(content.path(layer.blob), .readOnly)
        let temporary = content.temporaryPath()
        defer { try? Files.remove(temporary) }
        let file = try Files.open(temporary, [.readWrite, .create, .exclusive])
        try Gzip.compress(source.raw, to: file.raw)
        let (digest, size) = try content.adopt(file.raw)
        var result = layer
        result.blob = digest
        result.blobSize = size
        result.mediaType = MediaTypes.layerGzip
        return result
    }
}
