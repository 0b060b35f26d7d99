import EngineModel
import ImageStore
import LinuxKernel
import OCI

extension Engine {
    package func volume(_ name: String) throws(RoostError) -> VolumeRecord {
        guard let record = volumes[name] else { throw .missing("get \(name): no such volume") }
        return record
    }

    /// The size of a volume's files, in bytes.
    package func volumeSize(_ record: VolumeRecord) async -> Int64 {
        let folder = mountpoint(record)
        return (try? await blocking { try Files.treeSize(folder) }) ?? 0
    }

    package func allVolumes() -> [VolumeRecord] { volumes.values.sorted { $0.name < $1.name } }

    package nonisolated func mountpoint(_ volume: VolumeRecord) -> String { configuration.volumeDirectory(volume.name) }

    /// Creates a volume; an existing one of that name is returned, as in Docker.
    package func createVolume(
        _ name: String?, labels: [String: String], options: [String: String], driver: String = "local"
    ) throws -> VolumeRecord {
        guard driver.isEmpty || driver == "local" else {
            throw RoostError.missing("volume driver \"\(driver)\" not found: only the local driver is supported")
        }
        let isAnonymous = name?.isEmpty ?? true
        let chosen = isAnonymous ? Identifiers.random() : name ?? ""
        if let known = volumes[chosen] { return known }
        guard Identifiers.isValidName(chosen) else {
            throw RoostError.invalid(
                "create \(chosen): \"\(chosen)\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            )
        }
        try VolumeOptions.check(options, chosen)
        var labels = labels
        if isAnonymous { labels["com.docker.volume.anonymous"] = "" }
        let record = VolumeRecord(
            name: chosen, createdAt: now, labels: labels, options: options, isAnonymous: isAnonymous)
        // The row first: a directory without a row would be a leftover.
        try store.save(record)
        try Files.makeDirectories(configuration.volumeDirectory(chosen), mode: 0o755)
        volumes[chosen] = record
        publish(.volume, "create", id: chosen, ["driver": "local"])
        return record
    }

    func users(ofVolume name: String) -> [ContainerRecord] {
        containers.values.filter { $0.mounts.contains { $0.volumeName == name } }
    }

    func checkUnused(_ name: String) throws(RoostError) {
        let users = users(ofVolume: name)
        guard users.isEmpty else {
            throw .conflict("remove \(name): volume is in use - [\(users.map(\.id).joined(separator: ", "))]")
        }
    }

    package func removeVolume(_ name: String, force: Bool) async throws {
        guard let record = volumes[name] else {
            if force { return }
            throw RoostError.missing("get \(name): no such volume")
        }
        try checkUnused(name)
        let folder = configuration.volumePath(record.name)
        // Out of sight at once, by rename; removing the content may take a while.
        let doomed = configuration.volumePath(".removing-\(Identifiers.random().prefix(16))")
        volumes[name] = nil
        try store.removeVolume(name)
        try await blocking {
            try ignoring(Errno.noEntry) { () throws(SyscallError) in try Files.rename(folder, to: doomed) }
            try Files.removeTree(doomed)
        }
        publish(.volume, "destroy", id: name, ["driver": "local"])
    }

    /// Removes volumes that no container uses; only anonymous ones unless `all`.
    package func pruneVolumes(all: Bool, _ isMeant: @Sendable (VolumeRecord) -> Bool) async throws -> (
        names: [String], bytes: Int64
    ) {
        var removed: [String] = []
        var bytes: Int64 = 0
        for record in allVolumes()
        where (all || record.isAnonymous) && record.options.isEmpty && users(ofVolume: record.name).isEmpty
            && isMeant(record)
        {
            let folder = mountpoint(record)
            bytes += (try? await blocking { try Files.treeSize(folder) }) ?? 0
            try await removeVolume(record.name, force: true)
            removed.append(record.name)
        }
        return (removed, bytes)
    }

    /// Resolves the mounts that a container requests: creates volumes, checks paths of the host.
    func resolveMounts(_ spec: ContainerSpec, imageVolumes: [String]) throws -> [MountRecord] {
        var list: [MountRecord] = []
        // The last mount for a target wins; the others must not even create a volume.
        for (index, mount) in spec.mounts.enumerated()
        where !spec.mounts[(index + 1)...].contains(where: { $0.target == mount.target }) {
            list.append(try resolve(mount))
        }
        for text in spec.volumesFrom { try inherit(text, &list) }
        for target in imageVolumes where !list.contains(where: { $0.target == target }) {
            list.append(try resolve(MountSpec(source: .volume(name: nil, copy: true, subpath: ""), target: target)))
        }
        return list
    }

    /// Adds another container's mounts for targets that this one does not mount itself.
    private func inherit(_ text: String, _ list: inout [MountRecord]) throws(RoostError) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        let mode = parts.count > 1 ? parts[1] : "rw"
        guard let name = parts.first, ["ro", "rw", "z", "Z"].contains(mode) else {
            throw .invalid("invalid volumes-from \"\(text)\": expected NAME, NAME:ro or NAME:rw")
        }
        for mount in try partner(name).mounts where !list.contains(where: { $0.target == mount.target }) {
            var mount = mount
            mount.readOnly = mount.readOnly || mode == "ro"
            mount.isAnonymous = false
            list.append(mount)
        }
    }

