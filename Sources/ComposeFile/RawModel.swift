import ComposeModel
import EngineModel

/// The last pass of a load without interpolation, and the form in which it is printed. Like the reference tool, it fills in the names
/// of resources, the default network and the defaults of a build, and nothing else.
package struct RawModel {
    let passes: LoadPasses

    func apply(_ parts: DocumentParts, to project: inout Project) {
        project.services = parts.services
        project.networks = parts.networks
        project.volumes = parts.volumes
        project.secrets = parts.secrets
        project.configs = parts.configs
        project.models = parts.models
        project.extensions = parts.extensions
        guard passes.normalizes else { return }
        for (name, service) in project.services { project.services[name] = Self.filled(service, project) }
        if project.services.values.contains(where: {
            $0["networks"].object?.contains { $0.key == "default" } == true
        }), project.networks["default"] == nil {
            project.networks["default"] = .object([])
        }
        func named(_ map: inout [String: JSON]) {
            for (key, value) in map {
                var json = value.isNull ? .object([]) : value
                if json["external"].object != nil {
                    let name = json["external"]["name"]
                    json.set("external", true)
                    if !name.isNull { json.set("name", name) }
                }
                let isExternal = json["external"].bool == true
                if json["name"].isNull { json.set("name", .string(isExternal ? key : "\(project.name)_\(key)")) }
                map[key] = json
            }
        }
        named(&project.networks)
        named(&project.volumes)
        named(&project.secrets)
        named(&project.configs)
    }

    private static func filled(_ service: JSON, _ project: Project) -> JSON {
        var result = Normalization.implied(service)
        if service["network_mode"].isNull, service["provider"].isNull, (service["networks"].object ?? []).isEmpty {
            result.set("networks", ["default": .null])
        }
        if service["build"].object != nil {
            var build = service["build"]
            if build["context"].isNull { build.set("context", .string(project.workingDirectory)) }
            if build["dockerfile"].isNull, build["dockerfile_inline"].isNull { build.set("dockerfile", "Dockerfile") }
            result.set("build", build)
        }
        return result
    }

    /// The whole project, with sorted keys.
    package static func model(_ project: Project) -> JSON {
        var json: JSON = ["name": .string(project.name)]
        for (key, map) in [
            ("services", project.services),
            ("networks", project.networks), ("volumes", project.volumes), ("secrets", project.secrets),
            ("configs", project.configs), ("models", project.models),
        ] where !map.isEmpty {
            json.set(key, .object(map.map { ($0.key, $0.value) }))
        }
        for (key, value) in project.extensions { json.set(key, value) }
        return sorted(json)
    }

    private static func sorted(_ value: JSON) -> JSON {
        switch value {
        case .object(let members): .object(members.sorted { $0.key < $1.key }.map { ($0.key, sorted($0.value)) })
        case .array(let items): .array(items.map(sorted))
        default: value
        }
    }
}
