import CLinux
import Glibc

/// Attributes that a file system keeps for a file or folder (ioctl_iflags(2)).
public enum FileFlag: CInt, Sendable {
    /// FS_TOPDIR_FL: folders made in this one do not belong together, and each gets a place of its own on the disk.
    case topOfHierarchy = 0x0002_0000
}

extension Files {
    /// Sets an attribute. Throws with ENOTTY or EOPNOTSUPP where the file system has none.
    public static func setFlag(_ path: String, _ flag: FileFlag) throws(SyscallError) {
        let file = try open(path, [.readOnly, .directory])
        var flags: CInt = 0
        try check("ioctl FS_IOC_GETFLAGS", path) { unsafe roost_ioctl_out(file.raw, 0x8008_6601, &flags) }
        if flags & flag.rawValue != 0 { return }
        try check("ioctl FS_IOC_SETFLAGS", path) { roost_ioctl_int(file.raw, 0x4008_6602, flags | flag.rawValue) }
    }
}
