import ComposeModel
import EngineModel

/// `deploy` of a service (Compose Deploy Specification), and device requests, which `gpus` uses, too.
enum DeployTable {
    static let deploy = Fields.object([
        "mode": Fields.string, "endpoint_mode": Fields.string, "replicas": Fields.int, "labels": Fields.labels,
        "placement": placement, "update_config": update, "rollback_config": update,
        "restart_policy": Fields.object([
            "condition": Fields.string, "delay": Fields.duration, "max_attempts": Fields.int,
            "window": Fields.duration,
        ]),
        "resources": Fields.object([
            "limits": Fields.object(["cpus": Fields.number, "memory": Fields.byteText, "pids": Fields.int]),
            "reservations": Fields.object([
                "cpus": Fields.number, "memory": Fields.byteText, "devices": devices,
                "generic_resources": Fields.objects([
                    "discrete_resource_spec": Fields.object(["kind": Fields.string, "value": Fields.cutInt])
                ]),
            ]),
        ]),
    ])

    private static let placement = Fields.object([
        "constraints": Fields.strings, "preferences": Fields.objects(["spread": Fields.string]),
        "max_replicas_per_node": Fields.int,
    ])

    private static let update = Fields.object([
        "parallelism": Fields.int, "delay": Fields.duration, "failure_action": Fields.string,
        "monitor": Fields.duration, "max_failure_ratio": Fields.number,
        "order": Fields.choice(["start-first", "stop-first"]),
    ])

    /// A number of devices, or `all` (-1).
    private static let count: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        if case .scalar("all", _) = node.kind { return -1 }
        return try reader.int(node, path)
    }

    private static let table: Fields.Table = [
        "capabilities": Fields.strings, "count": count, "device_ids": Fields.strings, "driver": Fields.string,
        "options": Fields.labels,
    ]

    private static let devices = requests(required: ["capabilities"])

    private static func requests(required: [String]) -> Fields.Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            var list: [JSON] = []
            for item in try Fields.objects(table, required: required)(&reader, node, path).array ?? [] {
                if !item["count"].isNull, !item["device_ids"].isNull {
                    throw ComposeError(
                        "\(path): \"count\" and \"device_ids\" attributes are exclusive", at: node.location)
                }
                var request = item
                if item["count"].isNull, item["device_ids"].isNull { request.set("count", -1) }
                list.append(request)
            }
            return .array(list)
        }
    }

    /// `all`, or a list of device requests.
    static let gpus: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        if case .scalar("all", _) = node.kind {
            reader.note(path, node)
            return [["count": -1]]
        }
        return try requests(required: [])(&reader, node, path)
    }
}