    /// The directory of a volume's content: its own, or the one that its options name.
    private func content(_ record: VolumeRecord) throws(RoostError) -> String {
        guard let device = record.options["device"], !device.isEmpty, fileSystem(of: record) == nil else {
            return mountpoint(record)
        }
        guard Files.exists(device) else {
            throw .invalid("volume \(record.name): directory \(device) does not exist; create it first")
        }
        return device
    }

    private func resolve(_ mount: MountSpec) throws -> MountRecord {
        guard mount.target.hasPrefix("/"), mount.target != "/" else {
            throw RoostError.invalid(
                "invalid mount target \"\(mount.target)\": it must be an absolute path other than /")
        }
        switch mount.source {
        case .bind(let path, let propagation, let create, let recursive):
            guard path.hasPrefix("/") else {
                throw RoostError.invalid("invalid mount path: '\(path)' mount path must be absolute")
            }
            if !Files.exists(path) {
                guard create else {
                    throw RoostError.invalid(
                        "invalid mount config for type \"bind\": bind source path does not exist: \(path)")
                }
            }
            var record = MountRecord(
                kind: .bind, hostPath: path, target: mount.target, readOnly: mount.readOnly,
                propagation: propagation.isEmpty ? "rprivate" : propagation,
                options: create ? ["create"] : [], isRecursive: recursive)
            record.isReadOnlyNonRecursive = mount.isReadOnlyNonRecursive
            return record
        case .volume(let name, let copy, let subpath):
            try Self.checkLocal(subpath, "volume")
            let template = mount.volumeTemplate
            let record = try createVolume(
                name, labels: template?.labels ?? [:], options: template?.options ?? [:], driver: template?.driver ?? ""
            )
            return MountRecord(
                kind: .volume, volumeName: record.name, hostPath: try content(record), target: mount.target,
                readOnly: mount.readOnly, isAnonymous: (name?.isEmpty ?? true) || mount.keepsAnonymous == true,
                copiesImage: copy && subpath.isEmpty,
                subpath: subpath.isEmpty ? nil : subpath)
        case .image(let reference, let subpath):
            try Self.checkLocal(subpath, "image")
            let image: StoredImage
            do throws(RoostError) { image = try self.image(reference) } catch {
                throw RoostError(
                    error.kind,
                    "image \(reference) for the mount \(mount.target) not found locally: pull it first")
            }
            return MountRecord(
                kind: .image, hostPath: "", target: mount.target, readOnly: true,
                subpath: subpath.isEmpty ? nil : subpath, imageID: image.id.description)
        case .tmpfs(let options):
            return MountRecord(
                kind: .tmpfs, hostPath: "", target: mount.target, readOnly: mount.readOnly, options: options)
        }
    }
}

extension Engine {
    private static func checkLocal(_ subpath: String, _ type: String) throws(RoostError) {
        guard MountSpec.isLocal(subpath) else {
            throw .invalid("invalid mount config for type \"\(type)\": \(MountSpec.notLocal)")
        }
    }
}

/// Prepares mounts right before a start, on a thread that may block.
struct MountPreparation: Sendable {
    let mounts: [MountRecord]
    /// Topmost first.
    let imageDirectories: [String]
    /// The directory on which a helper mounts its root.
    let mountPoint: String

    func prepare() throws {
        for mount in mounts {
            switch mount.kind {
            case .bind:
                if mount.options.contains("create"), !Files.exists(mount.hostPath) {
                    try Files.makeDirectories(mount.hostPath)
                }
                guard Files.exists(mount.hostPath) else {
                    throw RoostError.invalid(
                        "invalid mount config for type \"bind\": bind source path does not exist: \(mount.hostPath)")
                }
                try Self.checkPropagation(mount)
            case .volume:
                try Files.makeDirectories(mount.hostPath)
                if mount.copiesImage, try Files.list(mount.hostPath).isEmpty {
                    try VolumeFill.fill(
                        mount.hostPath, from: mount.target, layers: imageDirectories, mountPoint: mountPoint)
                }
            case .tmpfs, .image: break
            }
        }
    }

    /// Propagation from or to the host needs a parent mount that is shared, or at least a slave.
    private static func checkPropagation(_ mount: MountRecord) throws {
        let isShared = ["shared", "rshared"].contains(mount.propagation)
        guard isShared || ["slave", "rslave"].contains(mount.propagation) else { return }
        let source = try Files.open(mount.hostPath, .path)
        let facts = try Files.readText("/proc/self/fdinfo/\(source.raw)", limit: 4096)
        let number =
            facts.split(separator: "\n").first { $0.hasPrefix("mnt_id:") }?.split(whereSeparator: \.isWhitespace).last
            ?? ""
        let lines = try Files.readText("/proc/self/mountinfo", limit: 16 << 20).split(separator: "\n")
        let around = lines.first { $0.prefix { $0 != " " } == number }.flatMap(MountInfoLine.init)
        let tags = isShared ? ["shared:"] : ["shared:", "master:"]
        if around?.tags.contains(where: { tag in tags.contains(where: tag.hasPrefix) }) == true { return }
        throw RoostError.failure(
            "path \(mount.hostPath) is mounted on \(around?.mountPoint ?? "/") but it is not a shared\(isShared ? "" : " or slave") mount"
        )
    }
}
