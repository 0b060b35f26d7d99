import ComposeModel
import EngineModel

/// `build` of a service (Compose Build Specification).
enum BuildTable {
    /// A context as a string, or a mapping.
    static let build: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .scalar = node.kind {
            return ["context": .string(reader.resolvedContext(try reader.string(node, path).string ?? ""))]
        }
        return try reader.object(node, path, table)
    }

    private static let context: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(reader.resolvedContext(try reader.string(node, path).string ?? ""))
    }

    private static let contexts: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let pairs = try reader.pairs(node, path, absent: "")
        return .object((pairs.object ?? []).map { ($0.key, .string(reader.resolvedContext($0.value.string ?? ""))) })
    }

    /// `default`, `id` or `id=path`, as a list or a mapping.
    private static let agents: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .scalar = node.kind { return [try reader.string(node, path)] }
        let pairs = try reader.pairs(node, path, absent: "")
        return .array(
            (pairs.object ?? []).map { key, value in
                let file = value.string ?? ""
                return .string(file.isEmpty ? key : "\(key)=\(reader.resolved(file))")
            })
    }

    /// A boolean or a string, as a string.
    private static let attestation: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(try reader.text(node, path) ?? "")
    }

    private static let table: Fields.Table = [
        "context": context, "dockerfile": Fields.string, "dockerfile_inline": Fields.string,
        "entitlements": Fields.strings, "args": Fields.knownVariables, "ssh": agents, "labels": Fields.labels,
        "cache_from": Fields.strings, "cache_to": Fields.strings, "no_cache": Fields.bool,
        "no_cache_filter": Fields.stringOrList, "additional_contexts": contexts, "pull": Fields.bool,
        "extra_hosts": Fields.extraHosts, "isolation": Fields.string, "network": Fields.string,
        "target": Fields.string, "secrets": Fields.files(root: ""), "shm_size": Fields.bytes, "tags": Fields.set,
        "ulimits": Fields.ulimits, "platforms": Fields.strings, "privileged": Fields.bool,
        "provenance": attestation, "sbom": attestation,
    ]
}
