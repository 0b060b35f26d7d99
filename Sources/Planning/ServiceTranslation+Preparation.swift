import ComposeModel
import EngineModel

extension ServiceTranslation {
    /// The container of a `pre_start` entry: the service's networks and volumes, another command, no published ports.
    func preparation(_ name: String, _ entry: Hook, number: Int, paths: EnginePaths) throws(RoostError) -> ContainerSpec
    {
        var spec = try spec(name, number: number, paths: paths, oneOff: true)
        let hook = HookSpec(entry)
        if let image = entry.image, !image.isEmpty { spec.image = image }
        spec.process.entrypoint = []
        spec.process.command = hook.command
        if !hook.user.isEmpty { spec.process.user = hook.user }
        if !hook.workingDirectory.isEmpty { spec.process.workingDirectory = hook.workingDirectory }
        spec.process.environment += hook.environment
        spec.security.privileged = hook.privileged || spec.security.privileged
        spec.portBindings = []
        spec.restartPolicy = RestartPolicySpec()
        spec.healthcheck = HealthcheckSpec(test: ["NONE"])
        spec.startHooks = []
        spec.stopHooks = []
        for index in spec.endpoints.indices {
            // The addresses and aliases belong to the service.
            spec.endpoints[index].address4 = nil
            spec.endpoints[index].address6 = nil
            spec.endpoints[index].macAddress = nil
            spec.endpoints[index].aliases = []
        }
        return spec
    }
}
