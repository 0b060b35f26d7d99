import CLinux
import Glibc

/// How cgroups are mounted on this host (cgroups(7)): the unified v2 hierarchy, or v1 with a directory per controller.
package enum CgroupLayout: Sendable, Equatable {
    case unified
    /// The mounted controllers, in the order in which a container's cgroups are created.
    case split([String])

    package static let mountPoint = "/sys/fs/cgroup"
    static let splitControllers = ["memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio"]

    package static func detect() -> CgroupLayout {
        if Files.exists(mountPoint + "/cgroup.controllers") { return .unified }
        return .split(splitControllers.filter { Files.exists("\(mountPoint)/\($0)/cgroup.procs") })
    }

    package var version: Int { self == .unified ? 2 : 1 }
}

/// A rate limit of one block device; `key` is a key of `io.max`.
package struct DeviceRateLimit: Sendable, Equatable {
    package let key: String
    package let major: UInt32
    package let minor: UInt32
    package let value: Int64
    package init(key: String, major: UInt32, minor: UInt32, value: Int64) {
        self.key = key
        self.major = major
        self.minor = minor
        self.value = value
    }
}

/// Limits in the kernel's units; nil keeps the kernel's default.
package struct CgroupLimits: Sendable, Equatable {
    package var memory: Int64?
    package var memoryReservation: Int64?
    /// Swap only (without memory), in bytes; -1 is unlimited.
    package var swap: Int64?
    package var cpuQuota: (microseconds: Int64, period: Int64)?
    /// CPU shares as in cgroup v1, 2 to 262144.
    package var cpuShares: Int64?
    package var cpus: String?
    package var memoryNodes: String?
    package var processes: Int64?
    package var blockWeight: UInt16?
    /// Swappiness, 0 to 100; cgroup v1 only.
    package var swappiness: Int64?
    /// Disables the OOM killer: processes wait for memory instead of being killed; cgroup v1 only.
    package var disablesOOMKiller = false
    /// Device rate limits; the keys are `rbps`, `wbps`, `riops` and `wiops`.
    package var deviceRates: [DeviceRateLimit] = []
    package init() {}

    package static func == (one: CgroupLimits, other: CgroupLimits) -> Bool {
        one.memory == other.memory && one.memoryReservation == other.memoryReservation && one.swap == other.swap
            && one.cpuQuota?.microseconds == other.cpuQuota?.microseconds
            && one.cpuQuota?.period == other.cpuQuota?.period
            && one.cpuShares == other.cpuShares && one.cpus == other.cpus && one.memoryNodes == other.memoryNodes
            && one.processes == other.processes && one.blockWeight == other.blockWeight
            && one.deviceRates == other.deviceRates && one.swappiness == other.swappiness
            && one.disablesOOMKiller == other.disablesOOMKiller
    }
}

