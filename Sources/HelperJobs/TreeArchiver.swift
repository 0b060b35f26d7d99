import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// Writes files of the current root into an archive with owners, modes, times, links and extended attributes; a file with several hard
/// links is stored once.
struct TreeArchiver {
    let writer: ArchiveWriter
    private var seen: [FileIdentity: String] = [:]
    /// A directory that is archived without its content.
    var leftOut: FileIdentity?

    struct FileIdentity: Hashable {
        let device: UInt64
        let inode: UInt64
        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
        }
    }

    /// Upper bound of modification times, in seconds since the Unix epoch.
    var clamp: Int64?

    init(_ writer: ArchiveWriter) { self.writer = writer }

    /// Adds a file or a whole directory tree under a name.
    mutating func add(_ path: String, as name: String) throws {
        let follows = path.hasSuffix("/") || path.hasSuffix("/.")
        let status = try Files.status(path, followLinks: follows)
        guard status.isDirectory else { return try addOne(path, status, as: name) }
        let folder = try Files.open(path, follows ? [.readOnly, .directory] : [.readOnly, .directory, .noFollow])
        try addFolder(folder, as: name, above: nil)
    }

    /// Adds an open directory and its content. Every file is opened by a single name without following links: a running process may replace
    /// anything by a symbolic link meanwhile.
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

    /// Whether the error means that the file was removed or replaced by another kind of file since its directory was read.
    static func hasChanged(_ error: SyscallError) -> Bool {
        [Errno.noEntry, Errno.loop, Errno.notDirectory, Errno.noDeviceOrAddress].contains(error.errno)
    }

    /// Adds one file without its children; `owner` and `mode` override those of the file.
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
        default: return  // A socket is useless without its process.
        }
        if !status.isDirectory, status.links > 1, let first = seen[FileIdentity(status)] {
            kind = .hardLink(target: first)
        }
        let attributes = status.isSymbolicLink ? [] : try Files.attributes(path).filter { Self.isKept($0.name) }
        let isFile = kind == .file
        // Open before writing the header: a file that cannot be opened must not leave half an entry.
        let file = isFile ? try Files.open(path, [.readOnly, .noFollow, .nonBlocking]) : nil
        let status = try file.map { try Files.status(of: $0.raw) } ?? status
        if isFile, !status.isRegular { throw SyscallError(call: "open", subject: path, errno: Errno.noEntry) }
        try writer.add(
            name, kind: kind, mode: status.isSymbolicLink ? 0o777 : mode ?? status.mode & 0o7777,
            user: owner?.user ?? status.user, group: owner?.group ?? status.group, size: isFile ? status.size : 0,
            modifiedSeconds: min(status.modifiedSeconds, clamp ?? .max), attributes: attributes)
        // Only a name that is in the archive can be a hard link target.
        if !status.isDirectory, status.links > 1, seen[FileIdentity(status)] == nil {
            seen[FileIdentity(status)] = name
        }
        // From here on any error makes the archive invalid, whatever its errno.
        if let file {
            do { try copy(file, status.size) } catch let error as SyscallError {
                throw RoostError.failure("\(name): \(error.reason)")
            }
        }
    }

    /// Writes exactly the number of bytes in the header, padding with zeros if the file has shrunk meanwhile.
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

    /// File capabilities, user attributes and ACLs; not the attributes of overlayfs or the host's security modules.
    static func isKept(_ name: String) -> Bool {
        name == "security.capability" || name.hasPrefix("user.") || name.hasPrefix(accessLists)
    }

    /// POSIX access control lists (acl(5)).
    static let accessLists = "system.posix_acl_"
}

/// Writes a read-write layer as an OCI layer (OCI image specification, "Representing Changes").
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

/// The body's result; nil if the file was removed or replaced meanwhile.
func unlessChanged<Value>(_ body: () throws -> Value) throws -> Value? {
    do { return try body() } catch let error as SyscallError where TreeArchiver.hasChanged(error) { return nil }
}
