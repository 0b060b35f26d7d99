import EngineModel

/// A resolved Compose project: interpolated, merged, in canonical form, validated. Its parts have the form of the Compose Specification.
package struct Project: Sendable, Equatable {
    package var name: String
    package var workingDirectory: String
    package var files: [String]
    /// Canonical attributes of every enabled service, by name.
    package var services: [String: JSON]
    package var networks: [String: JSON]
    package var volumes: [String: JSON]
    package var secrets: [String: JSON]
    package var configs: [String: JSON]
    package var models: [String: JSON]
    /// Top-level `x-…` members.
    package var extensions: [(key: String, value: JSON)]
    /// The source location of each value: `services.web.environment.LOG_LEVEL` → `compose.yaml:14:7`.
    package var origins: [String: String]
    /// All profiles of all services, active or not.
    package var profiles: [String] = []
    /// Services that are disabled because none of their profiles is active.
    package var disabledServices: [String] = []
    /// The part of each service that Docker Compose hashes.
    package var hashForms: [String: JSON] = [:]
    /// Services of inactive profiles whose images other builds use: built, never run, and not sent to the engine.
    package var buildBases: [String: JSON] = [:]
    /// Separates the parts of names: `-`, or `_` as in Compose v1 (`--compatibility`).
    package var separator = "-"
    /// Warnings that do not fail the load.
    package var warnings: [String]

    package init(name: String, workingDirectory: String, files: [String]) {
        self.name = name
        self.workingDirectory = workingDirectory
        self.files = files
        (services, networks, volumes, secrets, configs, models) = ([:], [:], [:], [:], [:], [:])
        (extensions, origins, warnings) = ([], [:], [])
    }

    package static func == (one: Project, other: Project) -> Bool { one.wire == other.wire }

    private static func object(_ map: [String: JSON]) -> JSON {
        .object(map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// The definition of a service, including those in `buildBases`.
    package func definition(_ name: String) -> JSON? { services[name] ?? buildBases[name] }

    /// The default image name of a built service.
    package func builtImageName(_ service: String) -> String { "\(name)\(separator)\(service)" }

    /// The named services and their transitive dependencies that the project defines; all services without names.
    package func needed(by names: [String]) -> Set<String> {
        guard !names.isEmpty else { return Set(services.keys) }
        var found: Set<String> = []
        var waiting = names
        while let name = waiting.popLast() {
            guard let service = services[name], found.insert(name).inserted else { continue }
            waiting += (service["depends_on"].object ?? []).map(\.key)
        }
        return found
    }

    /// The JSON form that is sent to the engine.
    package var wire: JSON {
        [
            "name": .string(name), "workingDirectory": .string(workingDirectory), "files": JSON(files),
            "services": Self.object(services),
            "networks": Self.object(networks), "volumes": Self.object(volumes), "secrets": Self.object(secrets),
            "configs": Self.object(configs), "disabledServices": JSON(disabledServices),
            "hashForms": Self.object(hashForms),
            "origins": JSON(origins), "separator": .string(separator),
        ]
    }

    package init(wire: JSON) throws(RoostError) {
        guard let name = wire["name"].string, !name.isEmpty else { throw .invalid("the project has no name") }
        self.init(
            name: name, workingDirectory: wire["workingDirectory"].string ?? "/", files: wire["files"].strings ?? [])
        func map(_ key: String) -> [String: JSON] {
            Dictionary((wire[key].object ?? []).map { ($0.key, $0.value) }) { $1 }
        }
        services = map("services")
        networks = map("networks")
        volumes = map("volumes")
        secrets = map("secrets")
        configs = map("configs")
        hashForms = map("hashForms")
        disabledServices = wire["disabledServices"].strings ?? []
        origins = wire["origins"].stringMap ?? [:]
        separator = wire["separator"].string ?? "-"
    }
}
