import EngineModel
import LinuxKernel
import ShimProtocol

/// The mounts of a container in order: the runtime's, then the user's, outer mounts before nested ones.
struct MountTable {
    let record: ContainerRecord
    let context: LaunchContext
    let decision: SecurityDecision
    let hostname: String

    private static let noSetUID = MountAttributes.noSetUID.rawValue
    private static let strict = MountAttributes([.noSetUID, .noDevices, .noExecution]).rawValue
    private static let readOnly = MountAttributes.readOnly.rawValue

    func mounts() throws -> [MountPlan] {
        let user = try record.mounts.sorted {
            $0.target.split(separator: "/").count < $1.target.split(separator: "/").count
        }.map(userMount)
        let covered = Set(user.map(\.target))
        return (system() + identityFiles()).filter { !covered.contains($0.target) } + user
    }

    private func system() -> [MountPlan] {
        let spec = record.spec
        let writable = decision.allowsAllDevices
        var list = [
            fileSystem("proc", "/proc", Self.strict),
            fileSystem("tmpfs", "/dev", Self.noSetUID, ["mode": "755", "size": "65536k"]),
            fileSystem(
                "devpts", "/dev/pts", MountAttributes([.noSetUID, .noExecution]).rawValue,
                ["newinstance": nil, "ptmxmode": "0666", "mode": "0620", "gid": "5"]),
        ]
        list.append(sysMount(writable: writable))
        if let groups = cgroups(writable: writable) { list.append(groups) }
        if spec.ipc == .host {
            for path in ["/dev/mqueue", "/dev/shm"] where Files.exists(path) {
                list.append(bind(path, path, Self.strict))
            }
        } else {
            list.append(fileSystem("mqueue", "/dev/mqueue", Self.strict))
            if record.spec.sharedMemoryBytes > 0 { list.append(sharedMemory()) }
        }
        return list
    }

    private func sysMount(writable: Bool) -> MountPlan {
        // sysfs shows the network namespace of the mounting process; with host networking the host's.
        fileSystem("sysfs", "/sys", Self.strict | (writable ? 0 : Self.readOnly))
    }

    private func sharedMemory() -> MountPlan {
        if case .container(let other) = record.spec.ipc, let process = context.processes[other] {
            return bind("/proc/\(process)/root/dev/shm", "/dev/shm", Self.strict)
        }
        return fileSystem(
            "tmpfs", "/dev/shm", Self.strict, ["mode": "1777", "size": "\(record.spec.sharedMemoryBytes)"])
    }

    private func cgroups(writable: Bool) -> MountPlan? {
        let attributes = Self.strict | (writable ? 0 : Self.readOnly)
        switch context.cgroup.layout {
        case .unified: return fileSystem("cgroup2", "/sys/fs/cgroup", attributes)
        case .split(let controllers):
            let folders = zip(controllers, context.cgroup.paths).map { Setting($0, $1) }
            return MountPlan(source: .cgroupV1(folders), target: "/sys/fs/cgroup", attributes: attributes)
        }
    }

