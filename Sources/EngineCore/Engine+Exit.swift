import ContainerRuntime
import EngineModel
import LinuxKernel
import Logging
import Networking
import ShimProtocol

extension Engine {
    /// Handles a message of a container's shim, or the loss of its connection.
    func handle(_ event: ShimConnection.Event, of id: String, from connection: ShimConnection) async {
        switch event {
        case .message(.exited(let code, let time), _):
            await ended(id, ExitRecord(code: code, atNanoseconds: time), connection, shimLost: false)
        case .message(.unlogged(let isError, let bytes, let errno), _): unlogged(id, isError, bytes, errno)
        case .message: break
        case .closed:
            ShimLauncher.reap()
            for waiting in departing.removeValue(forKey: id) ?? [] { waiting.resume() }
            guard let running = live[id], running.process.connection === connection else { return }
            // The shim is gone without reporting an exit: nothing reads the container's output any more, so it must not keep running.
            let record = (try? Files.readText(configuration.exitRecord(id), limit: 100)).flatMap(
                ExitRecord.init(text:))
            await ended(id, record ?? ExitRecord(code: 137, atNanoseconds: now), connection, shimLost: record == nil)
        }
    }

    /// Handles the exit of a container: records it, tears down the run, publishes it, and restarts the container if its policy says so.
    private func ended(_ id: String, _ exit: ExitRecord, _ connection: ShimConnection, shimLost: Bool) async {
        guard let running = live[id], running.process.connection === connection, let record = containers[id] else {
            return connection.send(.dismissed)
        }
        healthTasks.removeValue(forKey: id)?.cancel()
        let group = cgroup(of: record)
        let wasEnding = ending.remove(id) != nil
        let outOfMemory = exit.code == 137 && !wasEnding && group.oomKills() > 0
        live[id] = nil
        update(id) { record in
            record.status.phase = .exited
            record.status.exitCode = exit.code
            record.status.finishedAt = exit.atNanoseconds
            record.status.processID = 0
            record.status.oomKilled = outOfMemory
            record.status.errorMessage = shimLost ? "the container's shim was killed" : ""
            record.publishedPorts = []
        }
        // Processes left by a lost shim may still run until their cgroup is killed.
        if !shimLost { announceExit(Self.processExit(id), exit.code) }
        // A start at this moment would lose its cgroup to the teardown of the old run.
        clearing[id] = []
        if outOfMemory { publish(record, "oom") }
        await teardown(running, record, group)
        for waiting in clearing.removeValue(forKey: id) ?? [] { waiting.resume() }
        // Before the exit is published, so that its observers see whether the container restarts.
        decideRestart(id, fault: !wasEnding && !outOfMemory && (shimLost || exit.code == 137))
        // In Docker's order, on which docker compose relies: it takes a "die" without a preceding "stop" for an exit.
        if stops.remove(id) != nil { publish(record, "stop") }
        publish(
            record, "die",
            [
                "exitCode": String(exit.code),
                "execDuration": String(max(0, exit.atNanoseconds - record.status.startedAt) / 1_000_000_000),
            ])
        if !connection.isClosed { departing[id] = departing[id] ?? [] }
        connection.send(.dismissed)
        announceExit(id, exit.code)
        announceExit(Self.processExit(id), exit.code)
        if containers[id]?.spec.removeWhenStopped == true, pendingRestarts[id] == nil {
            Task {
                await self.waitForReaders(id)
                try? await self.removeContainer(id, force: false, volumes: .remove)
            }
        }
    }

    /// Waits until the last run is torn down and its shim has exited: until then the shim holds copies of the published ports' sockets.
    func waitForShimExit(_ id: String) async {
        if clearing[id] != nil { await withCheckedContinuation { clearing[id, default: []].append($0) } }
        guard departing[id] != nil else { return }
        await withCheckedContinuation { departing[id, default: []].append($0) }
    }

