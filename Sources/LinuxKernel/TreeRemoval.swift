import CLinux
import Glibc

extension Files {
    /// Removes a directory tree; symbolic links are removed, never followed. Continues after a failure and throws the first error.
    ///
    /// Works on open directories and raw name bytes: no path is too long, and every name works.
    package static func removeTree(_ path: String) throws(SyscallError) {
        guard let status = try? status(path, followLinks: false) else { return }
        guard status.isDirectory else { return try remove(path) }
        let top = try open(path, [.readOnly, .directory, .noFollow])
        var removal = TreeRemoval(top: top.raw, path: path)
        // Directories that are nested too deeply are moved to the top and removed in the next round.
        repeat {
            removal.moved = 0
            removal.empty(top.raw, depth: 0)
        } while removal.moved > 0 && removal.first == nil
        if let first = removal.first { throw first }
        try removeDirectory(path)
    }
}

private struct TreeRemoval {
    let top: CInt
    let path: String
    var moved = 0
    var count = 0
    var first: SyscallError?

    /// Maximum number of directories open at a time.
    static let depthLimit = 64

    mutating func empty(_ folder: CInt, depth: Int) {
        let copy = roost_fcntl(folder, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0, let stream = unsafe fdopendir(copy) else { return fail("fdopendir") }
        defer { unsafe closedir(stream) }
        unsafe rewinddir(stream)
        while let entry = unsafe readdir(stream) {
            let isFolder = unsafe entry.pointee.d_type == UInt8(DT_DIR)
            unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { name in
                    if unsafe strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { return }
                    if !isFolder {
                        if unsafe unlinkat(folder, name, 0) == 0 || errno == ENOENT { return }
                        // Some file systems do not report the entry type (d_type).
                        if errno != EISDIR { return fail("unlinkat") }
                    }
                    unsafe removeDirectory(name, in: folder, depth: depth)
                }
            }
        }
    }

    private mutating func removeDirectory(_ name: UnsafePointer<CChar>, in folder: CInt, depth: Int) {
        if depth >= Self.depthLimit {
            count += 1
            guard unsafe renameat(folder, name, top, ".deep-\(count)") == 0 else { return fail("renameat") }
            moved += 1
            return
        }
        let child = unsafe roost_openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        guard child >= 0 else { return fail("openat") }
        empty(child, depth: depth + 1)
        _ = Glibc.close(child)
        if unsafe unlinkat(folder, name, AT_REMOVEDIR) != 0 { fail("unlinkat") }
    }

    private mutating func fail(_ call: String) {
        first = first ?? SyscallError(call: call, subject: path, errno: errno)
    }
}
