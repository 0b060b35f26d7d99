import CLinux
import Glibc

/// Namespace types, as CLONE_NEW… flags (namespaces(7)).
package struct Namespaces: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let mount = Namespaces(rawValue: ROOST_CLONE_NEWNS)
    package static let process = Namespaces(rawValue: ROOST_CLONE_NEWPID)
    package static let hostname = Namespaces(rawValue: ROOST_CLONE_NEWUTS)
    package static let ipc = Namespaces(rawValue: ROOST_CLONE_NEWIPC)
    package static let network = Namespaces(rawValue: ROOST_CLONE_NEWNET)
    package static let cgroup = Namespaces(rawValue: ROOST_CLONE_NEWCGROUP)
}

/// A process's exit code as in the shell and Docker: 0–255, or 128 + signal number.
package struct ExitStatus: Sendable, Equatable {
    package let code: Int32
    package init(code: Int32) { self.code = code }
    init(waitStatus: CInt) {
        code = roost_wifexited(waitStatus) != 0 ? roost_wexitstatus(waitStatus) : 128 + roost_wtermsig(waitStatus)
    }
}

/// Process system calls. `clone` is only safe in a single-threaded process such as the shim.
package enum Processes {
    /// The path of an executable installed in the same directory as this one (proc(5), `/proc/self/exe`).
    package static func siblingExecutable(_ name: String) throws(SyscallError) -> String {
        "/" + FileName.parts(try Files.canonical("/proc/self/exe")).dropLast().joined(separator: "/") + "/" + name
    }

    /// Creates a child in new namespaces (clone3(2)); returns nil in the child. `cgroup` is a v2 cgroup directory for CLONE_INTO_CGROUP.
    package static func clone(
        _ namespaces: Namespaces, cgroup: CInt? = nil
    ) throws(SyscallError) -> (pid: Int32, pidfd: OwnedFD)? {
        var pidfd: CInt = -1
        // CLONE_CLEAR_SIGHAND: the parent's signal handlers do not run in the child.
        var flags = namespaces.rawValue | ROOST_CLONE_PIDFD | ROOST_CLONE_CLEAR_SIGHAND
        if cgroup != nil { flags |= ROOST_CLONE_INTO_CGROUP }
        let pid = unsafe roost_clone3(flags, &pidfd, cgroup ?? -1)
        if pid < 0 { throw SyscallError(call: "clone3", subject: "a container's process", errno: Glibc.errno) }
        if pid == 0 { return nil }
        return (Int32(truncatingIfNeeded: pid), OwnedFD(adopting: pidfd))
    }

    /// Forks by clone(2), for single-threaded processes under a seccomp filter that denies clone3; returns nil in the child.
    package static func fork() throws(SyscallError) -> Int32? {
        let pid = roost_fork()
        if pid < 0 { throw SyscallError(call: "clone", subject: "a process", errno: Glibc.errno) }
        return pid == 0 ? nil : Int32(truncatingIfNeeded: pid)
    }

    /// A pidfd: refers to this process even if the pid is reused later (pidfd_open(2)).
    package static func open(_ pid: Int32) throws(SyscallError) -> OwnedFD {
        try OwnedFD(adopting: check("pidfd_open", "process \(pid)") { roost_pidfd_open(pid) })
    }

    package static func signal(_ pidfd: CInt, _ number: Int32) throws(SyscallError) {
        try check("pidfd_send_signal", "signal \(number)") { roost_pidfd_send_signal(pidfd, number) }
    }

    /// Whether the process of a pidfd has exited (pidfd_open(2): the pidfd becomes readable).
    package static func hasEnded(_ pidfd: CInt) -> Bool {
        var wanted = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&wanted, 1, 0) == 1
    }

    package static func signal(pid: Int32, _ number: Int32) throws(SyscallError) {
        try check("kill", "process \(pid)") { kill(pid, number) }
    }

    package static func unshare(_ namespaces: Namespaces) throws(SyscallError) {
        try check("unshare", "namespaces") { roost_unshare(CInt(truncatingIfNeeded: namespaces.rawValue)) }
    }

    /// Enters one namespace by its descriptor, or several namespaces of a process by its pidfd (setns(2)).
    package static func enter(_ fd: CInt, _ namespaces: Namespaces, name: String) throws(SyscallError) {
        try check("setns", name) { roost_setns(fd, CInt(truncatingIfNeeded: namespaces.rawValue)) }
    }

    /// Reaps an exited child (waitpid(2)); nil if there is none. `pid` -1 means any child.
    package static func collect(pid: Int32 = -1, wait: Bool = false) throws(SyscallError) -> (
        pid: Int32, status: ExitStatus
    )? {
        var status: CInt = 0
        do throws(SyscallError) {
            let found = try check("waitpid", "process \(pid)") { unsafe waitpid(pid, &status, wait ? 0 : WNOHANG) }
            return found == 0 ? nil : (found, ExitStatus(waitStatus: status))
        } catch  where error.errno == ECHILD { return nil }
    }

    /// Spawns a process with exactly these descriptors as 0, 1, 2, …; all others are closed (posix_spawn(3)).
    package static func spawn(
        _ path: String, arguments: [String], environment: [String], descriptors: [CInt], newSession: Bool = false
    ) throws(SyscallError) -> Int32 {
        var pid: pid_t = 0
        let code = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(environment) { envp in
                unsafe roost_spawn(&pid, path, descriptors, CInt(descriptors.count), argv, envp, newSession ? 1 : 0)
            }
        }
        if code != 0 { throw SyscallError(call: "posix_spawn", subject: path, errno: code) }
        return pid
    }

    /// Executes a new program in this process; returns only by throwing (execve(2)).
    package static func execute(_ path: String, arguments: [String], environment: [String]) throws(SyscallError)
        -> Never
    {
        unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(environment) { envp in _ = unsafe execve(path, argv, envp) }
        }
        throw SyscallError(call: "exec", subject: path, errno: Glibc.errno)
    }

    /// Closes all descriptors from `first` on, except `kept` (close_range(2)).
    package static func closeAll(from first: UInt32, except kept: Int32? = nil) throws(SyscallError) {
        func close(_ low: UInt32, _ high: UInt32) throws(SyscallError) {
            guard low <= high else { return }
            do throws(SyscallError) {
                try check("close_range", "descriptors from \(low)") { roost_close_range(low, high, 0) }
            } catch {
                // A custom seccomp profile may not allow the call.
                guard [Errno.notPermitted, Errno.noSystemCall].contains(error.errno) else { throw error }
                for name in try Files.list("/proc/self/fd") {
                    if let number = UInt32(name), low <= number, number <= high { _ = Glibc.close(Int32(number)) }
                }
            }
        }
        guard let kept = kept.map(UInt32.init(bitPattern:)), kept >= first else { return try close(first, UInt32.max) }
        if kept > first { try close(first, kept - 1) }
        try close(kept + 1, UInt32.max)
    }

    /// Duplicates a descriptor onto `target` (dup2(2)); the copy stays open across exec.
    package static func redirect(_ from: CInt, to target: CInt) throws(SyscallError) {
        try check("dup2", "descriptor \(from)") { dup2(from, target) }
    }

    package static func setHostname(_ name: String) throws(SyscallError) {
        try check("sethostname", name) { unsafe roost_sethostname(name, name.utf8.count) }
    }

    package static func setDomainname(_ name: String) throws(SyscallError) {
        try check("setdomainname", name) { unsafe roost_setdomainname(name, name.utf8.count) }
    }

    package static func setLimit(_ resource: Int32, soft: UInt64, hard: UInt64) throws(SyscallError) {
        try check("setrlimit", "resource \(resource)") { roost_setrlimit(resource, soft, hard) }
    }

    /// Raises this process's open file limit to the hard limit and returns the previous limits (RLIMIT_NOFILE, getrlimit(2)).
    package static func raiseOpenFileLimit() -> (soft: UInt64, hard: UInt64) {
        let before = openFileLimit
        if before.soft < before.hard {
            try? setLimit(Int32(RLIMIT_NOFILE.rawValue), soft: before.hard, hard: before.hard)
        }
        return before
    }

    /// This process's open file limit (RLIMIT_NOFILE).
    package static var openFileLimit: (soft: UInt64, hard: UInt64) { limit(Int32(RLIMIT_NOFILE.rawValue)) }

    package static func limit(_ resource: Int32) -> (soft: UInt64, hard: UInt64) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        _ = unsafe roost_getrlimit(resource, &soft, &hard)
        return (soft, hard)
    }

    package static func setIdentity(user: UInt32, group: UInt32, groups: [UInt32]) throws(SyscallError) {
        // The kernel takes -1 (the highest id) as "unchanged": the process would keep the identity that it must drop.
        if user == .max || group == .max || groups.contains(.max) {
            throw SyscallError(call: "setresuid", subject: "\(user):\(group)", errno: Errno.invalid)
        }
        try check("setgroups", "\(groups)") { unsafe roost_setgroups(groups.count, groups) }
        try check("setresgid", "\(group)") { roost_setresgid(group) }
        try check("setresuid", "\(user)") { roost_setresuid(user) }
    }

    package static func startSession() throws(SyscallError) { try check("setsid", "a session") { setsid() } }

    package static func changeDirectory(_ path: String) throws(SyscallError) {
        try check("chdir", path) { unsafe chdir(path) }
    }

    package static func changeDirectory(_ folder: OwnedFD) throws(SyscallError) {
        try check("fchdir", "an open directory") { fchdir(folder.raw) }
    }

    package static func setFileMask(_ mask: UInt32) { _ = umask(mask) }

    /// Sends SIGKILL to this process when its parent dies (PR_SET_PDEATHSIG).
    package static func dieWithParent() throws(SyscallError) {
        try check("prctl", "PR_SET_PDEATHSIG") { roost_prctl(1, UInt(SIGKILL), 0, 0, 0) }
    }

    /// False protects this process from ptrace(2) and /proc access by other users' processes (PR_SET_DUMPABLE).
    package static func setDumpable(_ on: Bool) throws(SyscallError) {
        try check("prctl", "PR_SET_DUMPABLE") { roost_prctl(4, on ? 1 : 0, 0, 0, 0) }
    }

    package static func noNewPrivileges() throws(SyscallError) {
        try check("prctl", "PR_SET_NO_NEW_PRIVS") { roost_prctl(38, 1, 0, 0, 0) }
    }

    /// Installs a compiled seccomp filter (seccomp(2), SECCOMP_SET_MODE_FILTER); 8 bytes per instruction.
    package static func setSeccompFilter(_ program: [UInt8]) throws(SyscallError) {
        try check("seccomp", "filter") { unsafe roost_seccomp_filter(program, UInt16(clamping: program.count / 8)) }
    }

    package static func unblockSignals() { roost_reset_signals() }

    package static func ignore(_ signal: Int32) { roost_ignore_signal(signal) }

    /// A signalfd for these signals, which are blocked in the calling thread (signalfd(2)).
    package static func signalDescriptor(_ signals: [Int32]) throws(SyscallError) -> OwnedFD {
        try OwnedFD(adopting: check("signalfd", "\(signals)") { unsafe roost_signal_fd(signals, CInt(signals.count)) })
    }

    /// Calls `handle` for each of these signals on a dedicated thread, so that a main thread blocked in a write or request does not delay
    /// them. Blocks the signals in the calling thread and in all threads started later: call this before starting any.
    package static func onSignals(_ signals: [Int32], _ handle: @escaping @Sendable (Int32) -> Void)
        throws(SyscallError)
    {
        let descriptor = try signalDescriptor(signals)
        try Threads.detach {
            while true {
                if let number = nextSignal(descriptor.raw) {
                    handle(number)
                } else {
                    _ = try? waitUntilReady(descriptor.raw, milliseconds: nil)
                }
            }
        }
    }

    /// The next pending signal of a signalfd, or nil.
    package static func nextSignal(_ fd: CInt) -> Int32? {
        guard let bytes = try? readSome(fd, limit: 128), bytes.count == 128 else { return nil }
        return Int32(littleEndianBytes: bytes, at: 0)
    }

    /// Sets close-on-exec on all descriptors from `first` on (close_range(2), CLOSE_RANGE_CLOEXEC; Linux 5.11).
    package static func closeOnExec(from first: UInt32) throws(SyscallError) {
        let closeOnExecFlag: UInt32 = 4
        do throws(SyscallError) {
            try check("close_range", "descriptors from \(first)") {
                roost_close_range(first, UInt32.max, closeOnExecFlag)
            }
        } catch {
            guard [Errno.invalid, Errno.noSystemCall].contains(error.errno) else { throw error }
            for name in try Files.list("/proc/self/fd") {
                guard let number = Int32(name), number >= first else { continue }
                // The descriptor of the directory listing itself is closed by now.
                _ = roost_fcntl(number, F_SETFD, Int(FD_CLOEXEC))
            }
        }
    }

    package static var currentPID: Int32 { getpid() }

    package static func exit(_ code: Int32) -> Never { _exit(code) }

    /// The process's start time in clock ticks since boot; together with the pid it identifies a process uniquely (proc(5), stat field 22).
    package static func startTime(_ pid: Int32) -> UInt64? {
        guard let text = try? Files.readText("/proc/\(pid)/stat", limit: 4096), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}

