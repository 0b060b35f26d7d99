import ComposeModel
import EngineModel

/// The last passes: profiles, defaults, implied values, and what must fit together (specification, each attribute's text).
struct Normalization {
    let request: LoadRequest
    let variables: [String: String]

    func apply(_ parts: DocumentParts, to project: inout Project) throws {
        var services = parts.services
        let enabled = enabledServices(services)
        for (name, service) in services {
            // The files of a service that is off may be missing.
            services[name] = try withFiles(Self.implied(service), name, readsFiles: enabled.contains(name), &project)
        }
        project.profiles = Set(services.values.flatMap { $0["profiles"].strings ?? [] }).sorted()
        project.extensions = parts.extensions
        project.services = services.filter { enabled.contains($0.key) }
        project.disabledServices = services.keys.filter { !enabled.contains($0) }.sorted()
        let passes = request.passes
        for (name, service) in project.services { project.services[name] = try defaults(service, name, project) }
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
    }

    private func fail(_ message: String, _ path: String, _ project: Project, hint: String? = nil) -> ComposeError {
        ComposeError(message, at: place(path, project), hint: hint)
    }

    /// The place of a path, or of the nearest thing around it.
    private func place(_ path: String, _ project: Project) -> Place? {
        var parts = path.split(separator: ".")
        while !parts.isEmpty {
            if let origin = project.origins[parts.joined(separator: ".")] {
                return Place(parsing: origin)
            }
            parts.removeLast()
        }
        return nil
    }

    // MARK: Profiles

    private func enabledServices(_ services: [String: JSON]) -> Set<String> {
        var active = Set(
            request.profiles.isEmpty
                ? (variables["COMPOSE_PROFILES"] ?? "").split(separator: ",").map {
                    String($0).trimmingBlanks
                } : request.profiles)
        for name in request.services { active.formUnion(services[name]?["profiles"].strings ?? []) }
        return Set(
            services.filter { _, service in
                let wanted = service["profiles"].strings ?? []
                return wanted.isEmpty || active.contains("*") || wanted.contains { active.contains($0) }
            }.keys)
    }

    // MARK: One service

