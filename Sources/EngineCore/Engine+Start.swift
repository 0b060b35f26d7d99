import ContainerRuntime
import DockerAPI
import EngineModel
import ImageStore
import LinuxKernel
import Networking
import ShimProtocol

extension Engine {
    /// Starts a container. Throws `notModified` if it is already running.
    package func startContainer(_ reference: String) async throws {
        let record = try container(reference)
        try await exclusively(record.id) {
            pendingRestarts.removeValue(forKey: record.id)?.cancel()
            try await startNow(record.id)
            try await runStartHooks(record.id)
        }
    }

    /// Performs the start; the caller has exclusive access to the container.
    func startNow(_ id: String) async throws {
        guard let record = containers[id] else { throw RoostError.missing("No such container: \(id)") }
        if record.status.phase == .paused {
            throw RoostError.conflict("cannot start a paused container, try unpause instead")
        }
        if live[id] != nil { throw RoostError(.notModified, "container \(record.name) is already started") }
        if stopping { throw RoostError(.unavailable, "the engine is stopping") }
        await waitForShimExit(id)
        do {
            for endpoint in record.endpoints where networks[endpoint.networkID] == nil {
                throw RoostError.missing("network \(endpoint.networkName) not found")
            }
            try await mountVolumes(of: record)
            try await activate(record.endpoints.map(\.networkID))
            let start = try containerStart(record)
            if start.reused == nil { await evictStaleInterfaces(for: start.endpoints) }
            let started = try await blocking { try start.run() }
            try await adopt(started, record)
        } catch {
            await recordStartFailure(record, error)
            await unmountVolumes(of: record)
            if record.spec.removeWhenStopped {
                Task { try? await self.removeContainer(id, force: false, volumes: .remove) }
            }
            throw Self.startError(error)
        }
    }

    private static func startError(_ error: any Error) -> any Error {
        guard let failure = error as? LaunchFailure else { return error }
        // Docker answers 400 if the command is at fault, 500 if the system is.
        let kind: RoostError.Kind = [126, 127].contains(failure.exitCode) ? .invalidArgument : .failure
        return RoostError(kind, "failed to start the container: \(failure.step): \(failure.reason)")
    }

    private func recordStartFailure(_ record: ContainerRecord, _ error: any Error) async {
        let code = (error as? LaunchFailure)?.exitCode ?? 128
        let finished = now
        update(record.id) { record in
            record.status.exitCode = code == 125 ? 128 : code
            record.status.errorMessage = "\(Self.startError(error))"
            if record.status.phase != .created {
                record.status.phase = .exited
                record.status.finishedAt = finished
            }
        }
    }

    /// The initial size of a container's terminal, as requested (`HostConfig.ConsoleSize`).
    private static func firstWindow(_ record: ContainerRecord) -> (rows: UInt16, columns: UInt16)? {
        guard record.spec.process.terminal,
            let size = record.createRequest?.hostConfig?.consoleSize, size.count == 2, size[0] > 0
        else { return nil }
        return (size[0], size[1])
    }

    /// The container with the host name of the container whose network it shares.
    func named(_ record: ContainerRecord) -> ContainerRecord {
        guard let owner = networkOwner(record) else { return record }
        var named = record
        named.spec.hostname = plans.hostname(owner)
        named.spec.domainname = owner.spec.domainname
        return named
    }

    /// The container whose network this one shares. Bounded, because two containers may name each other.
    private func networkOwner(_ record: ContainerRecord) -> ContainerRecord? {
        var owner = record
        for _ in 0..<16 {
            guard case .container(let other) = owner.spec.network else { return owner.id == record.id ? nil : owner }
            guard let next = try? container(other) else { return nil }
            owner = next
        }
        return nil
    }

