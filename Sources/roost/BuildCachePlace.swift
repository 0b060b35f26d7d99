import EngineModel
import LinuxKernel

/// `--cache-from` and `--cache-to`: `type=registry,ref=NAME` or `type=local,src=FOLDER`; a bare name is a registry's.
struct BuildCachePlace {
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
                throw RoostError.invalid("\(option) \(text): write type=registry,ref=NAME")
            }
            place = ["registry": .string(name)]
        case "local":
            guard let path = values[isTarget ? "dest" : "src"], !path.isEmpty else {
                throw RoostError.invalid("\(option) \(text): write type=local,\(isTarget ? "dest" : "src")=FOLDER")
            }
            place = ["folder": try Self.folder(Session.shared.absolute(path), makes: isTarget)]
        default:
            throw RoostError(
                .unsupported,
                "\(option) \(text): this engine keeps caches in a registry (type=registry) or a folder (type=local)")
        }
        if let mode = values["mode"] {
            guard ["min", "max"].contains(mode) else {
                throw RoostError.invalid("\(option) \(text): mode is min or max")
            }
            place.set("mode", .string(mode))
        }
        if values["ignore-error"] == "true" { place.set("ignoreError", true) }
        json = place
    }

    /// A cache to read; nil, and a note, where the folder has none yet: the first build of all has nothing to read.
    static func source(_ text: String) throws -> BuildCachePlace? {
        let place = try BuildCachePlace(text, isTarget: false)
        guard let path = place.json["folder"]["path"].string, !Files.exists(path + "/index.json") else { return place }
        Output.error("note: there is no build cache in \(path) yet")
        return nil
    }

    /// A folder of a cache, made where it is to be written.
    private static func folder(_ path: String, makes: Bool) throws -> JSON {
        if makes { try Files.makeDirectories(path) }
        guard let status = try? Files.status(path) else { return ["path": .string(path)] }
        return identity(path, status)
    }

    /// A folder's path with what tells whether the engine sees the same one there.
    static func identity(_ path: String, _ status: FileStatus) -> JSON {
        [
            "path": .string(path), "device": .int(Int64(bitPattern: status.device)),
            "inode": .int(Int64(bitPattern: status.inode)),
        ]
    }
}
