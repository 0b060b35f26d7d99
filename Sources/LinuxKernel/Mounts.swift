import CLinux
import Glibc

/// Attributes of one mount (mount_setattr(2)).
package struct MountAttributes: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let readOnly = MountAttributes(rawValue: ROOST_MOUNT_ATTR_RDONLY)
    package static let noSetUID = MountAttributes(rawValue: ROOST_MOUNT_ATTR_NOSUID)
    package static let noDevices = MountAttributes(rawValue: ROOST_MOUNT_ATTR_NODEV)
    package static let noExecution = MountAttributes(rawValue: ROOST_MOUNT_ATTR_NOEXEC)
    package static let noAccessTime = MountAttributes(rawValue: ROOST_MOUNT_ATTR_NOATIME)
}

/// Mount propagation between namespaces (mount_namespaces(7)).
package enum MountPropagation: UInt8, Sendable {
    case isPrivate, slave, shared

    var flag: UInt64 {
        switch self {
        case .isPrivate: ROOST_MS_PRIVATE
        case .slave: ROOST_MS_SLAVE
        case .shared: ROOST_MS_SHARED
        }
    }
}

/// The file descriptor based mount API: a mount is created detached, then attached to its mount point.
package enum Mounts {
    /// Creates a detached mount of a new file system (fsopen(2), fsconfig(2), fsmount(2)). An option without a value is a flag.
    package static func make(
        _ type: String, options: [(key: String, value: String?)], attributes: MountAttributes
    ) throws(SyscallError) -> OwnedFD {
        let context = try OwnedFD(adopting: check("fsopen", type) { unsafe roost_fsopen(type) })
        // The source shown by `df` and /proc/mounts; "none" if it is not set.
        try check("fsconfig", "\(type) source") {
            unsafe roost_fsconfig(context.raw, ROOST_FSCONFIG_SET_STRING, "source", type)
        }
        for option in options {
            try check("fsconfig", "\(type) with \(option.key)\(option.value.map { "=" + $0 } ?? "")") {
                if let value = option.value {
                    unsafe roost_fsconfig(context.raw, ROOST_FSCONFIG_SET_STRING, option.key, value)
                } else {
                    unsafe roost_fsconfig(context.raw, ROOST_FSCONFIG_SET_FLAG, option.key, nil)
                }
            }
        }
        try check("fsconfig", type) { roost_fsconfig(context.raw, ROOST_FSCONFIG_CMD_CREATE, nil, nil) }
        return try OwnedFD(
            adopting: check("fsmount", type) {
                roost_fsmount(context.raw, UInt32(truncatingIfNeeded: attributes.rawValue))
            })
    }

    /// A detached clone of the mount at the path: the source of a bind mount (open_tree(2), OPEN_TREE_CLONE).
    package static func clone(_ path: String, at directory: CInt? = nil, recursive: Bool) throws(SyscallError)
        -> OwnedFD
    {
        var flags = ROOST_OPEN_TREE_CLONE | ROOST_OPEN_TREE_CLOEXEC
        if recursive { flags |= ROOST_AT_RECURSIVE }
        if path.isEmpty { flags |= ROOST_AT_EMPTY_PATH }
        return try OwnedFD(
            adopting: check("open_tree", path) { unsafe roost_open_tree(directory ?? AT_FDCWD, path, flags) })
    }

    /// Attaches a detached mount to a mount point that is open as a descriptor (move_mount(2)).
    package static func attach(_ mount: OwnedFD, onto target: OwnedFD, name: String) throws(SyscallError) {
        let from = mount.raw
        let to = target.raw
        try check("move_mount", name) {
            unsafe roost_move_mount(from, to, "", ROOST_MOVE_MOUNT_F_EMPTY_PATH | ROOST_MOVE_MOUNT_T_EMPTY_PATH)
        }
    }

    /// Attaches a detached mount to a trusted path (move_mount(2)).
    package static func attach(_ mount: OwnedFD, at path: String) throws(SyscallError) {
        let from = mount.raw
        try check("move_mount", path) {
            unsafe roost_move_mount(from, AT_FDCWD, path, ROOST_MOVE_MOUNT_F_EMPTY_PATH)
        }
    }

    /// Changes the attributes of a mount that is open as a descriptor (mount_setattr(2)).
    package static func setAttributes(
        _ mount: OwnedFD, set: MountAttributes, clear cleared: MountAttributes = [],
        propagation: MountPropagation? = nil, recursive: Bool
    ) throws(SyscallError) {
        let raw = mount.raw
        let flags = ROOST_AT_EMPTY_PATH | (recursive ? ROOST_AT_RECURSIVE : 0)
        let clear = cleared.rawValue | (set.contains(.noAccessTime) ? ROOST_MOUNT_ATTR__ATIME : 0)
        try check("mount_setattr", "descriptor \(raw)") {
            unsafe roost_mount_setattr(raw, "", flags, set.rawValue, clear, propagation?.flag ?? 0)
        }
    }

    /// Sets the propagation of all mounts at and below a path (mount_setattr(2), AT_RECURSIVE).
    package static func setPropagation(_ path: String, _ propagation: MountPropagation) throws(SyscallError) {
        try check("mount_setattr", path) {
            unsafe roost_mount_setattr(AT_FDCWD, path, ROOST_AT_RECURSIVE, 0, 0, propagation.flag)
        }
    }

    /// Detaches a mount lazily, even while it is in use (umount2(2), MNT_DETACH).
    package static func detach(_ path: String) throws(SyscallError) {
        try check("umount2", path) { unsafe umount2(path, 2) }
    }

    /// Makes the directory the root of this mount namespace and unmounts the old root (pivot_root(2), section NOTES).
    package static func pivot(to root: OwnedFD) throws(SyscallError) {
        let raw = root.raw
        try check("fchdir", "the new root") { fchdir(raw) }
        try check("pivot_root", "the new root") { unsafe roost_pivot_root(".", ".") }
        try detach(".")
        try check("chdir", "/") { unsafe chdir("/") }
    }
}

