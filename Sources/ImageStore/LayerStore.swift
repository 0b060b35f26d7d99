import EngineModel
import Glibc
import HelperProtocol
import LinuxKernel
import OCI

import struct Crypto.SHA256

/// Unpacked layers by chain id: each directory appears atomically by rename and is shared by all containers.
struct LayerStore: Sendable {
    let root: String

    init(root: String) throws(SyscallError) {
        self.root = root
        try Files.makeDirectories(root, mode: 0o711)
        try? Files.removeTree(root + "/arriving")
        try Files.makeDirectories(root + "/arriving", mode: 0o700)
        // Spreads new layers over block groups (ext4's Orlov allocator): where layers were removed recently, ext4 scans all freed inodes
        // before it allocates one, and a load takes six times as long. Other file systems do not support the flag.
        try? Files.setFlag(root + "/arriving", .topOfHierarchy)
        try makeFloor()
    }

    /// Entries of the root that are not layers.
    static let ownFolders = ["arriving", "floor", "nothing", "void"]

    /// Two empty directories: an overlay view needs at least two layers.
    var nothing: String { root + "/nothing" }
    var void: String { root + "/void" }

    /// The base layer below every image, with the mount points that the runtime needs and an image may lack. Shared by all containers, so
    /// that none has to create them in its own layer.
    var floor: String { root + "/floor" }

    private func makeFloor() throws(SyscallError) {
        for folder in [nothing, void] { try Files.makeDirectories(folder, mode: 0o755) }
        for folder in ["dev", "proc", "sys", "etc"] { try Files.makeDirectories("\(floor)/\(folder)", mode: 0o755) }
        // /.dockerenv tells programs that they run in a container.
        for file in ["etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"] {
            let path = "\(floor)/\(file)"
            if !Files.exists(path) { try Files.write(path, "", mode: file == ".dockerenv" ? 0o755 : 0o644) }
        }
    }

    /// Half of the digest is unique enough, and mount(2) has one page for the paths of all layers.
    func path(_ chain: Digest) -> String { "\(root)/\(chain.hex.prefix(32))" }

    /// The chain id: the digest of all layers up to this one (OCI image specification, "Layer ChainID").
    static func chain(_ parent: Digest?, _ layer: Digest) -> Digest {
        guard let parent else { return layer }
        return ContentStore.digest(Array("\(parent) \(layer)".utf8))
    }

    /// Unpacks a layer on top of a chain; throws if its digest is not the expected one. `verify` is called after unpacking, also if that
    /// failed, and before the layer gets its name; an error that it throws rejects the layer.
    func unpack(
        _ source: LayerSource, onto parent: Digest?, expecting expected: Digest? = nil, subject: String,
        verify: () throws -> Void = {}
    ) throws -> (layer: Digest, chain: Digest, size: Int64) {
        let folder = try ingestDirectory()
        defer { try? Files.removeTree(folder) }
        let filled = Result { try fill(folder, from: source, subject: subject) }
        let verified = Result { try verify() }
        let (layer, size): (Digest, Int64) = try filled.get()
        try verified.get()
        if let expected { try check(layer, is: expected, subject) }
        let chain = Self.chain(parent, layer)
        try place(folder, as: chain)
        return (layer, chain, size)
    }

    /// Throws if a layer does not have the expected digest.
    func check(_ layer: Digest, is expected: Digest, _ subject: String) throws(RoostError) {
        guard layer != expected else { return }
        throw .invalid("\(subject) has digest \(layer), expected \(expected)")
    }

    /// A new temporary directory, swept unless it is renamed.
    func ingestDirectory() throws(SyscallError) -> String {
        let folder = "\(root)/arriving/\(Identifiers.random().prefix(24))"
        try Files.makeDirectory(folder, mode: 0o755)
        return folder
    }

    /// Removes a layer's directory: renames it first, so that a partially removed one is never taken for a layer.
    func remove(_ name: String) throws(SyscallError) {
        let gone = "\(root)/arriving/\(Identifiers.random().prefix(24))"
        try Files.rename("\(root)/\(name)", to: gone)
        try Files.removeTree(gone)
    }

    /// Renames a complete directory to its chain id, unless the layer already exists.
    func place(_ folder: String, as chain: Digest) throws(SyscallError) {
        guard !Files.exists(path(chain)) else { return }
        try ignoring(Errno.exists, Errno.notEmpty) { () throws(SyscallError) in
            try Files.rename(folder, to: path(chain))
        }
    }