    private func identityFiles() -> [MountPlan] {
        let attributes = record.spec.security.readOnlyRoot ? Self.readOnly : 0
        if let process = context.networkProcess {
            // Share the files of the container whose network is joined: changes are visible to both.
            return ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"].map {
                bind("/proc/\(process)/root\($0)", $0, attributes)
            }
        }
        return [
            file(context.resolvConf, "/etc/resolv.conf", attributes),
            file(hostname + "\n", "/etc/hostname", attributes), file(context.hosts, "/etc/hosts", attributes),
        ]
    }

    private func userMount(_ mount: MountRecord) throws -> MountPlan {
        let isNonRecursive = mount.isReadOnlyNonRecursive == true
        var attributes = mount.readOnly && !isNonRecursive ? Self.readOnly : 0
        if mount.kind == .tmpfs {
            var options: [Setting] = []
            attributes |= MountAttributes([.noSetUID, .noDevices, .noExecution]).rawValue
            for option in mount.options {
                switch option {
                case "exec": attributes &= ~MountAttributes.noExecution.rawValue
                case "dev": attributes &= ~MountAttributes.noDevices.rawValue
                case "suid": attributes &= ~MountAttributes.noSetUID.rawValue
                case "noexec", "nodev", "nosuid", "rw": break
                case "ro": attributes |= Self.readOnly
                default:
                    let parts = option.split(
                        separator: "=", maxSplits: 1, omittingEmptySubsequences: false
                    ).map(String.init)
                    options.append(Setting(parts[0], parts.count > 1 ? parts[1] : nil))
                }
            }
            return MountPlan(
                source: .fileSystem(type: "tmpfs", options: options), target: mount.target, attributes: attributes)
        }
        if mount.kind == .image {
            return MountPlan(
                source: .layers(context.imageMounts[mount.imageID ?? ""] ?? [], path: mount.subpath ?? ""),
                target: mount.target, attributes: Self.readOnly)
        }
        let propagation: MountPlan.Propagation =
            switch mount.propagation {
            case "shared", "rshared": .shared
            case "slave", "rslave": .slave
            default: .isPrivate
            }
        let source: MountPlan.Source =
            mount.subpath.map { .inside(root: mount.hostPath, path: $0, recursive: mount.isRecursive) }
            ?? .bind(path: mount.hostPath, recursive: mount.isRecursive)
        var plan = MountPlan(source: source, target: mount.target, attributes: attributes, propagation: propagation)
        plan.topAttributes = mount.readOnly && isNonRecursive ? Self.readOnly : 0
        return plan
    }

    private func fileSystem(
        _ type: String, _ target: String, _ attributes: UInt64, _ options: KeyValuePairs<String, String?> = [:]
    ) -> MountPlan {
        MountPlan(
            source: .fileSystem(type: type, options: options.map { Setting($0.key, $0.value) }), target: target,
            attributes: attributes)
    }

    private func file(_ text: String, _ target: String, _ attributes: UInt64) -> MountPlan {
        MountPlan(source: .content(text), target: target, attributes: attributes)
    }

    private func bind(_ path: String, _ target: String, _ attributes: UInt64) -> MountPlan {
        MountPlan(source: .bind(path: path, recursive: true), target: target, attributes: attributes)
    }
}

/// Host devices that are passed to a container.
enum HostDevices {
    static func nodes(_ spec: DeviceSpec) throws -> [DevicePlan] {
        try find(spec).map { path, status in
            let inside = spec.containerPath + path.dropFirst(spec.hostPath.count)
            let (major, minor) = deviceNumbers(status.specialDevice)
            return DevicePlan(
                path: inside, mode: status.mode, major: major, minor: minor, user: status.user, group: status.group)
        }
    }

    static func rules(_ spec: DeviceSpec) throws -> [DeviceRule] {
        try find(spec).map { _, status in
            let (major, minor) = deviceNumbers(status.specialDevice)
            return DeviceRule(status.isBlockDevice ? .block : .character, major, minor, spec.permissions)
        }
    }

    /// The device itself, or all devices in a directory.
    private static func find(_ spec: DeviceSpec) throws -> [(path: String, status: FileStatus)] {
        let status: FileStatus
        do throws(SyscallError) { status = try Files.status(spec.hostPath) } catch {
            throw RoostError.invalid(
                "error gathering device information while adding custom device \"\(spec.hostPath)\": \(error.reason)")
        }
        if status.isCharacterDevice || status.isBlockDevice { return [(spec.hostPath, status)] }
        guard status.isDirectory else { throw RoostError.invalid("\"\(spec.hostPath)\" is not a device node") }
        return try Files.list(spec.hostPath).sorted().flatMap { name -> [(path: String, status: FileStatus)] in
            let path = "\(spec.hostPath)/\(name)"
            guard let status = try? Files.status(path), status.isCharacterDevice || status.isBlockDevice else {
                return []
            }
            return [(path, status)]
        }
    }

    /// All devices in the host's /dev, for privileged containers.
    static func all() -> [DevicePlan] {
        let skipped: Set<String> = [
            "pts", "shm", "fd", "mqueue", "console", "ptmx", "null", "zero", "full", "random", "urandom", "tty",
        ]
        return ((try? Files.list("/dev")) ?? []).sorted().filter { !skipped.contains($0) }.flatMap { name in
            (try? nodes(DeviceSpec(hostPath: "/dev/\(name)", containerPath: "/dev/\(name)", permissions: "rwm"))) ?? []
        }
    }
}
