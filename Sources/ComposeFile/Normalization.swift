import ComposeModel
import EngineModel

/// The last passes: profiles, defaults, implied values and consistency checks (specification, text of each attribute).
struct Normalization {
    let request: LoadRequest
    let variables: [String: String]

    func apply(_ parts: DocumentParts, to project: inout Project) throws {
        var services = parts.services
        let enabled = enabledServices(services)
        let labelFiles = services.mapValues { $0["label_file"].strings ?? [] }
        for (name, service) in services {
            // The files of a disabled service may be missing.
            services[name] = try withFiles(Self.implied(service), name, readsFiles: enabled.contains(name), &project)
        }
        project.profiles = Set(services.values.flatMap { $0["profiles"].strings ?? [] }).sorted()
        project.extensions = parts.extensions
        project.services = services.filter { enabled.contains($0.key) }
        project.disabledServices = services.keys.filter { !enabled.contains($0) }.sorted()
        let passes = request.passes
        for (name, service) in project.services { project.services[name] = try defaults(service, name, project) }
        project.buildBases = try buildBases(services, enabled, project)
        project.networks = parts.networks
        if project.services.values.contains(where: {
            !$0["networks"]["default"].isNull || $0["networks"].object?.contains { $0.key == "default" } == true
        }), project.networks["default"] == nil {
            project.networks["default"] = .object([])
        }
        project.models = parts.models
        project.volumes = parts.volumes
        project.secrets = parts.secrets
        project.configs = parts.configs
        if passes.checksConsistency {
            try checkReferences(project, known: services)
            try checkCycles(project)
        }
        if passes.normalizes { try nameResources(&project) }
        dropUnused(&project)
        for (name, service) in project.services {
            project.hashForms[name] = ConfigRenderer.hashForm(service, labelFiles: labelFiles[name] ?? [])
        }
    }

    /// Services of inactive profiles that the builds of others use, directly or indirectly.
    private func buildBases(_ services: [String: JSON], _ enabled: Set<String>, _ project: Project) throws
        -> [String: JSON]
    {
        var found: [String: JSON] = [:]
        var waiting = enabled.sorted()
        while let name = waiting.popLast() {
            for (key, context) in services[name]?["build"]["additional_contexts"].object ?? [] {
                guard let text = context.string, text.hasPrefix("service:") else { continue }
                let other = String(text.dropFirst(8))
                guard let service = services[other] else {
                    throw fail(
                        "service \"\(name)\" declares unknown service \"\(other)\" as additional contexts \(key)",
                        "services.\(name).build.additional_contexts.\(key)", project)
                }
                guard !enabled.contains(other), found[other] == nil else { continue }
                found[other] = try defaults(service, other, project)
                waiting.append(other)
            }
        }
        return found
    }

    func fail(_ message: String, _ path: String, _ project: Project, hint: String? = nil) -> ComposeError {
        ComposeError(message, at: location(path, project), hint: hint)
    }

    /// The location of a path, or of its nearest known parent.
    private func location(_ path: String, _ project: Project) -> SourceLocation? {
        var parts = path.split(separator: ".")
        while !parts.isEmpty {
            if let origin = project.origins[parts.joined(separator: ".")] {
                return SourceLocation(parsing: origin)
            }
            parts.removeLast()
        }
        return nil
    }

    // MARK: Profiles

    private func enabledServices(_ services: [String: JSON]) -> Set<String> {
        var active = Set(
            request.profiles.isEmpty
                // An unset variable gives one empty name, which a service may list.
                ? (variables["COMPOSE_PROFILES"] ?? "").fields(at: ",").map { String($0.trimmed) }
                : request.profiles)
        for name in request.services { active.formUnion(services[name]?["profiles"].strings ?? []) }
        return Set(
            services.filter { _, service in
                let wanted = service["profiles"].strings ?? []
                return wanted.isEmpty || active.contains("*") || wanted.contains { active.contains($0) }
            }.keys)
    }

    // MARK: One service

