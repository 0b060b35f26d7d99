import CLinux
import Glibc

/// A failed system call: the call, its object, and errno (errno(3)).
package struct SyscallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call's name as in its manual page.
    package let call: String
    /// The object of the call: a path, an interface, a process.
    package let subject: String
    /// The value of errno.
    package let errno: Int32

    package init(call: String, subject: String, errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    /// The text of the errno in lower case, e.g. "no such file or directory".
    package var reason: String { describeErrno(errno) }

    package var description: String { "\(Self.actions[call] ?? call) \(subject): \(reason)" }

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
package func describeErrno(_ number: Int32) -> String {
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
package enum Errno {
    package static let notPermitted = EPERM
    package static let noEntry = ENOENT
    package static let noProcess = ESRCH
    package static let ioError = EIO
    package static let again = EAGAIN
    package static let noExec = ENOEXEC
    package static let access = EACCES
    package static let busy = EBUSY
    package static let exists = EEXIST
    package static let noDevice = ENODEV
    package static let noDeviceOrAddress = ENXIO
    package static let notDirectory = ENOTDIR
    package static let isDirectory = EISDIR
    package static let invalid = EINVAL
    package static let illegalSequence = EILSEQ
    package static let noSpace = ENOSPC
    package static let quotaExceeded = EDQUOT
    /// Errors of a file system that is full, failing or read-only.
    package static let ofDisk: Set<Int32> = [ENOSPC, EDQUOT, EIO, EROFS, ENOMEM]
    package static let addressInUse = EADDRINUSE
    package static let addressNotAvailable = EADDRNOTAVAIL
    package static let connectionRefused = ECONNREFUSED
    package static let brokenPipe = EPIPE
    package static let connectionReset = ECONNRESET
    package static let noSystemCall = ENOSYS
    package static let notSupported = EOPNOTSUPP
    package static let inProgress = EINPROGRESS
    package static let readOnly = EROFS
    package static let notEmpty = ENOTEMPTY
    package static let noAttribute = ENODATA
    package static let textBusy = ETXTBSY
    package static let loop = ELOOP
}

/// Runs `body` and ignores errors with these errno values, e.g. "already exists" or "already removed".
package func ignoring(_ numbers: Int32..., body: () throws(SyscallError) -> Void) throws(SyscallError) {
    do throws(SyscallError) { try body() } catch {
        if !numbers.contains(error.errno) { throw error }
    }
}
