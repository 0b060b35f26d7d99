import EngineModel
import Glibc
import LinuxKernel
import OCI

import struct Crypto.SHA256

/// Content-addressed blobs: each is written under a temporary name, hashed while it is written, and renamed. A blob with its final name is
/// complete and matches its digest, except after a power loss: large blobs are synced a moment later (`settle`) without anything waiting
/// for it, and after a reboot the engine checks their sizes.
package struct ContentStore: Sendable {
    package let root: String

    package init(root: String) throws(SyscallError) {
        self.root = root
        try Files.makeDirectories(root + "/sha256", mode: 0o700)
        try? Files.removeTree(root + "/arriving")
        try Files.makeDirectories(root + "/arriving", mode: 0o700)
    }

    package func path(_ digest: Digest) -> String { "\(root)/sha256/\(digest.hex)" }
    package func contains(_ digest: Digest) -> Bool { Files.exists(path(digest)) }

    /// A new temporary path in this store.
    func temporaryPath() -> String { "\(root)/arriving/\(Identifiers.random().prefix(24))" }

    /// Stores small content that is in memory.
    @discardableResult
    package func put(_ bytes: [UInt8]) throws -> Digest {
        let digest = Self.digest(bytes)
        if contains(digest) { return digest }
        let temporary = temporaryPath()
        try Files.replace(temporary, bytes, mode: 0o600)
        try Files.rename(temporary, to: path(digest))
        return digest
    }

    /// Reads a stream to its end and stores it; throws if it has more than `limit` bytes.
    package func ingest(_ descriptor: Int32, limit: Int64 = 1 << 40) throws -> (digest: Digest, size: Int64) {
        let temporary = temporaryPath()
        defer { try? Files.remove(temporary) }
        let file = try Files.open(temporary, [.writeOnly, .create, .exclusive])
        var hash = SHA256()
        var size: Int64 = 0
        while true {
            let part = try readSome(descriptor, limit: 1 << 18)
            if part.isEmpty { break }
            hash.update(data: part)
            try writeAll(file.raw, part)
            size += Int64(part.count)
            if size > limit { throw RoostError.invalid("the content is larger than \(limit) bytes") }
        }
        let digest = Self.digest(of: hash)
        try Files.rename(temporary, to: path(digest))
        return (digest, size)
    }

    /// Stores an open file of the same file system by a hard link, without copying.
    func adopt(_ descriptor: Int32) throws -> (digest: Digest, size: Int64) {
        let (digest, size) = try measure(descriptor)
        if !contains(digest) {
            try ignoring(Errno.exists) { () throws(SyscallError) in
                try Files.linkDescriptor(descriptor, to: path(digest))
            }
        }
        return (digest, size)
    }

    /// The digest of a file's content, independent of its file position.
    func digest(ofFile descriptor: Int32) throws -> Digest { try measure(descriptor).digest }

    private func measure(_ descriptor: Int32) throws -> (digest: Digest, size: Int64) {
        var hash = SHA256()
        var offset = 0
        while true {
            let part = try readSome(descriptor, at: offset, limit: 1 << 18)
            if part.isEmpty { break }
            hash.update(data: part)
            offset += part.count
        }
        return (Self.digest(of: hash), Int64(offset))
    }

    /// Syncs blobs to disk (fsync(2)).
    package func settle(_ digests: [Digest]) {
        for digest in digests {
            guard let file = try? Files.open(path(digest), .readOnly) else { continue }
            try? Files.sync(file.raw)
        }
    }

    package func read(_ digest: Digest, limit: Int = 8 << 20) throws -> [UInt8] {
        try Files.read(path(digest), limit: limit)
    }

    static func digest(_ bytes: [UInt8]) -> Digest {
        var hash = SHA256()
        hash.update(data: bytes)
        return digest(of: hash)
    }

    static func digest(of hash: SHA256) -> Digest {
        Digest(sha256: Array(hash.finalize()))
    }
}
