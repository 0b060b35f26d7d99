import EngineModel

/// A project file, resolved: interpolated, merged, in canonical form, validated. The form of its parts is the specification's.
public struct Project: Sendable, Equatable {
    public var name: String
    public var workingDirectory: String
    public var files: [String]
    /// Canonical attributes of every enabled service, by name.
    public var services: [String: JSON]
    public var networks: [String: JSON]
    public var volumes: [String: JSON]
    public var secrets: [String: JSON]
    public var configs: [String: JSON]
    public var models: [String: JSON]
    /// `x-…` at the top.
    public var extensions: [(key: String, value: JSON)]
    /// Where a value came from: `services.web.environment.LOG_LEVEL` → `compose.yaml:14`.
    public var origins: [String: String]
    /// Every profile that a service names, whether it is on or not.
    public var profiles: [String] = []
    /// Services that are off because none of their profiles is on.
    public var disabledServices: [String] = []
    /// The part of each service that Docker Compose would hash.
    public var hashForms: [String: JSON] = [:]
    /// Services of inactive profiles that images of others are built from: built, never run. The engine does not need them.
    public var buildBases: [String: JSON] = [:]
    /// Between the parts of names: `-`, or `_` as the first Compose had it (`--compatibility`).
    public var separator = "-"
    /// What was odd but is no error.
    public var warnings: [String]

    public init(name: String, workingDirectory: String, files: [String]) {
        self.name = name
        self.workingDirectory = workingDirectory
        self.files = files
        (services, networks, volumes, secrets, configs, models) = ([:], [:], [:], [:], [:], [:])
        (extensions, origins, warnings) = ([], [:], [])
    }

    public static func == (one: Project, other: Project) -> Bool { one.wire == other.wire }

    private static func object(_ map: [String: JSON]) -> JSON {
        .object(map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }

    /// A service, or one that images of others are built from.
    public func definition(_ name: String) -> JSON? { services[name] ?? buildBases[name] }

    /// What a service's image is called that has no name of its own.
    public func builtImageName(_ service: String) -> String { "\(name)\(separator)\(service)" }

    /// These services and all that they depend on, as far as the project has them; every service where none is named.
    public func needed(by names: [String]) -> Set<String> {
        guard !names.isEmpty else { return Set(services.keys) }
        var found: Set<String> = []
        var waiting = names
        while let name = waiting.popLast() {
            guard let service = services[name], found.insert(name).inserted else { continue }
            waiting += (service["depends_on"].object ?? []).map(\.key)
        }
        return found
    }

    /// As it travels to the engine.
    public var wire: JSON {
        [
            "name": .string(name), "workingDirectory": .string(workingDirectory), "files": JSON(files),
            "services": Self.object(services),
            "networks": Self.object(networks), "volumes": Self.object(volumes), "secrets": Self.object(secrets),
            "configs": Self.object(configs), "disabledServices": JSON(disabledServices),
            "hashForms": Self.object(hashForms),
            "origins": JSON(origins), "separator": .string(separator),
        ]
    }

    public init(wire: JSON) throws(RoostError) {
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
