import ComposeModel
import EngineModel

/// What this engine cannot do, and what has no effect: refused or noted, never ignored.
extension ServiceTranslation {
    /// Throws for attributes that this engine does not support. `build` is accepted with an image name.
    func refuse(_ name: String, _ service: Service) throws(RoostError) {
        let unsupported = [
            ("build", service.build != nil && service.image == nil), ("models", service.models != nil),
            ("provider", service.provider != nil),
        ]
        if let (key, _) = unsupported.first(where: { $0.1 }) {
            throw RoostError(
                .unsupported, "service \(name): attribute \(key) is not supported yet (\(place(name, key)))")
        }
        try refuseDevices(name, service)
        if let runtime = service.runtime, !["", "runc", "roost"].contains(runtime) {
            throw .invalid("service \(name): unknown runtime \"\(runtime)\" (\(place(name, "runtime")))")
        }
        if let mode = service.userNamespaceMode, !["", "host"].contains(mode) {
            throw RoostError(
                .unsupported,
                "service \(name): userns_mode \(mode) is not supported yet (\(place(name, "userns_mode")))")
        }
    }

    /// Rejects device requests: this engine has no device drivers.
    private func refuseDevices(_ name: String, _ service: Service) throws(RoostError) {
        let reserved = service.deploy?.resources?.reservations?.devices ?? []
        guard let request = service.gpus?.first ?? reserved.first else { return }
        let kinds = request.capabilities ?? ["gpu"]
        let attribute = service.gpus == nil ? "deploy.resources.reservations.devices" : "gpus"
        throw RoostError(
            .unsupported,
            "service \(name): could not select device driver \"\(request.driver ?? "")\" with capabilities: [[\(kinds.joined(separator: " "))]]: this engine has no device drivers (\(place(name, attribute)))"
        )
    }

    // MARK: Notes

    /// Notes about settings of a service that have no or an unexpected effect.
    func notes(_ name: String) -> [String] {
        let service = service(name)
        return notesOnIdleAttributes(name, service) + notesOnDependencies(name, service)
            + notesOnUpdates(name, service.deploy ?? Deploy()) + notesOnPlatform(name, service)
    }

    /// Attributes that do not apply to Linux or to this engine.
    private func notesOnIdleAttributes(_ name: String, _ service: Service) -> [String] {
        let values = [
            ("cpu_count", service.cpuCount), ("cpu_percent", service.cpuPercent),
            ("cpu_rt_period", service.cpuRealtimePeriod), ("cpu_rt_runtime", service.cpuRealtimeRuntime),
            ("credential_spec", service.credentialSpec), ("isolation", service.isolation),
            ("storage_opt", service.storageOptions),
        ]
        return values.filter { $0.1 != nil && $0.1?.bool != false }.map { key, _ in
            "service \(name): \(key) has no effect (\(place(name, key)))"
        }
    }

    private func notesOnDependencies(_ name: String, _ service: Service) -> [String] {
        (service.dependsOn ?? [:]).filter { other, dependency in
            dependency.condition == "service_started" && model.services[other]?.healthcheck?.test != nil
                && !isAwaited(other)
        }.map { other, _ in
            "service \(name) does not wait for the healthcheck of \(other); to wait, use depends_on: {\(other): {condition: service_healthy}} (\(place(name, "depends_on.\(other)")))"
        }
    }

    private func isAwaited(_ service: String) -> Bool {
        model.services.values.contains { $0.dependsOn?[service]?.condition == "service_healthy" }
    }

    private func notesOnUpdates(_ name: String, _ deploy: Deploy) -> [String] {
        var found: [String] = []
        if deploy.updateConfig?.order == "start-first", let reason = startFirstObstacle(name) {
            found.append(
                "service \(name): updates stop the old replica first, because \(reason) (\(place(name, "deploy.update_config.order")))"
            )
        }
        if deploy.rollbackConfig != nil, deploy.updateConfig?.failureAction != "rollback" {
            found.append(
                "service \(name): rollback_config has no effect without update_config.failure_action: rollback (\(place(name, "deploy.rollback_config")))"
            )
        }
        return found
    }

    private func notesOnPlatform(_ name: String, _ service: Service) -> [String] {
        guard let platform = service.platform, !platform.isEmpty, !platform.hasPrefix("linux") else { return [] }
        return ["service \(name): platform \(platform) is ignored (\(place(name, "platform")))"]
    }
}
