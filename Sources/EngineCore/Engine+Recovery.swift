import ContainerRuntime
import EngineModel
import ImageStore
import LinuxKernel
import Logging
import Networking
import ShimProtocol

extension Engine {
    /// Loads the state, adopts running containers and removes leftovers. The engine serves no request before this is done.
    package func recover() async throws {
        // Shims connect on their own as soon as the socket exists; they are adopted when the rows of their containers are loaded.
        let greetings = try listenForShims()
        async let running = blocking { ShimLauncher.livingShims() }
        for record in try store.networks() { networks[record.id] = record }
        for record in try store.volumes() { volumes[record.name] = record }
        for image in try store.images() { imageRecords[image.id] = image }
        tags = try store.tags()
        buildCache = try store.buildSteps()
        buildTimes = try store.buildTimes()
        for project in try store.projects() { projects[project.name] = project }
        for record in try await store.containers() { containers[record.id] = record }
        for lease in try store.leases() where containers[lease.owner] != nil {
            if let address = IPAddress(lease.address) { leases[lease.network, default: [:]][address] = lease.owner }
        }
        try makePredefinedNetworks()
        try recoverTrash()
        for name in (try? Files.list(configuration.dataRoot + "/volumes")) ?? [] where name.hasPrefix(".removing-") {
            try? Files.removeTree(configuration.volumePath(name))
        }
        // Whatever the row says: a shim that is being started is not in it yet, and one whose process has exited may not have recorded it.
        let awaited = try await running.intersection(containers.keys)
        recoveredLinks = Set(Bridges.interfaceNames())
        // Those that do not connect are recorded as exited below.
        await adoptShims(greetings, awaiting: awaited)
        recoveredLinks = nil
        await recordMissedEnds()
        await sweepLeftovers()
        await unmountUnusedVolumes()
        await removeLostBuilds()
        await checkAfterBoot()
        await resumePolicies()
        startHealing()
        startSweepingTrash()
    }

    /// The greeting of a shim that connects to an engine which has not started its container.
    private struct ShimGreeting: Sendable {
        let id: String
        let process: Int32
        let exit: ExitRecord?
        let files: [(tag: String, file: OwnedFD)]
        let socket: OwnedFD

        func file(_ tag: String) -> OwnedFD? { files.first { $0.tag == tag }?.file }
    }

    private func listenForShims() throws -> AsyncStream<ShimGreeting> {
        let (greetings, continuation) = AsyncStream.makeStream(of: ShimGreeting.self)
        let path = configuration.shimSocket
        try? Files.remove(path)
        let listener = try Sockets.listen(path, .packets, mode: 0o600)
        try setNonBlocking(listener.raw)
        try loop.add(listener.raw, .readable) { [loop] _ in
            while let connection = try? Sockets.accept(listener.raw) { Self.greet(connection, loop, continuation) }
        }
        return greetings
    }

    /// Reads a shim's greeting; peers other than root are rejected.
    private static func greet(
        _ socket: OwnedFD, _ loop: IOLoop, _ greetings: AsyncStream<ShimGreeting>.Continuation
    ) {
        guard Sockets.peerUser(socket.raw) == 0 else { return }
        let added: Void? = try? loop.add(socket.raw, .readable) { _ in
            loop.remove(socket.raw)
            guard let received = try? Sockets.receive(socket.raw),
                let message = try? ShimMessage(decoding: received.bytes),
                case .hello(let id, let process, _, let exit, let tags) = message
            else { return }
            let files = received.descriptors.map(OwnedFD.init(adopting:))
            greetings.yield(
                ShimGreeting(
                    id: id, process: process, exit: exit, files: zip(tags, files).map { ($0, $1) }, socket: socket))
        }
        if added == nil { socket.close() }
    }

    /// Adopts every shim that connects from now on. Returns when the awaited ones have connected, or never will.
    private func adoptShims(_ greetings: AsyncStream<ShimGreeting>, awaiting awaited: Set<String>) async {
        let (adopted, continuation) = AsyncStream.makeStream(of: String?.self)
        Task { [weak self] in
            for await greeting in greetings {
                await self?.adopt(greeting)
                continuation.yield(greeting.id)
            }
        }
        guard !awaited.isEmpty else { return }
        let clock = Task {
            for _ in 0..<6 {
                try await Task.sleep(for: .seconds(5))
                continuation.yield(nil)
            }
            continuation.finish()
        }
        var missing = awaited
        for await id in adopted {
            if let id { missing.remove(id) }
            if missing.isEmpty { break }
            // On a busy machine shims are slow: live ones are waited for longer, dead ones will never connect.
            if id == nil, missing.isDisjoint(with: ShimLauncher.livingShims()) { break }
        }
        clock.cancel()
        for id in missing { log.error("the shim of container \(containers[id]?.name ?? id) did not reconnect") }
    }

