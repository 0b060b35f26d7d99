import CLinux
import Glibc

/// Flags of openat(2).
package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: CInt
    package init(rawValue: CInt) { self.rawValue = rawValue }
    package static let readOnly = OpenFlags([])
    package static let writeOnly = OpenFlags(rawValue: O_WRONLY)
    package static let readWrite = OpenFlags(rawValue: O_RDWR)
    package static let create = OpenFlags(rawValue: O_CREAT)
    package static let exclusive = OpenFlags(rawValue: O_EXCL)
    package static let truncate = OpenFlags(rawValue: O_TRUNC)
    package static let append = OpenFlags(rawValue: O_APPEND)
    package static let directory = OpenFlags(rawValue: O_DIRECTORY)
    package static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
    package static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    package static let noTerminal = OpenFlags(rawValue: O_NOCTTY)
    package static let path = OpenFlags(rawValue: ROOST_O_PATH)
}

/// The fields of stat(2) that we use.
package struct FileStatus: Sendable, Equatable {
    package let mode: UInt32
    package let user: UInt32
    package let group: UInt32
    package let size: Int64
    package let inode: UInt64
    package let device: UInt64
    package let specialDevice: UInt64
    package let modifiedSeconds: Int64
    package let modifiedNanoseconds: Int64
    package let blocks: Int64
    /// Number of hard links.
    package let links: UInt64
    /// Last status change (st_ctim), in nanoseconds since the Unix epoch.
    package let changedNanoseconds: Int64
    /// Last modification (st_mtim), in nanoseconds since the Unix epoch.
    package var modificationTime: Int64 { modifiedSeconds &* 1_000_000_000 &+ modifiedNanoseconds }
    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    package var isRegular: Bool { mode & S_IFMT == S_IFREG }
    package var isSocket: Bool { mode & S_IFMT == S_IFSOCK }
    package var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    package var isCharacterDevice: Bool { mode & S_IFMT == S_IFCHR }
    /// The overlayfs whiteout of a file removed from a lower layer: a character device 0:0.
    package var isWhiteout: Bool { isCharacterDevice && specialDevice == 0 }
    package var isBlockDevice: Bool { mode & S_IFMT == S_IFBLK }

    init(_ raw: stat) {
        mode = raw.st_mode
        user = raw.st_uid
        group = raw.st_gid
        size = Int64(raw.st_size)
        inode = UInt64(raw.st_ino)
        device = UInt64(raw.st_dev)
        specialDevice = UInt64(raw.st_rdev)
        modifiedSeconds = Int64(raw.st_mtim.tv_sec)
        modifiedNanoseconds = Int64(raw.st_mtim.tv_nsec)
        blocks = Int64(raw.st_blocks)
        links = UInt64(raw.st_nlink)
        changedNanoseconds = Int64(raw.st_ctim.tv_sec) * 1_000_000_000 + Int64(raw.st_ctim.tv_nsec)
    }
}

