import ComposeModel
import EngineModel

/// `volumes` of a service, both forms (specification, "volumes").
enum VolumeTable {
    private static let table: Fields.Table = [
        "type": Fields.choice(["bind", "volume", "tmpfs", "image", "npipe", "cluster"]),
        "source": Fields.string, "target": Fields.string, "read_only": Fields.bool, "consistency": Fields.string,
        "bind": Fields.object([
            "propagation": Fields.string, "create_host_path": Fields.bool, "recursive": Fields.string,
            "selinux": Fields.string,
        ]),
        "volume": Fields.object(["nocopy": Fields.bool, "subpath": Fields.string, "labels": Fields.labels]),
        "tmpfs": Fields.object(["size": positiveBytes, "mode": Fields.fileMode]),
        "image": Fields.object(["subpath": Fields.string]),
    ]

    private static let positiveBytes: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try reader.bytes(node, path)
        if value.string?.hasPrefix("-") == true {
            throw ComposeError("\(path) must not be negative", at: node.location)
        }
        return value
    }

    static let volumes: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [JSON] = []
        for (index, item) in try reader.items(node, path).enumerated() {
            let memberPath = "\(path).[\(index)]"
            reader.note(memberPath, item)
            let volume: JSON
            if case .mapping = item.kind {
                volume = try long(&reader, item, memberPath)
            } else {
                let text = try reader.string(item, memberPath).string ?? ""
                if text.count > 3, PathRules.isWindows(text), !text.hasPrefix("\\\\") {
                    reader.warn(
                        "\(item.location): volume \"\(text)\": a single letter before a colon is parsed as a Windows drive, as in Compose; use a longer volume name"
                    )
                }
                do throws(RoostError) { volume = try short(text, reader) } catch {
                    throw ComposeError(
                        "invalid spec: \(text): \(error.message)", at: item.location,
                        hint: "expected [source:]target[:options], e.g. data:/var/lib/data:ro")
                }
            }
            if let source = volume["source"].string { reader.note("\(path).\(source)", item) }
            let target = volume["target"]
            if let same = found.firstIndex(where: { $0["target"] == target }) {
                found[same] = volume
            } else {
                found.append(volume)
            }
        }
        return .array(found)
    }

    private static func long(_ reader: inout ValueReader, _ item: Node, _ memberPath: String) throws(ComposeError)
        -> JSON
    {
        var volume = try reader.object(item, memberPath, table)
        guard let type = volume["type"].string else {
            throw ComposeError(
                "\(memberPath): type is required", at: item.location, hint: "add type: bind, volume or tmpfs")
        }
        guard let target = volume["target"].string else {
            throw ComposeError(
                "\(memberPath): target is required", at: item.location, hint: "add target: /path/in/container")
        }
        volume.set("target", .string(clean(target)))
        if type == "bind" {
            guard let source = volume["source"].string, !source.isEmpty else {
                throw ComposeError(
                    "invalid mount config for type \"bind\": field Source must not be empty", at: item.location)
            }
            volume.set("source", .string(reader.resolvedSource(source)))
        }
        return volume
    }

    /// Like Go's `path.Clean`, which Compose uses: relative paths stay relative.
    private static func clean(_ path: String) -> String {
        if path.isEmpty { return path }
        if path.begins(with: "/") { return PathRules.clean(path) }
        let cleaned = PathRules.clean("/" + path).after("/") ?? ""
        return cleaned.isEmpty ? "." : String(cleaned)
    }

    /// The short form. A letter before a colon is a Windows drive, as in Compose: a volume with a one-letter name needs the long form.
    private static func short(_ text: String, _ reader: ValueReader) throws(RoostError) -> JSON {
        guard !text.isEmpty else { throw .invalid("invalid empty volume spec") }
        if text.utf8.count <= 2 { return ["type": "volume", "target": .string(text)] }
        let parts = try sections(text)
        if parts.count == 1 { return ["type": "volume", "target": .string(clean(parts[0])), "volume": .object([])] }
        let options = parts.count == 3 ? parts[2].fields(at: ",").map(String.init) : []
        let isPath = isFilePath(parts[0])
        var volume: JSON = [
            "type": .string(isPath ? "bind" : "volume"),
            "source": .string(isPath ? reader.resolvedSource(parts[0]) : parts[0]), "target": .string(clean(parts[1])),
        ]
        if let access = options.last(where: { ["ro", "rw"].contains($0) }), access == "ro" {
            volume.set("read_only", true)
        }
        var bind: JSON = .object([])
        for option in options {
            if ["z", "Z"].contains(option) { bind.set("selinux", .string(option)) }
            if ["private", "rprivate", "shared", "rshared", "slave", "rslave"].contains(option) {
                bind.set("propagation", .string(option))
            }
        }
        if isPath { bind.set("create_host_path", true) }
        if bind.object?.isEmpty == false { volume.set("bind", bind) }
        if options.contains("nocopy") {
            volume.set("volume", ["nocopy": true])
        } else if !isPath {
            volume.set("volume", .object([]))
        }
        return volume
    }

    private static func sections(_ text: String) throws(RoostError) -> [String] {
        var parts: [String] = []
        for field in text.fields(at: ":") {
            if let last = parts.last, last.unicodeScalars.count == 1, last.first?.isLetter == true {
                parts[parts.count - 1] = "\(last):\(field)"
            } else {
                parts.append(String(field))
            }
        }
        if parts.contains(where: \.isEmpty) { throw .invalid("empty section between colons") }
        if parts.count > 3 { throw .invalid("too many colons") }
        return parts
    }

    private static func isFilePath(_ source: String) -> Bool {
        if let first = source.utf8.first, [46, 47, 126].contains(first) { return true }
        return PathRules.isWindows(source)
    }
}
