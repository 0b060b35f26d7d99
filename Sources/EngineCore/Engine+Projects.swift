import ComposeModel
import EngineModel
import HelperProtocol
import ImageStore
import LinuxKernel
import OCI
import Planning

extension Engine {
    func projectFolder(_ name: String) -> String { "\(configuration.dataRoot)/projects/\(name)" }

    private func paths(of project: Project) -> EnginePaths {
        EnginePaths(files: projectFolder(project.name), socket: configuration.socket)
    }

    /// The state that the planner needs for this project.
    private func observe(_ project: Project) -> ObservedState {
        var state = ObservedState()
        state.containers = projectContainers(project.name)
        state.networks = Set(networks.values.map(\.name))
        state.volumes = Set(volumes.keys)
        for network in networks.values {
            let others = containers.values.filter { record in
                record.spec.labels[ComposeLabel.project] != project.name
                    && record.endpoints.contains { $0.networkID == network.id }
            }
            state.networkFacts[network.name] = [
                "driver": network.driver, "internal": String(network.isInternal),
                "subnets": [network.subnet4, network.subnet6].compactMap { $0?.description }.joined(separator: " "),
                "driver_opts": ObservedState.text(network.options),
                "labels": ObservedState.text(network.labels.filter { !$0.key.hasPrefix("com.docker.compose.") }),
                "ipv4": String(network.bridge.isEmpty || network.subnet4 != nil),
                "ipv6": String(network.subnet6 != nil),
                "others": others.map(\.name).sorted().joined(separator: ", "),
            ]
        }
        state.foreignVolumes = Set(
            volumes.values.filter { $0.labels[ComposeLabel.project] != project.name }.map(\.name))
        for volume in volumes.values { state.volumeOptions[volume.name] = volume.options }
        for service in project.services.values {
            guard let reference = service["image"].string, let image = try? image(reference) else { continue }
            state.images[reference] = image.id.description
        }
        return state
    }

    /// `oneOffs`: includes containers created by `run`.
    func projectContainers(_ name: String, oneOffs: Bool = false) -> [ObservedContainer] {
        containers.values.compactMap { record in
            let labels = record.spec.labels
            guard labels[ComposeLabel.project] == name, oneOffs || !record.isOneOff,
                let service = labels[ComposeLabel.service]
            else { return nil }
            let definition =
                record.spec.annotations[ComposeLabel.definition].flatMap { try? JSON(parsing: $0) } ?? .null
            var observed = ObservedContainer(
                id: record.id, name: record.name, service: service, number: Int(labels[ComposeLabel.number] ?? "") ?? 1,
                configHash: labels[ComposeLabel.configHash] ?? "",
                imageID: record.imageID, phase: record.status.phase, exitCode: record.status.exitCode,
                stoppedByUser: record.status.stoppedByUser, definition: definition)
            // A network recreated under the same name is a different one.
            observed.networks = Set(record.endpoints.filter { networks[$0.networkID] != nil }.map(\.networkName))
            return observed
        }
    }

    package func planProject(_ project: Project, contents: [String: String], options: UpOptions) throws -> Plan {
        try checkOwner(project)
        return try UpPlanner.plan(
            project: project, observed: observe(project), options: options, contents: contents,
            paths: paths(of: project))
    }

    /// Rejects a project of another directory: two checkouts with the same directory name would share one project.
    private func checkOwner(_ project: Project) throws(RoostError) {
        let other = containers.values.first { record in
            record.spec.labels[ComposeLabel.project] == project.name
                && record.spec.labels[ComposeLabel.workingDirectory].map { $0 != project.workingDirectory } == true
        }
        guard let other, let folder = other.spec.labels[ComposeLabel.workingDirectory] else { return }
        throw .conflict(
            "project \(project.name) belongs to \(folder): choose another project name with -p, or run \"down\" there first"
        )
    }

