import EngineModel

extension MountSpec {
    /// Parses the short form `source:target[:options]`: a path is a bind mount, a name a volume.
    package init(bind text: String) throws(RoostError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count), !parts[0].isEmpty, !parts[1].isEmpty else {
            throw .invalid("invalid volume specification: '\(text)'")
        }
        let options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
        for option in options where !Self.shortOptions.contains(option) {
            throw .invalid("invalid mode: \(parts[2]) in volume specification '\(text)'")
        }
        guard parts[1].hasPrefix("/") else {
            throw .invalid(
                "invalid volume specification: '\(text)': invalid mount config for type \"volume\": invalid mount path: '\(parts[1])' mount path must be absolute"
            )
        }
        guard parts[1] != "/" else {
            throw .invalid("invalid volume specification: '\(text)': destination can't be '/'")
        }
        let isPath = parts[0].hasPrefix("/")
        let propagation = options.first(where: Self.propagations.contains) ?? ""
        self.init(
            source: isPath
                ? .bind(path: parts[0], propagation: propagation, create: true, recursive: true)
                : .volume(name: parts[0], copy: !options.contains("nocopy"), subpath: ""), target: parts[1],
            readOnly: options.contains("ro"))
        form = .short(mode: parts.count == 3 ? parts[2] : nil)
    }

    private static let propagations: Set<String> = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]
    private static let shortOptions = propagations.union([
        "ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent", "default",
    ])

    /// An entry of `HostConfig.Mounts`. Throws for options that do not belong to its type.
    package init(_ mount: Mount) throws(RoostError) {
        let type = mount.type ?? ""
        func refuse(_ what: String) -> RoostError { .invalid("invalid mount config for type \"\(type)\": \(what)") }
        for (isGiven, field, owner) in [
            (mount.bindOptions != nil, "BindOptions", "bind"), (mount.volumeOptions != nil, "VolumeOptions", "volume"),
            (mount.tmpfsOptions != nil, "TmpfsOptions", "tmpfs"), (mount.imageOptions != nil, "ImageOptions", "image"),
        ] where isGiven && type != owner {
            throw refuse("field \(field) must not be specified")
        }
        let target = mount.target ?? ""
        if target.isEmpty { throw refuse("field Target must not be empty") }
        let source = try Self.source(mount, refuse)
        self.init(source: source, target: target, readOnly: mount.readOnly ?? (type == "image"))
        if mount.bindOptions?.readOnlyNonRecursive == true { isReadOnlyNonRecursive = true }
        if let options = mount.volumeOptions, options.labels != nil || options.driverConfig != nil {
            volumeTemplate = VolumeTemplate(
                driver: options.driverConfig?.name ?? "", labels: options.labels ?? [:],
                options: options.driverConfig?.options ?? [:])
        }
        form = .long
    }

    private static func source(_ mount: Mount, _ refuse: (String) -> RoostError) throws(RoostError) -> Source {
        let source = mount.source ?? ""
        switch mount.type ?? "" {
        case "bind":
            if source.isEmpty { throw refuse("field Source must not be empty") }
            let options = mount.bindOptions ?? BindOptions()
            return .bind(
                path: source, propagation: options.propagation ?? "", create: options.createMountpoint ?? false,
                recursive: options.nonRecursive != true)
        case "volume":
            let subpath = mount.volumeOptions?.subpath ?? ""
            if source.isEmpty, !subpath.isEmpty { throw refuse("must not set Subpath when using anonymous volumes") }
            return .volume(
                name: source.isEmpty ? nil : source, copy: mount.volumeOptions?.noCopy != true,
                subpath: try local(subpath, refuse))
        case "tmpfs":
            if !source.isEmpty { throw refuse("field Source must not be specified") }
            if let mode = mount.tmpfsOptions?.mode, mode < 0 || mode > 0o7777 {
                throw refuse("invalid TmpfsOptions.Mode \(mode)")
            }
            return .tmpfs(options: mount.tmpfsOptions?.words ?? [])
        case "image":
            if source.isEmpty { throw refuse("field Source must not be empty") }
            return .image(reference: source, subpath: try local(mount.imageOptions?.subpath ?? "", refuse))
        default: throw refuse("mount type unknown")
        }
    }

    private static func local(_ subpath: String, _ refuse: (String) -> RoostError) throws(RoostError) -> String {
        guard MountSpec.isLocal(subpath) else { throw refuse(MountSpec.notLocal) }
        return subpath
    }
}

extension TmpfsOptions {
    /// As in tmpfs(5).
    fileprivate var words: [String] {
        var words: [String] = []
        if let sizeBytes, sizeBytes > 0 { words.append("size=\(sizeBytes)") }
        if let mode, mode > 0 { words.append("mode=\(String(mode, radix: 8))") }
        return words + (options ?? []).map { $0.joined(separator: "=") }
    }
}
