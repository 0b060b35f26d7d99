import EngineModel

/// Adapts the body of `POST /containers/create` from clients of older API versions (Docker Engine API, version history).
public enum LegacyClients {
    /// `version`: major * 1000 + minor. Drops members that were added later, and sets defaults that have changed.
    public static func adapted(_ body: JSON, version: Int) -> JSON {
        guard version < 1044 else { return body }
        var body = body
        var host = body["HostConfig"]
        if version < 1043, !host["Annotations"].isNull { host.set("Annotations", .null) }
        if version < 1042, !host["ConsoleSize"].isNull { host.set("ConsoleSize", .null) }
        if version < 1040, host.object != nil, (host["IpcMode"].string ?? "").isEmpty {
            host.set("IpcMode", "shareable")
        }
        if host.object != nil { body.set("HostConfig", host) }
        if !body["Healthcheck"]["StartInterval"].isNull {
            var check = body["Healthcheck"]
            check.set("StartInterval", .null)
            body.set("Healthcheck", check)
        }
        var networking = body["NetworkingConfig"]
        if let endpoints = networking["EndpointsConfig"].object {
            let stripped = endpoints.map { name, value -> (key: String, value: JSON) in
                var value = value
                if !value["MacAddress"].isNull { value.set("MacAddress", .null) }
                return (name, value)
            }
            networking.set("EndpointsConfig", .object(stripped))
            body.set("NetworkingConfig", networking)
        }
        return body
    }
}