/// System calls on trusted paths. Paths that a container or an image can influence go through `RootedDirectory`.
package enum Files {
    package static func open(_ path: String, _ flags: OpenFlags, mode: UInt32 = 0o600) throws(SyscallError) -> OwnedFD {
        try OwnedFD(
            adopting: check("open", path) {
                unsafe withPath(path) { unsafe roost_openat(AT_FDCWD, $0, flags.rawValue | O_CLOEXEC, mode) }
            })
    }

    package static func open(
        at directory: CInt, _ path: String, _ flags: OpenFlags, mode: UInt32 = 0o600
    ) throws(SyscallError) -> OwnedFD {
        try OwnedFD(
            adopting: check("openat", path) {
                unsafe withPath(path) { unsafe roost_openat(directory, $0, flags.rawValue | O_CLOEXEC, mode) }
            })
    }

    package static func status(_ path: String, followLinks: Bool = true) throws(SyscallError) -> FileStatus {
        var raw = stat()
        try check("stat", path) { unsafe withPath(path) { unsafe followLinks ? stat($0, &raw) : lstat($0, &raw) } }
        return FileStatus(raw)
    }

    /// The status of an entry of an open directory; does not follow symbolic links (fstatat(2)).
    package static func status(at directory: CInt, _ name: String) throws(SyscallError) -> FileStatus {
        var raw = stat()
        try check("fstatat", name) {
            unsafe withPath(name) { unsafe fstatat(directory, $0, &raw, AT_SYMLINK_NOFOLLOW) }
        }
        return FileStatus(raw)
    }

    package static func status(of fd: CInt) throws(SyscallError) -> FileStatus {
        var raw = stat()
        try check("fstat", "descriptor \(fd)") { unsafe fstat(fd, &raw) }
        return FileStatus(raw)
    }

    package static func exists(_ path: String) -> Bool { (try? status(path, followLinks: false)) != nil }

    package static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(SyscallError) {
        try check("mkdir", path) { unsafe withPath(path) { unsafe mkdir($0, mode) } }
    }

    /// Creates a directory and its missing parents; an existing directory is left unchanged.
    package static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SyscallError) {
        do throws(SyscallError) { try makeDirectory(path, mode: mode) } catch  where error.errno == EEXIST {
            return
        } catch  where error.errno == ENOENT {
            guard let cut = path.utf8.lastIndex(of: 47), cut != path.startIndex else { throw error }
            try makeDirectories(String(path[..<cut]), mode: mode)
            do throws(SyscallError) { try makeDirectory(path, mode: mode) } catch  where error.errno == EEXIST {}
        }
    }

    package static func remove(_ path: String) throws(SyscallError) {
        try check("unlink", path) { unsafe withPath(path) { unsafe unlink($0) } }
    }

    package static func removeDirectory(_ path: String) throws(SyscallError) {
        try check("rmdir", path) { unsafe withPath(path) { unsafe rmdir($0) } }
    }

    package static func rename(_ from: String, to: String) throws(SyscallError) {
        try check("rename", "\(from) to \(to)") {
            unsafe withPath(from) { from in unsafe withPath(to) { unsafe Glibc.rename(from, $0) } }
        }
    }

    package static func link(_ target: String, at path: String) throws(SyscallError) {
        try check("symlink", path) {
            unsafe withPath(target) { target in unsafe withPath(path) { unsafe symlink(target, $0) } }
        }
    }

    package static func changeMode(_ path: String, _ mode: UInt32) throws(SyscallError) {
        try check("chmod", path) { unsafe withPath(path) { unsafe chmod($0, mode) } }
    }

    package static func changeOwner(_ path: String, user: UInt32, group: UInt32) throws(SyscallError) {
        try check("chown", path) { unsafe withPath(path) { unsafe lchown($0, user, group) } }
    }

    /// Sets the access and modification times, in seconds since the Unix epoch (utimensat(2)).
    package static func setTimes(_ path: String, seconds: Int64, nanoseconds: Int = 0) throws(SyscallError) {
        let time = timespec(tv_sec: Int(seconds), tv_nsec: nanoseconds)
        try check("utimensat", path) { unsafe withPath(path) { unsafe utimensat(AT_FDCWD, $0, [time, time], 0) } }
    }

    /// The target of a symbolic link (readlink(2)).
    package static func readLink(_ path: String) throws(SyscallError) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = try checkLong("readlink", path) {
            unsafe withPath(path) { unsafe readlink($0, &buffer, buffer.count) }
        }
        return FileName.text(buffer[..<length].map(UInt8.init(bitPattern:)))
    }

    /// The canonical absolute path (realpath(3)).
    package static func canonical(_ path: String) throws(SyscallError) -> String {
        guard let found = unsafe withPath(path, { unsafe realpath($0, nil) }) else {
            throw SyscallError(call: "realpath", subject: path, errno: Glibc.errno)
        }
        defer { unsafe free(found) }
        return unsafe FileName.text(found)
    }

    /// The whole file, at most `limit` bytes.
    package static func read(_ path: String, limit: Int = 16 << 20) throws(SyscallError) -> [UInt8] {
        let file = try open(path, .readOnly)
        return try readAll(file.raw, limit: limit)
    }

    package static func readText(_ path: String, limit: Int = 16 << 20) throws(SyscallError) -> String {
        String(decoding: try read(path, limit: limit), as: UTF8.self)
    }

    /// Truncates and writes in place, for kernel files and files that readers keep open.
    package static func write(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(SyscallError) {
        let file = try open(path, [.writeOnly, .create, .truncate], mode: mode)
        try writeAll(file.raw, bytes)
    }

    package static func write(_ path: String, _ text: String, mode: UInt32 = 0o644) throws(SyscallError) {
        try write(path, Array(text.utf8), mode: mode)
    }

    /// Writes a value to an existing control file of the kernel: a single write(2), never creates the file.
    package static func set(_ path: String, _ value: String) throws(SyscallError) {
        let file = try open(path, .writeOnly)
        let bytes = Array(value.utf8)
        try checkLong("write", path) { unsafe Glibc.write(file.raw, bytes, bytes.count) }
    }

    /// Replaces a file atomically: writes to a temporary name in the same directory, fsync, rename.
    package static func replace(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(SyscallError) {
        let temporary = path + ".new"
        let file = try open(temporary, [.writeOnly, .create, .truncate], mode: mode)
        try writeAll(file.raw, bytes)
        try sync(file.raw)
        try rename(temporary, to: path)
    }

    package static func sync(_ fd: CInt) throws(SyscallError) {
        try check("fsync", "descriptor \(fd)") { fsync(fd) }
    }

    /// The entries of a directory without `.` and `..`, unsorted; see `FileName` for names that are not UTF-8.
    package static func list(_ path: String) throws(SyscallError) -> [String] {
        guard let stream = unsafe withPath(path, { unsafe opendir($0) }) else {
            throw SyscallError(call: "opendir", subject: path, errno: Glibc.errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe FileName.text($0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Takes an exclusive lock that is held as long as the descriptor is open (flock(2)); nil if the lock is already held.
    package static func lock(_ path: String) throws(SyscallError) -> OwnedFD? {
        let file = try open(path, [.readWrite, .create])
        do throws(SyscallError) { try check("flock", path) { flock(file.raw, LOCK_EX | LOCK_NB) } } catch
            where error.errno == EWOULDBLOCK
        {
            return nil
        }
        return file
    }

    package enum LockMode: CInt, Sendable {
        case shared = 1, exclusive = 2, none = 8
    }

    /// Waits for a lock on an open file, or releases it (flock(2)).
    package static func lock(_ fd: CInt, _ mode: LockMode) throws(SyscallError) {
        try check("flock", "descriptor \(fd)") { flock(fd, mode.rawValue) }
    }

    /// Total and available bytes of the file system that contains the path (statvfs(3)).
    package static func space(_ path: String) throws(SyscallError) -> (total: UInt64, free: UInt64) {
        var raw = statvfs()
        try check("statvfs", path) { unsafe withPath(path) { unsafe statvfs($0, &raw) } }
        return (UInt64(raw.f_blocks) * UInt64(raw.f_frsize), UInt64(raw.f_bavail) * UInt64(raw.f_frsize))
    }

    /// An anonymous file in memory with this content (memfd_create(2)); `sealed` adds all seals against modification (F_ADD_SEALS).
    package static func memory(_ name: String, _ bytes: [UInt8], sealed: Bool = false) throws(SyscallError) -> OwnedFD {
        let file = try OwnedFD(adopting: check("memfd_create", name) { unsafe roost_memfd(name, 3) })
        try writeAll(file.raw, bytes)
        try check("lseek", name) { CInt(truncatingIfNeeded: lseek(file.raw, 0, SEEK_SET)) }
        if sealed { try check("fcntl", name) { roost_fcntl(file.raw, 1033, 0xf) } }
        return file
    }
}

extension Files {
    /// Links an open file to a path on its file system (linkat(2)); never replaces an existing file.
    package static func linkDescriptor(_ fd: CInt, to path: String) throws(SyscallError) {
        try check("linkat", path) { unsafe linkat(AT_FDCWD, "/proc/self/fd/\(fd)", AT_FDCWD, path, AT_SYMLINK_FOLLOW) }
    }

    package static func rewind(_ fd: CInt) throws(SyscallError) {
        try checkLong("lseek", "descriptor \(fd)") { lseek(fd, 0, SEEK_SET) }
    }

    /// Sets an extended attribute of an open file (fsetxattr(2)).
    package static func setAttribute(_ fd: CInt, _ name: String, _ value: [UInt8]) throws(SyscallError) {
        try check("fsetxattr", name) { unsafe fsetxattr(fd, name, value, value.count, 0) }
    }
}

extension Files {
    /// The extended attributes of a file; does not follow a final symbolic link (llistxattr(2), lgetxattr(2)).
    package static func attributes(_ path: String) throws(SyscallError) -> [(name: String, value: [UInt8])] {
        // Most files have none: query the size first, without a buffer.
        let needed = unsafe withPath(path) { unsafe llistxattr($0, nil, 0) }
        if needed <= 0 { return [] }
        var names = [CChar](repeating: 0, count: needed + 256)
        let length = unsafe withPath(path) { unsafe llistxattr($0, &names, names.count) }
        // A file system without extended attributes: none.
        if length <= 0 { return [] }
        return names[..<length].split(separator: 0).compactMap { part in
            let name = String(decoding: part.map(UInt8.init(bitPattern:)), as: UTF8.self)
            var value = [UInt8](repeating: 0, count: 65536)
            let size = unsafe withPath(path) { unsafe lgetxattr($0, name, &value, value.count) }
            return size < 0 ? nil : (name, Array(value[..<size]))
        }
    }

    /// The total size of the regular files below a directory, in bytes; 0 if the directory is missing.
    package static func treeSize(_ path: String) throws(SyscallError) -> Int64 {
        guard exists(path) else { return 0 }
        var sum: Int64 = 0
        for name in try list(path) {
            guard let status = try? status(path + "/" + name, followLinks: false) else { continue }
            if status.isDirectory {
                sum += try treeSize(path + "/" + name)
            } else if status.isRegular {
                sum += status.size
            }
        }
        return sum
    }

    /// Truncates or zero-extends an open file to a size (ftruncate(2)).
    package static func setSize(_ fd: CInt, _ size: UInt64) throws(SyscallError) {
        try check("ftruncate", "descriptor \(fd)") { ftruncate(fd, off_t(size)) }
    }

    /// Truncates an open file to zero length (ftruncate(2)).
    package static func truncate(_ fd: CInt) throws(SyscallError) {
        try check("ftruncate", "descriptor \(fd)") { ftruncate(fd, 0) }
    }

    /// The absolute target of a symbolic link; the target need not exist.
    package static func canonicalTarget(_ path: String) throws(SyscallError) -> String {
        let target = try readLink(path)
        if target.hasPrefix("/") { return target }
        var parts = FileName.parts(path).dropLast().map(String.init)
        for part in FileName.parts(target) where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return "/" + parts.joined(separator: "/")
    }
}

/// Splits a device number into major and minor (makedev(3)).
package func deviceNumbers(_ device: UInt64) -> (major: UInt32, minor: UInt32) {
    (roost_major(device), roost_minor(device))
}

extension Files {
    /// Whether the lock on this file is currently held.
    package static func isLocked(_ path: String) throws(SyscallError) -> Bool {
        guard let free = try lock(path) else { return true }
        free.close()
        return false
    }
}