    /// Executes a plan, which must be the very value that `planProject` has returned.
    package func execute(
        _ plan: Plan, project: Project, contents: [String: String], report: @escaping @Sendable (PlanProgress) -> Void
    ) async throws -> [(step: PlanStep, error: any Error)] {
        try await writeFiles(project, contents)
        let stored = StoredProject(
            name: project.name,
            services: project.services.filter { ($0.value["restart"].string ?? "").isEmpty }.keys.sorted())
        if plan.bringsUp, projects[project.name]?.services != stored.services {
            try store.save(stored)
            projects[project.name] = stored
        }
        return await PlanExecutor(backend: EngineBackend(engine: self), report: report).run(plan)
    }

    /// Writes secrets and configs as files for containers to mount, with the owner and mode that the Compose file specifies.
    private func writeFiles(_ project: Project, _ contents: [String: String]) async throws {
        let translation = try ServiceTranslation(project: project, contents: contents)
        for service in translation.model.services.values {
            let files =
                (service.secrets ?? []).map { ("secrets", $0) } + (service.configs ?? []).map { ("configs", $0) }
            if files.isEmpty { continue }
            let owner = try await processOwner(of: service)
            for (kind, item) in files {
                let source = item.source ?? ""
                guard let text = contents["\(kind).\(source)"] else {
                    throw RoostError.missing("\(kind.dropLast()) \(source): content is missing")
                }
                let path = "\(projectFolder(project.name))/\(translation.fileName(kind, item, of: service))"
                try Files.makeDirectories(projectFolder(project.name), mode: 0o700)
                if !Files.exists(path) { try Files.replace(path, Array(text.utf8), mode: 0o600) }
                // Existing files too: the image may have another user now.
                try Files.changeOwner(
                    path, user: UInt32(item.uid ?? "") ?? owner.user,
                    group: UInt32(item.gid ?? "") ?? owner.group)
                try Files.changeMode(path, UInt32(truncatingIfNeeded: item.mode ?? 0o444))
            }
        }
    }

    /// The user and group ids of a service's process, from the image's passwd and group files. An unknown name is mapped to root here;
    /// the start reports it.
    private func processOwner(of service: Service) async throws -> RootRequest.Owner {
        let root = RootRequest.Owner(user: 0, group: 0)
        let image = service.image.flatMap { try? self.image($0) }
        let own = service.user.flatMap { $0.isEmpty ? nil : $0 }
        let parts = (own ?? image?.configuration.config?.user ?? "").split(separator: ":", maxSplits: 1).map(
            String.init)
        guard let name = parts.first else { return root }
        let group = parts.count > 1 ? parts[1] : nil
        if let user = UInt32(name), group.map({ UInt32($0) != nil }) ?? true {
            return RootRequest.Owner(user: user, group: group.flatMap { UInt32($0) } ?? 0)
        }
        guard let image else { return root }
        let entry = try await entry(of: name, in: "/etc/passwd", of: image)
        let user = UInt32(name) ?? entry.flatMap { $0.count > 2 ? UInt32($0[2]) : nil } ?? 0
        guard let group else {
            return RootRequest.Owner(user: user, group: entry.flatMap { $0.count > 3 ? UInt32($0[3]) : nil } ?? 0)
        }
        let known = try await self.entry(of: group, in: "/etc/group", of: image)
        return RootRequest.Owner(
            user: user, group: UInt32(group) ?? known.flatMap { $0.count > 2 ? UInt32($0[2]) : nil } ?? 0)
    }

    /// The fields of a name's line in an image's passwd(5) or group(5) file.
    private func entry(of name: String, in path: String, of image: StoredImage) async throws -> [String]? {
        let runner = HelperProcess(
            RootRequest(
                view: .layers(images.directories(image), upper: nil, work: nil), mountPoint: configuration.mountPoint,
                job: .read(path: path, limit: 4 << 20)))
        let bytes: [UInt8]
        do { bytes = try await blocking { try runner.answer() } } catch let error as RoostError
            where error.kind == .notFound
        { return nil }
        return bytes.split(separator: 10).lazy.map { line in
            line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
        }.first { $0.first == name }
    }

