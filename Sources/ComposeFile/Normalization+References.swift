import ComposeModel
import EngineModel

/// What services refer to must exist (specification, the attributes of each reference).
extension Normalization {
    func checkReferences(_ project: Project, known: [String: JSON]) throws(ComposeError) {
        for (name, model) in project.models where model["model"].isNull {
            throw fail("models.\(name): model is required", "models.\(name)", project, hint: "e.g. model: ai/smollm2")
        }
        try checkContainerNames(project)
        for (name, service) in project.services.sorted(by: { $0.key < $1.key }) {
            try checkResources(of: service, name, project)
            try checkServices(of: service, name, project, known: known)
        }
        try checkSources(project)
    }

    private func checkContainerNames(_ project: Project) throws(ComposeError) {
        var owners: [String: String] = [:]
        for (name, service) in project.services.sorted(by: { $0.key < $1.key }) {
            guard let container = service["container_name"].string, !container.isEmpty,
                let owner = owners.updateValue(name, forKey: container)
            else { continue }
            throw fail(
                "services.\(name): container name \"\(container)\" is already in use by service \"\(owner)\"",
                "services.\(name).container_name", project, hint: "container names are unique on a host")
        }
    }

    /// Networks, volumes, configs, secrets and models of a service.
    private func checkResources(of service: JSON, _ name: String, _ project: Project) throws(ComposeError) {
        let path = "services.\(name)"
        if !service["provider"].isNull, service["provider"]["type"].isNull {
            throw fail("\(path).provider: type is required", "\(path).provider", project)
        }
        for (network, _) in service["networks"].object ?? [] where project.networks[network] == nil {
            throw fail(
                "service \"\(name)\" refers to undefined network \(network)", "\(path).networks.\(network)",
                project, hint: Self.advice(network, "networks", project.networks))
        }
        for volume in service["volumes"].array ?? [] {
            guard volume["type"].string == "volume", let source = volume["source"].string,
                project.volumes[source] == nil
            else { continue }
            throw fail(
                "service \"\(name)\" refers to undefined volume \(source)", "\(path).volumes.\(source)", project,
                hint: ValueReader.suggestion(source, Array(project.volumes.keys))
                    ?? "declare it: volumes: {\(source): {}}, or use ./\(source) for a directory")
        }
        for (key, items, map, section) in [
            ("build secret", service["build"]["secrets"], project.secrets, "build.secrets"),
            ("config", service["configs"], project.configs, "configs"),
            ("secret", service["secrets"], project.secrets, "secrets"),
        ] {
            for item in items.array ?? [] {
                let source = item["source"].string ?? ""
                guard map[source] == nil else { continue }
                throw fail(
                    "service \"\(name)\" refers to undefined \(key) \(source)", "\(path).\(section).\(source)",
                    project,
                    hint: source.isEmpty
                        ? "name it: source: NAME"
                        : Self.advice(
                            source, section == "configs" ? "configs" : "secrets", map, form: "{file: ./\(source)}"))
            }
        }
        for (model, _) in service["models"].object ?? [] where project.models[model] == nil {
            throw fail(
                "service \"\(name)\" refers to undefined model \(model)", "\(path).models.\(model)", project,
                hint: Self.advice(model, "models", project.models, form: "{model: IMAGE}"))
        }
    }

    /// Services that a service depends on, or builds from. `known` has those of inactive profiles, too.
    private func checkServices(of service: JSON, _ name: String, _ project: Project, known: [String: JSON])
        throws(ComposeError)
    {
        let path = "services.\(name)"
        for (context, value) in service["build"]["additional_contexts"].object ?? [] {
            guard let other = value.string?.after("service:").map(String.init) else { continue }
            // A service of an inactive profile is built for the others.
            guard known[other]?["build"].isNull != false else { continue }
            let kind = known[other] == nil ? "unknown" : "non-buildable"
            throw fail(
                "service \"\(name)\" declares \(kind) service \"\(other)\" as additional contexts \(context)",
                "\(path).build.additional_contexts.\(context)", project,
                hint: ValueReader.suggestion(other, Array(project.services.keys)))
        }
        for (other, dependency) in service["depends_on"].object ?? [] where project.services[other] == nil {
            if let disabled = known[other] {
                if dependency["required"].bool == false { continue }
                let profiles = disabled["profiles"].strings ?? []
                throw fail(
                    "service \"\(name)\" depends on service \"\(other)\", which is disabled: enable one of its profiles (\(profiles.joined(separator: ", ")))",
                    "\(path).depends_on.\(other)", project,
                    hint: "use --profile \(profiles.first ?? ""), or set required: false")
            }
            throw fail(
                "service \"\(name)\" depends on undefined service \"\(other)\"", "\(path).depends_on.\(other)",
                project, hint: ValueReader.suggestion(other, Array(project.services.keys)))
        }
    }

    /// A secret or config has one source.
    private func checkSources(_ project: Project) throws(ComposeError) {
        for (key, map) in [("secrets", project.secrets), ("configs", project.configs)] {
            for (name, value) in map {
                let sources = ["file", "environment", "content"].filter { !value[$0].isNull }
                // A config with external: false needs no source; a secret does.
                let isExcused = key == "configs" ? !value["external"].isNull : value.isExternal
                if sources.isEmpty, !isExcused {
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
}
