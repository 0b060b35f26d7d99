import ComposeModel
import EngineModel

/// How the replicas of a service are replaced: `deploy.update_config` or `deploy.rollback_config` of the Compose Deploy
/// Specification, on one host.
package struct UpdateRule: Sendable, Equatable {
    package enum Order: String, Sendable { case stopFirst = "stop-first", startFirst = "start-first" }
    package enum FailureAction: String, Sendable { case pause, `continue`, rollback }

    /// How many replicas are replaced at a time; 0 means all.
    package var parallelism = 1
    /// Nanoseconds between one batch and the next.
    package var delay: Int64 = 0
    /// The action if too many replicas fail.
    package var failureAction: FailureAction = .pause
    /// Nanoseconds for which a new replica must keep running, counted from healthy if it has a healthcheck.
    package var monitor: Int64 = 0
    /// The fraction of the replicas that may fail.
    package var maximumFailureRatio = 0.0
    package var order: Order = .stopFirst

    package init() {}

    init(_ config: Deploy.UpdateConfig, place: String) throws(RoostError) {
        parallelism = Int(clamping: config.parallelism ?? 1)
        delay = config.delay.flatMap(TimeSpan.parse) ?? 0
        monitor = config.monitor.flatMap(TimeSpan.parse) ?? 0
        maximumFailureRatio = config.maximumFailureRatio ?? 0
        if let text = config.order {
            guard let known = Order(rawValue: text) else {
                throw .invalid("invalid order \"\(text)\": use stop-first or start-first (\(place))")
            }
            order = known
        }
        if let text = config.failureAction {
            guard let known = FailureAction(rawValue: text) else {
                throw .invalid("invalid failure_action \"\(text)\": use pause, continue or rollback (\(place))")
            }
            failureAction = known
        }
    }

    /// Whether an update with these results continues with the next batch.
    package func verdict(failed: Int, of total: Int) -> Verdict {
        guard failed > 0, Double(failed) > maximumFailureRatio * Double(total) else { return .goOn }
        switch failureAction {
        case .continue: return .goOn
        case .pause: return .pause
        case .rollback: return .rollBack
        }
    }

    package enum Verdict: Sendable, Equatable { case goOn, pause, rollBack }

    /// The replicas in batches.
    package func batches<Element>(_ all: [Element]) -> [[Element]] {
        let size = parallelism <= 0 ? max(1, all.count) : parallelism
        return stride(from: 0, to: all.count, by: size).map { Array(all[$0..<min($0 + size, all.count)]) }
    }
}

/// One running replica to replace.
package struct ReplicaUpdate: Sendable, Equatable {
    package var id: String
    /// The name of the replica before and after the update.
    package var name: String
    package var spec: ContainerSpec

    package init(id: String, name: String, spec: ContainerSpec) {
        self.id = id
        self.name = name
        self.spec = spec
    }

    /// The name of the old replica until the update is complete.
    package var retiredName: String { "\(name)\(Self.retiredMark)\(id.prefix(12))" }
    /// The name of the new replica while the old one still runs.
    package var standbyName: String { "\(name)\(Self.standbyMark)\(id.prefix(12))" }

    static let retiredMark = "-retired-"
    static let standbyMark = "-standby-"

    /// Whether a container was left over by an interrupted update, by its name.
    static func isLeftOver(_ name: String) -> Bool { name.contains(retiredMark) || name.contains(standbyMark) }
}

/// The replacement of a service's running replicas, batch by batch.
package struct ServiceUpdate: Sendable, Equatable {
    package var service: String
    package var replicas: [ReplicaUpdate]
    package var rule: UpdateRule
    package var rollback: UpdateRule
    package var renewsVolumes: Bool
    package var timeoutSeconds: Int?
}

extension ServiceTranslation {
    /// The update rules of a service; nil without `update_config`.
    func updateRules(_ name: String) throws(RoostError) -> (update: UpdateRule, rollback: UpdateRule)? {
        let deploy = service(name).deploy
        guard let config = deploy?.updateConfig else { return nil }
        var update = try UpdateRule(config, place: place(name, "deploy.update_config"))
        let rollback = try UpdateRule(
            deploy?.rollbackConfig ?? .init(), place: place(name, "deploy.rollback_config"))
        if update.order == .startFirst, startFirstObstacle(name) != nil { update.order = .stopFirst }
        return (update, rollback)
    }

    /// Why the old and the new replica cannot run at the same time, which `start-first` needs; nil if they can.
    func startFirstObstacle(_ name: String) -> String? {
        let service = service(name)
        if let mode = service.networkMode, mode != "bridge", mode != "none" {
            return "both replicas would share the ports of network_mode: \(mode)"
        }
        for (network, settings) in service.networks ?? [:]
        where settings?.ipv4Address != nil || settings?.ipv6Address != nil || settings?.macAddress != nil {
            return "it has a static address on network \(network)"
        }
        return service.macAddress == nil ? nil : "it has a static MAC address"
    }
}
