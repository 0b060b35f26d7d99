import ContainerRuntime
import DockerAPI
import EngineModel
import ImageStore
import LinuxKernel
import Logging
import OCI
import Planning

extension Engine {
    /// Creates a container's row, its leases and its directories; nothing is started.
    /// `preferring`: endpoints of the container that it replaces, whose addresses it gets if they are free.
    package func createContainer(
        _ spec: ContainerSpec, name: String?, preferring: [EndpointRecord] = []
    ) async throws -> (record: ContainerRecord, warnings: [String]) {
        let image = try image(spec.image)
        _ = try SecurityDecision(spec)
        try validate(spec)
        let chosen = try chooseName(name)
        let id = Identifiers.random()
        let runtime = image.configuration.config ?? .init()
        let program = try Self.program(spec.process, runtime)
        let health = try Self.healthcheck(spec.healthcheck, runtime)
        let mounts = try resolveMounts(spec, imageVolumes: (runtime.volumes ?? [:]).keys.sorted())
        let endpoints = try leaseEndpoints(spec, id: id, preferring: preferring)
        let stopSignal = spec.stopSignal ?? runtime.stopSignal ?? "SIGTERM"
        _ = try Signals.number(stopSignal)
        var merged = spec
        merged.labels = (runtime.labels ?? [:]).merging(spec.labels) { $1 }
        if spec.annotations[ComposeLabel.definition] != nil {
            merged.labels[ComposeLabel.image] = image.id.description
            if let text = merged.annotations.removeValue(forKey: ComposeLabel.hashForm),
                let form = try? JSON(parsing: text)
            {
                let project = spec.labels[ComposeLabel.project] ?? ""
                merged.labels[ComposeLabel.configHash] = ServiceHash.hash(form) { service in
                    projectContainers(project).filter { $0.service == service }.min { $0.name < $1.name }?.id
                }
            }
        }
        merged.exposedPorts = Set(
            spec.exposedPorts + (runtime.exposedPorts ?? [:]).keys.compactMap { try? ContainerPort(parsing: $0) }
        ).sorted()
        var record = ContainerRecord(
            id: id, name: chosen, createdAt: now, spec: merged, status: ContainerStatus(),
            imageID: image.id.description, arguments: program,
            environment: Self.environment(runtime.env ?? [], spec.process.environment),
            workingDirectory: spec.process.workingDirectory.isEmpty
                ? runtime.workingDir ?? "" : spec.process.workingDirectory,
            user: spec.process.user.isEmpty ? runtime.user ?? "" : spec.process.user, stopSignal: stopSignal,
            healthcheck: health,
            mounts: mounts, endpoints: endpoints, publishedPorts: [])
        let config = ContainerConfig(merging: spec, record.createRequest?.config, with: runtime)
        record.program = try JSON(encoding: config).text()
        // Directories before the row: directories without a row are swept, and a row never lacks its directories.
        do {
            for folder in ["/upper", "/work"] {
                try Files.makeDirectories(configuration.containerDirectory(id) + folder, mode: 0o711)
            }
            try Files.changeMode(configuration.containerDirectory(id) + "/upper", 0o755)
            try store.save(record, leases: endpoints)
        } catch {
            releaseLeases(record)
            try? Files.removeTree(configuration.containerDirectory(id))
            throw StateStore.isDuplicate(error) ? nameConflict(chosen) : error
        }
        containers[id] = record
        publish(record, "create")
        return (record, warnings(spec))
    }

    /// Reports an image for another platform as not found: clients then pull the right one.
    package func checkPlatform(of reference: String, _ wanted: Descriptor.Platform) throws(RoostError) {
        let configuration = try image(reference).configuration
        let isRight =
            configuration.os == wanted.os && configuration.architecture == wanted.architecture
            && (wanted.variant == nil || configuration.variant == nil || wanted.variant == configuration.variant)
        guard !isRight else { return }
        throw .missing(
            "image with reference \(reference) was found but does not match the specified platform: wanted \(wanted.os)/\(wanted.architecture), actual: \(configuration.os)/\(configuration.architecture)",
            code: .platformMismatch)
    }

