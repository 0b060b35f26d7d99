import ComposeModel
import EngineModel

/// The attributes of a service: one row each (specification, "Services top-level element").
enum ServiceTable {
    typealias Field = ValueReader.Field

    private static let string: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.string(node, path)
    }
    private static let bool: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bool(node, path)
    }
    private static let int: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.int(node, path)
    }
    private static let number: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.number(node, path)
    }
    private static let bytes: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bytes(node, path)
    }
    private static let duration: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.duration(node, path)
    }
    private static let strings: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.strings(node, path)
    }
    private static let stringOrList: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.stringOrList(node, path)
    }
    private static let labels: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.pairs(node, path, absent: "")
    }
    private static let command: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.command(node, path)
    }
    /// Read for its place and kept; what cannot be honoured yet is refused when it is to be acted on.
    private static let kept: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        return reader.any(node)
    }
    private static let words: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(try reader.text(node, path) ?? "")
    }

    static let attributes: [String: Field] = [
        "annotations": labels, "attach": bool, "blkio_config": kept, "build": kept, "cap_add": strings,
        "cap_drop": strings, "cgroup": string,
        "cgroup_parent": string, "command": command,
        "configs": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try files(&reader, node, path, root: "")
        },
        "container_name": string, "cpu_count": int, "cpu_percent": int, "cpu_period": int, "cpu_quota": int,
        "cpu_rt_period": kept, "cpu_rt_runtime": kept,
        "cpu_shares": int, "cpus": number, "cpuset": string, "credential_spec": kept, "depends_on": dependencies,
        "deploy": deploy, "develop": kept,
        "device_cgroup_rules": strings, "devices": devices, "dns": stringOrList, "dns_opt": strings,
        "dns_search": stringOrList, "domainname": string,
        "entrypoint": command, "env_file": environmentFiles,
        "environment": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.pairs(node, path, absent: nil)
        },
        "expose": strings, "extends": kept, "external_links": strings, "extra_hosts": extraHosts, "gpus": kept,
        "group_add": strings, "healthcheck": healthcheck, "hostname": string,
        "image": string, "init": bool, "ipc": string, "isolation": string, "label_file": kept, "labels": labels,
        "links": strings, "logging": logging, "mac_address": string,
        "mem_limit": bytes, "mem_reservation": bytes, "mem_swappiness": int, "memswap_limit": bytes, "models": kept,
        "network_mode": string, "networks": networks,
        "oom_kill_disable": bool, "oom_score_adj": int, "pid": string, "pids_limit": int, "platform": string,
        "ports": PortTable.ports, "post_start": kept, "pre_start": kept, "pre_stop": kept,
        "privileged": bool, "profiles": strings, "provider": kept, "pull_policy": string, "pull_refresh_after": string,
        "read_only": bool, "restart": restart, "runtime": string, "scale": int,
        "secrets": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try files(&reader, node, path, root: "/run/secrets/")
        }, "security_opt": strings, "shm_size": bytes,
        "stdin_open": bool, "stop_grace_period": duration, "stop_signal": string, "storage_opt": kept,
        "sysctls": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.pairs(node, path, absent: "")
        },
        "tmpfs": stringOrList, "tty": bool, "ulimits": ulimits, "use_api_socket": bool, "user": string,
        "userns_mode": string, "uts": string, "volumes": VolumeTable.volumes, "volumes_from": strings,
        "working_dir": string,
    ]

    /// `restart: no` without quotes is a truth value to YAML; what is meant is clear.
    private static let restart: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .bool(false) = node.scalarValue { return "no" }
        guard let text = try reader.text(node, path) else { return "no" }
        do throws(RoostError) { _ = try RestartPolicySpec(parsing: text) } catch {
            throw ComposeError("\(path): \(error.message)", at: node.place)
        }
        return .string(text)
    }

    private static let dependencies: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [(key: String, value: JSON)] = []
        if case .sequence(let items) = node.kind {
            for item in items {
                guard let name = try reader.string(item, path).string else { continue }
                reader.note("\(path).\(name)", item)
                found.append((name, ["condition": "service_started", "required": true]))
            }
        } else {
            for entry in try reader.entries(node, path) {
                let place = "\(path).\(entry.key)"
                var value = try reader.object(entry.value, place, dependencyTable)
                if value["condition"].isNull {
                    throw ComposeError(
                        "\(place): condition is required", at: entry.place,
                        hint: "add condition: service_started, service_healthy or service_completed_successfully")
                }
                if value["required"].isNull { value.set("required", true) }
                found.append((entry.key, value))
            }
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    private static let dependencyTable: [String: Field] = [
        "condition": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.choice(node, path, ["service_started", "service_healthy", "service_completed_successfully"])
        },
        "restart": bool, "required": bool,
    ]

    private static let environmentFiles: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        let items: [Node] = if case .sequence(let list) = node.kind { list } else { [node] }
        var found: [JSON] = []
        for item in items {
            if case .mapping = item.kind {
                var value = try reader.object(item, path, ["path": string, "required": bool, "format": string])
                value.set("path", .string(reader.resolved(value["path"].string ?? "")))
                if value["required"].isNull { value.set("required", true) }
                found.append(value)
            } else {
                found.append([
                    "path": .string(reader.resolved(try reader.string(item, path).string ?? "")), "required": true,
                ])
            }
        }
        return .array(found)
    }

    private static let extraHosts: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [String] = []
        if case .sequence(let items) = node.kind {
            for item in items {
                guard let text = try reader.text(item, path) else { continue }
                let separator: Character = text.contains("=") ? "=" : ":"
                let parts = text.split(separator: separator, maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw ComposeError("\(path): \"\(text)\" is not of the form name=address", at: item.place)
                }
                found.append("\(parts[0])=\(unbracketed(parts[1]))")
            }
        } else {
            for entry in try reader.entries(node, path) {
                let addresses: [Node] = if case .sequence(let list) = entry.value.kind { list } else { [entry.value] }
                for address in addresses {
                    found.append("\(entry.key)=\(unbracketed(try reader.text(address, path) ?? ""))")
                }
            }
        }
        return JSON(found.sorted())
    }

    private static func unbracketed(_ text: String) -> String {
        text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
    }

    private static let healthcheck: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.object(node, path, healthTable)
    }

    private static let healthTable: [String: Field] = [
        "test": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            reader.note(path, node)
            if case .scalar = node.kind { return ["CMD-SHELL", .string(try reader.text(node, path) ?? "")] }
            let list = try reader.strings(node, path)
            guard let first = list.strings?.first, ["CMD", "CMD-SHELL", "NONE"].contains(first) else {
                throw ComposeError(
                    "\(path) must begin with CMD, CMD-SHELL or NONE", at: node.place,
                    hint: "write test: [CMD, program, argument], or the command as one string")
            }
            return list
        }, "interval": duration, "timeout": duration, "start_period": duration, "start_interval": duration,
        "retries": int, "disable": bool,
    ]

    private static let logging: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.object(
            node, path,
            [
                "driver": string,
                "options": { (reader: inout ValueReader, node, path) throws(ComposeError) in
                    try reader.pairs(node, path, absent: "")
                },
            ])
    }

    private static let ulimits: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [(key: String, value: JSON)] = []
        for entry in try reader.entries(node, path) {
            let place = "\(path).\(entry.key)"
            if case .mapping = entry.value.kind {
                let value = try reader.object(entry.value, place, ["soft": int, "hard": int])
                guard !value["soft"].isNull, !value["hard"].isNull else {
                    throw ComposeError("\(place) needs both soft and hard", at: entry.place)
                }
                found.append((entry.key, value))
            } else {
                found.append((entry.key, try reader.int(entry.value, place)))
            }
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    private static let networks: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [(key: String, value: JSON)] = []
        if case .sequence(let items) = node.kind {
            for item in items { found.append((try reader.string(item, path).string ?? "", .null)) }
        } else {
            for entry in try reader.entries(node, path) {
                let place = "\(path).\(entry.key)"
                if case .scalar = entry.value.kind, entry.value.scalarValue.isNull {
                    found.append((entry.key, .null))
                } else {
                    found.append((entry.key, try reader.object(entry.value, place, endpointTable)))
                }
                reader.note(place, entry.value)
            }
        }
        return .object(found.sorted { $0.key < $1.key })
    }

    private static let endpointTable: [String: Field] = [
        "aliases": strings, "ipv4_address": string, "ipv6_address": string, "link_local_ips": strings,
        "mac_address": string, "interface_name": string,
        "driver_opts": labels, "priority": number, "gw_priority": number,
    ]

    private static let devices: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        var found: [JSON] = []
        for item in try reader.items(node, path) {
            if case .mapping = item.kind {
                found.append(
                    try reader.object(item, path, ["source": string, "target": string, "permissions": string]))
            } else {
                let parts = (try reader.string(item, path).string ?? "").split(separator: ":").map(String.init)
                guard let source = parts.first, parts.count <= 3 else {
                    throw ComposeError("\(path): a device is source[:target[:permissions]]", at: item.place)
                }
                found.append([
                    "source": .string(source), "target": .string(parts.count > 1 ? parts[1] : source),
                    "permissions": .string(parts.count > 2 ? parts[2] : "rwm"),
                ])
            }
        }
        return .array(found)
    }

    /// Secrets and configs of a service.
    private static func files(_ reader: inout ValueReader, _ node: Node, _ path: String, root: String)
        throws(ComposeError) -> JSON
    {
        reader.note(path, node)
        var found: [JSON] = []
        for item in try reader.items(node, path) {
            if case .mapping = item.kind {
                let table: [String: Field] = [
                    "source": string, "target": string, "uid": words, "gid": words, "mode": fileMode,
                ]
                found.append(try reader.object(item, path, table))
            } else {
                let name = try reader.string(item, path).string ?? ""
                found.append(
                    root.isEmpty
                        ? ["source": .string(name)] : ["source": .string(name), "target": .string(root + name)])
            }
        }
        return .array(found)
    }

    /// Octal, whether YAML has read it as such already or it is a string.
    private static let fileMode: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        reader.note(path, node)
        if case .int(let value) = node.scalarValue { return .int(value) }
        if case .scalar(let text, _) = node.kind, let value = Int64(text, radix: 8) { return .int(value) }
        throw reader.wrong(path, "a file mode such as 0440", node)
    }

    private static let deploy: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.object(node, path, deployTable)
    }

    private static let deployTable: [String: Field] = [
        "mode": string, "endpoint_mode": string, "replicas": int, "labels": labels, "placement": kept,
        "update_config": kept, "rollback_config": kept,
        "restart_policy": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(
                node, path, ["condition": string, "delay": duration, "max_attempts": int, "window": duration])
        },
        "resources": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(
                node, path,
                [
                    "limits": { (reader: inout ValueReader, node, path) throws(ComposeError) in
                        try reader.object(node, path, ["cpus": number, "memory": bytes, "pids": int])
                    },
                    "reservations": { (reader: inout ValueReader, node, path) throws(ComposeError) in
                        try reader.object(
                            node, path, ["cpus": number, "memory": bytes, "generic_resources": kept, "devices": kept])
                    },
                ])
        },
    ]
}

