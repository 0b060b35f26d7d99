import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// Writes files of the current root into an archive: owners, modes, times, links, attributes; a file with several names once.
struct TreeArchiver {
    let writer: ArchiveWriter
    private var seen: [FileIdentity: String] = [:]
    /// A directory whose content is not archived.
    var leftOut: FileIdentity?

    struct FileIdentity: Hashable {
        let device: UInt64
        let inode: UInt64
        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
        }
    }

    /// No time is later, in seconds since 1970.
    var clamp: Int64?

    init(_ writer: ArchiveWriter) { self.writer = writer }

    /// A file, or a directory with all below it, under a name.
    mutating func add(_ path: String, as name: String) throws {
        let follows = path.hasSuffix("/") || path.hasSuffix("/.")
        let status = try Files.status(path, followLinks: follows)
        guard status.isDirectory else { return try addOne(path, status, as: name) }
        let folder = try Files.open(path, follows ? [.readOnly, .directory] : [.readOnly, .directory, .noFollow])
        try addFolder(folder, as: name, above: nil)
    }

    /// An open directory and its content. Each file is reached from it by a single name and no link is followed: a running process may
    /// put a link in the place of anything meanwhile.
    private mutating func addFolder(_ folder: OwnedFD, as name: String, above device: UInt64?) throws {
        try Processes.changeDirectory(folder)
        let status = try Files.status(of: folder.raw)
        // The root itself needs no entry.
        if !name.isEmpty { try addOne(".", status, as: name) }
        if leftOut == FileIdentity(status) { return }
        if device != status.device, try Files.isPseudoFilesystem(folder.raw) { return }
        for child in try Files.list(".").sorted() {
            let below = name.isEmpty || name == "/" ? name + child : name + "/" + child
            var inner: OwnedFD?
            do {
                let facts = try Files.status(child, followLinks: false)
                if facts.isDirectory {
                    inner = try Files.open(child, [.readOnly, .directory, .noFollow])
                } else {
                    try addOne(child, facts, as: below)
                }
            } catch let error as SyscallError where Self.hasChanged(error) { continue }
            guard let inner else { continue }
            try addFolder(inner, as: below, above: status.device)
            try Processes.changeDirectory(folder)
        }
    }

    /// The file is gone, or has become another kind of file, since its directory was read: a running process may do that.
    static func hasChanged(_ error: SyscallError) -> Bool {
        [Errno.noEntry, Errno.loop, Errno.notDirectory, Errno.noDeviceOrAddress].contains(error.errno)
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
        if !status.isDirectory, status.links > 1, let first = seen[FileIdentity(status)] {
            kind = .hardLink(target: first)
        }
        let attributes = status.isSymbolicLink ? [] : try Files.attributes(path).filter { Self.isKept($0.name) }
        let isFile = kind == .file
        // Read before the header: a file that cannot be opened must not leave half an entry.
        let file = isFile ? try Files.open(path, [.readOnly, .noFollow, .nonBlocking]) : nil
        let status = try file.map { try Files.status(of: $0.raw) } ?? status
        if isFile, !status.isRegular { throw SyscallError(call: "open", subject: path, errno: Errno.noEntry) }
        try writer.add(
            name, kind: kind, mode: status.isSymbolicLink ? 0o777 : mode ?? status.mode & 0o7777,
            user: owner?.user ?? status.user, group: owner?.group ?? status.group, size: isFile ? status.size : 0,
            modifiedSeconds: min(status.modifiedSeconds, clamp ?? .max), attributes: attributes)
        // Only a name that is in the archive can be linked to.
        if !status.isDirectory, status.links > 1, seen[FileIdentity(status)] == nil {
            seen[FileIdentity(status)] = name
        }
        // From here on an error breaks the archive, whatever its number.
        if let file {
            do { try copy(file, status.size) } catch let error as SyscallError {
                throw RoostError.failure("\(name): \(error.reason)")
            }
        }
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
                let found: FileStatus? = try unlessChanged { try Files.status(path, followLinks: false) }
                guard let status = found else { continue }
                let name = String(path.dropFirst())
                if status.isWhiteout {
                    let parent = folder.isEmpty ? "" : folder.dropFirst() + "/"
                    try writer.add(
                        parent + ".wh." + child, kind: .file, mode: 0o644, size: 0,
                        modifiedSeconds: min(status.modifiedSeconds, clamp ?? .max))
                    continue
                }
                guard try unlessChanged({ try tree.addOne(path, status, as: name) }) != nil, status.isDirectory else {
                    continue
                }
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

/// What the body returns; nil if the file that it is about has gone or changed its kind meanwhile.
func unlessChanged<Value>(_ body: () throws -> Value) throws -> Value? {
    do { return try body() } catch let error as SyscallError where TreeArchiver.hasChanged(error) { return nil }
}
