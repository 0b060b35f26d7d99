import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// The helper's jobs. Paths are relative to the mounted view, which is the helper's root.
enum RootFSOperations {
    static func read(_ path: String, _ limit: Int) throws -> [UInt8] {
        do throws(SyscallError) {
            let file = try Files.open(path, [.readOnly, .nonBlocking])
            guard try Files.status(of: file.raw).isRegular else { return [] }
            return try readAll(file.raw, limit: limit)
        } catch { throw found(error, path) }
    }

    /// Docker's error text for a missing file.
    private static func found(_ error: SyscallError, _ path: String) -> RoostError {
        error.errno == Errno.noEntry || error.errno == Errno.notDirectory
            ? .missing("Could not find the file \(path)") : .failure("\(path): \(error.reason)")
    }

    static func stat(_ path: String, _ followsLinks: Bool) throws {
        let status: FileStatus
        do throws(SyscallError) {
            // A trailing slash requires a directory and follows symbolic links.
            status = try Files.status(path, followLinks: followsLinks || path.hasSuffix("/") || path.hasSuffix("/."))
        } catch { throw found(error, path) }
        try refusePseudoFile(path)
        let target = status.isSymbolicLink ? try? Files.canonicalTarget(path) : nil
        let found = PathStatus(
            name: name(of: path), size: Int64(status.size), mode: GoFileMode.value(status.mode),
            modifiedAt: Timestamp(nanoseconds: status.modificationTime).rfc3339, linkTarget: target ?? "")
        try writeAll(1, JSON(encoding: found).bytes())
    }

    private static func name(of path: String) -> String {
        path.hasSuffix("/.") ? "." : path.pathParts.last.map(String.init) ?? "/"
    }

    static func archive(_ path: String, _ name: String) throws {
        let writer = try ArchiveWriter(descriptor: 1)
        var tree = TreeArchiver(writer)
        do throws(SyscallError) {
            let follows = path.hasSuffix("/") || path.hasSuffix("/.")
            _ = try Files.status(path, followLinks: follows)
        } catch { throw found(error, path) }
        try refusePseudoFile(path)
        tree.leftOut = deviceFolder()
        try tree.add(path, as: name)
        try writer.finish()
    }

    /// The container's /dev mount, of which only the directory itself is archived, as in Docker; a /dev of an image or volume is an
    /// ordinary directory.
    private static func deviceFolder() -> TreeArchiver.FileIdentity? {
        guard let root = try? Files.status("/"), let devices = try? Files.status("/dev"), devices.device != root.device
        else { return nil }
        return TreeArchiver.FileIdentity(devices)
    }

    /// Files of pseudo file systems are not copied; /proc itself appears as an empty directory, as in Docker.
    private static func refusePseudoFile(_ path: String) throws {
        guard let file = try? Files.open(path, [.path, .noFollow]), try Files.isPseudoFilesystem(file.raw) else {
            return
        }
        if try Files.status(of: file.raw).isDirectory,
            let above = try? Files.open(path + "/..", .path), try !Files.isPseudoFilesystem(above.raw)
        {
            return
        }
        throw RoostError.missing("Could not find the file \(path)")
    }

    static func extract(_ options: RootRequest.ExtractOptions) throws {
        if options.makesFolder { try makeDirectories(options.folder, options.owner) }
        do throws(SyscallError) {
            guard try Files.status(options.folder).isDirectory else {
                throw SyscallError(call: "stat", subject: options.folder, errno: Errno.notDirectory)
            }
            try Processes.changeDirectory(options.folder)
        } catch {
            if error.errno == Errno.notDirectory { throw RoostError.invalid("extraction point is not a directory") }
            throw found(error, options.folder)
        }
        let extractor = try ArchiveExtractor(descriptor: 0, refusesLinks: options.refusesLinks)
        while let entry = try extractor.next() {
            let path = try EntryPath(entry.path)
            if path.name.isEmpty, options.rebase == nil { continue }
            if options.refusesKindChange { try checkKind(entry, path) }
            if options.replacesKinds == true { try removeConflicting(entry, path) }
            if case .blockDevice = entry.kind { throw RoostError.invalid("entry \"\(entry.path)\" is a block device") }
            if case .other = entry.kind { continue }
            try extractor.extract(
                owner: options.keepsOwners ? nil : options.owner.map { ($0.user, $0.group) }, rebase: options.rebase)
        }
        try extractor.finish()
    }

    private static func removeConflicting(_ entry: ArchiveEntry, _ path: EntryPath) throws {
        let place = "." + path.parent + "/" + path.name
        guard let there = try? Files.status(place, followLinks: false),
            there.isDirectory != (entry.kind == .directory)
        else { return }
        try Files.removeTree(place)
    }

    private static func checkKind(_ entry: ArchiveEntry, _ path: EntryPath) throws {
        guard let there = try? Files.status("." + path.parent + "/" + path.name, followLinks: false) else { return }
        if there.isDirectory, entry.kind != .directory {
            throw RoostError.invalid("cannot overwrite directory \"\(path.text)\" with non-directory")
        }
        if !there.isDirectory, entry.kind == .directory {
            throw RoostError.invalid("cannot overwrite non-directory \"\(path.text)\" with directory")
        }
    }

    /// Creates the missing directories of a path, with an owner if given.
    static func makeDirectories(_ path: String, _ owner: RootRequest.Owner?) throws {
        var soFar = ""
        for part in path.pathParts {
            soFar += "/" + part
            do throws(SyscallError) { try Files.makeDirectory(soFar) } catch {
                guard error.errno == Errno.exists else { throw found(error, soFar) }
                continue
            }
            if let owner { try Files.changeOwner(soFar, user: owner.user, group: owner.group) }
        }
    }

    static func select(_ selection: RootRequest.Selection) throws {
        let writer = try ArchiveWriter(descriptor: 1)
        var sink = ArchivingSink(tree: TreeArchiver(writer))
        try TreeSelection(selection).walk(into: &sink)
        try writer.finish()
    }

    static func digest(_ selection: RootRequest.Selection, _ cache: DigestCache?) throws {
        var sink = DigestingSink(cache: cache)
        try TreeSelection(selection).walk(into: &sink)
        try cache?.save()
        try writeAll(1, Array(sink.result.description.utf8))
    }

    static func copy(_ source: String, to target: String) throws {
        let from: OwnedFD
        do throws(SyscallError) { from = try Files.open(source, [.readOnly, .directory]) } catch {
            // The source is missing or not a directory: nothing to copy.
            if [Errno.noEntry, Errno.notDirectory].contains(error.errno) { return }
            throw error
        }
        let into = try Files.open(target, [.readOnly, .directory])
        Processes.setFileMask(0)
        try TreeCopy.copy(from: from, to: into)
    }

    /// The changes of a container's read-write layer, with Docker's letters (A, C, D).
    static func changes() throws {
        func visit(_ folder: String) throws {
            for name in try Files.list("/upper" + folder).sorted() {
                let path = folder + "/" + name
                let found: FileStatus? = try unlessChanged { try Files.status("/upper" + path, followLinks: false) }
                guard let status = found else { continue }
                let letter: String
                if status.isWhiteout {
                    letter = "D"
                } else {
                    letter = Files.exists("/lower" + path) ? "C" : "A"
                }
                try writeAll(1, Array("\(letter) \(path)".utf8) + [0])
                if status.isDirectory { _ = try unlessChanged { try visit(path) } }
            }
        }
        try visit("")
    }
}