/// Tables of the other top-level elements.
enum ResourceTable {
    typealias Field = ValueReader.Field
    private static let string: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.string(node, path)
    }
    private static let bool: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.bool(node, path)
    }
    private static let labels: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        try reader.pairs(node, path, absent: "")
    }
    private static let file: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        .string(reader.resolved(try reader.string(node, path).string ?? ""))
    }
    private static let kept: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in reader.any(node)
    }
    /// `external: true`, or the old form with a name inside.
    private static let external: Field = { (reader: inout ValueReader, node, path) throws(ComposeError) in
        if case .mapping = node.kind { return try reader.object(node, path, ["name": string]) }
        return try reader.bool(node, path)
    }

    static let network: [String: Field] = [
        "name": string, "driver": string, "driver_opts": labels, "internal": bool, "attachable": bool,
        "enable_ipv4": bool, "enable_ipv6": bool, "labels": labels, "external": external,
        "ipam": { (reader: inout ValueReader, node, path) throws(ComposeError) in
            try reader.object(
                node, path,
                [
                    "driver": string, "options": labels,
                    "config": { (reader: inout ValueReader, node, path) throws(ComposeError) in
                        var pools: [JSON] = []
                        for item in try reader.items(node, path) {
                            pools.append(
                                try reader.object(
                                    item, path,
                                    ["subnet": string, "ip_range": string, "gateway": string, "aux_addresses": kept]))
                        }
                        return .array(pools)
                    },
                ])
        },
    ]
    static let volume: [String: Field] = [
        "name": string, "driver": string, "driver_opts": labels, "labels": labels, "external": external,
    ]
    static let secret: [String: Field] = [
        "name": string, "file": file, "environment": string, "external": external, "labels": labels, "driver": string,
        "driver_opts": labels, "template_driver": string,
    ]
    static let config: [String: Field] = [
        "name": string, "file": file, "environment": string, "content": string, "external": external, "labels": labels,
        "template_driver": string,
    ]
}
