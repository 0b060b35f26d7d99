import CLinux
import Glibc

/// Inode flags of a file or directory (ioctl_iflags(2)).
package enum FileFlag: CInt, Sendable {
    /// FS_TOPDIR_FL: subdirectories are unrelated, and the file system spreads them over different block groups.
    case topOfHierarchy = 0x0002_0000
}

extension Files {
    /// Sets an inode flag of a directory. Throws ENOTTY or EOPNOTSUPP if the file system does not support flags.
    package static func setFlag(_ path: String, _ flag: FileFlag) throws(SyscallError) {
        let file = try open(path, [.readOnly, .directory])
        var flags: CInt = 0
        try check("ioctl FS_IOC_GETFLAGS", path) { unsafe roost_ioctl_out(file.raw, 0x8008_6601, &flags) }
        if flags & flag.rawValue != 0 { return }
        try check("ioctl FS_IOC_SETFLAGS", path) { roost_ioctl_int(file.raw, 0x4008_6602, flags | flag.rawValue) }
    }
}
