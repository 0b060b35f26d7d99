import EngineModel

/// How attributes of two files are merged (specification, "Merge"). Both are in canonical form.
struct MergeRule {
    /// Paths within the service that are replaced as a whole.
    var overrides: Set<[String]> = []

    /// Replaced as a whole, even by null.
    private static let replaced: Set<String> = ["command", "entrypoint"]
    /// Lists whose items have a key: the later item replaces the earlier one.
    private static let keyed: [String: [String]] = [
        "volumes": ["target"], "secrets": ["target", "source"], "configs": ["target", "source"], "devices": ["target"],
        "env_file": ["path"], "ports": ["host_ip", "published", "target", "protocol"], "tmpfs": [],
    ]
    /// Lists without duplicates.
    private static let sets: Set<String> = [
        "cap_add", "cap_drop", "profiles", "links", "expose", "aliases", "link_local_ips", "tags", "dns", "dns_search",
        "dns_opt", "extra_hosts",
    ]

    /// Pairs; lists of `name=value` only if nothing was interpolated.
    private static let pairs: Set<String> = ["environment", "labels", "annotations", "args", "sysctls"]

    private static func lines(_ pairs: JSON) -> [JSON] {
        (pairs.object ?? []).map { key, value in
            .string(value.isNull ? key : "\(key)=\(value.string ?? value.text())")
        }
    }

    func service(_ one: JSON, _ other: JSON) -> JSON { merge(one, other, [], isService: true) }

    private func merge(_ one: JSON, _ other: JSON, _ path: [String], isService: Bool = false) -> JSON {
        if overrides.contains(path) { return other }
        if isService, path.count == 1, Self.replaced.contains(path[0]) { return other }
        if path == ["healthcheck", "test"] { return other }
        // A variable without a value is read from the shell, even if an earlier file sets it.
        if path.count == 2, path[0] == "environment" { return other }
        if path == ["logging"], let driver = other["driver"].string, let before = one["driver"].string, driver != before
        {
            return other
        }
        if path.count == 2, path[0] == "ulimits" { return other.isNull ? one : other }
        switch (one, other) {
        case (_, .null): return one
        case (.object(let members), .object(let more)):
            var result = JSON.object(members)
            for (key, value) in more {
                let known = members.contains { $0.key.isExactly(key) }
                result.set(key, known ? merge(result[key], value, path + [key], isService: isService) : value)
            }
            return result
        case (.array(let list), .array(let more)): return .array(Self.combine(path, list, more))
        case (.array(let list), .object) where Self.pairs.contains(path.last ?? ""):
            return .array(Self.combine(path, list, Self.lines(other)))
        case (.object, .array(let more)) where Self.pairs.contains(path.last ?? ""):
            return .array(Self.combine(path, Self.lines(one), more))
        default: return other
        }
    }

    private static func combine(_ path: [String], _ one: [JSON], _ other: [JSON]) -> [JSON] {
        guard let name = path.last else { return one + other }
        // The later file defines the pools; settings of the earlier file for the same subnet still apply.
        if path == ["ipam", "config"] {
            return other.map { pool in
                one.last { $0["subnet"] == pool["subnet"] }.map { deep($0, pool) } ?? pool
            }
        }
        if let key = keyed[name], path.count == 1 { return byKey(name, key, one + other) }
        if pairs.contains(name) {
            func key(_ item: JSON) -> JSON { JSON(item.string.map { String($0.cut(at: "=")?.before ?? $0[...]) }) }
            return one.filter { old in !other.contains { key($0) == key(old) } } + other
        }
        guard sets.contains(name) else { return one + other }
        let both = one + other.filter { !one.contains($0) }
        return name == "extra_hosts" ? both.sorted { ($0.string ?? "") < ($1.string ?? "") } : both
    }

    /// Of items with the same key the last one counts, in the place of the first.
    private static func byKey(_ name: String, _ fields: [String], _ items: [JSON]) -> [JSON] {
        var list: [JSON] = []
        var known: [ExactText: Int] = [:]
        for item in items {
            let key = ExactText(key(of: item, name, fields))
            if let same = known[key] {
                list[same] = item
            } else {
                known[key] = list.count
                list.append(item)
            }
        }
        return list
    }

    private static func key(of item: JSON, _ name: String, _ fields: [String]) -> String {
        switch name {
        case "secrets", "configs":
            // The target identifies the item, as written; without one, the default target of its source.
            return item["target"].string
                ?? (name == "configs" ? "/" : "/run/secrets/") + (item["source"].string ?? "")
        case "tmpfs": return String((item.string ?? "").prefix { $0 != ":" })
        default:
            return fields.map { field in
                // Without an address, a port is published on all of them.
                field == "host_ip" && item[field].isNull ? "\"0.0.0.0\"" : item[field].text()
            }.joined(separator: " ")
        }
    }

    /// The same rule within one file.
    static func unique(_ service: JSON) -> JSON {
        var result = service
        for (name, fields) in keyed {
            guard let items = service[name].array, items.count > 1 else { continue }
            result.set(name, .array(byKey(name, fields, items)))
        }
        return result
    }

    /// A top-level resource: mappings are merged by key, lists appended.
    func resource(_ one: JSON, _ other: JSON) -> JSON { merge(one, other, []) }

    /// The same merge, without `!override` tags.
    static func deep(_ one: JSON, _ other: JSON) -> JSON { MergeRule().merge(one, other, []) }
}
