import DockerAPI
import EngineModel

/// `--mount type=bind,src=…,dst=…`: comma-separated pairs; a value with a comma is quoted (RFC 4180, as in Docker).
struct MountFlag {
    private(set) var mount = Mount()
    private let text: String

    init(_ text: String) throws(RoostError) {
        self.text = text
        mount.type = "volume"
        for field in Self.fields(text) { try read(field) }
        try check()
    }

    private func refuse(_ what: String) -> RoostError {
        .invalid("invalid argument \"\(text)\" for \"--mount\" flag: \(what)")
    }

    private mutating func read(_ field: String) throws(RoostError) {
        let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let key = parts[0].lowercased()
        if try readSwitch(key, parts.count > 1 ? parts[1] : nil) { return }
        guard parts.count > 1 else { throw refuse("invalid field '\(field)' must be a key=value pair") }
        let value = parts[1]
        switch key {
        case "type": mount.type = value.lowercased()
        case "source", "src": mount.source = value
        case "target", "dst", "destination": mount.target = value
        case "consistency": break
        case "image-subpath": mount.imageOptions = mount.imageOptions.with(ImageOptions()) { $0.subpath = value }
        case let key where key.hasPrefix("bind-"): try readBind(key, value, field)
        case let key where key.hasPrefix("volume-"): try readVolume(key, value, field)
        case let key where key.hasPrefix("tmpfs-"): try readTmpfs(key, value, field)
        default: throw unexpected(field)
        }
    }

    private func unexpected(_ field: String) -> RoostError {
        refuse("unexpected key '\(field.prefix { $0 != "=" })' in '\(field)'")
    }

    /// Reads an option that needs no value; returns whether the key is one.
    private mutating func readSwitch(_ key: String, _ value: String?) throws(RoostError) -> Bool {
        func truth() throws(RoostError) -> Bool {
            switch value ?? "true" {
            case "true", "1": return true
            case "false", "0": return false
            default: throw refuse("invalid value for \(key): \(value ?? "")")
            }
        }
        switch key {
        case "readonly", "ro": mount.readOnly = try truth()
        case "volume-nocopy":
            let isSet = try truth()
            mount.volumeOptions = mount.volumeOptions.with(VolumeOptions()) { $0.noCopy = isSet }
        case "bind-nonrecursive":
            let isSet = try truth()
            mount.bindOptions = mount.bindOptions.with(BindOptions()) { $0.nonRecursive = isSet }
        case "bind-create-src":
            let isSet = try truth()
            mount.bindOptions = mount.bindOptions.with(BindOptions()) { $0.createMountpoint = isSet }
        default: return false
        }
        return true
    }

    private mutating func readBind(_ key: String, _ value: String, _ field: String) throws(RoostError) {
        var options = mount.bindOptions ?? BindOptions()
        switch (key, value) {
        case ("bind-propagation", _): options.propagation = value.lowercased()
        case ("bind-recursive", "enabled"): break
        case ("bind-recursive", "disabled"): options.nonRecursive = true
        case ("bind-recursive", "writable"): options.readOnlyNonRecursive = true
        case ("bind-recursive", "readonly"): options.readOnlyForceRecursive = true
        case ("bind-recursive", _):
            throw refuse(
                "invalid value for bind-recursive: \(value) (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
            )
        default: throw unexpected(field)
        }
        mount.bindOptions = options
    }

    private mutating func readVolume(_ key: String, _ value: String, _ field: String) throws(RoostError) {
        let pair = ContainerOptions.pair(value)
        var options = mount.volumeOptions ?? VolumeOptions()
        switch key {
        case "volume-subpath": options.subpath = value
        case "volume-label": options.labels = (options.labels ?? [:]).merging([pair.0: pair.1]) { $1 }
        case "volume-driver": options.driverConfig = options.driverConfig.with(DriverConfig()) { $0.name = value }
        case "volume-opt":
            options.driverConfig = options.driverConfig.with(DriverConfig()) {
                $0.options = ($0.options ?? [:]).merging([pair.0: pair.1]) { $1 }
            }
        default: throw unexpected(field)
        }
        mount.volumeOptions = options
    }

    private mutating func readTmpfs(_ key: String, _ value: String, _ field: String) throws(RoostError) {
        var options = mount.tmpfsOptions ?? TmpfsOptions()
        switch key {
        case "tmpfs-size":
            guard let size = ByteSize.parse(value) else { throw refuse("invalid value for tmpfs-size: \(value)") }
            options.sizeBytes = size
        case "tmpfs-mode":
            guard let mode = Int64(value, radix: 8) else { throw refuse("invalid value for tmpfs-mode: \(value)") }
            options.mode = mode
        default: throw unexpected(field)
        }
        mount.tmpfsOptions = options
    }

    /// Rejects what does not go together, and makes the source of a bind mount absolute.
    private mutating func check() throws(RoostError) {
        let type = mount.type ?? ""
        if mount.target == nil { throw refuse("target is required") }
        if type != "volume", type != "tmpfs", mount.source == nil { throw refuse("source is required") }
        if type == "bind", let source = mount.source, !source.hasPrefix("/") {
            mount.source = CommandContext.shared.absolute(source)
        }
        for (isGiven, owner) in [
            (mount.volumeOptions != nil, "volume"), (mount.bindOptions != nil, "bind"),
            (mount.tmpfsOptions != nil, "tmpfs"), (mount.imageOptions != nil, "image"),
        ] where isGiven && type != owner {
            throw refuse("cannot mix '\(owner)-*' options with mount type '\(type)'")
        }
        guard let options = mount.bindOptions else { return }
        let isForced = options.readOnlyForceRecursive == true
        for (value, isGiven) in [("writable", options.readOnlyNonRecursive == true), ("readonly", isForced)]
        where isGiven && mount.readOnly != true {
            throw refuse("option 'bind-recursive=\(value)' requires 'readonly' to be specified in conjunction")
        }
        if isForced, options.propagation != "rprivate" {
            throw refuse(
                "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction")
        }
    }

    /// Splits at commas outside quotes.
    private static func fields(_ text: String) -> [String] {
        var fields = [""]
        var quoted = false
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted.toggle()
            case "," where !quoted: fields.append("")
            default: fields[fields.count - 1].unicodeScalars.append(scalar)
            }
        }
        return fields
    }
}

extension Optional {
    /// The value, or a new one, with a change.
    fileprivate func with(_ new: @autoclosure () -> Wrapped, _ change: (inout Wrapped) -> Void) -> Wrapped {
        var value = self ?? new()
        change(&value)
        return value
    }
}
