import LinuxKernel
import Seccomp

/// The system calls that a helper needs: file access below its root, memory, exit. All others fail with EPERM, including calls of future
/// kernels; a call through another architecture's ABI kills the helper (seccomp_init(3), "bad architecture").
enum HelperSeccompFilter {
    private static func words(_ text: String) -> [String] {
        text.split { $0 == " " || $0 == "\n" }.map(String.init)
    }

    static let allowed = words(
        """
        read write readv writev pread64 pwrite64 preadv pwritev lseek close dup dup2 dup3 fcntl pipe pipe2 poll ppoll
        open openat openat2 creat stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2
        readlink readlinkat getdents getdents64 getcwd chdir fchdir umask truncate ftruncate fallocate fadvise64
        flock copy_file_range sendfile splice fsync fdatasync sync_file_range
        mkdir mkdirat rmdir mknod mknodat unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat
        chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat
        getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr flistxattr
        removexattr lremovexattr fremovexattr
        brk mmap munmap mprotect mremap madvise memfd_create
        futex set_robust_list rseq membarrier sched_yield sched_getaffinity
        rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall getpid gettid tgkill exit exit_group
        getuid geteuid getgid getegid getresuid getresgid getgroups capget getrlimit getrusage uname sysinfo
        clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrandom
        """)

    /// FS_IOC_GETFLAGS and FS_IOC_SETFLAGS (ioctl_iflags(2)), FICLONE (ioctl_ficlone(2)), FS_IOC_FIEMAP, TCGETS.
    private static let controls: [UInt64] = [0x8008_6601, 0x4008_6602, 0x4004_9409, 0xc020_660b, 0x5401]

    static func install() throws(SyscallError) {
        var rules = [SeccompFilter.Rule(allowed)]
        // Limits may be read but not set; prctl(2) is limited to PR_SET_NAME.
        rules.append(SeccompFilter.Rule(["prlimit64"], [.init(2, .equals, 0)]))
        rules.append(SeccompFilter.Rule(["prctl"], [.init(0, .equals, 15)]))
        rules += controls.map { SeccompFilter.Rule(["ioctl"], [.init(1, .equals, $0)]) }
        try Processes.setSeccompFilter(
            try SeccompFilter.compile(rules, otherwise: .fail(errno: 1), foreignArchitectures: false))
    }
}
