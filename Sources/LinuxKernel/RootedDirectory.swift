import CLinux
import Glibc

/// A directory used as the root of path resolution: every path is resolved by openat2(2) with RESOLVE_IN_ROOT, so that symbolic links and
/// ".." of a container or image cannot escape. No absolute host path is ever built.
package struct RootedDirectory: Sendable {
    private let root: OwnedFD

    /// Takes ownership of an open descriptor of the directory.
    package init(adopting root: OwnedFD) { self.root = root }

    package init(path: String) throws(SyscallError) { root = try Files.open(path, [.path, .directory]) }

    package var descriptor: CInt { root.raw }

    /// Opens a path inside the root; symbolic links are resolved inside the root.
    package func open(_ path: String, _ flags: OpenFlags, mode: UInt32 = 0) throws(SyscallError) -> OwnedFD {
        let raw = root.raw
        let wanted = UInt64(UInt32(bitPattern: flags.rawValue | O_CLOEXEC))
        let resolve = ROOST_RESOLVE_IN_ROOT | ROOST_RESOLVE_NO_MAGICLINKS
        return try OwnedFD(
            adopting: check("openat2", path) {
                unsafe withPath(path) {
                    unsafe roost_openat2(raw, $0, wanted, flags.contains(.create) ? UInt64(mode) : 0, resolve)
                }
            })
    }

    /// Creates a directory and its missing parents inside the root, and opens it.
    package func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SyscallError) -> OwnedFD {
        do throws(SyscallError) { return try open(path, [.path, .directory]) } catch  where error.errno == ENOENT {}
        let (parent, name) = splitLast(path)
        guard !name.isEmpty else { throw SyscallError(call: "mkdirat", subject: path, errno: EINVAL) }
        let above = try makeDirectories(parent, mode: mode)
        do throws(SyscallError) {
            try check("mkdirat", path) { unsafe withPath(name) { unsafe mkdirat(above.raw, $0, mode) } }
        } catch
            where error.errno == EEXIST
        {}
        return try open(path, [.path, .directory])
    }

    /// Creates an empty file if the path does not exist, and opens it as a mount point (O_PATH).
    package func makeFile(_ path: String, mode: UInt32 = 0o644) throws(SyscallError) -> OwnedFD {
        do throws(SyscallError) { return try open(path, .path) } catch  where error.errno == ENOENT {}
        let (parent, name) = splitLast(path)
        let above = try makeDirectories(parent)
        let made = try Files.open(at: above.raw, name, [.writeOnly, .create, .exclusive, .noFollow], mode: mode)
        _ = consume made
        return try open(path, .path)
    }

    /// Reads a whole file inside the root; throws EFBIG if it has more than `limit` bytes.
    package func read(_ path: String, limit: Int) throws(SyscallError) -> [UInt8] {
        let file = try open(path, [.readOnly, .nonBlocking])
        return try readAll(file.raw, limit: limit)
    }
}

/// "a/b/c" → ("/a/b", "c"); trailing slashes are ignored.
func splitLast(_ path: String) -> (parent: String, name: String) {
    let parts = FileName.parts(path).filter { $0 != "." }
    guard let last = parts.last else { return ("/", "") }
    return ("/" + parts.dropLast().joined(separator: "/"), String(last))
}

extension RootedDirectory {
    /// Creates a device node (mknodat(2)); an existing file is kept. If the kernel does not permit it, bind-mounts the host's node instead.
    package func makeDevice(
        _ path: String, mode: UInt32, major: UInt32, minor: UInt32, user: UInt32, group: UInt32
    ) throws(SyscallError) {
        let (parent, name) = splitLast(path)
        let folder = try makeDirectories(parent)
        do throws(SyscallError) {
            try check("mknodat", path) {
                unsafe withPath(name) { unsafe mknodat(folder.raw, $0, mode, dev_t(roost_makedev(major, minor))) }
            }
            try check("fchownat", path) {
                unsafe withPath(name) { unsafe fchownat(folder.raw, $0, user, group, AT_SYMLINK_NOFOLLOW) }
            }
        } catch  where error.errno == EEXIST {
        } catch  where error.errno == EPERM {
            let source = try Mounts.clone(path, recursive: false)
            let target = try makeFile(path)
            try Mounts.attach(source, onto: target, name: path)
        }
    }

    /// Creates a symbolic link (symlinkat(2)); an existing file is kept.
    package func makeLink(_ path: String, to target: String) throws(SyscallError) {
        let (parent, name) = splitLast(path)
        let folder = try makeDirectories(parent)
        do throws(SyscallError) {
            try check("symlinkat", path) {
                unsafe withPath(target) { target in unsafe withPath(name) { unsafe symlinkat(target, folder.raw, $0) } }
            }
        } catch
            where error.errno == EEXIST
        {}
    }
}
