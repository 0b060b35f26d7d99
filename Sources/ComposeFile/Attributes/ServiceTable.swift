import ComposeModel
import EngineModel

/// The attributes of a service, one entry each (specification, "Services top-level element").
enum ServiceTable {
    static let attributes: Fields.Table = [
        "annotations": Fields.labels, "attach": Fields.bool, "blkio_config": blockDevices,
        "build": BuildTable.build, "cap_add": Fields.set, "cap_drop": Fields.set,
        "cgroup": Fields.choice(["host", "private"]),
        "cgroup_parent": Fields.string, "command": Fields.command, "configs": Fields.files(root: ""),
        "container_name": containerName, "cpu_count": Fields.int, "cpu_percent": Fields.int(in: 0...100),
        "cpu_period": Fields.cutInt, "cpu_quota": Fields.cutInt, "cpu_rt_period": Fields.cutInt,
        "cpu_rt_runtime": Fields.cutInt,
        "cpu_shares": Fields.cutInt, "cpus": Fields.number, "cpuset": Fields.string,
        "credential_spec": Fields.object([
            "config": Fields.string, "file": Fields.string, "registry": Fields.string,
        ]), "depends_on": dependencies, "deploy": DeployTable.deploy, "develop": DevelopTable.develop,
        "device_cgroup_rules": Fields.strings, "devices": devices, "dns": servers,
        "dns_opt": Fields.set, "dns_search": Fields.setOrOne, "domainname": Fields.string,
        "entrypoint": Fields.command, "env_file": environmentFiles, "environment": Fields.variables,
        "expose": expose, "extends": base, "external_links": Fields.strings,
        "extra_hosts": Fields.extraHosts, "gpus": DeployTable.gpus, "group_add": groups,
        "healthcheck": Fields.object(healthTable), "hostname": Fields.string, "image": Fields.string,
        "init": Fields.bool, "ipc": Fields.string, "isolation": Fields.string, "label_file": labelFiles,
        "labels": Fields.labels, "links": Fields.set,
        "logging": Fields.object(["driver": Fields.string, "options": Fields.options([.numbers, .nothing])]),
        "mac_address": Fields.string, "mem_limit": Fields.cutBytes, "mem_reservation": Fields.bytes,
        "mem_swappiness": Fields.bytes, "memswap_limit": Fields.cutBytes, "models": models,
        "network_mode": Fields.string, "networks": networks, "oom_kill_disable": Fields.bool,
        "oom_score_adj": Fields.int(in: -1000...1000), "pid": Fields.string, "pids_limit": Fields.cutInt,
        "platform": Fields.string,
        "ports": PortTable.ports, "post_start": DevelopTable.hooks, "pre_start": DevelopTable.preparations,
        "pre_stop": DevelopTable.hooks, "privileged": Fields.bool, "profiles": Fields.strings,
        "provider": provider, "pull_policy": pullPolicy,
        "pull_refresh_after": Fields.string, "read_only": Fields.bool, "restart": restart, "runtime": Fields.string,
        "scale": Fields.int, "secrets": Fields.files(root: "/run/secrets/"), "security_opt": Fields.strings,
        "shm_size": Fields.cutBytes, "stdin_open": Fields.bool, "stop_grace_period": Fields.duration,
        "stop_signal": Fields.string, "storage_opt": Fields.options(.wholeNumbers), "sysctls": Fields.labels,
        "tmpfs": Fields.setOrOne, "tty": Fields.bool, "ulimits": Fields.ulimits, "use_api_socket": Fields.bool,
        "user": Fields.string, "userns_mode": Fields.string, "uts": Fields.string, "volumes": VolumeTable.volumes,
        "volumes_from": Fields.strings, "working_dir": Fields.string,
    ]

