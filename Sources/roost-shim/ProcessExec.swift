import EngineModel
import LinuxKernel
import ShimProtocol

/// The last stages before exec, shared by containers and exec processes: user, privileges, executable.
struct ProcessExec {
    let plan: LaunchPlan

    /// Applies the plan and executes the command; returns only by throwing.
    func execute() throws(ChildFailure) -> Never {
        let process = plan.process
        // No descriptor of the shim may leak into the container. Done before the seccomp filter: a custom profile may not allow the call.
        try stage("close descriptors") { try Processes.closeOnExec(from: 3) }
        for limit in plan.security.limits { applyLimit(limit) }
        applyOutOfMemoryScore()
        let identity = try UserLookup.fromFiles().identity(process.user, additionalGroups: process.additionalGroups)
        // First with full privileges; if those do not suffice, e.g. on a network file system, later as the user (as in runc).
        let hasEntered = try enterWorkingDirectory(mayBeRefused: true)
        try dropPrivileges(to: identity)
        if !hasEntered { try enterWorkingDirectory(mayBeRefused: false) }
        var environment = process.environment
        if !environment.contains(where: { $0.hasPrefix("HOME=") }) { environment.append("HOME=\(identity.home)") }
        let program = try ExecutableLookup(environment: environment).find(process.arguments.first ?? "")
        Processes.unblockSignals()
        if process.runsUnderInit { try InitProcess.becomeInit() }
        try stage("tie the process to its shim") { try Processes.dieWithParent() }
        do throws(SyscallError) {
            try Processes.execute(program, arguments: process.arguments, environment: environment)
        } catch {
            throw ChildFailure(
                step: "execute", reason: "exec \(program): \(error.reason)",
                exitCode: error.errno == Errno.noEntry ? 127 : 126)
        }
    }

    /// False if the current privileges do not permit entering the directory.
    @discardableResult
    private func enterWorkingDirectory(mayBeRefused: Bool) throws(ChildFailure) -> Bool {
        let path = plan.process.workingDirectory
        do throws(SyscallError) { try Processes.changeDirectory(path) } catch {
            if mayBeRefused, [Errno.access, Errno.notPermitted].contains(error.errno) { return false }
            throw ChildFailure(
                step: "change to the working directory", reason: "\(path): \(error.reason)", exitCode: 126)
        }
        return true
    }

    /// A limit that may not be raised stays at the current hard limit: not every host grants CAP_SYS_RESOURCE.
    private func applyLimit(_ limit: ResourceLimit) {
        do throws(SyscallError) { try Processes.setLimit(limit.resource, soft: limit.soft, hard: limit.hard) } catch {
            let hard = min(Processes.limit(limit.resource).hard, limit.hard)
            try? Processes.setLimit(limit.resource, soft: min(limit.soft, hard), hard: hard)
        }
    }

    private func applyOutOfMemoryScore() {
        guard let score = plan.security.oomScoreAdj else { return }
        // Lowering it requires CAP_SYS_RESOURCE; the engine warns if that is missing.
        try? Files.set("/proc/self/oom_score_adj", String(score))
    }

    private func dropPrivileges(to identity: Identity) throws(ChildFailure) {
        let security = plan.security
        let capabilities = CapabilitySet(rawValue: security.capabilities)
        try stage("drop privileges") {
            try capabilities.applyAsBound()
            // Without no_new_privs the filter requires CAP_SYS_ADMIN, which is dropped below.
            if !security.noNewPrivileges, !security.seccompFilter.isEmpty {
                try Processes.setSeccompFilter(security.seccompFilter)
            }
            try CapabilitySet.keepAcrossSetuid()
            try Processes.setIdentity(user: identity.user, group: identity.group, groups: identity.groups)
            // For a user other than root, exec clears the permitted set (capabilities(7)).
            let held = CapabilitySet.current().permitted.intersection(capabilities)
            try CapabilitySet.apply(effective: held, permitted: held, inheritable: [])
            if security.noNewPrivileges {
                try Processes.noNewPrivileges()
                if !security.seccompFilter.isEmpty { try Processes.setSeccompFilter(security.seccompFilter) }
            }
        }
    }
}

/// Finds the executable like execvp(3), with Docker's error messages.
struct ExecutableLookup {
    let environment: [String]

    func find(_ name: String) throws(ChildFailure) -> String {
        if name.isEmpty { throw ChildFailure(step: "find the command", reason: "no command specified", exitCode: 127) }
        if name.contains("/") { return try checked(name, name) }
        let path =
            environment.last { $0.hasPrefix("PATH=") }?.dropFirst(5)
            ?? SystemPaths.executables[...]
        var denied: ChildFailure?
        for folder in path.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = (folder.isEmpty ? "." : String(folder)) + "/" + name
            guard Files.exists(candidate) else { continue }
            do throws(ChildFailure) { return try checked(name, candidate) } catch { denied = error }
        }
        throw denied
            ?? ChildFailure(
                step: "find the command", reason: "exec: \"\(name)\": executable file not found in $PATH", exitCode: 127
            )
    }

    private func checked(_ name: String, _ path: String) throws(ChildFailure) -> String {
        func refused(_ reason: String, _ code: Int32) -> ChildFailure {
            ChildFailure(step: "find the command", reason: "exec: \"\(name)\": \(reason)", exitCode: code)
        }
        let status: FileStatus
        do throws(SyscallError) { status = try Files.status(path) } catch {
            throw refused("stat \(path): \(error.reason)", error.errno == Errno.noEntry ? 127 : 126)
        }
        if status.isDirectory { throw refused("is a directory", 126) }
        if status.mode & 0o111 == 0 { throw refused("permission denied", 126) }
        return path
    }
}
