import ComposeModel
import EngineModel

/// The form in which `config` prints a project: like the reference tool, it omits empty values and some defaults. Which ones depends
/// on the reference tool's types; they are listed only here.
package struct ConfigRenderer {
    /// False for JSON, which prints only top-level extensions.
    let keepsExtensions: Bool

    package static func json(_ project: Project) -> JSON {
        var value = ConfigRenderer(keepsExtensions: false).whole(project)
        // The reference tool's JSON omits models.
        value = .object((value.object ?? []).filter { $0.key != "models" }.sorted { $0.key < $1.key })
        return value
    }

    package static func yaml(_ project: Project) -> JSON {
        var result = ConfigRenderer(keepsExtensions: true).whole(project)
        result.set("services", .object((result["services"].object ?? []).map { ($0.key, yamlService($0.value)) }))
        if let networks = result["networks"].object {
            result.set(
                "networks",
                .object(networks.map { ($0.key, without($0.value, ["ipam"]) { $0.object?.isEmpty == true }) }))
        }
        return YAMLOrder.sorted(result)
    }

    private static func yamlService(_ service: JSON) -> JSON {
        var result = without(service, ["command", "entrypoint"]) { $0.isNull }
        if !result["deploy"].isNull {
            result.set(
                "deploy", without(result["deploy"], ["resources", "placement"]) { $0.object?.isEmpty == true })
        }
        if let rules = result["develop"]["watch"].array {
            var develop = result["develop"]
            develop.set(
                "watch", .array(rules.map { rule in without(rule, ["exec"]) { $0["command"].isNull } }))
            result.set("develop", develop)
        }
        if let keys = result["build"]["ssh"].array {
            var build = result["build"]
            build.set(
                "ssh",
                .array(
                    keys.map { key in
                        guard let (name, path) = key.string?.cut(at: "=") else { return key }
                        return .string("\(name): \(path)")
                    }))
            result.set("build", build)
        }
        if let blocks = result["blkio_config"].object {
            // The reference tool capitalizes these keys in JSON, not in YAML.
            result.set(
                "blkio_config",
                .object(
                    blocks.map { key, value in
                        guard let items = value.array else { return (key, value) }
                        return (
                            key,
                            .array(items.map { .object(($0.object ?? []).map { ($0.key.lowercased(), $0.value) }) })
                        )
                    }))
        }
        return result
    }

    /// Removes members that JSON prints but YAML omits.
    private static func without(_ value: JSON, _ keys: [String], where isIdle: (JSON) -> Bool) -> JSON {
        .object((value.object ?? []).filter { !(keys.contains($0.key) && isIdle($0.value)) })
    }

    /// Maps with user-defined names and values; kept as they are.
    private static let maps: Set<String> = [
        "environment", "labels", "annotations", "args", "options", "driver_opts", "sysctls", "storage_opt",
        "additional_contexts", "aux_addresses", "depends_on", "networks", "ulimits", "models",
    ]
    /// Booleans and numbers that are printed even if false or zero.
    private static let always: Set<String> = [
        "init", "attach", "enable_ipv4", "enable_ipv6", "required", "scale", "replicas", "retries", "parallelism",
        "max_attempts", "mode",
    ]
    /// Sizes; omitted if zero.
    private static let sizes: Set<String> = [
        "memory", "mem_swappiness", "mem_limit", "memswap_limit", "mem_reservation", "shm_size", "size",
    ]
    /// Lists that are printed even if empty.
    private static let lists: Set<String> = ["command", "entrypoint"]

    private func whole(_ project: Project) -> JSON {
        var json: JSON = ["name": .string(project.name), "services": section(project.services, service)]
        if !project.networks.isEmpty { json.set("networks", section(project.networks, network)) }
        for (key, map) in [
            ("volumes", project.volumes), ("secrets", project.secrets), ("configs", project.configs),
            ("models", project.models),
        ] where !map.isEmpty {
            json.set(key, section(map) { typed($0) })
        }
        for (key, value) in project.extensions { json.set(key, keepsExtensions ? value : Self.extended(value)) }
        return json
    }

    /// In extensions, the reference tool's JSON prints an empty list as null.
    private static func extended(_ value: JSON) -> JSON {
        switch value {
        case .array(let items): items.isEmpty ? .null : .array(items.map(extended))
        case .object(let members): .object(members.map { ($0.key, extended($0.value)) })
        default: value
        }
    }

    /// Omits ulimit values of zero, the default.
    private static func limit(_ value: JSON) -> JSON {
        if value.int == 0 { return .object([]) }
        guard let members = value.object else { return value }
        return .object(members.filter { $0.value.int != 0 })
    }

    private func section(_ map: [String: JSON], _ form: (JSON) -> JSON) -> JSON {
        .object(map.sorted { $0.key < $1.key }.map { ($0.key, form($0.value)) })
    }

    private func network(_ value: JSON) -> JSON {
        var result = typed(value)
        let kept = (result["ipam"].object ?? []).filter { $0.key != "options" }
        result.set("ipam", .object(kept))
        return result
    }

    func service(_ value: JSON) -> JSON {
        var result = typed(value)
        for key in ["command", "entrypoint"] where value[key].isNull { result.set(key, .null) }
        if var deploy = result.object?.first(where: { $0.key == "deploy" })?.value {
            for key in ["resources", "placement"] where deploy[key].isNull { deploy.set(key, .object([])) }
            for key in ["update_config", "rollback_config"] where !deploy[key].isNull {
                deploy.set(key, Self.without(deploy[key], ["delay", "monitor"]) { $0.string == "0s" })
            }
            result.set("deploy", deploy)
        }
        if let rules = result["develop"]["watch"].array {
            var develop = result["develop"]
            develop.set(
                "watch",
                .array(
                    rules.map { rule in
                        var rule = rule
                        var program = rule["exec"].isNull ? .object([]) : rule["exec"]
                        if program["command"].isNull { program.set("command", .null) }
                        rule.set("exec", program)
                        return rule
                    }))
            result.set("develop", develop)
        }
        return .object((result.object ?? []).sorted { $0.key < $1.key })
    }

    /// A value of a type that the specification defines.
    private func typed(_ value: JSON) -> JSON {
        guard let members = value.object else { return value }
        return .object(
            members.compactMap { key, value in
                if key.hasPrefix("x-") { return keepsExtensions ? (key, value) : nil }
                return printed(key, value).map { (key, $0) }
            })
    }

    /// The mode of a secret or config is printed as an octal string.
    private func mounted(_ item: JSON) -> JSON {
        var file = typed(item)
        if let mode = file["mode"].int { file.set("mode", .string("0" + String(mode, radix: 8))) }
        return file
    }

    private func printed(_ key: String, _ value: JSON) -> JSON? {
        if let items = value.array, ["secrets", "configs"].contains(key) {
            return items.isEmpty ? nil : .array(items.map(mounted))
        }
        switch value {
        case .null: return nil
        case .string(let text):
            return text.isEmpty || text == "0" && Self.sizes.contains(key) ? nil : value
        case .bool(let truth): return truth || Self.always.contains(key) ? value : nil
        case .int(let number): return number != 0 || Self.always.contains(key) ? value : nil
        case .array(let items):
            return items.isEmpty && !Self.lists.contains(key) ? nil : .array(items.map(typed))
        case .object(let members):
            guard Self.maps.contains(key) else { return typed(value) }
            if members.isEmpty { return nil }
            if key == "ulimits" { return .object(members.map { ($0.key, Self.limit($0.value)) }) }
            // In these two only the names are user-defined.
            guard ["depends_on", "networks"].contains(key) else { return value }
            return .object(members.map { ($0.key, typed($0.value)) })
        default: return value
        }
    }
}
