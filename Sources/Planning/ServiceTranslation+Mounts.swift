import ComposeModel
import EngineModel

/// Translation of volumes, tmpfs, secrets and configs.
extension ServiceTranslation {
    func addMounts(_ name: String, _ service: Service, to spec: inout ContainerSpec, paths: EnginePaths)
        throws(RoostError)
    {
        for volume in service.volumes ?? [] { spec.mounts.append(try mount(name, volume)) }
        if service.useAPISocket == true {
            let source = MountSpec.Source.bind(path: paths.socket, propagation: "", create: false, recursive: false)
            spec.mounts.append(MountSpec(source: source, target: "/var/run/docker.sock"))
        }
        spec.volumesFrom = (service.volumesFrom ?? []).map { text in
            let parts = text.split(separator: ":").map(String.init)
            let isContainer = parts.first == "container"
            let source = isContainer ? parts.dropFirst().first ?? "" : firstContainer(parts.first ?? "")
            return ([source] + parts.dropFirst(isContainer ? 2 : 1)).joined(separator: ":")
        }
        for text in service.tmpfs ?? [] {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            let options = parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : []
            spec.mounts.append(MountSpec(source: .tmpfs(options: options), target: parts[0]))
        }
        for (kind, root, files) in [
            ("secrets", "/run/secrets/", service.secrets), ("configs", "/", service.configs),
        ] {
            for file in files ?? [] {
                spec.mounts.append(mount(kind, file, of: service, below: root, paths: paths))
            }
        }
    }

    private func mount(_ name: String, _ volume: ServiceVolume) throws(RoostError) -> MountSpec {
        let target = volume.target ?? ""
        let readOnly = volume.readOnly ?? false
        switch volume.type ?? "" {
        case "npipe", "cluster":
            throw RoostError(
                .unsupported,
                "service \(name): volume type \(volume.type ?? "") is not supported on Linux; use volume, bind, tmpfs or image (\(place(name, "volumes")))"
            )
        case "image":
            let image = MountSpec.Source.image(
                reference: volume.source ?? "", subpath: volume.image?.subpath ?? "")
            return MountSpec(source: image, target: target, readOnly: true)
        case "bind":
            let source = MountSpec.Source.bind(
                path: volume.source ?? "", propagation: volume.bind?.propagation ?? "",
                create: volume.bind?.createHostPath ?? true, recursive: volume.bind?.recursive != "disabled")
            return MountSpec(source: source, target: target, readOnly: readOnly)
        case "tmpfs":
            var options: [String] = []
            if let size = volume.tmpfs?.size { options.append("size=\(size)") }
            if let mode = volume.tmpfs?.mode { options.append("mode=\(String(mode, radix: 8))") }
            return MountSpec(source: .tmpfs(options: options), target: target, readOnly: readOnly)
        default:
            let real = volume.source.flatMap { model.volumes[$0]?.name } ?? volume.source
            let source = MountSpec.Source.volume(
                name: real, copy: volume.volume?.nocopy != true, subpath: volume.volume?.subpath ?? "")
            var mount = MountSpec(source: source, target: target, readOnly: readOnly)
            if let labels = volume.volume?.labels, !labels.isEmpty {
                mount.volumeTemplate = VolumeTemplate(driver: "", labels: labels, options: [:])
            }
            return mount
        }
    }

    private func mount(
        _ kind: String, _ file: FileReference, of service: Service, below root: String, paths: EnginePaths
    ) -> MountSpec {
        let target = file.target ?? root + (file.source ?? "")
        let path = "\(paths.files)/\(fileName(kind, file, of: service))"
        return MountSpec(
            source: .bind(path: path, propagation: "", create: false, recursive: false),
            target: target.hasPrefix("/") ? target : root + target, readOnly: true)
    }

    /// One file per content, owner and mode: a change gets another name, and existing containers keep their file.
    package func fileName(_ kind: String, _ file: FileReference, of service: Service) -> String {
        let source = file.source ?? ""
        let text = contents["\(kind).\(source)"] ?? ""
        return "\(source)-\(Self.hash("\(Self.ownerKey(file, service)) \(text)").prefix(16))"
    }

    /// Identifies the owner and mode of a file: those of the reference, else the service's user, who must be able to read it. A user
    /// name is resolved in the service's image, so the image is part of the key.
    static func ownerKey(_ file: FileReference, _ service: Service) -> String {
        let user = service.user ?? ""
        let isNumber = !user.isEmpty && user.split(separator: ":").allSatisfy { UInt32($0) != nil }
        let own = isNumber ? user : "\(user)@\(service.image ?? "")"
        let mode = String(file.mode ?? 0o444, radix: 8)
        return "\(file.uid ?? "-")-\(file.gid ?? "-")-\(own)-\(mode)"
    }
}
