import EngineModel
import Glibc
import LinuxKernel
import OCI

import struct Crypto.SHA256

/// Unpacked layers by chain id: each folder appears by rename, complete or not at all, and is shared by all containers.
struct LayerStore: Sendable {
    let root: String

    init(root: String) throws(SyscallError) {
        self.root = root
        try Files.makeDirectories(root, mode: 0o711)
        try? Files.removeTree(root + "/arriving")
        try Files.makeDirectories(root + "/arriving", mode: 0o700)
        try makeFloor()
    }

    /// What stands beside the layers' folders.
    static let ownFolders = ["arriving", "floor"]

    /// The folder below every image: what the runtime mounts onto where an image lacks it. Made once for all containers, so that
    /// none has to make these in its own layer.
    var floor: String { root + "/floor" }

    private func makeFloor() throws(SyscallError) {
        for folder in ["dev", "proc", "sys", "etc"] { try Files.makeDirectories("\(floor)/\(folder)", mode: 0o755) }
        for file in ["hosts", "hostname", "resolv.conf"] {
            let path = "\(floor)/etc/\(file)"
            if !Files.exists(path) { try Files.write(path, "") }
        }
    }

    /// Half of the digest is enough for a name, and mount(2) has one page for all names of an image.
    func path(_ chain: Digest) -> String { "\(root)/\(chain.hex.prefix(32))" }

    /// The chain id: the digest of all layers up to this one (OCI image specification, "Layer ChainID").
    static func chain(_ parent: Digest?, _ layer: Digest) -> Digest {
        guard let parent else { return layer }
        return ContentStore.digest(Array("\(parent) \(layer)".utf8))
    }

    /// Unpacks a blob on top of a chain. `known` is the digest of its plain bytes where that is known already.
    func unpack(_ blob: Int32, digest: Digest, onto parent: Digest?, subject: String) throws -> (
        layer: Digest, chain: Digest, size: Int64
    ) {
        let folder = "\(root)/arriving/\(Identifiers.random().prefix(24))"
        try Files.makeDirectory(folder, mode: 0o755)
        defer { try? Files.removeTree(folder) }
        let (layer, size): (Digest, Int64) = try fill(folder, from: blob, digest: digest, subject: subject)
        let chain = Self.chain(parent, layer)
        if !Files.exists(path(chain)) {
            try accepting(Errno.exists, Errno.notEmpty) { () throws(SyscallError) in
                try Files.rename(folder, to: path(chain))
            }
        }
        return (layer, chain, size)
    }

    /// Fills a folder from a tar stream, plain or compressed; answers with the digest of the plain stream and the files' size.
    func fill(_ folder: String, from blob: Int32, digest: Digest?, subject: String) throws -> (
        layer: Digest, size: Int64
    ) {
        let target = try Files.open(folder, [.readOnly, .directory])
        let report = try Files.memory("report", [])
        let errors = try Files.memory("errors", [])
        let start = try readSome(blob, at: 0, limit: 8)
        let layer: Digest
        if Compression(firstBytes: start) == .none, let digest {
            try Files.rewind(blob)
            let pid = try ConfinedHelper.start(.unpack, descriptors: [blob, report.raw, errors.raw, target.raw])
            try finish(pid, errors.raw, subject)
            layer = digest
        } else {
            layer = try fillCompressed(target.raw, from: blob, report: report.raw, errors: errors.raw, subject: subject)
        }
        return (layer, try applyReport(report.raw, folder: folder))
    }

    private func finish(_ pid: Int32, _ errors: Int32, _ subject: String) throws {
        let ended = try Processes.collect(pid: pid, wait: true)
        guard ended?.status.code != 0 else { return }
        let text = String(decoding: (try? readSome(errors, at: 0, limit: 65536)) ?? [], as: UTF8.self)
        let reason = text.isEmpty ? "the helper ended with status \(ended?.status.code ?? -1)" : text
        throw text.contains("o space left")
            ? RoostError.failure("\(subject): no space left on the disk of \(root)")
            : RoostError.invalid("\(subject): \(reason)")
    }

    /// decompress → hash here → unpack, all at the same time.
    private func fillCompressed(_ target: Int32, from blob: Int32, report: Int32, errors: Int32, subject: String) throws
        -> Digest
    {
        try Files.rewind(blob)
        let plain = try Pipe()
        let forward = try Pipe()
        let decompressor = try ConfinedHelper.start(.decompress, descriptors: [blob, plain.writing.raw, errors])
        plain.writing.closeEarly()
        let unpacker = try ConfinedHelper.start(.unpack, descriptors: [forward.reading.raw, report, errors, target])
        forward.reading.closeEarly()
        var hash = SHA256()
        var broken: SyscallError?
        do throws(SyscallError) {
            while true {
                let part = try readSome(plain.reading.raw, limit: 1 << 18)
                if part.isEmpty { break }
                hash.update(data: part)
                try writeAll(forward.writing.raw, part)
            }
        } catch { broken = error }
        forward.writing.closeEarly()
        plain.reading.closeEarly()
        // The unpacker's reason first: a broken pipe is only its echo. Both are always waited for.
        let unpacked = Result { try finish(unpacker, errors, subject) }
        let decompressed = Result { try finish(decompressor, errors, subject) }
        try unpacked.get()
        if let broken { throw broken }
        try decompressed.get()
        return ContentStore.digest(of: hash)
    }

    /// Marks opaque folders as overlayfs wants it; the helper has not the right to.
    private func applyReport(_ report: Int32, folder: String) throws -> Int64 {
        let root = try RootedDirectory(path: folder)
        var size: Int64 = 0
        let bytes = try readSome(report, at: 0, limit: Int(Files.status(of: report).size))
        for record in bytes.split(separator: 0) {
            let text = String(decoding: record.dropFirst(), as: UTF8.self)
            if record.first == UInt8(ascii: "s") { size = Int64(text) ?? 0 }
            guard record.first == UInt8(ascii: "o") else { continue }
            let directory = try root.open(text, [.readOnly, .directory])
            try Files.setAttribute(directory.raw, "trusted.overlay.opaque", [UInt8(ascii: "y")])
        }
        return size
    }
}