    /// Collects everything that a start needs while the state cannot change.
    private func containerStart(_ record: ContainerRecord) throws -> ContainerStart {
        let image = try image(record.imageID)
        var processes: [String: Int32] = [:]
        for choice in [record.spec.pid, record.spec.ipc, record.spec.uts] {
            if case .container(let other) = choice { processes[other] = try runningProcess(other, for: record) }
        }
        var shared: NetworkNamespace?
        // Names are part of a network: a container that joins another's network gets its names and files too.
        let owner = networkOwner(record)
        let named = owner ?? record
        if case .container(let other) = record.spec.network {
            let target = try container(other)
            guard let namespace = namespace(of: target) else {
                throw RoostError.conflict("cannot join network of a non running container: \(target.id)")
            }
            shared = namespace
        }
        let data = configuration.containerDirectory(record.id)
        let group = cgroup(of: record)
        var context = LaunchContext(
            imageDirectories: images.directories(image), upperDirectory: data + "/upper", workDirectory: data + "/work",
            mountPoint: configuration.mountPoint,
            hosts: try ResolverFiles.hosts(
                named, hostname: plans.hostname(named),
                gateway: named.endpoints.first.flatMap { networks[$0.networkID]?.gateway4 },
                links: try linkedHosts(named)),
            resolvConf: ResolverFiles.resolvConf(
                named.spec.dns, embedded: hasResolver(named), hostNetwork: named.spec.network == .host),
            logFile: data + "/container.log", exitRecord: configuration.exitRecord(record.id), revival: revivalPlan,
            cgroup: group, processes: processes)
        for id in Set(record.mounts.compactMap(\.imageID)) {
            context.imageMounts[id] = images.ownDirectories(try self.image(id))
        }
        if let owner, let running = live[owner.id] { context.networkProcess = running.process.process }
        var launched = self.named(record)
        let linked = linkVariables(record)
        // The container's own variables override those of its links.
        if !linked.isEmpty { launched.environment = Self.environment(linked, record.environment) }
        let usesOwnNetwork = shared == nil && record.spec.network != .host
        var plan = try plans.container(launched, context)
        if let size = Self.firstWindow(record) {
            (plan.standardStreams.rows, plan.standardStreams.columns) = size
        }
        return ContainerStart(
            record: record, context: context, plan: plan, launcher: launcher,
            endpoints: endpointPlans(record), hasResolver: hasResolver(record), makesNamespace: usesOwnNetwork,
            shared: shared, allocatedPorts: allocatedPorts(), publishAddress: publishAddress(record),
            publishes: usesOwnNetwork && publishesPorts(record),
            reused: usesOwnNetwork ? retainedNetwork(for: record.id, endpointPlans(record)) : nil)
    }

    private func runningProcess(_ other: String, for record: ContainerRecord) throws -> Int32 {
        let target = try container(other)
        guard let running = live[target.id] else {
            throw RoostError.conflict(
                "cannot start container \(record.name): it joins container \(target.name), which is not running")
        }
        return running.process.process
    }

    /// The network namespace of a running container: its sandbox's, or the one that its process has joined.
    func namespace(of record: ContainerRecord) -> NetworkNamespace? {
        if let sandbox = live[record.id]?.sandbox { return sandbox.namespace }
        guard let running = live[record.id],
            let file = try? Files.open("/proc/\(running.process.process)/ns/net", .readOnly)
        else { return nil }
        return NetworkNamespace(adopting: file)
    }

    private var revivalPlan: EngineRestartPlan {
        EngineRestartPlan(
            socket: configuration.shimSocket, lock: configuration.revivalLock, executable: configuration.executable,
            arguments: ["roostd"] + configuration.arguments,
            environment: ["PATH=" + SystemPaths.executables])
    }

    /// Ports of running containers, with their owners' names.
    func allocatedPorts() -> [(port: PublishedPort, owner: String)] {
        live.keys.flatMap { id in
            (live[id]?.ports ?? []).map { ($0.port, containers[id]?.name ?? id) }
        }
    }

