import EngineModel
import LinuxKernel

/// `--cache-from` and `--cache-to`: `type=registry,ref=NAME` or `type=local,src=DIR` (`dest=DIR` for `--cache-to`); a bare name is a
/// registry reference.
struct BuildCacheOption {
    let json: JSON

    init(_ text: String, isTarget: Bool) throws {
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
        var place: JSON
        switch values["type"] ?? "registry" {
        case "registry":
            guard let name = values["ref"], !name.isEmpty else {
                throw RoostError.invalid("\(option) \(text): expected type=registry,ref=NAME")
            }
            place = ["registry": .string(name)]
        case "local":
            guard let path = values[isTarget ? "dest" : "src"], !path.isEmpty else {
                throw RoostError.invalid("\(option) \(text): expected type=local,\(isTarget ? "dest" : "src")=DIR")
            }
            place = ["folder": try Self.folder(Session.shared.absolute(path), makes: isTarget)]
        default:
            throw RoostError(
                .unsupported,
                "\(option) \(text): unsupported cache type; use type=registry or type=local")
        }
        if let mode = values["mode"] {
            guard ["min", "max"].contains(mode) else {
                throw RoostError.invalid("\(option) \(text): invalid mode; use min or max")
            }
            place.set("mode", .string(mode))
        }
        if values["ignore-error"] == "true" { place.set("ignoreError", true) }
        json = place
    }

    /// A cache to import. Returns nil and prints a note if the directory holds no cache yet, as before the first build.
    static func source(_ text: String) throws -> BuildCacheOption? {
        let place = try BuildCacheOption(text, isTarget: false)
        guard let path = place.json["folder"]["path"].string, !Files.exists(path + "/index.json") else { return place }
        Output.error("note: no build cache in \(path) yet")
        return nil
    }

    /// The directory of a local cache; it is created for an export.
    private static func folder(_ path: String, makes: Bool) throws -> JSON {
        if makes { try Files.makeDirectories(path) }
        guard let status = try? Files.status(path) else { return ["path": .string(path)] }
        return identity(path, status)
    }

    /// A path with its device and inode, so that the engine can tell whether it sees the same directory.
    static func identity(_ path: String, _ status: FileStatus) -> JSON {
        [
            "path": .string(path), "device": .int(Int64(bitPattern: status.device)),
            "inode": .int(Int64(bitPattern: status.inode)),
        ]
    }
}
