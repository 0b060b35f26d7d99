import ComposeModel
import EngineModel

/// Computes the plan of `up`: a pure function of the Compose file and the current state.
package struct UpPlanner {
    private let project: Project
    private let observed: ObservedState
    private let options: UpOptions
    private var translation: ServiceTranslation
    private let paths: EnginePaths
    private var plan: Plan
    /// The container names of each service after this plan.
    private var replicas: [String: [String]] = [:]
    /// The steps after which the replicas of a service run.
    private var started: [String: [Int]] = [:]
    private var networkSteps: [String: Int] = [:]
    private var volumeSteps: [String: Int] = [:]
    /// The steps after which the containers of a service exist.
    private var made: [String: [Int]] = [:]
    private var replaced: Set<String> = []
    /// The planned `pre_start` steps, by container name.
    private var prepared: [String: Int] = [:]
    /// Services of new containers with the ports that they publish on all interfaces.
    private var exposed: [String] = []

    package static func plan(
        project: Project, observed: ObservedState, options: UpOptions, contents: [String: String], paths: EnginePaths
    ) throws -> Plan {
        var planner = UpPlanner(
            project: project, observed: observed, options: options,
            translation: try ServiceTranslation(project: project, contents: contents), paths: paths)
        return try planner.run()
    }

    private init(
        project: Project, observed: ObservedState, options: UpOptions, translation: ServiceTranslation,
        paths: EnginePaths
    ) {
        self.project = project
        self.observed = observed
        self.options = options
        self.paths = paths
        self.translation = translation
        plan = Plan(project: project.name)
    }

    private mutating func run() throws -> Plan {
        let selected = try selectedServices()
        let concerned = selected.union(options.oneOff.map { [$0] } ?? [])
        try planNetworks(concerned)
        try planVolumes(concerned)
        translation.noteFirstContainers(observed.containers.filter { !selected.contains($0.service) })
        for name in DependencyOrder.sorted(selected, project) {
            try planService(name, selected)
            // Noted only when containers are created.
            if made[name]?.isEmpty == false { plan.notes += translation.notes(name) }
        }
        if let oneOff = options.oneOff {
            for gate in try dependencySteps(translation.service(oneOff), selected) { plan.keep(gate) }
            plan.bringsUp = false
        }
        planOrphans()
        noteExposure()
        plan.dropIdleWaits()
        return plan
    }

    private func selectedServices() throws(RoostError) -> Set<String> {
        if let oneOff = options.oneOff {
            guard project.services[oneOff] != nil else { throw .missing("no such service: \(oneOff)") }
            return options.noDependencies ? [] : project.needed(by: [oneOff]).subtracting([oneOff])
        }
        for name in options.services + options.scale.keys where project.services[name] == nil {
            throw .missing("no such service: \(name)")
        }
        if options.noDependencies, !options.services.isEmpty { return Set(options.services) }
        return project.needed(by: options.services)
    }

    private mutating func planNetworks(_ selected: Set<String>) throws(RoostError) {
        let used = Set(selected.flatMap { translation.service($0).networks?.keys ?? [] })
        for key in used.sorted() {
            let network = translation.model.networks[key] ?? Network()
            let name = network.name ?? key
            if observed.networks.contains(name) {
                guard network.isExternal != true else { continue }
                let changes = differences(ofNetwork: name, network)
                guard !changes.isEmpty else { continue }
                if let others = observed.networkFacts[name]?["others"], !others.isEmpty {
                    plan.notes.append(
                        "network \(name) differs from the Compose file (\(changes)) but is not recreated: other containers use it (\(others))"
                    )
                } else {
                    networkSteps[key] = plan.add(
                        .replaceNetwork(try translation.networkSpec(key)), changes, after: [])
                }
                continue
            }
            if network.isExternal == true {
                throw .missing(
                    "network \(name) declared as external, but could not be found: create it with network create \(name)"
                )
            }
            networkSteps[key] = plan.add(.createNetwork(try translation.networkSpec(key)), "missing", after: [])
        }
    }

    /// Describes how an existing network differs from the Compose file; empty if it does not.
    private func differences(ofNetwork name: String, _ network: Network) -> String {
        guard let facts = observed.networkFacts[name] else { return "" }
        var found: [String] = []
        func compare(_ key: String, _ wanted: String) {
            if let known = facts[key], known != wanted { found.append("\(key) \(known) → \(wanted)") }
        }
        compare("driver", network.driver ?? "bridge")
        compare("internal", String(network.isInternal ?? false))
        let subnets = (network.ipam?.config ?? []).compactMap(\.subnet)
        if !subnets.isEmpty, !subnets.allSatisfy({ (facts["subnets"] ?? "").split(separator: " ").contains($0[...]) }) {
            compare("subnets", subnets.joined(separator: " "))
        }
        compare("driver_opts", ObservedState.text(network.driverOptions ?? [:]))
        compare("labels", ObservedState.text(network.labels ?? [:]))
        compare("ipv4", String(network.enableIPv4 ?? true))
        compare("ipv6", String(network.enableIPv6 ?? false || subnets.contains { $0.contains(":") }))
        return found.joined(separator: ", ")
    }

    private mutating func noteDifferences(ofVolume name: String, _ volume: Volume) {
        let known = observed.volumeOptions[name] ?? [:]
        let wanted = volume.driverOptions ?? [:]
        let keys = Set(known.keys).union(wanted.keys).filter { known[$0] != wanted[$0] }.sorted()
        guard !keys.isEmpty else { return }
        let found = keys.map { "driver_opts.\($0) \(known[$0] ?? "(none)") → \(wanted[$0] ?? "(none)")" }
        plan.notes.append(
            "volume \(name) differs from the Compose file (\(found.joined(separator: ", "))); its data is kept: to recreate it, run down, then volume rm \(name)"
        )
    }

    private mutating func planVolumes(_ selected: Set<String>) throws(RoostError) {
        let used = Set(
            selected.flatMap {
                (translation.service($0).volumes ?? []).compactMap { $0.type == "volume" ? $0.source : nil }
            })
        for key in used.sorted() {
            let volume = translation.model.volumes[key] ?? Volume()
            let name = volume.name ?? key
            if observed.volumes.contains(name) {
                guard volume.isExternal != true else { continue }
                noteDifferences(ofVolume: name, volume)
                if observed.foreignVolumes.contains(name) {
                    plan.notes.append(
                        "volume \(name) already exists but was not created by this project: it is used, and down -v keeps it; set external: true to declare it"
                    )
                }
                continue
            }
            if volume.isExternal == true {
                throw .missing("external volume \"\(name)\" not found: create it with volume create \(name)")
            }
            volumeSteps[key] = plan.add(
                .createVolume(
                    name: name, labels: translation.volumeLabels(key),
                    options: volume.driverOptions ?? [:], driver: volume.driver ?? "local"),
                "missing", after: [])
        }
    }

    private mutating func planService(_ name: String, _ selected: Set<String>) throws(RoostError) {
        let service = translation.service(name)
        let image = service.image ?? ""
        if observed.images[image] == nil, options.assumesImages {
            plan.notes.append(
                "image \(image) of service \(name) not found locally: up \(service.build == nil ? "pulls" : "builds") it first"
            )
        } else if observed.images[image] == nil {
            throw .missing(
                "service \(name): no such image: \(image) (\(project.origins["services.\(name).image"] ?? "")); pull, build or load it first"
            )
        }
        let wanted = max(0, options.scale[name] ?? Int(service.scale ?? service.deploy?.replicas ?? 1))
        if wanted > 1, let fixed = service.containerName {
            throw .invalid(
                "service \(name) has the fixed container name \"\(fixed)\": remove container_name to scale the service"
            )
        }
        let existing = try ranked(name, planLeftovers(observed.containers.filter { $0.service == name }))
        let kept = existing.prefix(wanted).sorted { $0.number < $1.number }
        let next = (existing.map(\.number).max() ?? 0) + 1
        let numbers = kept.map(\.number) + Array(next..<(next + wanted - kept.count))
        replicas[name] = numbers.map { number in
            kept.first { $0.number == number && !ReplicaUpdate.isLeftOver($0.name) }?.name
                ?? translation.containerName(name, number)
        }
        let gates = try dependencySteps(service, selected)
        let resources = resourceSteps(service)
        var steps = try planUpdate(name, kept, after: resources + gates)
        let updated = steps.isEmpty ? [] : Set(kept.filter(\.runs).map(\.number))
        for number in numbers where !updated.contains(number) {
            if let step = try planReplica(
                name, number, kept.first { $0.number == number }, gates: gates, resources: resources)
            {
                steps.append(step)
            }
        }
        for extra in existing.dropFirst(wanted) { planRemoval(extra, "\(name) is scaled to \(wanted)") }
        started[name] = steps
        translation.firstContainers[name] = replicas[name]?.min()
    }

    /// Up-to-date containers first, then low numbers: the order in which containers are kept when scaling down.
    private func ranked(_ name: String, _ containers: [ObservedContainer]) throws(RoostError) -> [ObservedContainer] {
        var isObsolete: [String: Bool] = [:]
        for container in containers {
            let spec = try translation.spec(name, number: container.number, paths: paths)
            isObsolete[container.id] = recreateReason(name, container, spec) != nil
        }
        func rank(_ container: ObservedContainer) -> (Int, Int) {
            (isObsolete[container.id] == true ? 1 : 0, container.number)
        }
        return containers.sorted { rank($0) < rank($1) }
    }

    /// Cleans up after an interrupted update: keeps one container for each number and removes the others.
    private mutating func planLeftovers(_ all: [ObservedContainer]) -> [ObservedContainer] {
        var kept: [ObservedContainer] = []
        for (_, same) in Dictionary(grouping: all, by: \.number).sorted(by: { $0.key < $1.key }) {
            let ranked = same.sorted {
                (ReplicaUpdate.isLeftOver($0.name) ? 1 : 0, $0.name) < (
                    ReplicaUpdate.isLeftOver($1.name) ? 1 : 0, $1.name
                )
            }
            for (place, container) in ranked.enumerated() {
                if place > 0, ReplicaUpdate.isLeftOver(container.name) {
                    planRemoval(container, "left over from an interrupted update")
                } else {
                    kept.append(container)
                }
            }
        }
        return kept
    }

    /// Updates the running replicas of a service with `update_config` in one step.
    private mutating func planUpdate(_ name: String, _ existing: [ObservedContainer], after: [Int])
        throws(RoostError) -> [Int]
    {
        guard !options.noRecreate, !options.noStart, let rules = try translation.updateRules(name) else { return [] }
        var replicas: [ReplicaUpdate] = []
        var reasons: [String] = []
        for container in existing where container.runs {
            let spec = try translation.spec(name, number: container.number, paths: paths)
            guard let reason = recreateReason(name, container, spec) else { continue }
            replicas.append(
                ReplicaUpdate(id: container.id, name: translation.containerName(name, container.number), spec: spec))
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        guard !replicas.isEmpty else { return [] }
        replaced.insert(name)
        var after = after
        for replica in replicas {
            after += try planPreparation(name, Int(replica.spec.labels[ComposeLabel.number] ?? "") ?? 1, after: after)
        }
        let rule = rules.update
        let pace = rule.parallelism <= 0 ? "all at once" : "\(rule.parallelism) at a time"
        let step = plan.add(
            .updateService(
                ServiceUpdate(
                    service: name, replicas: replicas, rule: rule, rollback: rules.rollback,
                    renewsVolumes: options.renewVolumes, timeoutSeconds: options.timeoutSeconds)),
            "\(replicas.count == 1 ? "1 replica" : "\(replicas.count) replicas"), \(pace), \(rule.order.rawValue): \(reasons.joined(separator: "; "))",
            after: after)
        made[name, default: []].append(step)
        return [step]
    }

    private func resourceSteps(_ service: Service) -> [Int] {
        // Containers whose namespaces or volumes are shared must exist first.
        let modes = [service.networkMode, service.ipc, service.pid, service.uts].compactMap { $0 }
        let shared = modes.filter { $0.hasPrefix("service:") }.map { String($0.dropFirst(8)) }
        let sources = (service.volumesFrom ?? []).map { String($0.prefix { $0 != ":" }) } + shared
        let containers = sources.flatMap { made[$0] ?? [] }
        let networks = (service.networks ?? [:]).compactMap { networkSteps[$0.key] } + containers
        let volumes = (service.volumes ?? []).compactMap { $0.source.flatMap { volumeSteps[$0] } }
        return networks + volumes
    }

    /// Adds the waits for the dependencies of a service; identical waits are shared.
    private mutating func dependencySteps(_ service: Service, _ selected: Set<String>) throws(RoostError) -> [Int] {
        var gates: [Int] = []
        for (other, dependency) in service.dependsOn ?? [:] where selected.contains(other) {
            let ready = started[other] ?? []
            guard let condition = dependency.condition, condition != "service_started" else {
                gates += ready
                continue
            }
            for name in replicas[other] ?? [] {
                let operation: Operation =
                    condition == "service_healthy" ? .awaitHealthy(name: name) : .awaitCompleted(name: name)
                let isOptional = dependency.required == false
                if let known = plan.steps.first(where: { $0.operation == operation && $0.isOptional == isOptional }) {
                    gates.append(known.number)
                } else {
                    let gate = plan.add(operation, "a dependent needs \(condition)", after: ready)
                    if isOptional { plan.makeOptional(gate) }
                    gates.append(gate)
                }
            }
        }
        return gates
    }

    /// Plans one replica; returns the step after which it runs, or nil without one.
    private mutating func planReplica(
        _ name: String, _ number: Int, _ existing: ObservedContainer?, gates: [Int], resources: [Int]
    ) throws(RoostError) -> Int? {
        let containerName = translation.containerName(name, number)
        let spec = try translation.spec(name, number: number, paths: paths)
        guard let existing else {
            noteExposure(of: name, spec)
            let create = plan.add(.createContainer(name: containerName, spec: spec), "missing", after: resources)
            made[name, default: []].append(create)
            if options.noStart { return create }
            let ready = try planPreparation(name, number, after: gates + resources)
            return plan.add(.startContainer(name: containerName), "created", after: [create] + gates + ready)
        }
        if let reason = recreateReason(name, existing, spec), !options.noRecreate {
            replaced.insert(name)
            let ready = options.noStart ? [] : try planPreparation(name, number, after: gates + resources)
            let replace = plan.add(
                .replaceContainer(
                    id: existing.id, name: containerName, spec: spec, renewsVolumes: options.renewVolumes,
                    timeoutSeconds: options.timeoutSeconds), reason, after: resources + gates + ready)
            made[name, default: []].append(replace)
            return options.noStart
                ? replace : plan.add(.startContainer(name: containerName), "recreated", after: [replace])
        }
        if existing.runs, !options.noStart, let other = renewedDependency(name) {
            return plan.add(
                .restartContainer(id: existing.id, name: containerName, timeoutSeconds: options.timeoutSeconds),
                "dependency \(other) was recreated (depends_on.restart)", after: gates)
        }
        if existing.runs || options.noStart { return nil }
        if existing.phase == .exited, existing.exitCode == 0, options.touched.contains("Container \(existing.name)") {
            return nil
        }
        let ready = existing.phase == .created ? try planPreparation(name, number, after: gates) : []
        return plan.add(
            .startContainer(name: existing.name),
            existing.phase == .created ? "created, not started" : "exited with \(existing.exitCode)",
            after: gates + ready)
    }

    /// A dependency with `restart: true` whose containers this plan recreates.
    private func renewedDependency(_ name: String) -> String? {
        (translation.service(name).dependsOn ?? [:]).first {
            $0.value.restart == true && replaced.contains($0.key)
        }?.key
    }

    /// The `pre_start` containers, which run in order before a service starts: once for the service, or for each replica.
    private mutating func planPreparation(_ name: String, _ number: Int, after: [Int]) throws(RoostError) -> [Int] {
        var last: [Int] = []
        for (index, hook) in (translation.service(name).preStart ?? []).enumerated() {
            let replica = hook.perReplica == true ? number : 1
            // Once for the service: skipped if a replica runs already.
            let isPrepared = observed.containers.contains { $0.service == name && $0.runs } && !replaced.contains(name)
            if hook.perReplica != true, isPrepared { continue }
            let container = "\(project.name)-\(name)-pre-start-\(index + 1)-\(replica)"
            if let known = prepared[container] {
                last = [known]
                continue
            }
            let spec = try translation.preparation(name, hook, number: replica, paths: paths)
            let step = plan.add(.prepare(name: container, spec: spec), "pre_start of \(name)", after: after + last)
            prepared[container] = step
            last = [step]
        }
        return last
    }

    private func recreateReason(_ name: String, _ existing: ObservedContainer, _ spec: ContainerSpec) -> String? {
        if ReplicaUpdate.isLeftOver(existing.name) { return "its update was interrupted" }
        let isMeant = options.services.isEmpty || options.services.contains(name) || options.recreateDependencies
        if options.forceRecreate, isMeant { return "--force-recreate" }
        if let other = Self.shared(by: spec).first(where: { name in
            observed.containers.contains { $0.name == name && replaced.contains($0.service) }
        }) {
            return "shares namespaces or volumes with \(other), which is recreated"
        }
        if let networks = existing.networks,
            let lost = spec.endpoints.first(where: { endpoint in
                // Networks of the host and null drivers have no endpoints.
                let driver = observed.networkFacts[endpoint.network]?["driver"] ?? "bridge"
                return !["host", "null"].contains(driver) && !networks.contains(endpoint.network)
            })
        {
            return "disconnected from network \(lost.network)"
        }
        if let image = observed.images[spec.image], image != existing.imageID {
            return "image \(spec.image) has changed"
        }
        // Containers of Docker Compose have only its hash. Ours have the definition, which includes the content of secrets and configs.
        guard !existing.definition.isNull else {
            let hash = translation.configHash(name) { service in
                observed.containers.filter { $0.service == service }.min { $0.name < $1.name }?.id
            }
            return existing.configHash == hash
                ? nil : "created by another tool (docker compose); its configuration differs"
        }
        let changes = Difference.describe(existing.definition, translation.definition(name)) { path in
            project.origins["services.\(name).\(path)"]
        }
        return changes.isEmpty ? nil : changes.joined(separator: "; ")
    }

    /// Names of the containers whose namespaces or volumes a container shares.
    private static func shared(by spec: ContainerSpec) -> [String] {
        var names: [String] = []
        if case .container(let other) = spec.network { names.append(other) }
        for choice in [spec.ipc, spec.pid, spec.uts] { if case .container(let other) = choice { names.append(other) } }
        return names + spec.volumesFrom.map { String($0.prefix { $0 != ":" }) }
    }

    /// Notes the ports that new containers publish on all interfaces, in one line.
    private mutating func noteExposure() {
        guard !exposed.isEmpty else { return }
        plan.notes.append(
            "published on all interfaces: \(exposed.joined(separator: ", ")); to restrict a port to this host, prefix it with 127.0.0.1:"
        )
    }

    private mutating func noteExposure(of name: String, _ spec: ContainerSpec) {
        let key = "com.docker.network.bridge.host_binding_ipv4"
        let isBound = (translation.service(name).networks ?? [:]).contains {
            let address = translation.model.networks[$0.key]?.driverOptions?[key].flatMap { IPAddress($0) }
            return address?.isUnspecified == false
        }
        guard spec.network != .host, !isBound else { return }
        for binding in spec.portBindings where binding.hostAddress?.isUnspecified != false {
            let port = binding.hostPorts == 0...0 ? "(ephemeral port)" : "\(binding.hostPorts.lowerBound)"
            let text = "\(name) \(port)"
            if !exposed.contains(text) { exposed.append(text) }
        }
    }

    private mutating func planOrphans() {
        // A disabled service still belongs to the project.
        let known = Set(project.services.keys).union(project.disabledServices)
        let orphans = observed.containers.filter { !known.contains($0.service) }
        guard !orphans.isEmpty else { return }
        guard options.removeOrphans else {
            plan.notes.append(
                "found orphan containers (\(orphans.map(\.name).joined(separator: ", "))) of this project; use --remove-orphans to remove them"
            )
            return
        }
        for orphan in orphans {
            planRemoval(orphan, "service not defined in the Compose file")
        }
    }

    /// Stops and removes a container; its volumes are kept.
    private mutating func planRemoval(_ container: ObservedContainer, _ reason: String) {
        let stop = plan.add(
            .stopContainer(id: container.id, name: container.name, timeoutSeconds: options.timeoutSeconds), reason,
            after: [])
        _ = plan.add(
            .removeContainer(id: container.id, name: container.name, volumes: .keep), reason, after: [stop])
    }
}
