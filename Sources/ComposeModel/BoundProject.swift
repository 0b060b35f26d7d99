import EngineModel

/// The services, networks and volumes of a project as types.
package struct BoundProject: Sendable {
    package var services: [String: Service]
    package var networks: [String: Network]
    package var volumes: [String: Volume]

    /// Throws if a part of the project does not have the canonical form.
    package init(_ project: Project) throws(RoostError) {
        func bind<Value: Decodable>(_ parts: [String: JSON], _ kind: String) throws(RoostError) -> [String: Value] {
            var bound: [String: Value] = [:]
            for (name, json) in parts { bound[name] = try json.bound(to: Value.self, "\(kind).\(name)") }
            return bound
        }
        services = try bind(project.services, "services")
        networks = try bind(project.networks, "networks")
        volumes = try bind(project.volumes, "volumes")
    }
}

extension Project {
    /// A service with types, including those in `buildBases`; nil if there is none with this name.
    package func service(_ name: String) throws(RoostError) -> Service? {
        try definition(name)?.bound(to: Service.self, "services.\(name)")
    }

    /// Where the content of a secret comes from; nil if there is none with this name.
    package func secret(_ name: String) throws(RoostError) -> FileSource? {
        try secrets[name].map { json throws(RoostError) in try fileSource(json, "secrets.\(name)") }
    }

    /// A secret or config with types.
    package func fileSource(_ definition: JSON, _ path: String) throws(RoostError) -> FileSource {
        try definition.bound(to: FileSource.self, path)
    }
}

extension JSON {
    fileprivate func bound<Value: Decodable>(to type: Value.Type, _ path: String) throws(RoostError) -> Value {
        do { return try decode(type) } catch {
            throw .invalid("\(path): \((error as? RoostError)?.message ?? "\(error)")")
        }
    }
}
