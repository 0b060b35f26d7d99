import CLinux
import Glibc

extension Files {
    /// Magic numbers of pseudo file systems (statfs(2), "f_type"): the kernel generates their files on read. They report no size, some are
    /// endless, and reading some has side effects.
    private static let pseudoFilesystems: Set<UInt32> = [
        0x9FA0, 0x6265_6572, 0x0027_E0EB, 0x6367_7270,  // proc, sysfs, cgroup, cgroup2
        0x1CD1, 0x1980_0202, 0x6462_6720, 0x7472_6163,  // devpts, mqueue, debugfs, tracefs
        0x7363_6673, 0xCAFE_4A11, 0x6265_6570, 0x6165_676C,  // securityfs, bpf, configfs, pstore
        0x4249_4E4D, 0xDE5E_81E4, 0xF97C_FF8C, 0x6E73_6673,  // binfmt_misc, efivarfs, selinux, nsfs
    ]

    /// Whether an open file is on a pseudo file system (fstatfs(2)).
    package static func isPseudoFilesystem(_ file: CInt) throws(SyscallError) -> Bool {
        var raw = statfs()
        try check("fstatfs", "descriptor \(file)") { unsafe fstatfs(file, &raw) }
        return pseudoFilesystems.contains(UInt32(truncatingIfNeeded: raw.f_type))
    }
}
