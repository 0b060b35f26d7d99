import Archives
import EngineModel
import LinuxKernel

/// The helper that unpacks a layer's tar stream into a directory in overlayfs format (whiteouts as character devices 0:0).
enum LayerUnpacker {
    /// Limits of one layer: number of entries, and length of a path in bytes.
    static let entryLimit = 2_000_000
    static let pathLimit = 4096

    static func runConfined() throws {
        try Confinement.enter(
            3, capabilities: [.changeOwner, .overrideAccess, .owner, .setID, .makeNode, .setFileCapabilities])
        // Directories without an entry of their own get mode 0755; entries get the mode in the archive.
        Processes.setFileMask(0o022)
        let extractor = try ArchiveExtractor(descriptor: 0)
        var count = 0
        var bytes: Int64 = 0
        while let entry = try extractor.next() {
            count += 1
            if count > entryLimit { throw ArchiveError("the layer has more than \(entryLimit) entries") }
            bytes += entry.size
            try place(entry, extractor)
        }
        try extractor.finish()
        try writeAll(1, Array("s\(bytes)".utf8) + [0])
    }

    private static func place(_ entry: ArchiveEntry, _ extractor: ArchiveExtractor) throws {
        let path = try EntryPath(entry.path)
        switch path.name {
        case ".wh..wh..opq":
            try Files.makeDirectories(path.parent)
            try writeAll(1, Array("o\(path.parent)".utf8) + [0])
        case _ where path.name.hasPrefix(".wh..wh."): break
        case _ where path.name.hasPrefix(".wh."):
            try Files.makeDirectories(path.parent)
            let target = path.parent + "/" + path.name.dropFirst(4)
            try? Files.removeTree(target)
            try RootedDirectory(path: "/").makeDevice(target, mode: 0o020000, major: 0, minor: 0, user: 0, group: 0)
        default:
            try check(entry, path)
            try extractor.extract()
            if case .hardLink = entry.kind { try applyMetadata(entry, path) }
            try setAccessLists(entry, path)
        }
    }

    /// A hard link's entry repeats owner, mode and time; if they differ, the last entry wins, as in Docker.
    private static func applyMetadata(_ entry: ArchiveEntry, _ path: EntryPath) throws {
        let place = path.inRoot
        let status = try Files.status(place, followLinks: false)
        let isLink = status.isSymbolicLink
        let hasOwner = status.user == entry.user && status.group == entry.group
        if !hasOwner { try Files.changeOwner(place, user: entry.user, group: entry.group) }
        if isLink { return }
        if !hasOwner || status.mode & 0o7777 != entry.mode { try Files.changeMode(place, entry.mode) }
        try Files.setTimes(place, seconds: entry.modifiedSeconds, nanoseconds: entry.modifiedNanoseconds)
    }

    /// Sets POSIX ACLs, which libarchive excludes from the extended attributes that it restores.
    private static func setAccessLists(_ entry: ArchiveEntry, _ path: EntryPath) throws {
        let lists = entry.attributes.filter { $0.name.hasPrefix(TreeArchiver.accessLists) }
        guard !lists.isEmpty, entry.kind == .file || entry.kind == .directory else { return }
        let file = try Files.open(path.inRoot, [.readOnly, .noFollow, .nonBlocking])
        for list in lists {
            do throws(SyscallError) { try Files.setAttribute(file.raw, list.name, list.value) } catch {
                // A file system without ACL support is not an error, as in Docker.
                if error.errno != Errno.notSupported { throw error }
            }
        }
    }

    private static func check(_ entry: ArchiveEntry, _ path: EntryPath) throws {
        switch entry.kind {
        case .hardLink(let target): _ = try EntryPath(target)
        case .characterDevice(let major, let minor):
            guard isHarmless(major, minor) else { throw refused(path, "character device \(major):\(minor)") }
        case .blockDevice(let major, let minor): throw refused(path, "block device \(major):\(minor)")
        case .other: throw refused(path, "a file of unknown type")
        default: break
        }
    }

    private static func refused(_ path: EntryPath, _ what: String) -> ArchiveError {
        ArchiveError("entry \"\(path.text)\": \(what) is not allowed in an image")
    }

    /// null, zero, full, random, urandom, tty, console, ptmx, and the overlayfs whiteout.
    private static func isHarmless(_ major: UInt32, _ minor: UInt32) -> Bool {
        (major == 1 && [3, 5, 7, 8, 9].contains(minor)) || (major == 5 && minor <= 2) || (major == 0 && minor == 0)
    }
}

/// A checked path of an archive entry: it stays below the root even without confinement.
struct EntryPath {
    let text: String
    /// Absolute inside the root.
    let parent: String
    let name: String
    /// Absolute inside the root.
    var inRoot: String { parent == "/" ? "/" + name : parent + "/" + name }

    init(_ text: String) throws(ArchiveError) {
        guard text.utf8.count <= LayerUnpacker.pathLimit else {
            throw ArchiveError("an entry's path is longer than \(LayerUnpacker.pathLimit) bytes")
        }
        let parts = text.pathParts.filter { $0 != "." }
        guard !parts.contains("..") else { throw ArchiveError("entry \"\(text)\" leads out of the image") }
        self.text = text
        parent = "/" + parts.dropLast().joined(separator: "/")
        name = parts.last.map(String.init) ?? ""
    }
}

extension CapabilitySet {
    static let changeOwner = CapabilitySet(rawValue: 1 << 0)
    static let overrideAccess = CapabilitySet(rawValue: 1 << 1 | 1 << 2)
    static let owner = CapabilitySet(rawValue: 1 << 3)
    static let setID = CapabilitySet(rawValue: 1 << 4)
    static let makeNode = CapabilitySet(rawValue: 1 << 27)
    static let setFileCapabilities = CapabilitySet(rawValue: 1 << 31)
}