    /// As in the specification's schema, whose pattern is not anchored: two adjacent valid characters anywhere are enough.
    private static let containerName: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try reader.string(node, path)
        let bytes = Array((value.string ?? "").utf8)
        func isPlain(_ byte: UInt8) -> Bool {
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        }
        let isName = zip(bytes, bytes.dropFirst()).contains {
            isPlain($0) && (isPlain($1) || [95, 46, 45].contains($1))
        }
        guard isName else {
            throw ComposeError(
                "invalid container name \"\(value.string ?? "")\" in \(path): use at least two of the characters a-z, A-Z, 0-9, _, . and -",
                at: node.location)
        }
        return value
    }

    /// Numbers stay numbers until everything is merged: 100 and "100" are distinct.
    private static let groups: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let words = try reader.words(node, path).array ?? []
        return .array(zip(try reader.items(node, path), words).map { $0.scalarValue.int == nil ? $1 : $0.scalarValue })
    }

    private static let restart: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .bool(false) = node.scalarValue { throw reader.wrong(path, "a string", node, hint: "use \"no\"") }
        return try reader.string(node, path)
    }

    private static let expose: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        Fields.unique(try reader.words(node, path))
    }

    /// Drops empty entries, which unset variables leave.
    private static let servers: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .array((Fields.unique(try reader.stringOrList(node, path)).array ?? []).filter { $0.string != "" })
    }

    private static let pullPolicy: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        let value = try reader.string(node, path)
        let text = value.string ?? ""
        guard
            ["always", "never", "missing", "if_not_present", "build", "daily", "weekly", "refresh"].contains(text)
                || text.after("every_").map(isInterval) == true
        else {
            throw ComposeError(
                "\(path) must be one of always, never, missing, if_not_present, build, daily, weekly, every_<duration>",
                at: node.location)
        }
        return text == "if_not_present" ? "missing" : value
    }

    /// Whether a text such as `1h30m` starts with digits and a unit.
    private static func isInterval(_ text: Substring) -> Bool {
        let digits = text.utf8.prefix { (48...57).contains($0) }
        guard !digits.isEmpty, let unit = text.utf8.dropFirst(digits.count).first else { return false }
        return Array("wdhms".utf8).contains(unit)
    }

    /// The service that this one extends: by name, or by file and name.
    private static let base: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .scalar = node.kind { return ["service": try reader.string(node, path)] }
        return try reader.object(node, path, ["service": Fields.string, "file": Fields.string])
    }

    private static let dependencies: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [(key: String, value: JSON)] = []
        if case .sequence(let items) = node.kind {
            for item in items {
                guard let name = try reader.string(item, path).string else { continue }
                reader.note("\(path).\(name)", item)
                if found.contains(where: { $0.key == name }) { throw twice(name, path, item) }
                found.append((name, ["condition": "service_started", "required": true]))
            }
        } else {
            for entry in try reader.entries(node, path) {
                let memberPath = "\(path).\(entry.key)"
                var value = try reader.object(entry.value, memberPath, dependencyTable)
                if value["condition"].isNull {
                    throw ComposeError(
                        "\(memberPath): condition is required", at: entry.location,
                        hint: "add condition: service_started, service_healthy or service_completed_successfully")
                }
                if value["required"].isNull { value.set("required", true) }
                found.append((entry.key, value))
            }
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    private static func twice(_ name: String, _ path: String, _ item: Node) -> ComposeError {
        ComposeError(
            "\(path) array items must be unique: \(name) is duplicated", at: item.location,
            hint: "remove one of the two")
    }

    private static let dependencyTable: Fields.Table = [
        "condition": Fields.choice(["service_started", "service_healthy", "service_completed_successfully"]),
        "restart": Fields.bool, "required": Fields.bool,
    ]

    private static let environmentFiles: Fields.Field = {
        (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        let items: [Node] = if case .sequence(let list) = node.kind { list } else { [node] }
        var found: [JSON] = []
        for item in items {
            if case .mapping = item.kind {
                var value = try reader.object(
                    item, path,
                    ["path": Fields.path, "required": Fields.bool, "format": Fields.choice(["raw", ""])])
                if value["required"].isNull { value.set("required", true) }
                found.append(value)
            } else {
                found.append(["path": try Fields.path(&reader, item, path), "required": true])
            }
        }
        return .array(found)
    }

    private static let labelFiles: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        let items: [Node] = if case .sequence(let list) = node.kind { list } else { [node] }
        var found: [JSON] = []
        for item in items { found.append(try Fields.path(&reader, item, path)) }
        return .array(found)
    }

    private static let healthTable: Fields.Table = [
        "test": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            reader.note(path, node)
            if case .scalar = node.kind { return ["CMD-SHELL", try reader.string(node, path)] }
            let list = try reader.strings(node, path)
            guard let first = list.strings?.first else { return list }
            guard ["CMD", "CMD-SHELL", "NONE"].contains(first) else {
                throw ComposeError(
                    "\(path) must start with CMD, CMD-SHELL or NONE", at: node.location,
                    hint: "use test: [CMD, command, argument], or a single string")
            }
            return list
        }, "interval": Fields.duration, "timeout": Fields.duration, "start_period": Fields.duration,
        "start_interval": Fields.duration, "retries": Fields.cutInt, "disable": Fields.bool,
    ]

    private static let networks: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        guard case .sequence = node.kind else { return try named(&reader, node, path, endpointTable) }
        return try names(&reader, node, path)
    }

    /// A list of unique names, as a mapping.
    private static func names(_ reader: inout ValueReader, _ node: Node, _ path: String) throws(ComposeError) -> JSON {
        var found: [(key: String, value: JSON)] = []
        for item in try reader.items(node, path) {
            let name = try reader.string(item, path).string ?? ""
            reader.note("\(path).\(name)", item)
            if found.contains(where: { $0.key == name }) { throw twice(name, path, item) }
            found.append((name, .null))
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    /// A mapping of names to settings or to null.
    private static func named(_ reader: inout ValueReader, _ node: Node, _ path: String, _ table: Fields.Table)
        throws(ComposeError) -> JSON
    {
        var found: [(key: String, value: JSON)] = []
        for entry in try reader.entries(node, path) {
            let memberPath = "\(path).\(entry.key)"
            found.append((entry.key, entry.value.isNothing ? .null : try reader.object(entry.value, memberPath, table)))
            reader.note(memberPath, Node(kind: entry.value.kind, location: entry.location, tag: ""))
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    private static let provider: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.object(node, path, ["type": Fields.string, "options": providerOptions])
    }

    /// Strings, numbers and booleans, or lists of them; a list is a repeated option.
    private static let providerOptions: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        for entry in try reader.entries(node, path) {
            let values: [Node] = if case .sequence(let list) = entry.value.kind { list } else { [entry.value] }
            for value in values where try reader.text(value, "\(path).\(entry.key)") == nil {
                throw reader.wrong("\(path).\(entry.key)", "a string, a number or a boolean", value)
            }
        }
        return reader.any(node)
    }

    private static let models: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        guard case .sequence = node.kind else {
            return try named(&reader, node, path, ["endpoint_var": Fields.string, "model_var": Fields.string])
        }
        return try names(&reader, node, path)
    }

    private static let endpointTable: Fields.Table = [
        "aliases": Fields.set, "ipv4_address": Fields.string, "ipv6_address": Fields.string,
        "link_local_ips": Fields.set, "mac_address": Fields.string, "interface_name": Fields.string,
        "driver_opts": Fields.options(.numbers), "priority": Fields.plainInt, "gw_priority": Fields.plainInt,
    ]

    private static let devices: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [JSON] = []
        for (index, item) in try reader.items(node, path).enumerated() {
            if case .mapping = item.kind {
                let device = try reader.object(
                    item, "\(path).[\(index)]",
                    ["source": Fields.string, "target": Fields.string, "permissions": Fields.string])
                guard device["target"].string != nil else {
                    throw ComposeError("service device \(path).[\(index)] is missing a mount target", at: item.location)
                }
                found.append(device)
            } else {
                let parts = (try reader.string(item, path).string ?? "").fields(at: ":").map(String.init)
                guard let source = parts.first, parts.count <= 3 else {
                    throw ComposeError("\(path): expected source[:target[:permissions]]", at: item.location)
                }
                found.append([
                    "source": .string(source),
                    "target": .string(parts.count > 1 && !parts[1].isEmpty ? parts[1] : source),
                    "permissions": .string(parts.count > 2 ? parts[2] : "rwm"),
                ])
            }
        }
        return Fields.unique(.array(found))
    }

    /// Block device limits. `Path`, `Weight` and `Rate` are capitalized as the reference tool prints them.
    private static let blockDevices: Fields.Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.object(
            node, path,
            [
                "weight": Fields.int, "weight_device": deviceList("weight", Fields.int),
                "device_read_bps": deviceList("rate", Fields.bytes),
                "device_write_bps": deviceList("rate", Fields.bytes),
                "device_read_iops": deviceList("rate", Fields.bytes),
                "device_write_iops": deviceList("rate", Fields.bytes),
            ])
    }

    private static func deviceList(_ key: String, _ field: @escaping Fields.Field) -> Fields.Field {
        { (reader: inout ValueReader, node, path) throws(ComposeError) in
            let items = try Fields.objects(["path": Fields.string, key: field], required: ["path"])(
                &reader, node, path)
            let printed = key.prefix(1).uppercased() + key.dropFirst()
            return .array((items.array ?? []).map { ["Path": $0["path"], printed: $0[key]] })
        }
    }
}
