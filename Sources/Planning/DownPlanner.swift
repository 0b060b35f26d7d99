import EngineModel

/// What `down` removes.
package struct DownOptions: Sendable, Equatable {
    /// What happens to the project's volumes, including anonymous ones.
    package var fate = VolumeDisposition.keep
    /// Only these services; empty means all.
    package var services: [String] = []
    package var timeoutSeconds: Int?
    /// What the Compose file defines; nil without a file, which selects the whole project.
    package var model: Model?
    /// Also removes containers of services that the file does not define, and one-off containers of `run`.
    package var removesOrphans = false
    package init() {}

    /// The names in the file; services of inactive profiles are listed in `disabled`.
    package struct Model: Sendable, Equatable {
        package var services: Set<String>
        package var disabled: Set<String>
        package var networks: Set<String>
        package var volumes: Set<String>
        package init(services: [String], disabled: [String], networks: [String], volumes: [String]) {
            self.services = Set(services)
            self.disabled = Set(disabled)
            self.networks = Set(networks)
            self.volumes = Set(volumes)
        }
    }

    /// Whether a container is removed.
    package func takes(service: String, isOneOff: Bool, hasExited: Bool) -> Bool {
        let isDisabled = model?.disabled.contains(service) == true
        if services.contains(service) { return !isOneOff || removesOrphans }
        if isOneOff { return removesOrphans && (hasExited || !isDisabled) }
        guard let model else { return services.isEmpty }
        if services.isEmpty, model.services.contains(service) { return true }
        return removesOrphans && !model.services.contains(service) && !isDisabled
    }
}

/// Plans the removal of a project: dependents before their dependencies, level by level; then networks, and volumes on request.
package enum DownPlanner {
    /// `dependencies`: service → its dependencies, from the container labels.
    package static func plan(
        project: String, containers: [ObservedContainer], dependencies: [String: [String]], networks: [String],
        volumes: [String], options: DownOptions
    ) -> Plan {
        var plan = Plan(project: project)
        var removed: [String: [Int]] = [:]
        var stopped: [String: [Int]] = [:]
        var waiting = Set(containers.map(\.service))
        while !waiting.isEmpty {
            // One level: no remaining service depends on these. A cycle, which no file allows, is broken by taking all.
            var level = waiting.filter { name in !waiting.contains { dependencies[$0]?.contains(name) == true } }
            if level.isEmpty { level = waiting }
            for service in level.sorted() {
                let dependents = dependencies.filter { $0.value.contains(service) }.flatMap { stopped[$0.key] ?? [] }
                for container in containers.filter({ $0.service == service }) {
                    let stop = plan.add(
                        .stopContainer(id: container.id, name: container.name, timeoutSeconds: options.timeoutSeconds),
                        "down", after: dependents)
                    stopped[service, default: []].append(stop)
                    removed[service, default: []].append(
                        plan.add(
                            .removeContainer(id: container.id, name: container.name, volumes: options.fate), "down",
                            after: [stop]))
                }
            }
            waiting.subtract(level)
        }
        let last = removed.values.flatMap { $0 }
        for name in networks.sorted() { _ = plan.add(.removeNetwork(name: name), "down", after: last) }
        guard options.fate != .keep else { return plan }
        for name in volumes.sorted() {
            let isFinal = options.fate == .remove
            _ = plan.add(
                isFinal ? .removeVolume(name: name) : .trashVolume(name: name), isFinal ? "down --purge" : "down -v",
                after: last)
        }
        return plan
    }
}