extension Mounts {
    /// mount(2) accepts at most one page of options.
    static let optionLimit = 4000

    /// Mounts layers (topmost first) read-only; a single layer is bind-mounted.
    package static func overlayReadOnly(lower: [String], at path: String) throws(SyscallError) {
        if lower.count == 1 {
            let tree = try clone(lower[0], recursive: false)
            try setAttributes(tree, set: .readOnly, recursive: false)
            return try attach(tree, at: path)
        }
        let joined = "lowerdir=" + lower.joined(separator: ":")
        if joined.utf8.count < optionLimit {
            try check("mount", "overlay on \(path)") {
                unsafe mount("overlay", path, "overlay", UInt(MS_RDONLY), joined)
            }
        } else {
            let made = try make("overlay", options: lower.map { ("lowerdir+", $0) }, attributes: .readOnly)
            try attach(made, at: path)
        }
    }

    /// Mounts image layers (topmost first) with a read-write layer on top (overlayfs, kernel documentation filesystems/overlayfs).
    ///
    /// Some distributions enable overlayfs features by default. With `metacopy` and `redirect_dir` a layer depends on the layers below it;
    /// with `index` it cannot be reused while an earlier mount is still being released.
    package static func overlay(lower: [String], upper: String, work: String, at path: String) throws(SyscallError) {
        let fixed: [(String, String?)] = [
            ("upperdir", upper), ("workdir", work), ("index", "off"), ("metacopy", "off"), ("redirect_dir", "off"),
        ]
        let joined =
            "lowerdir=" + lower.joined(separator: ":") + ","
            + fixed.map { "\($0)=\($1 ?? "")" }.joined(separator: ",")
        if joined.utf8.count < optionLimit {
            try check("mount", "overlay on \(path)") { unsafe mount("overlay", path, "overlay", 0, joined) }
        } else {
            // Many layers: one `lowerdir+` option each, supported since Linux 6.8.
            let made = try make("overlay", options: lower.map { ("lowerdir+", $0) } + fixed, attributes: [])
            try attach(made, at: path)
        }
    }
}

extension Mounts {
    /// The options of mount(8) that are flags of mount(2); `sets` is false for those that clear the flag.
    private static let flags: [String: (flag: UInt, sets: Bool)] = [
        "ro": (1, true), "rw": (1, false), "nosuid": (2, true), "suid": (2, false), "nodev": (4, true),
        "dev": (4, false), "noexec": (8, true), "exec": (8, false), "sync": (16, true), "async": (16, false),
        "dirsync": (128, true), "noatime": (1024, true), "atime": (1024, false), "nodiratime": (2048, true),
        "diratime": (2048, false), "relatime": (1 << 21, true), "norelatime": (1 << 21, false),
        "strictatime": (1 << 24, true), "nostrictatime": (1 << 24, false), "defaults": (0, true),
    ]

    /// Mounts a file system; `options` is a comma-separated list as in mount(8) (mount(2)).
    package static func mountFileSystem(
        _ device: String, type: String, options: String, at path: String
    ) throws(SyscallError) {
        var flags: UInt = 0
        var data: [Substring] = []
        for option in options.split(separator: ",") {
            guard let (flag, sets) = Self.flags[String(option)] else {
                data.append(option)
                continue
            }
            if sets { flags |= flag } else { flags &= ~flag }
        }
        let text = data.joined(separator: ",")
        try check("mount", path) { unsafe mount(device, path, type, flags, text) }
    }

    /// Whether another file system is mounted at the path: the parent directory is on a different device. Does not detect bind mounts.
    package static func isMountPoint(_ path: String) -> Bool {
        guard let place = try? Files.status(path), let above = try? Files.status(path + "/..") else { return false }
        return place.device != above.device
    }
}
