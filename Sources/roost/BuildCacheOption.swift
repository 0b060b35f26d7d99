import DockerAPI
import EngineModel
import LinuxKernel

/// `--cache-from` and `--cache-to`: `type=registry,ref=NAME` or `type=local,src=DIR` (`dest=DIR` for `--cache-to`); a bare name is a
/// registry reference.
enum BuildCacheOption {
    static func parse(_ text: String, isTarget: Bool) throws -> BuildCacheReference {
        let option = isTarget ? "--cache-to" : "--cache-from"
        var values: [String: String] = [:]
        if text.contains("=") {
            for part in text.split(separator: ",") {
                let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
                values[pair[0]] = pair.count > 1 ? pair[1] : ""
            }
        } else {
            values = ["type": "registry", "ref": text]
        }
        var reference = BuildCacheReference()
        switch values["type"] ?? "registry" {
        case "registry":
            guard let name = values["ref"], !name.isEmpty else {
                throw RoostError.invalid("\(option) \(text): expected type=registry,ref=NAME")
            }
            reference.registry = name
        case "local":
            guard let path = values[isTarget ? "dest" : "src"], !path.isEmpty else {
                throw RoostError.invalid("\(option) \(text): expected type=local,\(isTarget ? "dest" : "src")=DIR")
            }
            reference.folder = try folder(CommandContext.shared.absolute(path), makes: isTarget)
        default:
            throw RoostError(
                .unsupported,
                "\(option) \(text): unsupported cache type; use type=registry or type=local")
        }
        if let mode = values["mode"] {
            guard ["min", "max"].contains(mode) else {
                throw RoostError.invalid("\(option) \(text): invalid mode; use min or max")
            }
            reference.mode = mode
        }
        if values["ignore-error"] == "true" { reference.ignoreError = true }
        return reference
    }

    /// A cache to import. Returns nil and prints a note if the directory holds no cache yet, as before the first build.
    static func source(_ text: String) throws -> BuildCacheReference? {
        let reference = try parse(text, isTarget: false)
        guard let path = reference.folder?.path, !Files.exists(path + "/index.json") else { return reference }
        Output.error("note: no build cache in \(path) yet")
        return nil
    }

    /// The directory of a local cache; it is created for an export.
    private static func folder(_ path: String, makes: Bool) throws -> LocalDirectory {
        if makes { try Files.makeDirectories(path) }
        guard let status = try? Files.status(path) else {
            var missing = LocalDirectory()
            missing.path = path
            return missing
        }
        return identity(path, status)
    }

    /// A path with its device and inode, so that the engine can tell whether it sees the same directory.
    static func identity(_ path: String, _ status: FileStatus) -> LocalDirectory {
        var folder = LocalDirectory()
        folder.path = path
        folder.device = Int64(bitPattern: status.device)
        folder.inode = Int64(bitPattern: status.inode)
        return folder
    }
}