    /// Registers a started container: state, names, ports, health checks, events.
    private func adopt(_ started: ContainerStart.Result, _ record: ContainerRecord) async throws {
        let id = record.id
        live[id] = LiveContainer(
            process: started.process, sandbox: started.sandbox, resolver: started.resolver, ports: started.ports,
            endpoints: started.endpoints)
        unloggedOutput[id] = nil
        if outputReaders[id] != nil { started.process.connection.send(.deferLogDeletion(true)) }
        announceExit(Self.start(of: id), 0)
        let start = now
        update(id) { record in
            var status = ContainerStatus()
            status.phase = .running
            status.processID = started.process.process
            status.processStartTime = Processes.startTime(started.process.process) ?? 0
            status.startedAt = start
            status.finishedAt = record.status.finishedAt
            status.restartCount = record.status.restartCount
            if record.healthcheck != nil { status.health = HealthStatus() }
            record.status = status
            record.publishedPorts = started.ports.map(\.port)
        }
        // Its resolver sockets are served again below, with the container's current scope.
        if let kept = retained.removeValue(forKey: id), let sockets = kept.resolver { resolver.release(sockets) }
        // All of this is done before the caller learns of the start.
        try serve(id)
        if !started.ports.isEmpty {
            try store.addPorts(started.ports.map(\.port), owner: id)
            try await applyFilter(filter.publish(forwards(of: id)))
            resetDatagrams(to: started.ports.map(\.port))
        }
        for mount in record.mounts {
            guard let volume = mount.volumeName else { continue }
            publish(
                .volume, "mount", id: volume,
                [
                    "container": id, "destination": mount.target, "driver": "local", "propagation": "",
                    "read/write": String(!mount.readOnly),
                ])
        }
        for endpoint in record.endpoints {
            publish(
                .network, "connect", id: endpoint.networkID,
                ["container": id, "name": endpoint.networkName, "type": "bridge"])
        }
        publish(record, "start")
        startHealthChecks(id)
    }

    /// Listens to a container's shim, serves its resolver and ports, and has the shim keep what must outlive this engine.
    func serve(_ id: String, shimKeeps known: Set<String> = []) throws {
        guard let running = live[id], let record = containers[id] else { return }
        // Names first: the process may resolve its own name at once, and the query already waits in the socket.
        updateNames(of: id)
        if let sockets = running.resolver { try resolver.serve(sockets, scope: resolverScope(record)) }
        try relay(running.ports, to: record)
        let connection = running.process.connection
        let kept = RetainedDescriptors(running)
        if !known.isSuperset(of: kept.tags) { connection.send(.keep(tags: kept.tags), descriptors: kept.files) }
        let events = try connection.events()
        Task { for await event in events { await self.handle(event, of: id, from: connection) } }
    }
}

/// The descriptors that a shim keeps for the engine, and the tags that identify them after a restart.
struct RetainedDescriptors {
    var tags: [String] = []
    var files: [OwnedFD] = []

    init(_ running: LiveContainer) {
        if let sandbox = running.sandbox { add("namespace", sandbox.namespace.file) }
        if let sockets = running.resolver {
            add("dns-udp", sockets.udp)
            add("dns-tcp", sockets.tcp)
        }
        for (socket, port) in running.ports { add(Self.tag(port), socket) }
    }

    private mutating func add(_ tag: String, _ file: OwnedFD) {
        // One message carries at most 64 descriptors; those beyond are opened again after a restart.
        guard files.count < 60 else { return }
        tags.append(tag)
        files.append(file)
    }

    static func tag(_ port: PublishedPort) -> String { "port \(port.container) \(port.hostAddress) \(port.hostPort)" }
}

/// The part of a start that waits for the kernel. Undoes its work if it fails.
struct ContainerStart: Sendable {
    struct Result: Sendable {
        var process: StartedProcess
        var sandbox: Sandbox?
        var resolver: ResolverSockets?
        var ports: [(socket: OwnedFD, port: PublishedPort)]
        var endpoints: [EndpointPlan]
    }

    let record: ContainerRecord
    let context: LaunchContext
    let plan: LaunchPlan
    let launcher: ShimLauncher
    let endpoints: [EndpointPlan]
    let hasResolver: Bool
    let makesNamespace: Bool
    let shared: NetworkNamespace?
    let allocatedPorts: [(port: PublishedPort, owner: String)]
    let publishAddress: IPAddress?
    /// False while another container of the same service still has the ports.
    let publishes: Bool
    /// The network retained for this container.
    let reused: RetainedNetwork?

