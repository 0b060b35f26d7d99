import ContainerRuntime
import EngineModel
import LinuxKernel
import Logging
import Networking
import Planning
import ShimProtocol

/// Executes the update of a service: batch by batch, monitored, and rolled back if its rule says so.
///
/// The old replicas are kept, stopped and renamed, until the whole service has settled; only then are they removed.
struct ServiceUpdater: Sendable {
    let engine: Engine
    let update: ServiceUpdate

    /// A replica that was replaced, or failed to be.
    private struct Changed: Sendable {
        var replica: ReplicaUpdate
        var failure: String?
    }

    func run() async throws {
        var changed: [Changed] = []
        var verdict = UpdateRule.Verdict.goOn
        let batches = update.rule.batches(update.replicas)
        for (index, batch) in batches.enumerated() where verdict == .goOn {
            if index > 0 { try await Task.sleep(for: .nanoseconds(update.rule.delay)) }
            changed += await change(batch)
            verdict = update.rule.verdict(failed: changed.count { $0.failure != nil }, of: update.replicas.count)
        }
        let failures = changed.compactMap { item in item.failure.map { "\(item.replica.name): \($0)" } }
        guard verdict == .rollBack else {
            try await settle(changed)
            guard failures.isEmpty else { throw outcome(failures, changed.count) }
            return
        }
        let losses = await rollBack(changed)
        let reason =
            "the update failed and was rolled back: \(failures.joined(separator: "; "))"
        throw RoostError.failure(losses.isEmpty ? reason : "\(reason); \(losses.joined(separator: "; "))")
    }

    private func outcome(_ failures: [String], _ tried: Int) -> RoostError {
        let rest = update.replicas.count - tried
        let left =
            rest > 0
            ? "; the update is paused, \(rest) of \(update.replicas.count) replicas still run the old version: fix the service and run up again"
            : ""
        return .failure("\(failures.joined(separator: "; "))\(left)")
    }

    private func change(_ batch: [ReplicaUpdate]) async -> [Changed] {
        await withTaskGroup(of: Changed.self) { group in
            for replica in batch {
                group.addTask {
                    do {
                        try await engine.cutOver(replica, update)
                        return Changed(replica: replica)
                    } catch { return Changed(replica: replica, failure: "\(error)") }
                }
            }
            var all: [Changed] = []
            for await one in group { all.append(one) }
            return all.sorted { $0.replica.name < $1.replica.name }
        }
    }

    /// Removes the old replicas that have been replaced.
    private func settle(_ changed: [Changed]) async throws {
        for item in changed {
            try await engine.removeRetired(item.replica, volumes: update.renewsVolumes ? .trash : .keep)
        }
    }

    private func rollBack(_ changed: [Changed]) async -> [String] {
        var losses: [String] = []
        for (index, batch) in update.rollback.batches(Array(changed.reversed())).enumerated() {
            if index > 0 { try? await Task.sleep(for: .nanoseconds(update.rollback.delay)) }
            for item in batch {
                do {
                    try await engine.rollBackReplica(
                        item.replica, order: update.rollback.order, timeout: update.timeoutSeconds)
                } catch {
                    losses.append("\(item.replica.name) could not be restored: \(error)")
                }
            }
        }
        return losses
    }
}

