import ComposeModel
import EngineModel

/// Attribute tables of the other top-level elements.
enum ResourceTable {
    /// `external: true`, or the legacy form with a nested name.
    private static let external: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        if case .mapping = node.kind { return try reader.object(node, path, ["name": Fields.string]) }
        return try reader.bool(node, path)
    }

    static let network: Fields.Table = [
        "name": Fields.string, "driver": Fields.string, "driver_opts": Fields.options(.numbers),
        "internal": Fields.bool,
        "attachable": Fields.bool, "enable_ipv4": Fields.bool, "enable_ipv6": Fields.bool, "labels": Fields.labels,
        "external": external,
        "ipam": Fields.object([
            "driver": Fields.string, "options": Fields.options(),
            "config": Fields.objects([
                "subnet": Fields.string, "ip_range": Fields.string, "gateway": Fields.string,
                "aux_addresses": Fields.options(),
            ]),
        ]),
    ]

    static let volume: Fields.Table = [
        "name": Fields.string, "driver": Fields.string, "driver_opts": Fields.options(.numbers),
        "labels": Fields.labels,
        "external": external,
    ]

    static let secret: Fields.Table = [
        "name": Fields.string, "file": Fields.path, "environment": Fields.string, "external": external,
        "labels": Fields.labels, "driver": Fields.string, "driver_opts": Fields.options(.numbers),
        "template_driver": Fields.string,
    ]

    static let config: Fields.Table = [
        "name": Fields.string, "file": Fields.path, "environment": Fields.string, "content": Fields.string,
        "external": external, "labels": Fields.labels, "template_driver": Fields.string,
    ]

    static let model: Fields.Table = [
        "name": Fields.string, "model": Fields.string, "context_size": Fields.int, "runtime_flags": Fields.strings,
    ]
}
