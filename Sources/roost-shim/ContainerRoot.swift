import LinuxKernel
import ShimProtocol

/// Assembles the container's root file system and pivots into it. Runs in the child, in its own mount namespace.
struct ContainerRoot {
    let container: ContainerPlan

    func enter(workingDirectory: String) throws(ChildFailure) {
        // Clone shared sources first: a clone joins the peer group of its original only while that is not a slave.
        let shared = try sharedSources()
        try stage("make mounts private") { try Mounts.setPropagation("/", .slave) }
        let files = try stage("create the container's files") { try makeFiles() }
        try stage("mount the root file system") { try mountOverlay() }
        let root = try stageRoot()
        for mount in container.mounts {
            if let file = files[mount.target] {
                try stage("mount \(mount.target)") {
                    let attributes = MountAttributes(rawValue: mount.attributes)
                    if !attributes.isEmpty { try Mounts.setAttributes(file, set: attributes, recursive: false) }
                    try attach(file, at: mount.target, in: root)
                }
            } else {
                try place(mount, shared[mount.target], in: root)
            }
        }
        try makeDevices(in: root)
        try stage("create the working directory") { _ = try root.makeDirectories(workingDirectory) }
        try stage("change the root") {
            let top = try root.open("/", [.readOnly, .directory])
            try Mounts.pivot(to: top)
        }
    }

    /// After the pivot: masked paths, read-only paths, and a read-only root.
    func seal() throws(ChildFailure) {
        for path in container.maskedPaths { try mask(path) }
        for path in container.readOnlyPaths { try makeReadOnly(path) }
        guard container.root.readOnly else { return }
        try stage("make the root read-only") {
            let top = try Files.open("/", [.path, .directory])
            try Mounts.setAttributes(top, set: .readOnly, recursive: false)
        }
    }

    /// Creates files with given content and image mounts, each as a detached mount. They are on a tmpfs at the root's mount point, which
    /// the root covers later.
    private func makeFiles() throws -> [String: OwnedFD] {
        let place = container.root.mountPoint
        let memory = try Mounts.make("tmpfs", options: [("mode", "755"), ("size", "1m")], attributes: [])
        try Mounts.attach(memory, at: place)
        var files: [String: OwnedFD] = [:]
        for mount in container.mounts {
            let path = "\(place)/\(files.count)"
            switch mount.source {
            case .content(let text):
                try Files.write(path, text)
                files[mount.target] = try Mounts.clone(path, recursive: false)
            case .layers(let folders, let part):
                try Files.makeDirectories(path)
                try Mounts.overlayReadOnly(lower: folders, at: path)
                files[mount.target] = try cloneInside(path, part, recursive: false)
            default: break
            }
        }
        return files
    }

    /// Clones a path inside a directory, resolved without leaving it.
    private func cloneInside(_ folder: String, _ part: String, recursive: Bool) throws(SyscallError) -> OwnedFD {
        let found = try RootedDirectory(path: folder).open(part.isEmpty ? "/" : part, .path)
        return try Mounts.clone("", at: found.raw, recursive: recursive)
    }

    /// Attaches a detached mount; creates the mount point as a directory or file, like the source.
    private func attach(_ mount: OwnedFD, at path: String, in root: RootedDirectory) throws(SyscallError) {
        let isFolder = try Files.status(of: mount.raw).isDirectory
        let target = isFolder ? try root.makeDirectories(path) : try root.makeFile(path)
        try Mounts.attach(mount, onto: target, name: path)
    }

    private func mountOverlay() throws(SyscallError) {
        let root = container.root
        try Mounts.overlay(
            lower: root.lowerDirectories, upper: root.upperDirectory, work: root.workDirectory, at: root.mountPoint)
    }

    private func stageRoot() throws(ChildFailure) -> RootedDirectory {
        do throws(SyscallError) { return try RootedDirectory(path: container.root.mountPoint) } catch {
            throw ChildFailure(step: "open the root file system", reason: error.description)
        }
    }

    /// Clones of the sources with shared propagation.
    private func sharedSources() throws(ChildFailure) -> [String: OwnedFD] {
        var found: [String: OwnedFD] = [:]
        for mount in container.mounts where mount.propagation == .shared {
            do throws(SyscallError) { found[mount.target] = try copy(of: mount.source) } catch {
                throw ChildFailure(step: "mount \(mount.target)", reason: error.description)
            }
        }
        return found
    }

    private func copy(of source: MountPlan.Source) throws(SyscallError) -> OwnedFD? {
        switch source {
        case .bind(let path, let recursive): try clone(path, recursive)
        case .inside(let folder, let path, let recursive): try cloneInside(folder, path, recursive: recursive)
        default: nil
        }
    }

    /// `copy` is the source, if it was cloned already.
    private func place(_ mount: MountPlan, _ copy: OwnedFD?, in root: RootedDirectory) throws(ChildFailure) {
        let attributes = MountAttributes(rawValue: mount.attributes)
        do throws(SyscallError) {
            switch mount.source {
            case .bind(let path, let recursive):
                let source = if let copy { copy } else { try clone(path, recursive) }
                try bind(source, recursive, mount, in: root)
            case .inside(let folder, let path, let recursive):
                let source = if let copy { copy } else { try cloneInside(folder, path, recursive: recursive) }
                try bind(source, recursive, mount, in: root)
            case .fileSystem(let type, var options):
                // A tmpfs gets the mode of the directory that it covers, as in runc.
                if type == "tmpfs", !options.contains(where: { $0.name == "mode" }),
                    let beneath = try? root.open(mount.target, [.path, .directory])
                {
                    let mode = try Files.status(of: beneath.raw).mode & 0o7777
                    options.append(Setting("mode", String(mode, radix: 8)))
                }
                let target = try root.makeDirectories(mount.target)
                let made = try Mounts.make(type, options: options.map { ($0.name, $0.value) }, attributes: attributes)
                try Mounts.attach(made, onto: target, name: mount.target)
            case .cgroupV1(let hierarchies): try mountCgroupV1(hierarchies, mount, in: root)
            case .content, .layers: break
            }
        } catch {
            let hint =
                error.errno == Errno.notDirectory
                ? ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
                : ""
            throw ChildFailure(step: "mount \(mount.target)", reason: error.description + hint)
        }
    }