    /// Dependencies that other attributes imply.
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
            if let text = service[key].string, text.hasPrefix("service:") { add(String(text.dropFirst(8)), true) }
        }
        for link in service["links"].strings ?? [] { add(String(link.split(separator: ":").first ?? ""), true) }
        for source in service["volumes_from"].strings ?? [] where !source.hasPrefix("container:") {
            add(String(source.split(separator: ":").first ?? ""), false)
        }
        if !dependencies.isEmpty { result.set("depends_on", .object(dependencies.sorted { $0.key < $1.key })) }
        return result
    }

    /// Values of `env_file` come below those of `environment`, values of `label_file` below `labels`.
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

    private func folded(_ files: [JSON], _ own: JSON, _ place: String, _ project: inout Project) throws -> JSON {
        var values: [String: JSON] = [:]
        for file in files {
            let path = file["path"].string ?? ""
            guard let bytes = try request.read(path) else {
                if file["required"].bool == false { continue }
                throw fail(
                    "env file \(path) not found", place, project,
                    hint: "make the file, or write required: false beside its path")
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let entries =
                file["format"].string == "raw"
                ? EnvironmentFile.parseRaw(text, known: variables)
                : try EnvironmentFile.parse(text, file: path, known: variables)
            for entry in entries {
                values[entry.name] = .string(entry.value)
                if own[entry.name].isNull {
                    let attribute = place.hasSuffix("env_file") ? "environment" : "labels"
                    let service = place.split(separator: ".").dropLast().joined(separator: ".")
                    project.origins["\(service).\(attribute).\(entry.name)"] = "\(path):\(entry.line)"
                }
            }
        }
        for (key, value) in own.object ?? [] { values[key] = value }
        return .object(values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
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
        if !service["network_mode"].isNull, !service["networks"].isNull {
            throw fail(
                "service \(name) declares mutually exclusive `network_mode` and `networks`", "\(path).network_mode",
                project)
        }
        if request.passes.normalizes, service["network_mode"].isNull, (service["networks"].object ?? []).isEmpty {
            result.set("networks", ["default": .null])
        }
        for key in ["command", "entrypoint"] where service[key].isNull { result.set(key, .null) }
        if !service["build"].isNull { result.set("build", try build(service, path, project)) }
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
        try checkLimits(service, path, project)
        if (scale ?? replicas ?? 1) > 1, let fixed = service["container_name"].string {
            throw fail(
                "service \(name): container_name \(fixed) cannot be given with a scale above 1, because a container's name is unique",
                "\(path).container_name", project)
        }
        return .object((result.object ?? []).sorted { $0.key < $1.key })
    }

    private func build(_ service: JSON, _ path: String, _ project: Project) throws(ComposeError) -> JSON {
        var build = service["build"]
        if build["context"].isNull { build.set("context", .string(project.workingDirectory)) }
        let hasFile = build["dockerfile"].string?.isEmpty == false
        if !(build["dockerfile_inline"].string ?? "").isEmpty {
            if hasFile {
                throw fail(
                    "\(path).build declares mutually exclusive dockerfile and dockerfile_inline",
                    "\(path).build.dockerfile_inline", project, hint: "take one of the two away")
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

    /// Limits can be said in two places; what they say must be the same.
    private func checkLimits(_ service: JSON, _ path: String, _ project: Project) throws(ComposeError) {
        let resources = service["deploy"]["resources"]
        for (key, place, value) in [
            ("mem_limit", "limits.memory", resources["limits"]["memory"]),
            ("mem_reservation", "reservations.memory", resources["reservations"]["memory"]),
            ("cpus", "limits.cpus", resources["limits"]["cpus"]),
            ("pids_limit", "limits.pids", resources["limits"]["pids"]),
        ] where !service[key].isNull && !value.isNull && service[key] != value {
            throw fail(
                "\(path): can't set distinct values on '\(key)' and 'deploy.resources.\(place)'", "\(path).\(key)",
                project)
        }
    }

    // MARK: The whole

    private func checkReferences(_ project: Project, known: [String: JSON]) throws(ComposeError) {
        for (name, service) in project.services.sorted(by: { $0.key < $1.key }) {
            let path = "services.\(name)"
            for (network, _) in service["networks"].object ?? [] where project.networks[network] == nil {
                throw fail(
                    "service \"\(name)\" refers to undefined network \(network)", "\(path).networks.\(network)",
                    project, hint: "declare it: networks: {\(network): {}}")
            }
            for volume in service["volumes"].array ?? [] {
                guard volume["type"].string == "volume", let source = volume["source"].string,
                    project.volumes[source] == nil
                else { continue }
                throw fail(
                    "service \"\(name)\" refers to undefined volume \(source)", "\(path).volumes", project,
                    hint: "declare it: volumes: {\(source): {}}, or write ./\(source) for a folder")
            }
            for (key, map) in [("secrets", project.secrets), ("configs", project.configs)] {
                for item in service[key].array ?? [] {
                    guard let source = item["source"].string, map[source] == nil else { continue }
                    throw fail(
                        "service \"\(name)\" refers to undefined \(key.dropLast()) \(source)", "\(path).\(key)", project
                    )
                }
            }
            for (other, dependency) in service["depends_on"].object ?? [] where project.services[other] == nil {
                if let disabled = known[other] {
                    if dependency["required"].bool == false { continue }
                    let profiles = disabled["profiles"].strings ?? []
                    throw fail(
                        "service \"\(name)\" depends on service \"\(other)\", which is off: it needs one of the profiles \(profiles.joined(separator: ", "))",
                        "\(path).depends_on.\(other)", project,
                        hint: "switch it on with --profile \(profiles.first ?? ""), or write required: false")
                }
                throw fail(
                    "service \"\(name)\" depends on undefined service \"\(other)\"", "\(path).depends_on.\(other)",
                    project, hint: ValueReader.suggestion(other, Array(project.services.keys)))
            }
        }
        for (key, map) in [("secrets", project.secrets), ("configs", project.configs)] {
            for (name, value) in map where value["external"].bool != true {
                let sources = ["file", "environment", "content"].filter { !value[$0].isNull }
                if sources.isEmpty {
                    throw fail(
                        "\(key).\(name): one of file, environment\(key == "configs" ? ", content" : "") must be set",
                        "\(key).\(name)", project)
                }
                if sources.count > 1 {
                    throw fail(
                        "\(key).\(name): \(sources.joined(separator: " and ")) are mutually exclusive",
                        "\(key).\(name)", project)
                }
            }
        }
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
                    hint: "take one of these depends_on away")
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
                let inner = json["external"]["name"].string
                if let inner { json.set("external", true); json.set("name", .string(inner)) }
                let isExternal = json["external"].bool == true
                if isExternal,  // A driver says nothing about what is made elsewhere.
                    let extra = (json.object ?? []).first(where: {
                        !["external", "name", "driver"].contains($0.key) && !$0.key.hasPrefix("x-")
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
        project.secrets = project.secrets.filter { secrets.contains($0.key) }
        project.configs = project.configs.filter { configs.contains($0.key) }
    }
}

extension String {
    var trimmingBlanks: String {
        var text = self[...]
        while text.first == " " { text = text.dropFirst() }
        while text.last == " " { text = text.dropLast() }
        return String(text)
    }
}
