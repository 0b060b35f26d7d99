import EngineModel

extension MountSpec {
    /// Parses an entry of `HostConfig.Mounts`.
    public init(wire mount: JSON) throws(RoostError) {
        let type = mount["Type"].string ?? ""
        let target = mount["Target"].string ?? ""
        func refuse(_ what: String) -> RoostError { .invalid("invalid mount config for type \"\(type)\": \(what)") }
        for (field, owner) in [
            ("BindOptions", "bind"), ("VolumeOptions", "volume"), ("TmpfsOptions", "tmpfs"), ("ImageOptions", "image"),
        ] where type != owner && !mount[field].isNull {
            throw refuse("field \(field) must not be specified")
        }
        if target.isEmpty { throw refuse("field Target must not be empty") }
        let source = try Self.source(type, mount, refuse)
        self.init(source: source, target: target, readOnly: mount["ReadOnly"].bool ?? (type == "image"))
        if mount["BindOptions"]["ReadOnlyNonRecursive"].bool == true { isReadOnlyAtTopAlone = true }
        let options = mount["VolumeOptions"]
        let driver = options["DriverConfig"]
        if !options["Labels"].isNull || !driver.isNull {
            volumeWish = VolumeTemplate(
                driver: driver["Name"].string ?? "", labels: options["Labels"].stringMap ?? [:],
                options: driver["Options"].stringMap ?? [:])
        }
        written = mount.text()
    }

    private static func source(
        _ type: String, _ mount: JSON, _ refuse: (String) -> RoostError
    ) throws(RoostError) -> Source {
        let source = mount["Source"].string ?? ""
        switch type {
        case "bind":
            if source.isEmpty { throw refuse("field Source must not be empty") }
            let options = mount["BindOptions"]
            return .bind(
                path: source, propagation: options["Propagation"].string ?? "",
                create: options["CreateMountpoint"].bool ?? false, recursive: options["NonRecursive"].bool != true)
        case "volume":
            let options = mount["VolumeOptions"]
            let subpath = options["Subpath"].string ?? ""
            if source.isEmpty, !subpath.isEmpty { throw refuse("must not set Subpath when using anonymous volumes") }
            return .volume(
                name: source.isEmpty ? nil : source, copy: options["NoCopy"].bool != true,
                subpath: try local(subpath, refuse))
        case "tmpfs":
            if !source.isEmpty { throw refuse("field Source must not be specified") }
            if let mode = mount["TmpfsOptions"]["Mode"].int, mode < 0 || mode > 0o7777 {
                throw refuse("invalid TmpfsOptions.Mode \(mode)")
            }
            return .tmpfs(options: memoryOptions(mount["TmpfsOptions"]))
        case "image":
            if source.isEmpty { throw refuse("field Source must not be empty") }
            return .image(reference: source, subpath: try local(mount["ImageOptions"]["Subpath"].string ?? "", refuse))
        default: throw .invalid("invalid mount config for type \"\(type)\": mount type unknown")
        }
    }

    private static func local(_ subpath: String, _ refuse: (String) -> RoostError) throws(RoostError) -> String {
        guard MountSpec.isLocal(subpath) else { throw refuse(MountSpec.notLocal) }
        return subpath
    }

    /// `Options` is a list of flags and pairs: `[["noexec"], ["uid", "1000"]]`.
    private static func memoryOptions(_ wire: JSON) -> [String] {
        var options: [String] = []
        if let size = wire["SizeBytes"].int, size > 0 { options.append("size=\(size)") }
        if let mode = wire["Mode"].int, mode > 0 { options.append("mode=\(String(mode, radix: 8))") }
        options += (wire["Options"].array ?? []).compactMap { $0.strings?.joined(separator: "=") }
        return options
    }
}