    private func bind(_ source: OwnedFD, _ recursive: Bool, _ mount: MountPlan, in root: RootedDirectory)
        throws(SyscallError)
    {
        let attributes = MountAttributes(rawValue: mount.attributes)
        let propagation: MountPropagation =
            switch mount.propagation {
            case .isPrivate: .isPrivate
            case .slave: .slave
            case .shared: .shared
            }
        try Mounts.setAttributes(source, set: attributes, propagation: propagation, recursive: recursive)
        if mount.topAttributes != 0 {
            try Mounts.setAttributes(source, set: MountAttributes(rawValue: mount.topAttributes), recursive: false)
        }
        try attach(source, at: mount.target, in: root)
    }

    /// A mount of another container is cloned in that container's mount namespace: the kernel does not clone mounts of other namespaces.
    private func clone(_ path: String, _ recursive: Bool) throws(SyscallError) -> OwnedFD {
        let parts = FileName.parts(path)
        guard parts.count > 3, parts[0] == "proc", Int32(parts[1]) != nil, parts[2] == "root" else {
            return try Mounts.clone(path, recursive: recursive)
        }
        let own = try Files.open("/proc/self/ns/mnt", .readOnly)
        let other = try Files.open("/proc/\(parts[1])/ns/mnt", .readOnly)
        let here = try Files.open("/", [.path, .directory])
        try Processes.enter(other.raw, .mount, name: "the other container's mounts")
        let inside = "/" + parts[3...].joined(separator: "/")
        var failure: SyscallError?
        var tree: OwnedFD?
        do throws(SyscallError) { tree = try Mounts.clone(inside, recursive: recursive) } catch { failure = error }
        try Processes.enter(own.raw, .mount, name: "the container's own mounts")
        try Processes.changeDirectory("/proc/self/fd/\(here.raw)")
        if let failure { throw failure }
        guard let tree else { throw SyscallError(call: "open_tree", subject: path, errno: Errno.noEntry) }
        return tree
    }

    private func mountCgroupV1(
        _ hierarchies: [Setting], _ mount: MountPlan, in root: RootedDirectory
    ) throws(SyscallError) {
        let target = try root.makeDirectories(mount.target)
        let top = try Mounts.make(
            "tmpfs", options: [("mode", "755")], attributes: [.noSetUID, .noDevices, .noExecution])
        try Mounts.attach(top, onto: target, name: mount.target)
        for hierarchy in hierarchies {
            guard let path = hierarchy.value else { continue }
            try bind(
                try clone(path, false), false,
                MountPlan(
                    source: .bind(path: path, recursive: false), target: mount.target + "/" + hierarchy.name,
                    attributes: mount.attributes),
                in: root)
        }
        let seen = try root.open(mount.target, [.path, .directory])
        try Mounts.setAttributes(seen, set: .readOnly, recursive: false)
    }

    private func makeDevices(in root: RootedDirectory) throws(ChildFailure) {
        Processes.setFileMask(0)
        defer { Processes.setFileMask(0o022) }
        for device in container.devices {
            do throws(SyscallError) {
                try root.makeDevice(
                    device.path, mode: device.mode, major: device.major, minor: device.minor, user: device.user,
                    group: device.group)
            } catch {
                throw ChildFailure(step: "create device \(device.path)", reason: error.description)
            }
        }
        for link in container.links {
            do throws(SyscallError) { try root.makeLink(link.path, to: link.target) } catch {
                throw ChildFailure(step: "create link \(link.path)", reason: error.description)
            }
        }
    }

    /// Covers a file with /dev/null and a directory with an empty read-only tmpfs; a missing path is skipped.
    private func mask(_ path: String) throws(ChildFailure) {
        try stage("mask \(path)") { try ignoringAbsence { try cover(path) } }
    }

    private func cover(_ path: String) throws {
        let target = try Files.open(path, .path)
        let isFolder = try Files.status(of: target.raw).isDirectory
        let cover =
            isFolder
            ? try Mounts.make("tmpfs", options: [("size", "0"), ("mode", "755")], attributes: .readOnly)
            : try Mounts.clone("/dev/null", recursive: false)
        try Mounts.attach(cover, onto: target, name: path)
    }

    private func makeReadOnly(_ path: String) throws(ChildFailure) {
        try stage("make \(path) read-only") { try ignoringAbsence { try coverReadOnly(path) } }
    }

    private func coverReadOnly(_ path: String) throws {
        let target = try Files.open(path, .path)
        let copy = try Mounts.clone(path, recursive: true)
        try Mounts.setAttributes(copy, set: .readOnly, recursive: true)
        try Mounts.attach(copy, onto: target, name: path)
    }

    private func ignoringAbsence(_ body: () throws -> Void) throws {
        do { try body() } catch let failure as SyscallError
            where failure.errno == Errno.noEntry || failure.errno == Errno.notDirectory
        {}
    }
}
