import ComposeModel
import EngineModel

/// `develop` of a service (Compose Develop Specification), and lifecycle hooks.
enum DevelopTable {
    static let develop = Fields.object(["watch": watch])

    private static let watch: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let rules = try Fields.objects(
            [
                "path": watched,
                "action": Fields.choice(["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
                "target": Fields.string, "ignore": Fields.stringOrList, "include": Fields.stringOrList,
                "initial_sync": Fields.bool, "exec": Fields.object(hook),
            ], required: ["path", "action"])(&reader, node, path)
        for rule in rules.array ?? [] {
            let action = rule["action"].string ?? ""
            if !["rebuild", "restart"].contains(action), (rule["target"].string ?? "").isEmpty {
                throw ComposeError(
                    "\(path): target is required for non-rebuild actions", at: node.location,
                    hint: "set the directory in the container, e.g. target: /app")
            }
        }
        return rules
    }

    private static let watched: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        if try reader.string(node, path).string == "" {
            throw ComposeError("\(path): value can't be blank", at: node.location)
        }
        return try Fields.path(&reader, node, path)
    }

    private static let hook: Fields.Table = [
        "command": Fields.command, "user": Fields.words, "privileged": Fields.bool, "working_dir": Fields.string,
        // A bare name is not read from the shell: it is resolved in the container, or not at all.
        "environment": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.pairs(node, path, absent: .null)
        },
    ]

    static let hooks = Fields.objects(hook, required: ["command"])

    /// `pre_start` runs in a separate container, which may use another image.
    static let preparations = Fields.objects(
        hook.merging(["image": Fields.string, "per_replica": Fields.bool]) { $1 }, required: ["command"])
}