    /// Adopts a running container from its shim after a restart of the engine.
    private func adopt(_ greeting: ShimGreeting) async {
        let (id, process) = (greeting.id, greeting.process)
        let connection = ShimConnection(socket: greeting.socket, loop: loop)
        guard let record = containers[id], let pidfd = greeting.file("pidfd") else {
            // The container was removed while no engine was running: kill what is left of it.
            try? Processes.signal(pid: process, 9)
            Cgroup(layout: layout, name: "\(names.cgroup)/\(id)").kill()
            return connection.send(.dismissed)
        }
        guard live[id] == nil else { return }
        let file = greeting.file
        var running = LiveContainer(
            process: StartedProcess(connection: connection, process: process, pidfd: pidfd, input: file("input")))
        running.sandbox = file("namespace").map { Sandbox(namespace: NetworkNamespace(adopting: $0)) }
        if let udp = file("dns-udp"), let tcp = file("dns-tcp") {
            running.resolver = ResolverSockets(udp: udp, tcp: tcp)
        }
        running.endpoints = endpointPlans(record)
        for port in record.publishedPorts {
            if let socket = file(RetainedDescriptors.tag(port)) ?? (try? PortRelay.bind(port)) {
                running.ports.append((socket, port))
            }
        }
        live[id] = running
        do {
            try await activate(record.endpoints.map(\.networkID))
            try serve(id, shimKeeps: Set(greeting.files.map(\.tag)))
            // During recovery the rules are written once, for all containers.
            if recoveredLinks == nil { try await applyFilter(filter.publish(forwards(of: id))) }
        } catch { log.error("adopting container \(record.name): \(error)") }
        if let exit = greeting.exit {
            await handle(
                .message(.exited(code: exit.code, atNanoseconds: exit.atNanoseconds), []), of: id, from: connection)
        } else {
            if !record.status.isRunning {
                update(id) { record in
                    record.status.phase = .running
                    record.status.processID = process
                    record.status.processStartTime = Processes.startTime(process) ?? 0
                }
            }
            startHealthChecks(id)
        }
        if greeting.exit == nil, !running.endpoints.isEmpty, running.sandbox == nil {
            // The engine was killed before it had set up names and ports, so nobody was told of the start. The restart policy decides
            // what comes next, as after any other exit.
            log.notice("the start of container \(record.name) was interrupted: stopping its processes")
            cgroup(of: record).kill()
        }
    }

    /// Records containers that exited, or were killed with the machine, while no engine was running.
    private func recordMissedEnds() async {
        for record in containers.values where live[record.id] == nil && record.status.isRunning {
            let text = try? Files.readText(configuration.exitRecord(record.id), limit: 100)
            let exit = text.flatMap(ExitRecord.init(text:)) ?? ExitRecord(code: 137, atNanoseconds: now)
            let outOfMemory = text != nil && exit.code == 137 && cgroup(of: record).oomKills() > 0
            update(record.id) { record in
                record.status.phase = .exited
                record.status.oomKilled = outOfMemory
                record.status.exitCode = exit.code
                record.status.finishedAt = exit.atNanoseconds
                record.status.processID = 0
                record.publishedPorts = []
            }
            try? store.removePorts(owner: record.id)
        }
    }

    /// Removes this engine's kernel objects and directories, found by name, that belong to no row and no running container.
    func sweepLeftovers() async {
        let alive = Set(live.keys)
        let own = Cgroup(layout: layout, name: names.cgroup)
        let elsewhere = containers.values.filter { !$0.spec.cgroupParent.isEmpty && !alive.contains($0.id) }
            .map { cgroup(of: $0) }
        let known = Set(containers.keys)
        let links = Set(
            live.values.flatMap { $0.endpoints.map(\.hostInterface) }
                + activeBridges.compactMap { networks[$0]?.bridge })
        let names = names
        let configuration = configuration
        let failures =
            (try? await blocking { () -> [String] in
                var failures: [String] = []
                for group in own.leaves(except: alive) + elsewhere {
                    group.kill()
                    do { try group.remove() } catch { failures.append("\(error)") }
                }
                // A bridge whose name was set by the user is recognized only by its mark.
                let stale = Bridges.interfaceNames().filter { name in
                    let isOurs =
                        name.hasPrefix(names.bridgePrefix) || name.hasPrefix(names.pairPrefix)
                        || Bridges.mark(of: name) == names.bridgeMark
                    return isOurs && !links.contains(name)
                }
                failures += Bridges.removeLinks(stale).map { "\($0)" }
                for root in [configuration.runRoot, configuration.dataRoot] {
                    for id in (try? Files.list(root + "/containers")) ?? [] where !known.contains(id) {
                        do { try Files.removeTree("\(root)/containers/\(id)") } catch { failures.append("\(error)") }
                    }
                }
                return failures
            }) ?? []
        for failure in failures { log.warning("removing leftovers: \(failure)") }
        await sweepImages()
        // Even if nothing runs yet: a crash may have left an old table.
        if !activeBridges.isEmpty {
            await rebuildFilter()
        } else {
            let filter = filter
            try? await blocking {
                filter.closeForeignChains()
                try filter.removeTable()
            }
        }
    }

    // MARK: Shutdown

    /// Shuts down in an orderly way: containers keep running, and their shims wait for a new engine without starting one.
    package func shutDown() {
        stopping = true
        // A shim that looks for the next engine must not find this one, which keeps listening until its process exits.
        try? Files.remove(configuration.shimSocket)
        for task in healthTasks.values { task.cancel() }
        for running in live.values { running.process.connection.send(.detached) }
        if live.isEmpty { removeKernelObjects() }
    }

    /// If nothing is running, removes the engine's kernel objects from the host.
    private func removeKernelObjects() {
        filter.closeForeignChains()
        try? filter.removeTable()
        let bridges = activeBridges.compactMap { networks[$0]?.bridge }
        let left = lingeringInterfaces.keys.filter(Bridges.exists)
        for failure in Bridges.removeLinks(left + bridges) { log.warning("\(failure)") }
        do { try Cgroup(layout: layout, name: names.cgroup).remove() } catch { log.warning("\(error)") }
        try? Files.remove(configuration.revivalLock)
        for folder in ["/containers", "/root"] { try? Files.removeTree(configuration.runRoot + folder) }
    }
}
