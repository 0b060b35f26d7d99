import LinuxKernel
import ShimProtocol
import SystemLibraries

/// The default security policy of containers: the same as Docker's, so that images behave the same.
enum DefaultPolicy {
    /// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD,
    /// AUDIT_WRITE, SETFCAP.
    static let capabilities = CapabilitySet(rawValue: 0xa804_25fb)

    /// Device nodes in a container's /dev.
    static let devices: [DevicePlan] = [
        character("/dev/null", 1, 3), character("/dev/zero", 1, 5), character("/dev/full", 1, 7),
        character("/dev/random", 1, 8),
        character("/dev/urandom", 1, 9), DevicePlan(path: "/dev/tty", mode: 0o020666, major: 5, minor: 0, group: 5),
    ]

    private static func character(_ path: String, _ major: UInt32, _ minor: UInt32) -> DevicePlan {
        DevicePlan(path: path, mode: 0o020666, major: major, minor: minor)
    }

    static let links: [LinkPlan] = [
        LinkPlan(path: "/dev/fd", target: "/proc/self/fd"), LinkPlan(path: "/dev/stdin", target: "/proc/self/fd/0"),
        LinkPlan(path: "/dev/stdout", target: "/proc/self/fd/1"),
        LinkPlan(path: "/dev/stderr", target: "/proc/self/fd/2"),
        LinkPlan(path: "/dev/ptmx", target: "pts/ptmx"), LinkPlan(path: "/dev/core", target: "/proc/kcore"),
    ]

    /// Any node may be created (mknod); these may be used.
    static let deviceRules: [DeviceRule] = [
        DeviceRule(.character, nil, nil, "m"), DeviceRule(.block, nil, nil, "m"), DeviceRule(.character, 1, 3, "rwm"),
        DeviceRule(.character, 1, 5, "rwm"), DeviceRule(.character, 1, 7, "rwm"), DeviceRule(.character, 1, 8, "rwm"),
        DeviceRule(.character, 1, 9, "rwm"), DeviceRule(.character, 5, 0, "rwm"), DeviceRule(.character, 5, 1, "rwm"),
        DeviceRule(.character, 5, 2, "rwm"), DeviceRule(.character, 136, nil, "rwm"),
    ]
}
