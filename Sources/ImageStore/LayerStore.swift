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
        // Each new layer begins in a part of the disk of its own (ext4's Orlov allocator): where layers were removed lately, ext4 looks at
        // every inode that is gone before it takes one, and a load takes six times as long. Other file systems do not know the flag.
        try? Files.setFlag(root + "/arriving", .topOfHierarchy)
        try makeFloor()
    }

    /// What stands beside the layers' folders.
    static let ownFolders = ["arriving", "floor", "nothing", "void"]

    /// Two empty folders: a view needs two at least.
    var nothing: String { root + "/nothing" }
    var void: String { root + "/void" }

    /// The folder below every image: what the runtime mounts onto where an image lacks it. Made once for all containers, so that
    /// none has to make these in its own layer.
    var floor: String { root + "/floor" }

    private func makeFloor() throws(SyscallError) {
        for folder in [nothing, void] { try Files.makeDirectories(folder, mode: 0o755) }
        for folder in ["dev", "proc", "sys", "etc"] { try Files.makeDirectories("\(floor)/\(folder)", mode: 0o755) }
        // By the file at the top programs see that they run in a container.
        for file in ["etc/hosts", "etc/hostname", "etc/resolv.conf", ".dockerenv"] {
            let path = "\(floor)/\(file)"
            if !Files.exists(path) { try Files.write(path, "", mode: file == ".dockerenv" ? 0o755 : 0o644) }
        }
    }

    /// Half of the digest is enough for a name, and mount(2) has one page for all names of an image.
    func path(_ chain: Digest) -> String { "\(root)/\(chain.hex.prefix(32))" }

    /// The chain id: the digest of all layers up to this one (OCI image specification, "Layer ChainID").
    static func chain(_ parent: Digest?, _ layer: Digest) -> Digest {
        guard let parent else { return layer }
        return ContentStore.digest(Array("\(parent) \(layer)".utf8))
    }

    /// Unpacks a layer on top of a chain; refuses one that has not the digest that it should have.
    /// `verify` is called when the layer is unpacked, however that went, and before it has its name: what it throws refuses the layer.
    func unpack(
        _ source: LayerSource, onto parent: Digest?, expecting expected: Digest? = nil, subject: String,
        verify: () throws -> Void = {}
    ) throws -> (layer: Digest, chain: Digest, size: Int64) {
        let folder = try arrivingFolder()
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

    /// Refuses a layer that has not the digest that it should have.
    func check(_ layer: Digest, is expected: Digest, _ subject: String) throws(RoostError) {
        guard layer != expected else { return }
        throw .invalid("\(subject) has digest \(layer), but the image says \(expected)")
    }

    /// A new folder that is swept if nobody gives it a name.
    func arrivingFolder() throws(SyscallError) -> String {
        let folder = "\(root)/arriving/\(Identifiers.random().prefix(24))"
        try Files.makeDirectory(folder, mode: 0o755)
        return folder
    }

    /// Takes a layer's folder away: by rename first, so that one that is half removed is never taken for a layer.
    func remove(_ name: String) throws(SyscallError) {
        let gone = "\(root)/arriving/\(Identifiers.random().prefix(24))"
        try Files.rename("\(root)/\(name)", to: gone)
        try Files.removeTree(gone)
    }

    /// Gives a complete folder its name, unless the layer is there already.
    func place(_ folder: String, as chain: Digest) throws(SyscallError) {
        guard !Files.exists(path(chain)) else { return }
        try accepting(Errno.exists, Errno.notEmpty) { () throws(SyscallError) in
            try Files.rename(folder, to: path(chain))
        }
    }

    /// Fills a folder from a tar stream, plain or compressed; answers with the digest of the plain stream and the files' size.
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

    /// Takes an archive apart that nobody needs the digest of, from a pipe as well, compressed or not.
    func takeApart(_ archive: Int32, into folder: String, subject: String) throws {
        let target = try Files.open(folder, [.readOnly, .directory])
        let report = try Files.memory("report", [])
        let errors = try Files.memory("errors", [])
        let pid = try ConfinedHelper.start(.unpack, descriptors: [archive, report.raw, errors.raw, target.raw])
        try finish(pid, errors.raw, subject)
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
    private func fillHashing(
        _ target: Int32, from source: LayerSource, compressed: Bool, report: Int32, errors: Int32, subject: String
    ) throws -> Digest {
        let forward = try Pipe()
        let unpacker = try ConfinedHelper.start(.unpack, descriptors: [forward.reading.raw, report, errors, target])
        forward.reading.closeEarly()
        let plain: PlainBytes
        do { plain = try PlainBytes(source, compressed: compressed, errors: errors) } catch {
            forward.writing.closeEarly()
            try? finish(unpacker, errors, subject)
            throw error
        }
        var hash = SHA256()
        var broken: (any Error)?
        // How the unpacker has ended, if it did before the stream: an archive may have padding behind its end.
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
                    throw RoostError.invalid("\(subject): there is more behind the end of the archive than padding")
                }
            }
        } catch { broken = error }
        // A stream that broke off must not look like a short one.
        let wasCut = broken != nil
        if wasCut, early == nil { try? Processes.signal(pid: unpacker, 9) }
        forward.writing.closeEarly()
        // The unpacker's reason first: a broken pipe is only its echo. All are always waited for.
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

    /// The most that may follow the end of an archive, in bytes.
    private static let paddingLimit = 64 << 20

    /// False if the reader has gone.
    private static func write(_ bytes: [UInt8], to pipe: Int32) throws(SyscallError) -> Bool {
        do throws(SyscallError) { try writeAll(pipe, bytes) } catch {
            if error.errno == Errno.brokenPipe { return false }
            throw error
        }
        return true
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