    /// Unpacks a tar stream, plain or compressed, into a directory; returns the digest of the uncompressed stream and the total size of the files.
    func fill(_ folder: String, from source: LayerSource, subject: String) throws -> (layer: Digest, size: Int64) {
        let target = try Files.open(folder, [.readOnly, .directory])
        let report = try Files.memory("report", [])
        let errors = try Files.memory("errors", [])
        let compression = Compression(firstBytes: try source.start())
        let layer: Digest
        if compression == .none, case .file(let blob, let digest?) = source {
            try Files.rewind(blob)
            let pid = try ConfinedHelper.start(.unpack, descriptors: [blob, report.raw, errors.raw, target.raw])
            try finish(pid, errors.raw, subject)
            layer = digest
        } else {
            layer = try fillHashing(
                target.raw, from: source, compressed: compression != .none, report: report.raw, errors: errors.raw,
                subject: subject)
        }
        return (layer, try applyReport(report.raw, folder: folder))
    }

    /// Unpacks an archive without computing its digest; accepts pipes and compressed archives.
    func unpackArchive(_ archive: Int32, into folder: String, subject: String) throws {
        let target = try Files.open(folder, [.readOnly, .directory])
        let report = try Files.memory("report", [])
        let errors = try Files.memory("errors", [])
        let pid = try ConfinedHelper.start(.unpack, descriptors: [archive, report.raw, errors.raw, target.raw])
        try finish(pid, errors.raw, subject)
    }

    private func finish(_ pid: Int32, _ errors: Int32, _ subject: String) throws {
        let ended = try Processes.collect(pid: pid, wait: true)
        guard ended?.status.code != 0 else { return }
        let bytes = (try? readSome(errors, at: 0, limit: 65536)) ?? []
        let failure =
            HelperFailure.decode(bytes)
            ?? .invalid(
                bytes.isEmpty
                    ? "the helper exited with status \(ended?.status.code ?? -1)"
                    : String(decoding: bytes, as: UTF8.self))
        throw RoostError(failure.kind, "\(subject): \(failure.message)", code: failure.code)
    }

    /// Pipeline: decompress → hash here → unpack.
    private func fillHashing(
        _ target: Int32, from source: LayerSource, compressed: Bool, report: Int32, errors: Int32, subject: String
    ) throws -> Digest {
        let forward = try Pipe()
        let unpacker = try ConfinedHelper.start(.unpack, descriptors: [forward.reading.raw, report, errors, target])
        forward.reading.close()
        let plain: Decompressor
        do { plain = try Decompressor(source, compressed: compressed, errors: errors) } catch {
            forward.writing.close()
            try? finish(unpacker, errors, subject)
            throw error
        }
        var hash = SHA256()
        var broken: (any Error)?
        // The unpacker's result if it exited before the end of the stream: an archive may have trailing padding.
        var early: Result<Void, any Error>?
        var padding = 0
        do {
            while true {
                let part = try plain.next()
                if part.isEmpty { break }
                hash.update(data: part)
                if early == nil, !(try Self.write(part, to: forward.writing.raw)) {
                    early = Result { try finish(unpacker, errors, subject) }
                    if case .failure = early { break }
                }
                guard early != nil else { continue }
                padding += part.count
                guard padding <= Self.paddingLimit else {
                    throw RoostError.invalid("\(subject): too much data after the end of the archive")
                }
            }
        } catch { broken = error }
        // An interrupted stream must not look like a short one.
        let wasCut = broken != nil
        if wasCut, early == nil { try? Processes.signal(pid: unpacker, 9) }
        forward.writing.close()
        // Report the unpacker's error first: a broken pipe is only its consequence. Always wait for all processes.
        let unpacked = early ?? Result { try finish(unpacker, errors, subject) }
        let ended = Result { try plain.end { try finish($0, errors, subject) } }
        if wasCut, let broken {
            try? ended.get()
            throw broken
        }
        try unpacked.get()
        try ended.get()
        if let broken { throw broken }
        return ContentStore.digest(of: hash)
    }

    /// Maximum number of bytes after the end of an archive.
    private static let paddingLimit = 64 << 20

    /// False if the reader has closed the pipe.
    private static func write(_ bytes: [UInt8], to pipe: Int32) throws(SyscallError) -> Bool {
        do throws(SyscallError) { try writeAll(pipe, bytes) } catch {
            if error.errno == Errno.brokenPipe { return false }
            throw error
        }
        return true
    }

    /// Sets overlayfs's opaque attribute on directories; the helper lacks the capability. Returns the total size.
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