    /// Releases the resources of a run. Continues after failures and logs all of them.
    private func teardown(_ running: LiveContainer, _ record: ContainerRecord, _ group: Cgroup) async {
        let ports = running.ports
        for (socket, _) in ports { relay.stop(socket) }
        let keepsNetwork = retainNetwork(of: record.id, running)
        if !keepsNetwork, let sockets = running.resolver { resolver.stop(sockets) }
        dropUnsharedNetworks()
        updateNames(of: record.id)
        let forwards = self.forwards(ports.map(\.port), to: record)
        if !ports.isEmpty { try? store.removePorts(owner: record.id) }
        let filter = filter
        let interfaces = running.endpoints.map(\.hostInterface)
        let sharesNamespace = running.sandbox == nil
        let failures =
            (try? await blocking { () -> [String] in
                var failures: [String] = []
                func attempt(_ body: () throws -> Void) {
                    do { try body() } catch { failures.append("\(error)") }
                }
                group.kill()
                if !forwards.isEmpty { attempt { try filter.apply(filter.withdraw(forwards)) } }
                // In a namespace of its own the kernel removes the interfaces with the namespace, and there is no need to wait.
                if sharesNamespace { failures += Bridges.removeLinks(interfaces).map { "\($0)" } }
                attempt { try group.remove() }
                return failures
            }) ?? []
        resetDatagrams(to: ports.map(\.port))
        await unmountVolumes(of: record)
        if !sharesNamespace, !keepsNetwork { trackTeardown(running.endpoints) }
        for failure in failures { log.warning("cleaning up container \(record.name): \(failure)") }
        for endpoint in record.endpoints {
            publish(
                .network, "disconnect", id: endpoint.networkID,
                ["container": record.id, "name": endpoint.networkName, "type": "bridge"])
        }
        for volume in record.mounts.compactMap(\.volumeName) {
            publish(.volume, "unmount", id: volume, ["container": record.id, "driver": "local"])
        }
    }

    /// Restart policy, and the reconciler's rule: a container that its project wants is restarted after a fault, not after a user's stop.
    func decideRestart(_ id: String, fault: Bool) {
        guard let record = containers[id], !stopping else { return }
        let heals = fault && isWanted(record)
        var decision = restarts[id] ?? RestartBackoff()
        let action = decision.ended(record.status, policy: record.spec.restartPolicy, heals: heals)
        restarts[id] = decision
        guard case .restart(let delay) = action else { return }
        update(id) { record in
            record.status.phase = .restarting
            record.status.restartCount += 1
            record.status.nextStartAt = now + delay * 1_000_000
        }
        pendingRestarts[id] = Task { [weak self] in
            try? await Task.sleep(for: .milliseconds(delay))
            if !Task.isCancelled { await self?.restartNow(id) }
        }
    }

    /// Starts a container whose restart is pending, unless the restart was cancelled.
    func restartNow(_ id: String) async {
        await exclusively(id) {
            guard pendingRestarts.removeValue(forKey: id) != nil, live[id] == nil, containers[id] != nil else { return }
            do { try await startNow(id) } catch {
                log.warning("restarting container \(containers[id]?.name ?? id): \(error)")
                let finished = now
                update(id) { record in
                    record.status.phase = .exited
                    record.status.startedAt = finished
                    record.status.finishedAt = finished
                }
                decideRestart(id, fault: true)
            }
        }
    }

    // MARK: Waiting

    /// `processExit`: all processes have exited and their output is complete, but the container's resources (network, cgroups) may not be
    /// released yet.
    package enum WaitCondition: Sendable { case notRunning, nextExit, removed, processExit }

    private static func processExit(_ id: String) -> String { "program of \(id)" }

    /// A stream that yields the exit code once and finishes. It counts from this call on, so no exit is missed between it and the wait.
    package func exitSignal(_ reference: String, _ condition: WaitCondition) throws -> AsyncStream<Int32> {
        let record = try container(reference)
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        switch condition {
        case .notRunning where live[record.id] == nil && pendingRestarts[record.id] == nil:
            continuation.yield(record.status.exitCode)
            continuation.finish()
        case .notRunning, .nextExit: exitSignals[record.id, default: []].append(continuation)
        case .removed: removalSignals[record.id, default: []].append(continuation)
        case .processExit: exitSignals[Self.processExit(record.id), default: []].append(continuation)
        }
        return stream
    }

    /// Waits for a container to exit and returns its exit code.
    package func wait(_ reference: String, _ condition: WaitCondition) async throws -> Int32 {
        for await code in try exitSignal(reference, condition) { return code }
        return 0
    }

    func announceExit(_ key: String, _ code: Int32) {
        for signal in exitSignals.removeValue(forKey: key) ?? [] {
            signal.yield(code)
            signal.finish()
        }
    }

    func announceRemoval(_ id: String, _ code: Int32) {
        announceExit(id, code)
        announceExit(Self.processExit(id), code)
        announceExit(Self.start(of: id), code)
        for signal in removalSignals.removeValue(forKey: id) ?? [] {
            signal.yield(code)
            signal.finish()
        }
    }

    /// Waits until an exit is announced for a key; the caller has checked that it was not announced before.
    func waitForExit(_ key: String) async -> Int32 {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(1))
        exitSignals[key, default: []].append(continuation)
        for await code in stream { return code }
        return 137
    }
}
