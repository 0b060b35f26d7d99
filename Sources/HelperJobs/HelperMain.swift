import Archives
import EngineModel
import Glibc
import HelperProtocol
import LinuxKernel

/// Processes untrusted input in a confined process: its own mount namespace with the target directory as root, no network, few capabilities.
package enum HelperMain {
    /// Runs the job named by the first argument and exits.
    package static func run(_ arguments: [String]) -> Never {
        // It is executed through /proc/PID/fd, and would be listed under the descriptor's number.
        Processes.setName("roost-helper")
        guard arguments.count > 1, let job = HelperJob(rawValue: arguments[1]) else {
            try? writeAll(2, Array("roost-helper is run by roostd and roost, not directly\n".utf8))
            exit(2)
        }
        do {
            switch job {
            case .unpack: try LayerUnpacker.runConfined()
            case .decompress: try LayerDecompressor.runConfined()
            case .root: try RootRequestRunner.runConfined()
            case .local: try RootRequestRunner.runLocally()
            }
            exit(0)
        } catch {
            try? writeAll(2, HelperFailure.encode(failure(of: error, in: job)))
            exit(1)
        }
    }

    private static func failure(of error: any Error, in job: HelperJob) -> RoostError {
        if let known = error as? RoostError { return known }
        let number = (error as? SyscallError)?.errno ?? (error as? ArchiveError)?.errno
        if let number, [Errno.noSpace, Errno.quotaExceeded].contains(number) {
            return .failure("\(error)", code: .noSpace)
        }
        // The archive was made by the user.
        if error is ArchiveError { return .invalid("\(error)") }
        // A path that another process has just removed.
        if number == Errno.noEntry, job == .root { return .missing("\(error)") }
        return job == .unpack || job == .decompress ? .invalid("\(error)") : .failure("\(error)")
    }
}

enum Confinement {
    /// Enters new mount, network, IPC and UTS namespaces, makes the directory the root and drops privileges.
    static func enter(_ folder: Int32, capabilities: CapabilitySet) throws {
        try Processes.unshare([.mount, .network, .ipc, .hostname])
        try Mounts.setPropagation("/", .isPrivate)
        // By path: the descriptor belongs to the old mount namespace, and only mounts of the current one can be cloned.
        let path = try Files.readLink("/proc/self/fd/\(folder)")
        let tree = try Mounts.clone(path, recursive: false)
        try Mounts.attach(tree, at: path)
        let root = try Files.open(path, [.readOnly, .directory])
        try Mounts.pivot(to: root)
        try drop(to: capabilities)
    }

    /// RLIMIT_DATA (getrlimit(2)) of a helper: a crafted archive must not exhaust the host's memory.
    static let memoryLimit: UInt64 = 2 << 30

    static func drop(to capabilities: CapabilitySet) throws {
        let limit = min(memoryLimit, Processes.limit(2).hard)
        try Processes.setLimit(2, soft: limit, hard: limit)
        try capabilities.applyAsBound()
        let held = CapabilitySet.current().permitted.intersection(capabilities)
        try CapabilitySet.apply(effective: held, permitted: held, inheritable: [])
        try Processes.noNewPrivileges()
        try Processes.dieWithParent()
        try HelperSeccompFilter.install()
    }
}
