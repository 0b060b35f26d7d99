import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// Writes files of the current root into an archive: owners, modes, times, links, attributes; a file with several names once.
struct TreeArchiver {
    let writer: ArchiveWriter
    private var seen: [FileIdentity: String] = [:]

    private struct FileIdentity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    /// No time is later, in seconds since 1970.
    var clamp: Int64?

    init(_ writer: ArchiveWriter) { self.writer = writer }

    /// A file, or a folder with all below it, under a name.
    mutating func add(_ path: String, as name: String) throws {
        let status = try Files.status(path, followLinks: path.hasSuffix("/") || path.hasSuffix("/."))
        // The root itself needs no entry.
        if !name.isEmpty { try addOne(path, status, as: name) }
        guard status.isDirectory else { return }
        for child in try Files.list(path).sorted() {
            do throws(SyscallError) { _ = try Files.status(path + "/" + child, followLinks: false) } catch {
                // Gone since the folder was read: a running program may do that.
                if error.errno == Errno.noEntry { continue }
                throw error
            }
            try add(path + "/" + child, as: name.isEmpty || name == "/" ? name + child : name + "/" + child)
        }
    }

    /// One file without what is below it; owner and mode may be other ones.
    mutating func addOne(
        _ path: String, _ status: FileStatus, as name: String, owner: RootRequest.Owner? = nil, mode: UInt32? = nil
    ) throws {
        var kind: ArchiveEntry.Kind
        switch status.mode & 0o170000 {
        case 0o100000: kind = .file
        case 0o040000: kind = .directory
        case 0o120000: kind = .symbolicLink(target: try Files.readLink(path))
        case 0o020000:
            let numbers = deviceNumbers(status.specialDevice)
            kind = .characterDevice(major: numbers.major, minor: numbers.minor)
        case 0o060000:
            let numbers = deviceNumbers(status.specialDevice)
            kind = .blockDevice(major: numbers.major, minor: numbers.minor)
        case 0o010000: kind = .fifo
        default: return  // A socket means nothing without its program.
        }
        if !status.isDirectory, status.links > 1 {
            let identity = FileIdentity(device: status.device, inode: status.inode)
            if let first = seen[identity] { kind = .hardLink(target: first) } else { seen[identity] = name }
        }
        let attributes = status.isSymbolicLink ? [] : try Files.attributes(path).filter { Self.isKept($0.name) }
        let isFile = kind == .file
        // Read before the header: a file that cannot be opened must not leave half an entry.
        let file = isFile ? try Files.open(path, [.readOnly, .noFollow, .nonBlocking]) : nil
        try writer.add(
            name, kind: kind, mode: status.isSymbolicLink ? 0o777 : mode ?? status.mode & 0o7777,
            user: owner?.user ?? status.user, group: owner?.group ?? status.group, size: isFile ? status.size : 0,
            modifiedSeconds: min(status.modifiedSeconds, clamp ?? .max), attributes: attributes)
        if let file { try copy(file, status.size) }
    }

    /// Exactly as many bytes as the header says, whatever happens to the file meanwhile.
    private func copy(_ file: OwnedFD, _ size: Int64) throws {
        var left = size
        while left > 0 {
            let part = try readSome(file.raw, limit: Int(min(left, 1 << 18)))
            if part.isEmpty { break }
            try writer.write(part)
            left -= Int64(part.count)
        }
        while left > 0 {
            let zeros = [UInt8](repeating: 0, count: Int(min(left, 1 << 18)))
            try writer.write(zeros)
            left -= Int64(zeros.count)
        }
    }

    /// Capabilities and what users set; nothing of the file system below.
    static func isKept(_ name: String) -> Bool {
        name == "security.capability" || name.hasPrefix("user.") || name.hasPrefix(accessLists)
    }

    /// POSIX access control lists (acl(5)).
    static let accessLists = "system.posix_acl_"
}

/// A read-write layer as a layer's tar stream (OCI image specification, "Representing Changes").
enum LayerArchiver {
    static func run(clamp: Int64?) throws {
        let writer = try ArchiveWriter(descriptor: 1)
        var tree = TreeArchiver(writer)
        tree.clamp = clamp
        func visit(_ folder: String) throws {
            for child in try Files.list(folder.isEmpty ? "/" : folder).sorted() {
                let path = folder + "/" + child
                let status = try Files.status(path, followLinks: false)
                let name = String(path.dropFirst())
                if status.isWhiteout {
                    let parent = folder.isEmpty ? "" : folder.dropFirst() + "/"
                    try writer.add(
                        parent + ".wh." + child, kind: .file, mode: 0o644, size: 0,
                        modifiedSeconds: min(status.modifiedSeconds, clamp ?? .max))
                    continue
                }
                try tree.addOne(path, status, as: name)
                guard status.isDirectory else { continue }
                if try Files.attributes(path).contains(where: {
                    $0.name == "trusted.overlay.opaque" && $0.value == [UInt8(ascii: "y")]
                }) {
                    try writer.add(
                        name + "/.wh..wh..opq", kind: .file, mode: 0o644, size: 0,
                        modifiedSeconds: min(status.modifiedSeconds, clamp ?? .max))
                }
                try visit(path)
            }
        }
        try visit("")
        try writer.finish()
    }
}
