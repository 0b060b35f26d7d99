import EngineModel
import Logging

/// The start conditions of a container that is restarted with its engine, after a boot: the `depends_on` of its service, which the label
/// `com.docker.compose.depends_on` keeps as comma-separated `service:condition:restart` (Compose's own form).
struct BootOrder: Sendable, Equatable {
    struct Wait: Sendable, Equatable {
        var service: String
        var condition: String
    }

    enum Verdict: Sendable, Equatable {
        case ready, later
        /// The condition can no longer be met, for this reason.
        case never(String)
    }

    var waits: [Wait]

    init(label: String) {
        waits = label.split(separator: ",").compactMap { entry in
            let parts = entry.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard let service = parts.first, !service.isEmpty else { return nil }
            return Wait(service: service, condition: parts.count > 1 ? parts[1] : "service_started")
        }
    }

    /// The verdict over all conditions; `statuses` returns the statuses of a service's containers.
    func verdict(statuses: (String) -> [ContainerStatus]) -> Verdict {
        var reasons: [String] = []
        for wait in waits {
            for status in statuses(wait.service) {
                switch Self.verdict(wait, status) {
                case .ready: break
                case .later: return .later
                case .never(let reason): reasons.append(reason)
                }
            }
        }
        return reasons.isEmpty ? .ready : .never(reasons.joined(separator: ", "))
    }

    private static func verdict(_ wait: Wait, _ status: ContainerStatus) -> Verdict {
        if status.phase == .restarting { return .later }
        switch wait.condition {
        case "service_completed_successfully":
            if status.isRunning { return .later }
            return status.exitCode == 0 ? .ready : .never("\(wait.service) exited (\(status.exitCode))")
        case "service_healthy":
            guard status.isRunning else { return .never("\(wait.service) is not running") }
            guard let health = status.health else { return .never("\(wait.service) has no health check") }
            return health.verdict == .healthy ? .ready : .later
        default: return status.isRunning ? .ready : .never("\(wait.service) is not running")
        }
    }
}

extension Engine {
    /// Restarts containers that should be running but are not (restart policies, as after a boot). Removes exited `--rm` containers.
    func resumePolicies() async {
        for record in containers.values
        where record.spec.removeWhenStopped && record.status.phase == .exited && live[record.id] == nil {
            do { try await removeContainer(record.id, force: false, volumes: .remove) } catch {
                log.warning("removing exited container \(record.name): \(error)")
            }
        }
        let resumed = containers.values.filter(restartsAfterBoot)
        // All of them first: dependents must see that their dependencies are about to start.
        for record in resumed { update(record.id) { $0.status.phase = .restarting } }
        for record in resumed {
            let order = BootOrder(label: record.spec.labels[ComposeLabel.dependsOn] ?? "")
            if case .ready = verdict(order, for: record) {
                decideRestart(record.id, fault: true)
                // Reset the phase of containers that are not restarted.
                if pendingRestarts[record.id] == nil, live[record.id] == nil {
                    update(record.id) { if $0.status.phase == .restarting { $0.status.phase = .exited } }
                }
            } else {
                pendingRestarts[record.id] = Task { [weak self] in await self?.restart(record, inOrder: order) }
            }
        }
    }

    private func restartsAfterBoot(_ record: ContainerRecord) -> Bool {
        guard live[record.id] == nil, !record.status.stoppedByUser else { return false }
        if record.status.phase == .restarting { return true }
        guard record.status.startedAt > 0 else { return false }
        return switch record.spec.restartPolicy.name {
        case .always, .unlessStopped: true
        case .onFailure: record.status.exitCode != 0
        // A container killed for exceeding its memory limit failed by itself: healing covers losses caused by the engine or the host.
        case .no: record.status.exitCode == 137 && !record.status.oomKilled && isWanted(record)
        }
    }

    private func verdict(_ order: BootOrder, for record: ContainerRecord) -> BootOrder.Verdict {
        let project = record.spec.labels[ComposeLabel.project]
        return order.verdict { service in
            containers.values.filter {
                $0.spec.labels[ComposeLabel.project] == project
                    && $0.spec.labels[ComposeLabel.service] == service
                    && !$0.isOneOff
            }.map(\.status)
        }
    }

    private func restart(_ record: ContainerRecord, inOrder order: BootOrder) async {
        let (_, stream) = hub.subscribe(since: nil)
        await waitForDependencies(order, record, stream)
        guard !Task.isCancelled, !stopping else { return }
        if case .never(let reason) = verdict(order, for: record) {
            log.warning("starting container \(record.name) although \(reason): it was running before")
        }
        await restartNow(record.id)
    }

    private func waitForDependencies(_ order: BootOrder, _ record: ContainerRecord, _ stream: AsyncStream<EngineEvent>)
        async
    {
        guard verdict(order, for: record) == .later else { return }
        for await _ in stream where verdict(order, for: record) != .later { return }
    }
}
