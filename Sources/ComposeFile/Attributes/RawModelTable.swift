import ComposeModel
import EngineModel

/// The attributes of a model without interpolation: short forms are expanded and paths resolved where possible. Everything else is
/// kept as written, because a variable may stand for any value.
enum RawModelTable {
    static let service: Fields.Table = kept(ServiceTable.attributes).merging([
        "build": build, "configs": mounts(root: ""), "depends_on": dependencies, "develop": develop,
        "env_file": environmentFiles, "extends": base, "networks": networks, "ports": ports,
        "secrets": mounts(root: "/run/secrets/"),
        "volumes": volumes,
    ]) { $1 }
    static let network = kept(ResourceTable.network)
    static let volume = kept(ResourceTable.volume)
    static let secret = kept(ResourceTable.secret).merging(["file": path]) { $1 }
    static let config = kept(ResourceTable.config).merging(["file": path]) { $1 }
    static let model = kept(ResourceTable.model)

    private static func kept(_ table: Fields.Table) -> Fields.Table { table.mapValues { _ in Fields.anything } }

    /// Expands short ports if all of them can be parsed.
    private static let ports: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        guard case .sequence(let items) = node.kind else { throw reader.wrong(path, "a list", node) }
        var found: [JSON] = []
        for item in items {
            if case .mapping = item.kind {
                found.append(reader.any(item))
                continue
            }
            var attempt = reader
            let list = Node(kind: .sequence([item]), location: item.location, tag: "")
            guard let read = try? PortTable.ports(&attempt, list, path) else { return reader.any(node) }
            found += read.array ?? []
        }
        return Fields.unique(.array(found))
    }

    private static let develop: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        var value = try Fields.anything(&reader, node, path)
        guard let rules = value["watch"].array else { return value }
        let resolved = rules.map { [reader] (rule: JSON) -> JSON in
            var rule = rule
            if let path = rule["path"].string { rule.set("path", .string(reader.resolved(path))) }
            return rule
        }
        value.set("watch", .array(resolved))
        return value
    }

    private static let path: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try Fields.anything(&reader, node, path)
        return value.string.map { .string(reader.resolved($0)) } ?? value
    }

    private static let base: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try Fields.anything(&reader, node, path)
        return value.string.map { ["service": .string($0)] } ?? value
    }

    private static let build: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var build = reader.any(node)
        if let text = build.string { build = ["context": .string(text)] }
        if let text = build["context"].string { build.set("context", .string(reader.resolvedContext(text))) }
        if let list = build["secrets"].array { build.set("secrets", .array(list.map { mount($0, root: "") })) }
        if let contexts = build["additional_contexts"].object {
            let resolved = contexts.map { key, value in
                (key, value.string.map { JSON.string(reader.resolvedContext($0)) } ?? value)
            }
            build.set("additional_contexts", .object(resolved))
        }
        return build
    }

    private static func mount(_ item: JSON, root: String) -> JSON {
        var file = item.string.map { ["source": .string($0)] } ?? item
        if !root.isEmpty, file["target"].isNull, let name = file["source"].string {
            file.set("target", .string(root + name))
        }
        return file
    }

    private static func mounts(root: String) -> Fields.Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            guard case .sequence = node.kind else { throw reader.wrong(path, "a list", node) }
            let value = try Fields.anything(&reader, node, path)
            return .array((value.array ?? []).map { mount($0, root: root) })
        }
    }

    private static let dependencies: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try Fields.anything(&reader, node, path)
        if let members = value.object {
            return .object(
                members.map { name, value in
                    var value = value
                    if value.object != nil, value["required"].isNull { value.set("required", true) }
                    return (name, value)
                })
        }
        let names = value.strings ?? []
        return .object(names.map { ($0, ["condition": "service_started", "required": true]) })
    }

    private static let environmentFiles: Fields.Field = {
        (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try Fields.anything(&reader, node, path)
        let resolved = { [reader] (file: JSON) -> JSON in
            var file = file.string.map { ["path": .string($0)] } ?? file
            if let text = file["path"].string { file.set("path", .string(reader.resolved(text))) }
            if file["required"].isNull { file.set("required", true) }
            return file
        }
        return .array((value.array ?? [value]).map(resolved))
    }

    private static let networks: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try Fields.anything(&reader, node, path)
        guard let names = value.strings else { return value }
        return .object(names.map { ($0, .null) })
    }

    private static let volumes: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        guard case .sequence(let items) = node.kind else { return reader.any(node) }
        var found: [JSON] = []
        for item in items {
            let value = reader.any(item)
            if value.object != nil {
                var volume = value
                if volume["type"].string == "bind", let source = volume["source"].string {
                    volume.set("source", .string(reader.resolvedSource(source)))
                }
                found.append(volume)
            } else {
                let list = Node(kind: .sequence([item]), location: item.location, tag: "")
                found += try VolumeTable.volumes(&reader, list, path).array ?? []
            }
        }
        return .array(found)
    }
}