/// One device or class of devices that is allowed; a nil number matches all.
package struct DeviceRule: Sendable, Equatable {
    package enum Kind: Sendable { case character, block, any }
    package var kind: Kind
    package var major: UInt32?
    package var minor: UInt32?
    /// Any of `r` (read), `w` (write) and `m` (mknod).
    package var access: String
    package init(_ kind: Kind, _ major: UInt32?, _ minor: UInt32?, _ access: String) {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// The rule in the syntax of cgroup v1's `devices.allow`.
    var text: String {
        let letter = kind == .character ? "c" : kind == .block ? "b" : "a"
        return "\(letter) \(major.map(String.init) ?? "*"):\(minor.map(String.init) ?? "*") \(access)"
    }
}

/// One cgroup, addressed by its name: creates, limits, reads and removes it.
package struct Cgroup: Sendable, Equatable {
    package let layout: CgroupLayout
    /// Path relative to the root of every hierarchy, e.g. `roost-1a2b/<container id>`.
    package let name: String

    package init(layout: CgroupLayout, name: String) {
        self.layout = layout
        self.name = name
    }

    /// The cgroup's directories: one, or one per v1 controller.
    package var paths: [String] {
        switch layout {
        case .unified: ["\(CgroupLayout.mountPoint)/\(name)"]
        case .split(let controllers): controllers.map { "\(CgroupLayout.mountPoint)/\($0)/\(name)" }
        }
    }

    func path(_ controller: String) -> String {
        layout == .unified
            ? "\(CgroupLayout.mountPoint)/\(name)" : "\(CgroupLayout.mountPoint)/\(controller)/\(name)"
    }

    /// Creates the cgroup and its parents, with the controllers enabled.
    package func create() throws(SyscallError) {
        switch layout {
        case .unified:
            var folder = CgroupLayout.mountPoint
            for part in FileName.parts(name) {
                for controller in ["cpu", "memory", "pids", "cpuset", "io"] {
                    // A missing controller is not an error here; `apply` reports the limits that need it.
                    try? Files.set(folder + "/cgroup.subtree_control", "+\(controller)")
                }
                folder += "/\(part)"
                try ignoring(Errno.exists) { () throws(SyscallError) in try Files.makeDirectory(folder) }
            }
        case .split(let controllers):
            for controller in controllers { try createSplit(controller) }
        }
    }

    private func createSplit(_ controller: String) throws(SyscallError) {
        var folder = "\(CgroupLayout.mountPoint)/\(controller)"
        for part in FileName.parts(name) {
            let above = folder
            folder += "/\(part)"
            var isNew = true
            do throws(SyscallError) { try Files.makeDirectory(folder) } catch {
                if error.errno != EEXIST { throw error }
                isNew = false
            }
            // A new cpuset cgroup has no CPUs and no memory nodes until they are written, and its creator may not have done so yet: a
            // concurrent start, or an engine that was killed.
            if controller == "cpuset" {
                for file in ["cpuset.cpus", "cpuset.mems"]
                where isNew || (try? Files.readText("\(folder)/\(file)"))?.first?.isNumber != true {
                    try? Files.set("\(folder)/\(file)", (try? Files.readText("\(above)/\(file)")) ?? "0")
                }
            }
            if isNew, controller == "memory" { try? Files.set(folder + "/memory.use_hierarchy", "1") }
        }
    }

    /// Applies limits; returns the names of those that this kernel does not support.
    package func apply(_ limits: CgroupLimits) throws(SyscallError) -> [String] {
        var missing: [String] = []
        for (controller, file, value, what) in layout == .unified ? unifiedSettings(limits) : splitSettings(limits) {
            do throws(SyscallError) { try Files.set("\(path(controller))/\(file)", value) } catch {
                if [ENOENT, EOPNOTSUPP, ENODEV].contains(error.errno) {
                    missing.append(what)
                } else {
                    throw SyscallError(call: "set the", subject: "\(what) to \(value)", errno: error.errno)
                }
            }
        }
        return missing
    }

    private typealias SettingRow = (controller: String, file: String, value: String, what: String)

    private func unifiedSettings(_ limits: CgroupLimits) -> [SettingRow] {
        var rows: [SettingRow] = []
        if let memory = limits.memory {
            rows.append(("memory", "memory.max", memory < 0 ? "max" : "\(memory)", "memory limit"))
        }
        if let low = limits.memoryReservation { rows.append(("memory", "memory.low", "\(low)", "memory reservation")) }
        if let swap = limits.swap {
            rows.append(("memory", "memory.swap.max", swap < 0 ? "max" : "\(swap)", "swap limit"))
        }
        if let quota = limits.cpuQuota {
            let microseconds = quota.microseconds < 0 ? "max" : "\(quota.microseconds)"
            rows.append(("cpu", "cpu.max", "\(microseconds) \(quota.period)", "cpu limit"))
        }
        if let shares = limits.cpuShares {
            // The conversion from cgroup v1's range to v2's that runc uses.
            rows.append(
                ("cpu", "cpu.weight", "\(1 + (min(max(shares, 2), 262_144) - 2) * 9999 / 262_142)", "cpu shares"))
        }
        if let cpus = limits.cpus { rows.append(("cpuset", "cpuset.cpus", cpus, "cpuset")) }
        if let nodes = limits.memoryNodes { rows.append(("cpuset", "cpuset.mems", nodes, "cpuset memory nodes")) }
        if let processes = limits.processes {
            rows.append(("pids", "pids.max", processes < 0 ? "max" : "\(processes)", "process limit"))
        }
        if let weight = limits.blockWeight { rows.append(("io", "io.bfq.weight", "\(weight)", "block weight")) }
        for rate in limits.deviceRates {
            rows.append(("io", "io.max", "\(rate.major):\(rate.minor) \(rate.key)=\(rate.value)", "device rate"))
        }
        return rows
    }

    /// The kernel rejects every write that leaves the memory limit above the memory+swap limit (cgroup-v1/memory.rst, 2.4): raise the outer
    /// limit first, lower the inner limit first.
    private func splitMemory(_ limits: CgroupLimits) -> [SettingRow] {
        guard let memory = limits.memory else { return [] }
        let inner: SettingRow = ("memory", "memory.limit_in_bytes", "\(memory)", "memory limit")
        guard let swap = limits.swap else { return [inner] }
        let (sum, overflow) = memory.addingReportingOverflow(swap)
        let total = swap < 0 || overflow ? -1 : sum
        let outer: SettingRow = ("memory", "memory.memsw.limit_in_bytes", "\(total)", "swap limit")
        return Self.writesOuterFirst(total: total, current: currentMemoryLimit()) ? [outer, inner] : [inner, outer]
    }

    /// `current` is the memory limit in effect: any total above it can be written first.
    package static func writesOuterFirst(total: Int64, current: Int64) -> Bool { total < 0 || total > current }

    private func currentMemoryLimit() -> Int64 {
        let text = (try? Files.readText(path("memory") + "/memory.limit_in_bytes", limit: 64)) ?? ""
        return Int64(text.prefix { $0.isNumber }) ?? .max
    }

    private func splitSettings(_ limits: CgroupLimits) -> [SettingRow] {
        var rows = splitMemory(limits)
        if let low = limits.memoryReservation {
            rows.append(("memory", "memory.soft_limit_in_bytes", "\(low)", "memory reservation"))
        }
        if let swappiness = limits.swappiness {
            rows.append(("memory", "memory.swappiness", "\(swappiness)", "swappiness"))
        }
        if limits.disablesOOMKiller { rows.append(("memory", "memory.oom_control", "1", "out-of-memory setting")) }
        if let quota = limits.cpuQuota {
            rows.append(("cpu", "cpu.cfs_period_us", "\(quota.period)", "cpu limit"))
            rows.append(("cpu", "cpu.cfs_quota_us", "\(quota.microseconds)", "cpu limit"))
        }
        if let shares = limits.cpuShares { rows.append(("cpu", "cpu.shares", "\(shares)", "cpu shares")) }
        if let cpus = limits.cpus { rows.append(("cpuset", "cpuset.cpus", cpus, "cpuset")) }
        if let nodes = limits.memoryNodes { rows.append(("cpuset", "cpuset.mems", nodes, "cpuset memory nodes")) }
        if let processes = limits.processes {
            rows.append(("pids", "pids.max", processes < 0 ? "max" : "\(processes)", "process limit"))
        }
        if let weight = limits.blockWeight { rows.append(("blkio", "blkio.weight", "\(weight)", "block weight")) }
        let names = [
            "rbps": "read_bps", "wbps": "write_bps", "riops": "read_iops", "wiops": "write_iops",
        ]
        for rate in limits.deviceRates {
            rows.append(
                (
                    "blkio", "blkio.throttle.\(names[rate.key] ?? rate.key)_device",
                    "\(rate.major):\(rate.minor) \(rate.value)", "device rate"
                ))
        }
        return rows
    }

    /// Allows exactly these devices: by the v1 `devices` controller, or by an eBPF program attached to the v2 cgroup (BPF_CGROUP_DEVICE).
    package func allowDevices(_ rules: [DeviceRule]) throws(SyscallError) {
        if layout != .unified {
            guard Files.exists(path("devices")) else { return }
            try Files.set(path("devices") + "/devices.deny", "a")
            for rule in rules { try Files.set(path("devices") + "/devices.allow", rule.text) }
            return
        }
        let program = DeviceFilterProgram(rules).bytes
        let loaded = try OwnedFD(
            adopting: check("bpf", "the device filter") {
                unsafe roost_bpf_load_device_filter(program, UInt32(program.count / 8))
            })
        let folder = try Files.open(path("devices"), [.readOnly, .directory])
        try check("bpf", "attach the device filter") { roost_bpf_attach_device_filter(loaded.raw, folder.raw) }
    }

    /// All processes in the cgroup and its descendants.
    package func processes() -> [Int32] {
        let first = paths.first { Files.exists($0 + "/cgroup.procs") } ?? ""
        return processes(first)
    }

    private func processes(_ folder: String) -> [Int32] {
        var found = ((try? Files.readText(folder + "/cgroup.procs")) ?? "").split(separator: "\n").compactMap {
            Int32($0)
        }
        for name in (try? Files.list(folder)) ?? []
        where (try? Files.status("\(folder)/\(name)", followLinks: false).isDirectory) == true {
            found += processes("\(folder)/\(name)")
        }
        return found
    }

    /// Kills all processes in the cgroup (`cgroup.kill`, or SIGKILL under the v1 freezer).
    package func kill() {
        if layout == .unified, (try? Files.set(path("") + "/cgroup.kill", "1")) != nil { return }
        guard !processes().isEmpty else { return }
        // Frozen, so that no process can fork between listing and killing.
        try? setFrozen(true)
        for process in processes() { try? Processes.signal(pid: process, SIGKILL) }
        try? setFrozen(false)
    }

    /// Freezes or thaws all processes in the cgroup. Does not wait until they are frozen.
    package func setFrozen(_ frozen: Bool) throws(SyscallError) {
        if layout == .unified { return try Files.set(path("") + "/cgroup.freeze", frozen ? "1" : "0") }
        try Files.set(path("freezer") + "/freezer.state", frozen ? "FROZEN" : "THAWED")
    }

    /// Number of processes in this cgroup that the OOM killer has killed.
    package func oomKills() -> Int {
        let file = layout == .unified ? path("") + "/memory.events" : path("memory") + "/memory.oom_control"
        for line in ((try? Files.readText(file)) ?? "").split(separator: "\n") where line.hasPrefix("oom_kill ") {
            return Int(line.dropFirst(9)) ?? 0
        }
        return 0
    }

    /// The container cgroups at any depth below this one, recognised by names of 64 characters; without those in `kept`.
    package func leaves(except kept: Set<String>) -> [Cgroup] {
        var found: Set<String> = []
        for path in paths {
            for child in (try? Files.list(path)) ?? []
            where !kept.contains(child) && (try? Files.status("\(path)/\(child)").isDirectory) == true {
                if child.count == 64 {
                    found.insert("\(name)/\(child)")
                } else {
                    let below = Cgroup(layout: layout, name: "\(name)/\(child)").leaves(except: kept)
                    found.formUnion(below.map(\.name))
                }
            }
        }
        return found.sorted().map { Cgroup(layout: layout, name: $0) }
    }

    /// Removes the cgroup and its descendants. Waits for exiting processes, for at most one second.
    package func remove() throws(SyscallError) {
        var first: SyscallError?
        for path in paths where Files.exists(path) {
            do throws(SyscallError) { try removeDirectory(path) } catch { first = first ?? error }
        }
        if let first { throw first }
    }

    private func removeDirectory(_ path: String) throws(SyscallError) {
        for name in (try? Files.list(path)) ?? []
        where (try? Files.status("\(path)/\(name)", followLinks: false).isDirectory) == true {
            try removeDirectory("\(path)/\(name)")
        }
        let deadline = Clocks.monotonicNanoseconds() + 1_000_000_000
        while true {
            do throws(SyscallError) { return try Files.removeDirectory(path) } catch {
                if error.errno == ENOENT { return }
                if error.errno != EBUSY || Clocks.monotonicNanoseconds() > deadline { throw error }
            }
            // The last process has been reaped but has not left its cgroup yet; the kernel sends no notification when it has.
            usleep(500)
        }
    }
}

/// The eBPF instructions of a device filter (kernel documentation, cgroup-v2, "Device controller").
struct DeviceFilterProgram {
    let bytes: [UInt8]

    init(_ rules: [DeviceRule]) {
        var code: [[UInt8]] = []
        func emit(_ op: UInt8, dst: UInt8 = 0, src: UInt8 = 0, off: Int16 = 0, imm: Int32 = 0) -> [UInt8] {
            let offset = UInt16(bitPattern: off)
            let value = UInt32(bitPattern: imm)
            return [op, dst | src << 4, UInt8(offset & 255), UInt8(offset >> 8)]
                + [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        // r2 = type, r3 = access, r4 = major, r5 = minor of struct bpf_cgroup_dev_ctx.
        code.append(emit(0x61, dst: 2, src: 1, off: 0))
        code.append(emit(0x54, dst: 2, imm: 0xffff))
        code.append(emit(0x61, dst: 3, src: 1, off: 0))
        code.append(emit(0x74, dst: 3, imm: 16))
        code.append(emit(0x61, dst: 4, src: 1, off: 4))
        code.append(emit(0x61, dst: 5, src: 1, off: 8))
        for rule in rules {
            // BPF_DEVCG_ACC_MKNOD 1, READ 2, WRITE 4; BPF_DEVCG_DEV_BLOCK 1, CHAR 2.
            let access =
                (rule.access.contains("m") ? 1 : 0) | (rule.access.contains("r") ? 2 : 0)
                | (rule.access.contains("w") ? 4 : 0)
            var tests: [(UInt8, Int32)] = []
            if rule.kind != .any { tests.append((2, rule.kind == .block ? 1 : 2)) }
            if let major = rule.major { tests.append((4, Int32(bitPattern: major))) }
            if let minor = rule.minor { tests.append((5, Int32(bitPattern: minor))) }
            // Jumps skip the rest of the rule: tests, three instructions for the access, two for the result.
            var rest = Int16(tests.count + 3 + 2)
            for (register, value) in tests {
                rest -= 1
                code.append(emit(0x55, dst: register, off: rest, imm: value))
            }
            code.append(emit(0xbf, dst: 1, src: 3))
            code.append(emit(0x54, dst: 1, imm: Int32(access)))
            code.append(emit(0x5d, dst: 1, src: 3, off: 2))
            code.append(emit(0xb7, dst: 0, imm: 1))
            code.append(emit(0x95))
        }
        code.append(emit(0xb7, dst: 0, imm: 0))
        code.append(emit(0x95))
        bytes = code.flatMap { $0 }
    }
}