extension Engine {
    /// Replaces a running replica with a new one. The old one is stopped, and kept under its retired name.
    func cutOver(_ replica: ReplicaUpdate, _ update: ServiceUpdate) async throws {
        let old = try container(replica.id)
        // Checked before the old one is touched: a missing image must not cost a running container.
        _ = try image(replica.spec.image)
        let spec = update.renewsVolumes ? replica.spec : Self.keepingVolumes(replica.spec, of: old)
        switch update.rule.order {
        case .stopFirst:
            if old.name != replica.retiredName { try rename(old.id, to: replica.retiredName) }
            try await stopRetiring(old.id, timeout: update.timeoutSeconds)
            let new = try await createContainer(spec, name: replica.name).record
            try await startContainer(new.id)
            try await watch(new.id, for: update.rule.monitor)
        case .startFirst:
            let new = try await createContainer(spec, name: replica.standbyName).record
            standbyContainers.insert(new.id)
            do {
                try await startContainer(new.id)
                try await watch(new.id, for: update.rule.monitor)
                try await promote(new.id, over: old.id, as: replica.name, retired: replica.retiredName)
            } catch {
                // The old one has never stopped serving.
                standbyContainers.remove(new.id)
                let output = await lastLines(new.id)
                try? await removeContainer(new.id, force: true, volumes: .remove)
                throw output.isEmpty ? error : RoostError.failure("\(error); its last lines:\n\(output)")
            }
            await waitForDrain(old.id)
            try await stopRetiring(old.id, timeout: update.timeoutSeconds)
        }
    }

