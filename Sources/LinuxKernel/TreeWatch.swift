import Glibc

/// Watches a directory tree for changes (inotify(7)). Events only tell where to look; changes are found by comparing with the last known
/// state, so that nothing is lost when the event queue overflows.
package final class TreeWatch {
    /// The last known state of a file, enough to detect a change.
    private struct Stamp: Equatable {
        let inode: UInt64
        let size: Int64
        let changed: Int64
        let isDirectory: Bool
    }

    package enum Change: Sendable, Equatable {
        case written(String)
        case removed(String)
    }

    private let watch: OwnedFD
    private let root: String
    private let skips: (String) -> Bool
    private var folders: [Int32: String] = [:]
    private var known: [String: Stamp] = [:]
    private var dirty: Set<String> = []
    private var isLost = false

    package var descriptor: CInt { watch.raw }

    /// `skips` gets paths relative to the root; skipped paths and everything below them are ignored.
    package init(_ root: String, skips: @escaping (String) -> Bool) throws(SyscallError) {
        self.root = root
        self.skips = skips
        watch = try OwnedFD(adopting: check("inotify_init1", "an instance") { inotify_init1(O_CLOEXEC | O_NONBLOCK) })
        _ = try scan("")
    }

    /// Reads pending events; true if there were any.
    package func collect() -> Bool {
        var any = false
        while let bytes = try? readSome(watch.raw, limit: 65536), !bytes.isEmpty {
            any = true
            var position = 0
            while position + 16 <= bytes.count {
                let descriptor = Int32(littleEndianBytes: bytes, at: position)
                let mask = Int32(littleEndianBytes: bytes, at: position + 4)
                // IN_Q_OVERFLOW, and IN_IGNORED of a removed directory.
                if mask & 0x4000 != 0 { isLost = true }
                if mask & 0x8000 != 0 {
                    folders[descriptor] = nil
                } else if let folder = folders[descriptor] {
                    dirty.insert(folder)
                }
                position += 16 + Int(Int32(littleEndianBytes: bytes, at: position + 12))
            }
        }
        return any
    }

    /// The changes since the last call, with paths relative to the root, directories before their content.
    package func changes() throws(SyscallError) -> [Change] {
        let places = isLost ? [""] : dirty.sorted()
        let all = isLost
        dirty = []
        isLost = false
        var found: [Change] = []
        for place in places {
            guard all || Files.exists(path(place)) else { continue }
            found += try compare(place, deeply: all)
        }
        return found
    }

    private func path(_ relative: String) -> String { relative.isEmpty ? root : root + "/" + relative }
    private func join(_ folder: String, _ name: String) -> String { folder.isEmpty ? name : folder + "/" + name }

    private func stamp(_ status: FileStatus) -> Stamp {
        Stamp(
            inode: status.inode, size: status.isDirectory ? 0 : status.size,
            changed: status.isDirectory ? 0 : status.changedNanoseconds, isDirectory: status.isDirectory)
    }

    /// Adds watches for a directory tree; returns the files and directories that it found.
    private func scan(_ folder: String) throws(SyscallError) -> [String] {
        if try Files.status(path(folder)).isDirectory == false {
            // The root may be a single file.
            try add(folder)
            known[folder] = stamp(try Files.status(path(folder)))
            return [folder]
        }
        try add(folder)
        var found: [String] = []
        for name in (try? Files.list(path(folder)))?.sorted() ?? [] {
            let child = join(folder, name)
            guard !skips(child), let status = try? Files.status(path(child), followLinks: false) else { continue }
            known[child] = stamp(status)
            found.append(child)
            if status.isDirectory { found += try scan(child) }
        }
        return found
    }

    private func add(_ folder: String) throws(SyscallError) {
        let raw = watch.raw
        let place = path(folder)
        // IN_ATTRIB, IN_CLOSE_WRITE, IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF.
        let descriptor = try check("inotify_add_watch", place) {
            unsafe withPath(place) {
                unsafe inotify_add_watch(raw, $0, 0x4 | 0x8 | 0x2 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800)
            }
        }
        folders[descriptor] = folder
    }

    private func compare(_ folder: String, deeply: Bool) throws(SyscallError) -> [Change] {
        guard try Files.status(path(folder)).isDirectory else {
            let now = stamp(try Files.status(path(folder)))
            defer { known[folder] = now }
            return known[folder] == now ? [] : [.written(folder)]
        }
        var found: [Change] = []
        let names = Set((try? Files.list(path(folder))) ?? [])
        let prefix = folder.isEmpty ? "" : folder + "/"
        for child in known.keys where child.hasPrefix(prefix) {
            let rest = child.dropFirst(prefix.count)
            guard !rest.isEmpty, !rest.contains("/"), !names.contains(String(rest)) else { continue }
            found.append(.removed(child))
            for below in known.keys where below == child || below.hasPrefix(child + "/") { known[below] = nil }
        }
        for name in names.sorted() {
            let child = join(folder, name)
            guard !skips(child), let status = try? Files.status(path(child), followLinks: false) else { continue }
            let now = stamp(status)
            let before = known[child]
            if before != now {
                known[child] = now
                found.append(.written(child))
                if now.isDirectory, before?.inode != now.inode { found += try scan(child).map { .written($0) } }
            }
            if deeply, now.isDirectory, before == now { found += try compare(child, deeply: true) }
        }
        return found
    }

    /// All known files and directories, as if they had just been written.
    package var everything: [Change] { known.keys.sorted().map { .written($0) } }
}