    /// Adds the dependencies that other attributes imply.
    static func implied(_ service: JSON) -> JSON {
        var result = service
        var dependencies = service["depends_on"].object ?? []
        func add(_ name: String, _ restart: Bool) {
            guard !dependencies.contains(where: { $0.key == name }) else { return }
            var value: JSON = ["condition": "service_started"]
            if restart { value.set("restart", true) }
            value.set("required", true)
            dependencies.append((name, value))
        }
        for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
            if let other = service[key].string?.after("service:") { add(String(other), true) }
        }
        for link in service["links"].strings ?? [] { add(String(link.fields(at: ":")[0]), true) }
        for source in service["volumes_from"].strings ?? [] where !source.begins(with: "container:") {
            add(String(source.fields(at: ":")[0]), false)
        }
        if !dependencies.isEmpty { result.set("depends_on", .object(dependencies.sorted { $0.key < $1.key })) }
        return result
    }

    /// `environment` takes precedence over `env_file`, and `labels` over `label_file`.
    private func withFiles(_ service: JSON, _ name: String, readsFiles: Bool, _ project: inout Project) throws
        -> JSON
    {
        var result = JSON.object((service.object ?? []).filter { !["env_file", "label_file"].contains($0.key) })
        guard readsFiles else { return result }
        if let files = service["env_file"].array {
            result.set(
                "environment", try folded(files, service["environment"], "services.\(name).env_file", &project))
        }
        if let files = service["label_file"].array {
            let named = files.map { JSON.object([("path", $0)]) }
            result.set("labels", try folded(named, service["labels"], "services.\(name).label_file", &project))
        }
        return result
    }

    private func folded(_ files: [JSON], _ own: JSON, _ memberPath: String, _ project: inout Project) throws -> JSON {
        let isEnvironment = memberPath.hasSuffix("env_file")
        var values: [String: String] = [:]
        // A label file can use only values of earlier label files.
        let known = isEnvironment ? (own.stringMap ?? [:]).merging(variables) { $1 } : [:]
        for file in files {
            let path = file["path"].string ?? ""
            guard let bytes = try request.read(path) else {
                if file["required"].bool == false { continue }
                throw fail(
                    "env file \(path) not found", memberPath, project,
                    hint: "create the file, or set required: false")
            }
            let entries =
                file["format"].string == "raw"
                ? try EnvironmentFile.parseRaw(bytes, file: path, known: known)
                : try EnvironmentFile.parse(bytes, file: path, known: known, earlier: values)
            for entry in entries {
                values[entry.name] = entry.value
                if own[entry.name].isNull {
                    let attribute = isEnvironment ? "environment" : "labels"
                    let service = memberPath.split(separator: ".").dropLast().joined(separator: ".")
                    project.origins["\(service).\(attribute).\(entry.name)"] = "\(path):\(entry.line)"
                }
            }
        }
        var all = values.mapValues(JSON.string)
        for (key, value) in own.object ?? [] { all[key] = value }
        return .object(all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    private func defaults(_ service: JSON, _ name: String, _ project: Project) throws -> JSON {
        var result = service
        let path = "services.\(name)"
        if request.passes.checksConsistency, (service["image"].string ?? "").isEmpty, service["build"].isNull,
            service["provider"].isNull
        {
            throw fail(
                "service \"\(name)\" has neither an image nor a build context specified", path, project,
                hint: "add image: NAME")
        }
        if (service["network_mode"].string ?? "") != "", service["networks"].object?.isEmpty == false {
            throw fail(
                "service \(name) declares mutually exclusive `network_mode` and `networks`", "\(path).network_mode",
                project)
        }
        if request.passes.normalizes, service["network_mode"].isNull, service["provider"].isNull,
            (service["networks"].object ?? []).isEmpty
        {
            result.set("networks", ["default": .null])
        }
        for key in ["command", "entrypoint"] where service[key].isNull { result.set(key, .null) }
        if !service["build"].isNull { result.set("build", try build(service, path, project)) }
        if !service["provider"]["options"].isNull {
            var provider = service["provider"]
            provider.set("options", Self.repeated(provider["options"]))
            result.set("provider", provider)
        }
        if let groups = service["group_add"].array {
            result.set("group_add", .array(groups.map { $0.int.map { .string(String($0)) } ?? $0 }))
        }
        let scale = service["scale"].int
        let replicas = service["deploy"]["replicas"].int
        if let scale, let replicas, scale != replicas {
            throw fail(
                "services.\(name): can't set distinct values on 'scale' and 'deploy.replicas'", "\(path).scale", project
            )
        }
        if let scale, !service["deploy"].isNull {
            var deploy = service["deploy"]
            deploy.set("replicas", JSON(scale))
            result.set("deploy", deploy)
        }
        for (key, count) in [("scale", scale), ("deploy.replicas", replicas)] {
            guard let count, count < 0 else { continue }
            throw fail("\(path).\(key): must be greater than or equal to 0", "\(path).\(key)", project)
        }
        try checkMounts(service, path, project)
        try checkLimits(service, path, project)
        if (scale ?? replicas ?? 1) > 1, let fixed = service["container_name"].string {
            throw fail(
                "service \(name): container_name \(fixed) cannot be used with a scale above 1: container names must be unique",
                "\(path).container_name", project)
        }
        return .object((result.object ?? []).sorted { $0.key < $1.key })
    }

    /// Provider options may be repeated: each is a list of strings.
    private static func repeated(_ options: JSON) -> JSON {
        func text(_ value: JSON) -> JSON {
            if case .double(let number) = value { return .string(GoNumber.text(number)) }
            return .string(value.string ?? value.text())
        }
        return .object(
            (options.object ?? []).map { ($0.key, JSON.array(($0.value.array ?? [$0.value]).map(text))) }
                .filter { $0.1.array?.isEmpty == false })
    }

    private func build(_ service: JSON, _ path: String, _ project: Project) throws(ComposeError) -> JSON {
        var build = service["build"]
        if build["context"].isNull { build.set("context", .string(project.workingDirectory)) }
        let hasFile = build["dockerfile"].string?.isEmpty == false
        if !(build["dockerfile_inline"].string ?? "").isEmpty {
            if hasFile {
                throw fail(
                    "\(path).build declares mutually exclusive dockerfile and dockerfile_inline",
                    "\(path).build.dockerfile_inline", project, hint: "remove one of the two")
            }
        } else if build["dockerfile"].isNull, build["dockerfile_inline"].isNull {
            build.set("dockerfile", "Dockerfile")
        }
        if let platform = service["platform"].string, !platform.isEmpty, let all = build["platforms"].strings,
            !all.isEmpty, !all.contains(platform)
        {
            throw fail(
                "service.build.platforms MUST include service.platform \"\(platform)\"", "\(path).build.platforms",
                project)
        }
        return build
    }

    /// Two mounts cannot have the same target.
    private func checkMounts(_ service: JSON, _ path: String, _ project: Project) throws(ComposeError) {
        guard request.passes.checksConsistency else { return }
        /// Keyed by bytes: `String` compares different encodings of a letter as equal.
        var known: [[UInt8]: String] = [:]
        let targets =
            (service["tmpfs"].strings ?? []).map { ("tmpfs", String($0.cut(at: ":")?.before ?? $0[...])) }
            + (service["volumes"].array ?? []).map { ("volumes", $0["target"].string ?? "") }
        var counts: [String: Int] = [:]
        for (kind, target) in targets {
            let targetPath = "\(path).\(kind)[\(counts[kind, default: 0])]"
            counts[kind, default: 0] += 1
            if let other = known[Array(target.utf8)] {
                throw fail(
                    "\(targetPath): target \(target) already mounted as \(other)", "\(path).\(kind)", project)
            }
            known[Array(target.utf8)] = targetPath
        }
    }

    /// A limit can be set by two attributes; both must have the same value.
    private func checkLimits(_ service: JSON, _ path: String, _ project: Project) throws(ComposeError) {
        let resources = service["deploy"]["resources"]
        for (key, resource, value) in [
            ("mem_limit", "limits.memory", resources["limits"]["memory"]),
            ("mem_reservation", "reservations.memory", resources["reservations"]["memory"]),
            ("cpus", "limits.cpus", resources["limits"]["cpus"]),
            ("pids_limit", "limits.pids", resources["limits"]["pids"]),
        ] where !service[key].isNull && !value.isNull && service[key] != value {
            throw fail(
                "\(path): can't set distinct values on '\(key)' and 'deploy.resources.\(resource)'", "\(path).\(key)",
                project)
        }
    }

    // MARK: Project

    /// A suggestion for an undefined name: a similar one, or how to declare it.
    static func advice(_ name: String, _ section: String, _ known: [String: JSON], form: String = "{}")
        -> String
    {
        ValueReader.suggestion(name, Array(known.keys)) ?? "declare it: \(section): {\(name): \(form)}"
    }

    private func checkCycles(_ project: Project) throws(ComposeError) {
        var done: Set<String> = []
        var trail: [String] = []
        func visit(_ name: String) throws(ComposeError) {
            if done.contains(name) { return }
            if let start = trail.firstIndex(of: name) {
                let cycle = (trail[start...] + [name]).joined(separator: " -> ")
                throw fail(
                    "dependency cycle detected: \(cycle)", "services.\(name).depends_on", project,
                    hint: "remove one of these depends_on entries")
            }
            trail.append(name)
            for (other, _) in project.services[name]?["depends_on"].object ?? [] { try visit(other) }
            trail.removeLast()
            done.insert(name)
        }
        for name in project.services.keys.sorted() { try visit(name) }
    }

    private func nameResources(_ project: inout Project) throws(ComposeError) {
        func named(_ map: [String: JSON], _ kind: String) throws(ComposeError) -> [String: JSON] {
            var result: [String: JSON] = [:]
            for (key, value) in map {
                var json = value.isNull ? .object([]) : value
                if json["external"].object != nil {
                    let inner = json["external"]["name"]
                    if !inner.isNull, !json["name"].isNull, inner != json["name"] {
                        throw fail(
                            "\(kind).\(key): name and external.name conflict; only use name", "\(kind).\(key)", project)
                    }
                    json.set("external", true)
                    if !inner.isNull { json.set("name", inner) }
                }
                let isExternal = json["external"].bool == true
                // External resources of other kinds are not created, and their other settings are ignored.
                if isExternal, kind == "volumes",
                    let extra = (json.object ?? []).first(where: {
                        !["external", "name"].contains($0.key) && !$0.key.hasPrefix("x-")
                    })
                {
                    throw fail(
                        "\(kind).\(key): conflicting parameters \"external\" and \"\(extra.key)\" specified",
                        "\(kind).\(key)", project)
                }
                if json["name"].isNull { json.set("name", .string(isExternal ? key : "\(project.name)_\(key)")) }
                if kind == "networks", json["ipam"].isNull { json.set("ipam", .object([])) }
                result[key] = .object((json.object ?? []).sorted { $0.key < $1.key })
            }
            return result
        }
        project.networks = try named(project.networks, "networks")
        project.volumes = try named(project.volumes, "volumes")
        project.secrets = try named(project.secrets, "secrets")
        project.configs = try named(project.configs, "configs")
    }

    private func dropUnused(_ project: inout Project) {
        let services = project.services.values
        let networks = Set(services.flatMap { ($0["networks"].object ?? []).map(\.key) })
        let volumes = Set(
            services.flatMap {
                ($0["volumes"].array ?? []).compactMap { $0["type"].string == "volume" ? $0["source"].string : nil }
            })
        func sources(_ key: String) -> Set<String> {
            Set(
                services.flatMap {
                    ($0[key].array ?? []).compactMap { $0["source"].string }
                        + ($0["build"][key].array ?? []).compactMap { $0["source"].string }
                })
        }
        project.networks = project.networks.filter { networks.contains($0.key) }
        project.volumes = project.volumes.filter { volumes.contains($0.key) }
        let secrets = sources("secrets")
        let configs = sources("configs")
        let models = Set(services.flatMap { ($0["models"].object ?? []).map(\.key) })
        project.models = project.models.filter { models.contains($0.key) }
        project.secrets = project.secrets.filter { secrets.contains($0.key) }
        project.configs = project.configs.filter { configs.contains($0.key) }
    }
}

extension JSON {
    /// Whether a network, volume, secret or config is external, in either form.
    var isExternal: Bool { self["external"].bool == true || self["external"].object != nil }
}