    package func planDown(_ name: String, options: DownOptions) -> Plan {
        let all = projectContainers(name, oneOffs: true)
        let found = all.filter {
            options.takes(
                service: $0.service, isOneOff: containers[$0.id]?.isOneOff == true, hasExited: $0.phase == .exited)
        }
        // Volumes used by the remaining containers are kept; removing a network in use reports that itself.
        let staying = Set(all.map(\.id)).subtracting(found.map(\.id)).compactMap { containers[$0] }
        let keptVolumes = Set(staying.flatMap { $0.mounts.compactMap(\.volumeName) })
        let usedVolumes = Set(found.flatMap { containers[$0.id]?.mounts.compactMap(\.volumeName) ?? [] })
        var dependencies: [String: [String]] = [:]
        for container in found {
            let text = containers[container.id]?.spec.labels[ComposeLabel.dependsOn] ?? ""
            dependencies[container.service] = text.split(separator: ",").compactMap {
                $0.split(separator: ":").first.map(String.init)
            }
        }
        return DownPlanner.plan(
            project: name, containers: found, dependencies: dependencies,
            networks: networks.values.filter { network in
                network.labels[ComposeLabel.project] == name
                    && options.model?.networks.contains(network.labels[ComposeLabel.network] ?? "") != false
            }.map(\.name),
            volumes: volumes.values.filter {
                $0.labels[ComposeLabel.project] == name && !keptVolumes.contains($0.name)
                    && options.model?.volumes.contains($0.labels[ComposeLabel.volume] ?? "") != false
                    && (options.services.isEmpty || usedVolumes.contains($0.name))
            }.map(\.name), options: options)
    }

    package func executeDown(_ plan: Plan, report: @escaping @Sendable (PlanProgress) -> Void) async throws -> [(
        step: PlanStep, error: any Error
    )] {
        let leaving = Set(
            plan.steps.compactMap { step -> String? in
                guard case .removeContainer(let id, _, _) = step.operation else { return nil }
                return id
            })
        if projectContainers(plan.project).allSatisfy({ leaving.contains($0.id) }) {
            projects[plan.project] = nil
            try store.removeProject(plan.project)
        }
        let failures = await PlanExecutor(backend: EngineBackend(engine: self), report: report).run(plan)
        // Containers of `run` mount their secrets from there.
        if projectContainers(plan.project, oneOffs: true).isEmpty {
            try? Files.removeTree(projectFolder(plan.project))
        }
        return failures
    }

    /// Creates a one-off container of a service, beside those of `up` (`compose run`).
    package func createOneOff(
        _ project: Project, contents: [String: String], service: String, name: String?, servicePorts: Bool,
        useAliases: Bool, change: (inout ContainerSpec) -> Void
    ) async throws -> ContainerRecord {
        guard project.services[service] != nil else { throw RoostError.missing("no such service: \(service)") }
        try await writeFiles(project, contents)
        var translation = try ServiceTranslation(project: project, contents: contents)
        translation.noteFirstContainers(projectContainers(project.name))
        var spec = try translation.spec(service, number: 1, paths: paths(of: project), oneOff: true)
        // As in Compose: no published ports, no restart policy and no service aliases, unless requested.
        if !servicePorts { spec.portBindings = [] }
        spec.restartPolicy = RestartPolicySpec()
        if !useAliases {
            for index in spec.endpoints.indices { spec.endpoints[index].aliases = [] }
        }
        change(&spec)
        let slug = Identifiers.random()
        spec.labels[ComposeLabel.slug] = slug
        let generated = [project.name, service, "run", String(slug.prefix(12))].joined(separator: project.separator)
        return try await createContainer(spec, name: name ?? generated).record
    }

    /// `dependencies`: those of the file's services; without a file they are read from the containers' labels.
    package func planStart(_ name: String, services: [String], dependencies: [String: OrderedMap<Dependency>]?) throws
        -> Plan
    {
        let found = projectContainers(name)
        return try StartPlanner.plan(
            project: name, containers: found, dependencies: dependencies ?? labelledDependencies(found),
            services: services)
    }