    func run() throws -> Result {
        var undo = UndoLog()
        do { return try attempt(&undo) } catch {
            _ = undo.unwind()
            throw error
        }
    }

    private func attempt(_ undo: inout UndoLog) throws -> Result {
        let publisher = PortPublisher(record: record, allocatedPorts: allocatedPorts, defaultAddress: publishAddress)
        let ports = publishes ? try publisher.publish(&undo) : []
        try? Files.remove(context.exitRecord)
        try MountPreparation(
            mounts: record.mounts, imageDirectories: context.imageDirectories, mountPoint: context.mountPoint
        ).prepare()
        let group = context.cgroup
        undo.onFailure { try group.remove() }
        try group.create()
        try limit(group)
        var sandbox: Sandbox?
        var resolver: ResolverSockets?
        if let reused {
            (sandbox, resolver) = (reused.sandbox, reused.resolver)
        } else if makesNamespace {
            let interfaces = endpoints.map(\.hostInterface)
            undo.onFailure { if let first = Bridges.removeLinks(interfaces).first { throw first } }
            let made = try Sandbox.make(endpoints, resolver: hasResolver)
            (sandbox, resolver) = (made.0, made.1)
        }
        let process = try launcher.start(plan, namespace: sandbox?.namespace.file ?? shared?.file)
        return Result(process: process, sandbox: sandbox, resolver: resolver, ports: ports, endpoints: endpoints)
    }

    private func limit(_ group: Cgroup) throws {
        var limits = Self.limits(record.spec.resources)
        limits.swappiness = record.spec.swappiness
        let missing = limits == CgroupLimits() ? [] : try group.apply(limits)
        if let first = missing.first, first == "memory limit" || first == "process limit" {
            throw RoostError(
                .unsupported, "\(first)s are unavailable: this host's kernel does not have the cgroup controller")
        }
        try group.allowDevices(try LaunchPlanBuilder.deviceRules(record.spec))
    }

    static func limits(_ spec: ResourceSpec) -> CgroupLimits {
        var limits = CgroupLimits()
        if spec.memoryBytes > 0 {
            limits.memory = spec.memoryBytes
            // As in Docker: without a swap limit, as much swap as memory.
            limits.swap =
                spec.memorySwapBytes == -1
                ? -1 : spec.memorySwapBytes > 0 ? spec.memorySwapBytes - spec.memoryBytes : spec.memoryBytes
        }
        if spec.memoryReservationBytes > 0 { limits.memoryReservation = spec.memoryReservationBytes }
        if spec.nanoCPUs > 0 {
            // The kernel's smallest quota is 1 ms.
            limits.cpuQuota = (max(spec.nanoCPUs / 10_000, 1000), 100_000)
        } else if spec.cpuQuota != 0 || spec.cpuPeriod > 0 {
            // Without a quota the period limits nothing, but it can be set.
            limits.cpuQuota = (spec.cpuQuota > 0 ? spec.cpuQuota : -1, spec.cpuPeriod > 0 ? spec.cpuPeriod : 100_000)
        }
        if spec.cpuShares > 0 { limits.cpuShares = spec.cpuShares }
        limits.disablesOOMKiller = spec.disablesOutOfMemoryKiller
        if !spec.cpusetCPUs.isEmpty { limits.cpus = spec.cpusetCPUs }
        if !spec.cpusetMemories.isEmpty { limits.memoryNodes = spec.cpusetMemories }
        if spec.maximumProcesses != 0 { limits.processes = spec.maximumProcesses }
        if spec.blockWeight > 0 { limits.blockWeight = spec.blockWeight }
        for rate in spec.deviceRates ?? [] {
            let numbers =
                (try? Files.status(rate.device)).map { deviceNumbers($0.specialDevice) } ?? (major: 0, minor: 0)
            limits.deviceRates.append(
                DeviceRateLimit(key: rate.kind.rawValue, major: numbers.major, minor: numbers.minor, value: rate.rate))
        }
        return limits
    }
}
