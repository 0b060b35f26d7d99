import CLinux
import Glibc

/// A system call that failed: which call, on what, and the kernel's number for the reason (errno(3)).
public struct SyscallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call's name as its manual page spells it.
    public let call: String
    /// The object that it was about: a path, an interface, a process.
    public let subject: String
    /// The value of errno.
    public let errno: Int32

    public init(call: String, subject: String, errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    /// The kernel's words for the number, in lower case: "no such file or directory".
    public var reason: String { describeErrno(errno) }

    public var description: String { "\(Self.actions[call] ?? call) \(subject): \(reason)" }

    /// What users know calls by; a call whose name says it already is not listed.
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

/// strerror(3), in lower case as the other messages are.
public func describeErrno(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text).lowercased()
}

/// Runs one call until it is not interrupted, and reads errno once, next to it.
@discardableResult
func check(_ call: String, _ subject: @autoclosure () -> String, _ body: () -> CInt) throws(SyscallError) -> CInt {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = Glibc.errno
        if code != EINTR { throw SyscallError(call: call, subject: subject(), errno: code) }
    }
}

/// The same for calls that return a length or an offset.
@discardableResult
func checkLong(_ call: String, _ subject: @autoclosure () -> String, _ body: () -> Int) throws(SyscallError) -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = Glibc.errno
        if code != EINTR { throw SyscallError(call: call, subject: subject(), errno: code) }
    }
}

/// The numbers that callers tell apart, so that no other module needs to import Glibc for them.
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
    /// A file system is full, broken or read-only.
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

/// Runs calls and takes failures with these numbers for done: "already there" or "already gone".
public func accepting(_ numbers: Int32..., body: () throws(SyscallError) -> Void) throws(SyscallError) {
    do throws(SyscallError) { try body() } catch {
        if !numbers.contains(error.errno) { throw error }
    }
}