    private func labelledDependencies(_ found: [ObservedContainer]) -> [String: OrderedMap<Dependency>] {
        var all: [String: OrderedMap<Dependency>] = [:]
        for container in found {
            let order = BootOrder(label: containers[container.id]?.spec.labels[ComposeLabel.dependsOn] ?? "")
            all[container.service] = OrderedMap(
                order.waits.map { wait in
                    var dependency = Dependency()
                    dependency.condition = wait.condition
                    return (wait.service, dependency)
                })
        }
        return all
    }

    package func executeStart(_ plan: Plan, report: @escaping @Sendable (PlanProgress) -> Void) async -> [(
        step: PlanStep, error: any Error
    )] {
        await PlanExecutor(backend: EngineBackend(engine: self), report: report).run(plan)
    }

    /// Whether a network has containers, running or not.
    func isInUse(network name: String) -> Bool {
        guard let id = networks.values.first(where: { $0.name == name })?.id else { return false }
        return containers.values.contains { $0.endpoints.contains { $0.networkID == id } }
    }

    // MARK: Waiting for conditions

    /// `subject`: names the container in errors; the default is Compose's text for a dependency.
    func awaitHealthy(_ name: String, subject: String? = nil) async throws {
        let subject = subject ?? "dependency failed to start: container \(name)"
        let (_, stream) = hub.subscribe(since: nil)
        let began = now
        let restarts = try container(name).status.restartCount
        func settled() async throws -> Bool {
            let record = try container(name)
            // A container that keeps exiting is not waited for forever, although its policy restarts it.
            let more = record.status.restartCount - restarts
            if more >= 5, now - began > 30_000_000_000 {
                let output = await lastLines(record.id)
                throw RoostError.conflict(
                    "\(subject) keeps exiting with code \(record.status.exitCode) (restarted \(more) times)\(output.isEmpty ? "" : "; its last lines:\n\(output)")"
                )
            }
            guard record.healthcheck != nil else {
                throw RoostError.conflict("\(subject) has no healthcheck configured")
            }
            if record.status.phase == .exited, pendingRestarts[record.id] == nil {
                throw RoostError.conflict("\(subject) exited (\(record.status.exitCode))")
            }
            if record.status.health?.verdict == .unhealthy {
                throw RoostError.conflict("\(subject) is unhealthy: \(lastProbe(record))")
            }
            return record.status.isRunning && record.status.health?.verdict == .healthy
        }
        if try await settled() { return }
        for await event in stream where event.attributes["name"] == name { if try await settled() { return } }
        throw RoostError(.unavailable, "waiting for \(name) was interrupted")
    }

    private func lastProbe(_ record: ContainerRecord) -> String {
        guard let probe = record.status.health?.probes.last else { return "no health check has succeeded" }
        return
            "last health check exited with \(probe.exitCode): \(probe.output.split(separator: "\n").first ?? "no output")"
    }

    func awaitCompleted(_ name: String) async throws {
        let code = try await wait(name, .notRunning)
        guard code == 0 else {
            let service = containers.values.first { $0.name == name }?.spec.labels[ComposeLabel.service] ?? name
            throw RoostError.conflict("service \"\(service)\" didn't complete successfully: exit \(code)")
        }
    }

    // MARK: Replacing

    /// Replaces a container under its name, keeping its anonymous volumes unless they are renewed. Returns the errors of stop hooks.
    func replace(_ id: String, name: String, spec: ContainerSpec, renewsVolumes: Bool, timeout: Int?) async throws
        -> [String]
    {
        let old = try container(id)
        // Checked before the old one is touched: a missing image must not cost a running container.
        _ = try image(spec.image)
        var errors: [String] = []
        do { errors = try await stopContainer(id, timeout: timeout) } catch let error as RoostError
            where error.kind == .notModified
        {}
        try await removeContainer(id, force: true, volumes: renewsVolumes ? .trash : .keep)
        _ = try await createContainer(
            renewsVolumes ? spec : Self.keepingVolumes(spec, of: old), name: name, preferring: old.endpoints)
        return errors
    }

