import CLinux
import Glibc

/// A failed system call: the call, its object, and errno (errno(3)).
public struct SyscallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call's name as in its manual page.
    public let call: String
    /// The object of the call: a path, an interface, a process.
    public let subject: String
    /// The value of errno.
    public let errno: Int32

    public init(call: String, subject: String, errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    /// The text of the errno in lower case, e.g. "no such file or directory".
    public var reason: String { describeErrno(errno) }

    public var description: String { "\(Self.actions[call] ?? call) \(subject): \(reason)" }

    /// User-facing names of calls; a call whose name is clear is not listed.
    private static let actions = [
        "openat": "open", "openat2": "open", "opendir": "open", "fdopendir": "open", "mkdirat": "mkdir",
        "unlinkat": "remove", "unlink": "remove", "rmdir": "remove", "renameat": "rename", "symlinkat": "symlink",
        "linkat": "link", "mknodat": "mknod", "fchownat": "chown", "fstatat": "stat", "fstat": "stat",
        "llistxattr": "read attributes of", "fsetxattr": "set attributes of", "utimensat": "set times of",
        "move_mount": "mount", "open_tree": "mount", "fsopen": "mount", "fsconfig": "mount", "fsmount": "mount",
        "mount_setattr": "set mount options of", "umount2": "unmount", "pivot_root": "change root to",
        "realpath": "resolve", "memfd_create": "create memory file",
    ]
}

/// strerror(3) in lower case, like our other messages.
public func describeErrno(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text).lowercased()
}

/// Runs a call, retries on EINTR, and reads errno directly after it.
@discardableResult
func check(_ call: String, _ subject: @autoclosure () -> String, _ body: () -> CInt) throws(SyscallError) -> CInt {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = Glibc.errno
        if code != EINTR { throw SyscallError(call: call, subject: subject(), errno: code) }
    }
}

/// `check` for calls that return a length or an offset.
@discardableResult
func checkLong(_ call: String, _ subject: @autoclosure () -> String, _ body: () -> Int) throws(SyscallError) -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = Glibc.errno
        if code != EINTR { throw SyscallError(call: call, subject: subject(), errno: code) }
    }
}

/// The errno values that callers distinguish, so that other modules need not import Glibc for them.
public enum Errno {
    public static let notPermitted = EPERM
    public static let noEntry = ENOENT
    public static let noProcess = ESRCH
    public static let ioError = EIO
    public static let again = EAGAIN
    public static let noExec = ENOEXEC
    public static let access = EACCES
    public static let busy = EBUSY
    public static let exists = EEXIST
    public static let noDevice = ENODEV
    public static let noDeviceOrAddress = ENXIO
    public static let notDirectory = ENOTDIR
    public static let isDirectory = EISDIR
    public static let invalid = EINVAL
    public static let illegalSequence = EILSEQ
    public static let noSpace = ENOSPC
    public static let quotaExceeded = EDQUOT
    /// Errors of a file system that is full, failing or read-only.
    public static let ofDisk: Set<Int32> = [ENOSPC, EDQUOT, EIO, EROFS, ENOMEM]
    public static let addressInUse = EADDRINUSE
    public static let addressNotAvailable = EADDRNOTAVAIL
    public static let connectionRefused = ECONNREFUSED
    public static let brokenPipe = EPIPE
    public static let connectionReset = ECONNRESET
    public static let noSystemCall = ENOSYS
    public static let notSupported = EOPNOTSUPP
    public static let inProgress = EINPROGRESS
    public static let readOnly = EROFS
    public static let notEmpty = ENOTEMPTY
    public static let noAttribute = ENODATA
    public static let textBusy = ETXTBSY
    public static let loop = ELOOP
}

/// Runs `body` and ignores errors with these errno values, e.g. "already exists" or "already removed".
public func ignoring(_ numbers: Int32..., body: () throws(SyscallError) -> Void) throws(SyscallError) {
    do throws(SyscallError) { try body() } catch {
        if !numbers.contains(error.errno) { throw error }
    }
}
