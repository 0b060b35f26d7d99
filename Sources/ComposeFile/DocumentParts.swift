import ComposeModel
import EngineModel

/// One document in canonical form, ready to merge with the next one.
struct DocumentParts {
    var services: [String: JSON] = [:]
    var networks: [String: JSON] = [:]
    var volumes: [String: JSON] = [:]
    var secrets: [String: JSON] = [:]
    var configs: [String: JSON] = [:]
    var models: [String: JSON] = [:]
    var extensions: [(key: String, value: JSON)] = []
    var warnings: [String] = []
    /// Paths of services and attributes of earlier documents that `!reset` removes.
    private(set) var resets: [[String]] = []
    private var overrides: Set<[String]> = []

    init() {}

    /// Everything in a document except its services, which may extend others.
    init(_ node: Node, _ reader: inout ValueReader) throws(ComposeError) {
        collectTags(node, [])
        for entry in try reader.entries(node, "(root)") {
            guard entry.value.tag != "!reset" else { continue }
            switch entry.key {
            case "version":
                _ = try reader.string(entry.value, "version")
                warnings.append(
                    "the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion"
                )
            case "name": _ = try reader.string(entry.value, "name")
            case "services", "include": break
            case "networks":
                networks = try Self.section(entry, ResourceTable.network, asWritten: RawModelTable.network, &reader)
            case "volumes":
                volumes = try Self.section(entry, ResourceTable.volume, asWritten: RawModelTable.volume, &reader)
                for (name, volume) in volumes { volumes[name] = Self.resolvedDevice(volume, reader) }
            case "secrets":
                secrets = try Self.section(entry, ResourceTable.secret, asWritten: RawModelTable.secret, &reader)
            case "configs":
                configs = try Self.section(entry, ResourceTable.config, asWritten: RawModelTable.config, &reader)
            case "models":
                models = try Self.section(entry, ResourceTable.model, asWritten: RawModelTable.model, &reader)
            case let key where key.hasPrefix("x-"): extensions.append((key, reader.any(entry.value)))
            default:
                throw ComposeError(
                    "(root) Additional property \(entry.key) is not allowed", at: entry.location,
                    hint: Self.advice(entry))
            }
        }
    }

    private static let sections = [
        "services", "networks", "volumes", "secrets", "configs", "name", "version", "include", "models",
    ]

    /// A suggestion for an unknown top-level key.
    private static func advice(_ entry: Node.Entry) -> String {
        if let near = ValueReader.suggestion(entry.key, sections) { return near }
        if case .mapping(let members) = entry.value.kind,
            members.contains(where: { ["image", "build", "command", "ports"].contains($0.key) })
        {
            return "to define a service, move it under services:"
        }
        return
            "top-level keys are \(sections.dropLast(3).joined(separator: ", ")) and include; extensions start with x-"
    }

    mutating func collectTags(_ node: Node, _ path: [String]) {
        if node.tag == "!reset" { resets.append(path) }
        if node.tag == "!override" { overrides.insert(path) }
        if case .mapping(let entries) = node.kind {
            for entry in entries { collectTags(entry.value, path + [entry.key]) }
        }
    }

    private static func section(
        _ whole: Node.Entry, _ resolved: Fields.Table, asWritten: Fields.Table, _ reader: inout ValueReader
    ) throws(ComposeError) -> [String: JSON] {
        let name = whole.key
        let table = reader.keepsWritten ? asWritten : resolved
        var found: [String: JSON] = [:]
        for entry in try reader.entries(whole.value, name) {
            try checkName(entry, name)
            if entry.value.tag == "!reset" { continue }
            found[entry.key] = try reader.object(entry.value, "\(name).\(entry.key)", table)
            reader.note("\(name).\(entry.key)", Node(kind: entry.value.kind, location: entry.location, tag: ""))
        }
        return found
    }

    /// A bind mount that is defined by a volume's driver options has a host path, too.
    private static func resolvedDevice(_ volume: JSON, _ reader: ValueReader) -> JSON {
        var options = volume["driver_opts"]
        guard volume["driver"].string == "local", let kinds = options["o"].string,
            kinds.split(separator: ",").contains("bind"), let device = options["device"].string
        else { return volume }
        options.set("device", .string(reader.resolved(device)))
        var result = volume
        result.set("driver_opts", options)
        return result
    }

