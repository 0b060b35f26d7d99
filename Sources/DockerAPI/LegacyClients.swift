import EngineModel

extension ContainerCreateRequest {
    /// Adapts the request of a client of an older API version (major * 1000 + minor): drops members that were added later, and sets
    /// defaults that have changed (Docker Engine API, version history).
    package func adapted(fromVersion version: Int) -> ContainerCreateRequest {
        var adapted = self
        if version < 1044 {
            adapted.config.healthcheck?.startInterval = nil
            adapted.networkingConfig?.endpointsConfig = networkingConfig?.endpointsConfig?.mapValues {
                var settings = $0
                settings.macAddress = nil
                return settings
            }
        }
        if version < 1043 { adapted.hostConfig?.annotations = nil }
        if version < 1042 { adapted.hostConfig?.consoleSize = nil }
        if version < 1040, hostConfig?.ipcMode ?? "" == "" { adapted.hostConfig?.ipcMode = "shareable" }
        return adapted
    }
}
