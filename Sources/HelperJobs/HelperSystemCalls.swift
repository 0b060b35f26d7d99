import LinuxKernel
import SystemCallFilters

/// The calls that no helper needs and that reach beyond the folder it works in: refused with EPERM. It runs for every helper, so it is
/// short and for this machine's own form of calls only; any other form ends the helper (seccomp_init(3), "bad architecture").
enum HelperSystemCalls {
    static let refused = [
        // Another view of the file system.
        "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "mount_setattr", "fsopen", "fsmount",
        "fsconfig", "fspick", "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd",
        // Other namespaces, programs and processes.
        "setns", "unshare", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
        "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "kcmp",
        // Sockets: those with a path in the folder are no business of a helper's.
        "socket", "connect", "bind", "listen", "accept", "accept4",
        // The kernel itself.
        "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
        "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
        "acct", "syslog", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
        "ioperm", "iopl", "vhangup", "keyctl", "add_key", "request_key", "personality",
    ]

    static func install() throws(SyscallError) {
        let rule = SystemCallFilter.Rule(refused, [], .fail(errno: 1))
        try Processes.setSystemCallFilter(
            try SystemCallFilter.compile([rule], otherwise: .allow, foreignArchitectures: false))
    }
}