extension Int32 {
    init(littleEndianBytes bytes: [UInt8], at offset: Int) {
        var value: UInt32 = 0
        for index in 0..<4 { value |= UInt32(bytes[offset + index]) << (8 * UInt32(index)) }
        self.init(bitPattern: value)
    }
}

/// Passes a NULL-terminated array of C strings that is valid during the call.
func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
        // The array always holds the terminating NULL, so there is a base address.
        // swift-format-ignore: NeverForceUnwrap
        unsafe body(buffer.baseAddress!)
    }
}

extension Processes {
    /// Sleeps for one millisecond; for polling where there is no notification, e.g. until a socket appears.
    package static func pauseBriefly() { usleep(1000) }
    package static func pause(nanoseconds: Int64) { usleep(UInt32(clamping: nanoseconds / 1000)) }

    /// Sets the name that `ps` shows for this thread, at most 15 bytes (PR_SET_NAME). A program executed through /proc/PID/fd would
    /// otherwise be named after the descriptor number.
    package static func setName(_ name: String) { _ = unsafe roost_set_name(name) }

    /// The command name of the parent process (/proc/PID/comm).
    package static var parentName: String {
        let name = (try? Files.readText("/proc/\(getppid())/comm", limit: 100)) ?? "an unknown process"
        return String(name.prefix { $0 != "\n" })
    }

    package static var effectiveGroup: UInt32 { getegid() }
    package static var effectiveUser: UInt32 { geteuid() }

    package static func currentDirectory() throws(SyscallError) -> String { try Files.canonical(".") }

    /// The environment at process start (/proc/self/environ), by name.
    package static var environment: [String: String] {
        var found: [String: String] = [:]
        for entry in ((try? Files.read("/proc/self/environ", limit: 16 << 20)) ?? []).split(separator: 0) {
            let text = String(decoding: entry, as: UTF8.self)
            guard let cut = text.firstIndex(of: "=") else { continue }
            found[String(text[..<cut])] = String(text[text.index(after: cut)...])
        }
        return found
    }
}