    /// Waits a moment for the open connections of a container that has lost its ports: no new ones come.
    private func waitForDrain(_ id: String) async {
        guard let process = live[id]?.process.process, let record = containers[id] else { return }
        let ports = Set(record.spec.portBindings.map(\.container.number))
        guard !ports.isEmpty else { return }
        for _ in 0..<100 where live[id] != nil {
            let tables = ["tcp", "tcp6"].map {
                (try? Files.readText("/proc/\(process)/net/\($0)", limit: 16 << 20)) ?? ""
            }
            guard tables.contains(where: { ConnectionTable.hasOpen($0, ports: ports) }) else { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// The last lines of a container's log, to explain its failure after it is removed.
    func lastLines(_ id: String) async -> String {
        let path = configuration.containerDirectory(id) + "/container.log"
        let found = try? await blocking {
            var cursor = LogCursor(path: path, tail: 5)
            return try cursor.next()
        }
        let records = found ?? []
        return records.map { "  \(String(decoding: $0.content, as: UTF8.self))" }.joined(separator: "\n")
    }

    private func stopRetiring(_ id: String, timeout: Int?) async throws {
        do { try await stopContainer(id, timeout: timeout) } catch let error as RoostError
            where error.kind == .notModified
        {}
    }

    /// Waits until a new replica is healthy, and monitors it for a time.
    private func watch(_ id: String, for monitor: Int64) async throws {
        guard let started = containers[id] else { throw RoostError.failure("the new container was removed") }
        if started.healthcheck != nil { try await awaitHealthy(started.name, subject: "the new container") }
        guard monitor > 0 else { return }
        let (_, stream) = hub.subscribe(since: nil)
        let span = TimeSpan.text(monitor)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.checkRuns(started, span)
                for await event in stream where event.id == id { try await self.checkRuns(started, span) }
            }
            group.addTask { try await Task.sleep(for: .nanoseconds(monitor)) }
            _ = try await group.next()
            group.cancelAll()
        }
    }

    private func checkRuns(_ started: ContainerRecord, _ span: String) throws(RoostError) {
        guard let record = containers[started.id] else { throw .failure("the new container was removed") }
        if record.status.health?.verdict == .unhealthy {
            throw .failure("the new container became unhealthy within \(span)")
        }
        if !record.status.isRunning || record.status.startedAt != started.status.startedAt {
            throw .failure("the new container exited with code \(record.status.exitCode) within \(span) of its start")
        }
    }

    /// Transfers the ports and the names of one replica to the next, without a moment in which neither has them.
    private func promote(_ new: String, over old: String, as name: String, retired: String) async throws {
        guard let record = containers[new], live[new] != nil else {
            throw RoostError.failure("the new container has exited")
        }
        var undo = UndoLog()
        let inherited = live[old]?.ports ?? []
        let ports: [(socket: OwnedFD, port: PublishedPort)]
        do {
            ports = try PortPublisher(
                record: record, allocatedPorts: allocatedPorts(), defaultAddress: publishAddress(record)
            ).publish(&undo, inheriting: inherited)
        } catch {
            _ = undo.unwind()
            throw error
        }
        let taken = Set(ports.map(\.port))
        let given = forwards(of: old).filter { taken.contains($0.port) }
        for (socket, port) in inherited where taken.contains(port) { relay.release(socket) }
        live[old]?.ports.removeAll { taken.contains($0.port) }
        live[new]?.ports = ports
        do {
            try relay(ports, to: record)
            update(old) { $0.publishedPorts.removeAll(where: taken.contains) }
            update(new) { $0.publishedPorts = ports.map(\.port) }
            try store.addPorts(ports.map(\.port), owner: new)
            try await applyFilter(filter.withdraw(given) + filter.publish(forwards(of: new)))
            resetDatagrams(to: ports.map(\.port))
        } catch {
            giveBack(inherited, to: old, from: new, ports)
            throw error
        }
        if let running = live[new] {
            let kept = RetainedDescriptors(running)
            running.process.connection.send(.keep(tags: kept.tags), descriptors: kept.files)
        }
        try exchangeNames(old, new, as: name, retired: retired)
    }

    /// After a failed transfer: the old replica serves the ports again.
    private func giveBack(
        _ inherited: [(socket: OwnedFD, port: PublishedPort)], to old: String, from new: String,
        _ ports: [(socket: OwnedFD, port: PublishedPort)]
    ) {
        let before = Set(inherited.map(\.port))
        for (socket, port) in ports { before.contains(port) ? relay.release(socket) : relay.stop(socket) }
        live[new]?.ports = []
        update(new) { $0.publishedPorts = [] }
        guard live[old] != nil, let record = containers[old] else { return }
        live[old]?.ports = inherited
        update(old) { $0.publishedPorts = inherited.map(\.port) }
        do {
            try relay(inherited, to: record)
            try store.addPorts(inherited.map(\.port), owner: old)
        } catch { log.error("restoring the ports of container \(record.name): \(error)") }
    }

    /// From now on the service's name resolves to the new replica, and no longer to the old one.
    private func exchangeNames(_ old: String, _ new: String, as name: String, retired: String) throws {
        if containers[old]?.name != retired { try rename(old, to: retired) }
        standbyContainers.remove(new)
        if live[old] != nil { standbyContainers.insert(old) }
        try rename(new, to: name)
    }

    /// Removes the replica that was kept for a rollback, if the new one has replaced it.
    func removeRetired(_ replica: ReplicaUpdate, volumes: VolumeDisposition) async throws {
        guard let old = containers[replica.id], old.name == replica.retiredName,
            containers.values.contains(where: { $0.name == replica.name })
        else { return }
        standbyContainers.remove(replica.id)
        try await removeContainer(replica.id, force: true, volumes: volumes)
    }

    /// Restores the old replica in place of the new one.
    func rollBackReplica(_ replica: ReplicaUpdate, order: UpdateRule.Order, timeout: Int?) async throws {
        guard let old = containers[replica.id], old.name == replica.retiredName else { return }
        let new = containers.values.first { $0.name == replica.name }
        if let new, order == .startFirst, live[new.id] != nil {
            standbyContainers.insert(old.id)
            if live[old.id] == nil { try await startContainer(old.id) }
            try await watch(old.id, for: 0)
            try await promote(
                old.id, over: new.id, as: replica.name, retired: "\(replica.name)-retired-\(new.id.prefix(12))")
            try await stopRetiring(new.id, timeout: timeout)
            standbyContainers.remove(new.id)
            return try await removeContainer(new.id, force: true, volumes: .remove)
        }
        if let new {
            try await stopRetiring(new.id, timeout: timeout)
            try await removeContainer(new.id, force: true, volumes: .remove)
        }
        standbyContainers.remove(old.id)
        try rename(old.id, to: replica.name)
        guard live[old.id] == nil else { return }
        try await startContainer(old.id)
    }
}