    /// A specification that reuses the anonymous volumes of the previous container.
    static func keepingVolumes(_ spec: ContainerSpec, of old: ContainerRecord) -> ContainerSpec {
        var spec = spec
        for mount in old.mounts where mount.isAnonymous {
            guard let volume = mount.volumeName else { continue }
            if let index = spec.mounts.firstIndex(where: { $0.target == mount.target }) {
                guard case .volume(nil, let copy, let subpath) = spec.mounts[index].source else { continue }
                spec.mounts[index].source = .volume(name: volume, copy: copy, subpath: subpath)
                spec.mounts[index].keepsAnonymous = true
            } else {
                var kept = MountSpec(source: .volume(name: volume, copy: true, subpath: ""), target: mount.target)
                kept.keepsAnonymous = true
                spec.mounts.append(kept)
            }
        }
        return spec
    }
}

/// Executes a plan's operations on this engine.
struct EngineBackend: PlanBackend {
    let engine: Engine

    func perform(_ operation: Operation) async throws -> StepOutcome {
        switch operation {
        case .createNetwork(let spec): _ = try await engine.createNetwork(spec)
        case .replaceNetwork(let spec): try await engine.replaceNetwork(spec)
        case .createVolume(let name, let labels, let options, let driver):
            _ = try await engine.createVolume(name, labels: labels, options: options, driver: driver)
        case .createContainer(let name, let spec): _ = try await engine.createContainer(spec, name: name)
        case .replaceContainer(let id, let name, let spec, let renews, let timeout):
            return outcome(
                try await engine.replace(id, name: name, spec: spec, renewsVolumes: renews, timeout: timeout))
        case .updateService(let update): try await ServiceUpdater(engine: engine, update: update).run()
        case .prepare(let name, let spec): try await engine.prepare(name, spec)
        case .startContainer(let name):
            // Only "already running" is tolerated: "not found" may mean something that the start needs.
            try await unless([.notModified], else: ()) { try await engine.startContainer(name) }
        case .restartContainer(let id, _, let timeout):
            return outcome(try await engine.restartContainer(id, timeout: timeout))
        case .stopContainer(let id, _, let timeout):
            return outcome(
                try await unless(Self.settled, else: []) { try await engine.stopContainer(id, timeout: timeout) })
        case .removeContainer(let id, _, let volumes):
            try await unless(Self.settled, else: ()) {
                try await engine.removeContainer(id, force: true, volumes: volumes)
            }
        case .awaitHealthy(let name): try await engine.awaitHealthy(name)
        case .awaitCompleted(let name): try await engine.awaitCompleted(name)
        case .removeNetwork(let name):
            if await engine.isInUse(network: name) { return .kept(reason: Self.inUse) }
            try await unless(Self.settled, else: ()) { try await engine.removeNetwork(name) }
        case .removeVolume(let name):
            return try await unless([.conflict], else: .kept(reason: Self.inUse)) {
                try await engine.removeVolume(name, force: true)
                return .done
            }
        case .trashVolume(let name):
            return try await unless([.conflict], else: .kept(reason: Self.inUse)) {
                try await unless(Self.settled, else: ()) { try await engine.trashVolume(name) }
                return .done
            }
        }
        return .done
    }

    /// Compose's text.
    private static let inUse = "Resource is still in use"
    /// The desired state is already reached.
    private static let settled: Set<RoostError.Kind> = [.notModified, .notFound]

    /// The body's value, or `value` if it throws an error of these kinds.
    private func unless<Value>(
        _ kinds: Set<RoostError.Kind>, else value: Value, _ body: () async throws -> Value
    ) async throws -> Value {
        do { return try await body() } catch let error as RoostError where kinds.contains(error.kind) { return value }
    }

    private func outcome(_ errors: [String]) -> StepOutcome { errors.isEmpty ? .done : .doneWithErrors(errors) }
}