    /// Rejects limits that are invalid, in general or on this host.
    static func check(_ resources: ResourceSpec) throws(RoostError) {
        if resources.cpuShares < 0 {
            throw .invalid("invalid CPU shares (\(resources.cpuShares)): value must be a positive integer")
        }
        for (name, value) in [
            ("memory swap", resources.memorySwapBytes), ("pids limit", Int64(resources.maximumProcesses)),
            ("CPU cfs quota", resources.cpuQuota),
        ] where value < -1 {
            throw .invalid("invalid \(name) (\(value)): use -1 for unlimited")
        }
        for rate in resources.deviceRates ?? [] where rate.rate < 0 {
            throw .invalid("invalid rate (\(rate.rate)) for \(rate.device): value must be a positive integer")
        }
        if resources.memoryBytes != 0, resources.memoryBytes < 6 << 20 {
            throw .invalid("Minimum memory limit allowed is 6MB")
        }
        if resources.memorySwapBytes > 0, resources.memoryBytes == 0 {
            throw .invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        if resources.memoryReservationBytes != 0, resources.memoryReservationBytes < 6 << 20 {
            throw .invalid("Minimum memory reservation allowed is 6MB")
        }
        if resources.memoryReservationBytes > resources.memoryBytes, resources.memoryBytes > 0 {
            throw .invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
        }
        if resources.nanoCPUs > 0, resources.cpuQuota > 0 || resources.cpuPeriod > 0 {
            throw .invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
        }
        if resources.cpuPeriod != 0, !(1000...1_000_000).contains(resources.cpuPeriod) {
            throw .invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        }
        if resources.cpuQuota > 0, resources.cpuQuota < 1000 {
            throw .invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
        }
        if resources.memorySwapBytes > 0, resources.memorySwapBytes < resources.memoryBytes {
            throw .invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        if resources.nanoCPUs < 0 || resources.nanoCPUs > Int64(HostFacts.processors) * 1_000_000_000 {
            throw .invalid(
                "range of CPUs is from 0.01 to \(HostFacts.processors).00, as there are only \(HostFacts.processors) CPUs available"
            )
        }
        if resources.blockWeight != 0, !(10...1000).contains(resources.blockWeight) {
            throw .invalid("range of blkio weight is from 10 to 1000")
        }
        if !(-1000...1000).contains(resources.oomScoreAdj) {
            throw .invalid("invalid value \(resources.oomScoreAdj), range for oom score adj is [-1000, 1000]")
        }
        for rate in resources.deviceRates ?? [] {
            guard let status = try? Files.status(rate.device), status.isBlockDevice || status.isCharacterDevice else {
                throw .invalid("no such device: \"\(rate.device)\"")
            }
        }
        for (name, text, count) in [
            ("cpus", resources.cpusetCPUs, HostFacts.processors),
            ("mems", resources.cpusetMemories, HostFacts.memoryNodes),
        ] where !text.isEmpty {
            guard let numbers = NumberList(text) else { throw .invalid("Invalid value \(text) for cpuset \(name)") }
            guard numbers.highest < count else {
                throw .invalid(
                    "Requested \(name == "cpus" ? "CPUs" : "memory nodes") are not available - requested \(text), available: \(count == 1 ? "0" : "0-\(count - 1)")"
                )
            }
        }
    }

    private func validate(_ spec: ContainerSpec) throws(RoostError) {
        if spec.removeWhenStopped, spec.restartPolicy.name != .no {
            throw .invalid("can't create 'AutoRemove' container with restart policy")
        }
        try Self.check(spec.resources)
        try SpecificationCheck.check(spec)
        let directory = spec.process.workingDirectory
        if !directory.isEmpty, !directory.hasPrefix("/") {
            throw .invalid("the working directory '\(directory)' is invalid, it needs to be an absolute path")
        }
        for name in spec.security.sysctls.keys where !Self.isNamespaced(name) {
            throw .invalid("sysctl \"\(name)\" is not namespaced: it cannot be set for a container")
        }
        for name in spec.security.sysctls.keys.sorted() {
            try Self.checkOwner(ofSysctl: name, spec)
        }
        if case .container(let other) = spec.network { _ = try partner(other) }
        for namespace in [spec.ipc, spec.pid] {
            if case .container(let other) = namespace { _ = try partner(other) }
        }
    }

    /// A container whose namespace another one joins. A missing one is not `notFound`, which clients take for a missing image and pull.
    func partner(_ name: String) throws(RoostError) -> ContainerRecord {
        do throws(RoostError) { return try container(name) } catch { throw .invalid(error.message) }
    }

    /// Whether a sysctl belongs to a namespace that the container may have of its own.
    static func isNamespaced(_ name: String) -> Bool {
        name.hasPrefix("net.") || name.hasPrefix("fs.mqueue.")
            || [
                "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
                "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.domainname",
            ].contains(name)
    }

    /// A container must not set sysctls of a namespace that it shares with the host or with another container.
    static func checkOwner(ofSysctl name: String, _ spec: ContainerSpec) throws(RoostError) {
        func refused(_ namespace: String) -> RoostError {
            .invalid("sysctl \"\(name)\" not allowed in host \(namespace) namespace")
        }
        if name.hasPrefix("net.") {
            if spec.network == .host { throw refused("network") }
            if case .container(let other) = spec.network {
                throw .invalid("sysctl \"\(name)\" not allowed: the network namespace is that of container \(other)")
            }
        } else if name == "kernel.domainname" {
            if spec.uts != .own { throw refused("uts") }
        } else if spec.ipc != .own {
            throw refused("ipc")
        }
    }

    private func warnings(_ spec: ContainerSpec) -> [String] {
        var list: [String] = []
        if spec.resources.oomScoreAdj < 0, CapabilitySet.current().effective.rawValue & (1 << 24) == 0 {
            list.append(
                "the engine cannot lower an OOM score (no CAP_SYS_RESOURCE on this host): oom-score-adj is discarded")
        }
        if spec.resources.disablesOutOfMemoryKiller {
            if layout.version == 2 {
                list.append("cgroup v2 cannot disable the OOM killer: oom-kill-disable is discarded")
            } else if spec.resources.memoryBytes == 0 {
                list.append(
                    "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
                )
            }
        }
        for (limit, granted) in LaunchPlanBuilder.unreachable(spec.resources.limits) {
            let wanted = limit.hard == -1 ? "unlimited" : "\(limit.hard)"
            list.append(
                "ulimit \(limit.name): this host does not allow a hard limit of \(wanted); the container gets \(granted)"
            )
        }
        if spec.network == .host, !spec.portBindings.isEmpty {
            list.append("Published ports are discarded when using host network mode")
        }
        return list
    }

    private func chooseName(_ name: String?) throws(RoostError) -> String {
        guard let name = name.map({ $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }), !name.isEmpty else {
            let taken = Set(containers.values.map(\.name))
            return Identifiers.generatedName { taken.contains($0) }
        }
        guard Identifiers.isValidName(name) else {
            throw .invalid("Invalid container name (\(name)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
        }
        if containers.values.contains(where: { $0.name == name }) { throw nameConflict(name) }
        return name
    }

    private func nameConflict(_ name: String) -> RoostError {
        let owner = containers.values.first { $0.name == name }?.id ?? ""
        return .conflict(
            "Conflict. The container name \"/\(name)\" is already in use by container \"\(owner)\". You have to remove (or rename) that container to be able to reuse that name."
        )
    }

    /// An entrypoint set by the user drops the image's command; an empty one drops only the image's entrypoint.
    static func program(_ process: ProcessSpec, _ runtime: ImageConfiguration.Runtime) throws(RoostError) -> [String] {
        let entrypoint = process.entrypoint ?? runtime.entrypoint ?? []
        let command = process.command ?? (process.entrypoint?.isEmpty ?? true ? runtime.cmd ?? [] : [])
        let all = (entrypoint == [""] ? [] : entrypoint) + command
        guard !all.isEmpty else { throw .invalid("no command specified") }
        return all
    }

    static func environment(_ image: [String], _ own: [String]) -> [String] {
        // The user's variables first, then those that only the image has; a bare name removes the variable.
        var list: [String] = []
        for entry in own {
            let name = entry.prefix { $0 != "=" }
            if let known = list.firstIndex(where: { $0.prefix { $0 != "=" } == name }) {
                list[known] = entry
            } else {
                list.append(entry)
            }
        }
        let names = Set(list.map { $0.prefix { $0 != "=" } })
        return list.filter { $0.contains("=") } + image.filter { !names.contains($0.prefix { $0 != "=" }) }
    }

    static func healthcheck(_ own: HealthcheckSpec?, _ runtime: ImageConfiguration.Runtime) throws(RoostError)
        -> HealthcheckSpec?
    {
        guard var check = HealthcheckSpec(merging: own, with: runtime.healthcheck?.spec) else { return nil }
        if check.test.isEmpty || check.test == ["NONE"] { return nil }
        guard ["CMD", "CMD-SHELL"].contains(check.test[0]) else {
            throw .invalid("Unknown healthcheck type \"\(check.test[0])\" (expected CMD, CMD-SHELL or NONE)")
        }
        for (name, value) in [
            ("Interval", check.interval), ("Timeout", check.timeout), ("StartPeriod", check.startPeriod),
        ] where value < 0 || (value > 0 && value < 1_000_000) {
            throw .invalid("\(name) in Healthcheck cannot be less than 1ms")
        }
        if check.interval == 0 { check.interval = 30_000_000_000 }
        if check.timeout == 0 { check.timeout = 30_000_000_000 }
        if check.startInterval == 0 { check.startInterval = 5_000_000_000 }
        if check.retries == 0 { check.retries = 3 }
        return check
    }

    /// Removes a container, with `force` even a running one: row, leases, directories, anonymous volumes.
    package func removeContainer(_ reference: String, force: Bool, volumes: VolumeDisposition) async throws {
        let record = try container(reference)
        let known = try await exclusively(record.id) { () throws -> ContainerRecord? in
            guard let current = containers[record.id] else { return nil }
            if live[current.id] != nil {
                guard force else {
                    throw RoostError.conflict(
                        "cannot remove container \"/\(current.name)\": container is \(current.status.phase == .paused ? "paused" : "running"): stop the container before removing or force remove"
                    )
                }
                publish(current, "kill", ["signal": "9"])
                await end(current.id, signal: 9, graceSeconds: 0)
            }
            if pendingRestarts[current.id] != nil, !force {
                throw RoostError.conflict(
                    "cannot remove container \"/\(current.name)\": container is restarting: stop the container before removing or force remove"
                )
            }
            pendingRestarts.removeValue(forKey: current.id)?.cancel()
            // After a removal the ports must be free: the shim holds copies of their sockets until it exits.
            if !current.publishedPorts.isEmpty || !current.spec.portBindings.isEmpty || current.spec.publishAllPorts {
                await Self.wait(atMost: .seconds(3)) { await self.waitForShimExit(current.id) }
            }
            await discard(containers[current.id] ?? current)
            return current
        }
        guard let known else { return }
        if volumes != .keep { await removeAnonymousVolumes(known, trash: volumes == .trash) }
        publish(known, "destroy")
        announceRemoval(known.id, known.status.exitCode)
    }

    func removeAnonymousVolumes(_ record: ContainerRecord, trash: Bool = false) async {
        for mount in record.mounts where mount.isAnonymous {
            guard let name = mount.volumeName, users(ofVolume: name).isEmpty else { continue }
            do { try await trash ? trashVolume(name) : removeVolume(name, force: true) } catch {
                log.warning("cannot remove volume \(name): \(error)")
            }
        }
    }

    /// The row first, then the files; the next start of the engine removes what is left.
    private func discard(_ record: ContainerRecord) async {
        containers[record.id] = nil
        unloggedOutput[record.id] = nil
        dropUnsharedNetworks()
        restarts[record.id] = nil
        releaseLeases(record)
        do { try store.removeContainer(record.id) } catch {
            log.error("cannot remove the row of container \(record.name): \(error)")
        }
        let folders = [configuration.exitRecord(record.id), configuration.containerDirectory(record.id)]
        let failures =
            (try? await blocking {
                folders.compactMap { folder -> String? in
                    do {
                        try Files.removeTree(folder)
                        return nil
                    } catch { return "\(error)" }
                }
            }) ?? []
        for failure in failures { log.warning("container \(record.name): \(failure)") }
    }
}

/// Facts about the host that do not change.
enum HostFacts {
    static let processors = max(
        1,
        ((try? Files.readText("/proc/cpuinfo", limit: 16 << 20)) ?? "").split(separator: "\n").count {
            $0.hasPrefix("processor")
        })
    /// NUMA nodes with memory.
    static let memoryNodes = max(
        1,
        ((try? Files.list("/sys/devices/system/node")) ?? []).count {
            $0.hasPrefix("node") && UInt32($0.dropFirst(4)) != nil
        })
    static let memoryBytes: Int64 = {
        let line = ((try? Files.readText("/proc/meminfo", limit: 65536)) ?? "").split(separator: "\n").first {
            $0.hasPrefix("MemTotal:")
        }
        return (Int64(line?.split(separator: " ").dropFirst().first ?? "") ?? 0) * 1024
    }()
}
