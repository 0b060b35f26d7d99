import EngineModel

/// `--mount type=bind,src=…,dst=…`: comma-separated pairs; a value with a comma is quoted (RFC 4180, as in Docker).
struct MountFlag {
    let json: JSON

    init(_ text: String) throws(RoostError) {
        func refuse(_ what: String) -> RoostError {
            .invalid("invalid argument \"\(text)\" for \"--mount\" flag: \(what)")
        }
        var mount: [String: JSON] = ["Type": "volume"]
        var options: [String: [String: JSON]] = [:]
        var driver: [String: String] = [:]
        var labels: [String: String] = [:]
        for field in Self.fields(text) {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let key = parts[0].lowercased()
            let value = parts.count > 1 ? parts[1] : nil
            func truth() throws(RoostError) -> JSON {
                switch value ?? "true" {
                case "true", "1": true
                case "false", "0": false
                default: throw refuse("invalid value for \(key): \(value ?? "")")
                }
            }
            func pair() -> (String, String) {
                let both = (value ?? "").split(separator: "=", maxSplits: 1).map(String.init)
                return (both.first ?? "", both.count > 1 ? both[1] : "")
            }
            switch key {
            case "readonly", "ro":
                mount["ReadOnly"] = try truth()
                continue
            case "volume-nocopy":
                options["VolumeOptions", default: [:]]["NoCopy"] = try truth()
                continue
            case "bind-nonrecursive":
                options["BindOptions", default: [:]]["NonRecursive"] = try truth()
                continue
            case "bind-create-src":
                options["BindOptions", default: [:]]["CreateMountpoint"] = try truth()
                continue
            default: break
            }
            guard let value else { throw refuse("invalid field '\(field)' must be a key=value pair") }
            switch key {
            case "type": mount["Type"] = .string(value.lowercased())
            case "source", "src": mount["Source"] = .string(value)
            case "target", "dst", "destination": mount["Target"] = .string(value)
            case "consistency": break
            case "bind-propagation": options["BindOptions", default: [:]]["Propagation"] = .string(value.lowercased())
            case "bind-recursive": try Self.recursion(value, &options["BindOptions", default: [:]], refuse)
            case "volume-subpath": options["VolumeOptions", default: [:]]["Subpath"] = .string(value)
            case "volume-label": labels[pair().0] = pair().1
            case "volume-driver":
                options["VolumeOptions", default: [:]]["DriverConfig"] = ["Name": .string(value)]
            case "volume-opt": driver[pair().0] = pair().1
            case "tmpfs-size":
                guard let size = ByteSize.parse(value) else { throw refuse("invalid value for tmpfs-size: \(value)") }
                options["TmpfsOptions", default: [:]]["SizeBytes"] = JSON(size)
            case "tmpfs-mode":
                guard let mode = Int64(value, radix: 8) else { throw refuse("invalid value for tmpfs-mode: \(value)") }
                options["TmpfsOptions", default: [:]]["Mode"] = JSON(mode)
            case "image-subpath": options["ImageOptions", default: [:]]["Subpath"] = .string(value)
            default: throw refuse("unexpected key '\(parts[0])' in '\(field)'")
            }
        }
        if !labels.isEmpty { options["VolumeOptions", default: [:]]["Labels"] = JSON(labels) }
        if !driver.isEmpty {
            var config = options["VolumeOptions"]?["DriverConfig"] ?? .object([])
            config.set("Options", JSON(driver))
            options["VolumeOptions", default: [:]]["DriverConfig"] = config
        }
        for (key, value) in options { mount[key] = Self.object(value) }
        let type = mount["Type"]?.string ?? ""
        if mount["Target"] == nil { throw refuse("target is required") }
        if type != "volume", type != "tmpfs", mount["Source"] == nil { throw refuse("source is required") }
        if type == "bind", let source = mount["Source"]?.string {
            mount["Source"] = .string(source.hasPrefix("/") ? source : Session.shared.absolute(source))
        }
        for (name, owner) in [
            ("VolumeOptions", "volume"), ("BindOptions", "bind"), ("TmpfsOptions", "tmpfs"), ("ImageOptions", "image"),
        ]
        where options[name] != nil && type != owner {
            throw refuse("cannot mix '\(owner)-*' options with mount type '\(type)'")
        }
        try Self.checkRecursion(options["BindOptions"] ?? [:], isReadOnly: mount["ReadOnly"]?.bool == true, refuse)
        json = Self.object(mount)
    }

    private static func checkRecursion(
        _ options: [String: JSON], isReadOnly: Bool, _ refuse: (String) -> RoostError
    ) throws(RoostError) {
        let isForced = options["ReadOnlyForceRecursive"]?.bool == true
        for (value, isGiven) in [("writable", options["ReadOnlyNonRecursive"]?.bool == true), ("readonly", isForced)]
        where isGiven && !isReadOnly {
            throw refuse("option 'bind-recursive=\(value)' requires 'readonly' to be specified in conjunction")
        }
        if isForced, options["Propagation"]?.string != "rprivate" {
            throw refuse(
                "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
        }
    }

    private static func object(_ map: [String: JSON]) -> JSON {
        .object(map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    private static func recursion(
        _ value: String, _ options: inout [String: JSON], _ refuse: (String) -> RoostError
    ) throws(RoostError) {
        switch value {
        case "enabled": break
        case "disabled": options["NonRecursive"] = true
        case "writable": options["ReadOnlyNonRecursive"] = true
        case "readonly": options["ReadOnlyForceRecursive"] = true
        default:
            throw refuse(
                "invalid value for bind-recursive: \(value) (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
            )
        }
    }

    /// Splits at commas outside quotes.
    private static func fields(_ text: String) -> [String] {
        var fields = [""]
        var quoted = false
        for character in text {
            switch character {
            case "\"": quoted.toggle()
            case "," where !quoted: fields.append("")
            default: fields[fields.count - 1].append(character)
            }
        }
        return fields
    }
}