    static func checkName(_ entry: Node.Entry, _ section: String) throws(ComposeError) {
        guard entry.key.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }),
            !entry.key.isEmpty
        else {
            throw ComposeError(
                "\(section) Additional property \(entry.key) is not allowed", at: entry.location,
                hint: "names may contain letters, digits, ., _ and -")
        }
    }

    /// The attributes of a service or resource that `!override` replaces as a whole.
    func overridden(_ section: String, _ name: String) -> Set<[String]> {
        Set(overrides.filter { $0.count > 1 && $0[0] == section && $0[1] == name }.map { Array($0.dropFirst(2)) })
    }

    /// The attributes of a service that `!reset` removes.
    func reset(_ service: String) -> [[String]] {
        resets.filter { $0.count > 2 && $0[0] == "services" && $0[1] == service }.map { Array($0.dropFirst(2)) }
    }

    /// Merges a later document into this one, by the merge rule of each attribute.
    mutating func merge(_ later: DocumentParts) {
        for path in later.resets { remove(path) }
        // `!override` on a whole section.
        for path in later.overrides where path.count == 1 { remove(path) }
        for name in later.services.keys {
            let rule = MergeRule(overrides: later.overridden("services", name))
            services[name] =
                services[name].map { rule.service($0, later.services[name] ?? .null) } ?? later.services[name]
        }
        func merge(_ section: String, _ known: inout [String: JSON], _ others: [String: JSON]) {
            for (name, value) in others {
                let rule = MergeRule(overrides: later.overridden(section, name))
                known[name] = known[name].map { rule.resource($0, value) } ?? value
            }
        }
        merge("models", &models, later.models)
        merge("networks", &networks, later.networks)
        merge("volumes", &volumes, later.volumes)
        merge("secrets", &secrets, later.secrets)
        merge("configs", &configs, later.configs)
        for entry in later.extensions {
            let known = extensions.first { $0.key.isExactly(entry.key) }
            let value = known.map { MergeRule.deep($0.value, entry.value) } ?? entry.value
            extensions = extensions.filter { !$0.key.isExactly(entry.key) } + [(entry.key, value)]
        }
        warnings += later.warnings
    }

    /// A file cannot redefine a resource of a project that it includes; an override file can.
    func refuseConflict(with other: DocumentParts, at location: SourceLocation?, _ origins: [String: String] = [:])
        throws(ComposeError)
    {
        for (section, mine, theirs) in [
            ("services", services, other.services), ("networks", networks, other.networks),
            ("volumes", volumes, other.volumes), ("secrets", secrets, other.secrets),
            ("configs", configs, other.configs), ("models", models, other.models),
        ] {
            for (name, value) in theirs.sorted(by: { $0.key < $1.key }) {
                guard let known = mine[name], known != value else { continue }
                throw ComposeError(
                    "\(section).\(name) conflicts with imported resource",
                    at: location ?? origins["\(section).\(name)"].flatMap { SourceLocation(parsing: $0) },
                    hint: "to change an included \(section.dropLast()), use an override file")
            }
        }
    }

    /// Checks that need all earlier files: attributes without a value in every file, and duplicates in lists whose items must be
    /// unique.
    func checkWhole(_ reader: ValueReader) throws(ComposeError) {
        for (path, location) in reader.valueless where !hasValue(path) {
            throw ComposeError("\(path) has no value", at: location, hint: "add a value or remove the line")
        }
        for (name, service) in services {
            for key in ["security_opt", "group_add", "external_links", "volumes_from", "device_cgroup_rules"] {
                let items = service[key].array ?? []
                guard let double = items.indices.first(where: { items[..<$0].contains(items[$0]) }) else { continue }
                throw ComposeError(
                    "services.\(name).\(key) array items must be unique: \(items[double].string ?? "") is duplicated",
                    at: reader.origins["services.\(name).\(key)"].flatMap { SourceLocation(parsing: $0) },
                    hint: "remove one of the two")
            }
        }
    }

    private func hasValue(_ path: String) -> Bool {
        for (section, map) in [
            ("services", services), ("networks", networks), ("volumes", volumes), ("secrets", secrets),
            ("configs", configs), ("models", models),
        ] {
            for (name, value) in map where path.hasPrefix("\(section).\(name).") {
                var found = value
                for key in path.dropFirst(section.count + name.count + 2).split(separator: ".") {
                    found = found[String(key)]
                }
                if !found.isNull { return true }
            }
        }
        return false
    }

    private mutating func remove(_ path: [String]) {
        func cut(_ map: inout [String: JSON]) {
            guard path.count > 1 else { return map = [:] }
            guard let value = map[path[1]] else { return }
            map[path[1]] = path.count == 2 ? nil : Self.removing(path.dropFirst(2), from: value)
        }
        switch path.first {
        case "services": cut(&services)
        case "networks": cut(&networks)
        case "volumes": cut(&volumes)
        case "secrets": cut(&secrets)
        case "configs": cut(&configs)
        case "models": cut(&models)
        default: extensions.removeAll { $0.key == path.first }
        }
    }

    static func removing(_ path: ArraySlice<String>, from value: JSON) -> JSON {
        guard let first = path.first, var members = value.object else { return value }
        if path.count == 1 {
            members.removeAll { $0.key == first }
        } else {
            for index in members.indices where members[index].key == first {
                members[index].value = removing(path.dropFirst(), from: members[index].value)
            }
        }
        return .object(members)
    }
}
