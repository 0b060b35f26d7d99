import EngineModel

/// How the replicas of a service are replaced: `deploy.update_config` and `deploy.rollback_config` of the Compose Deploy
/// Specification, on one host.
public struct UpdateRule: Sendable, Equatable {
    public enum Order: String, Sendable { case stopFirst = "stop-first", startFirst = "start-first" }
    public enum FailureAction: String, Sendable { case pause, `continue`, rollback }

    /// How many replicas are replaced at a time; 0 means all.
    public var parallelism = 1
    /// Nanoseconds between one batch and the next.
    public var delay: Int64 = 0
    /// What follows when too many replicas fail.
    public var failureAction: FailureAction = .pause
    /// Nanoseconds for which a new replica must stay up (after it is healthy, where it has a health check).
    public var monitor: Int64 = 0
    /// The part of the replicas that may fail.
    public var maximumFailureRatio = 0.0
    public var order: Order = .stopFirst

    public init() {}

    /// Reads the attribute as the loader gives it.
    init(_ json: JSON, place: String) throws(RoostError) {
        parallelism = Int(clamping: json["parallelism"].int ?? 1)
        delay = json["delay"].string.flatMap(TimeSpan.parse) ?? 0
        monitor = json["monitor"].string.flatMap(TimeSpan.parse) ?? 0
        maximumFailureRatio =
            json["max_failure_ratio"].double ?? json["max_failure_ratio"].string.flatMap(Double.init) ?? 0
        if let text = json["order"].string {
            guard let known = Order(rawValue: text) else {
                throw .invalid("order \"\(text)\" is neither stop-first nor start-first (\(place))")
            }
            order = known
        }
        if let text = json["failure_action"].string {
            guard let known = FailureAction(rawValue: text) else {
                throw .invalid("failure_action \"\(text)\" is none of pause, continue and rollback (\(place))")
            }
            failureAction = known
        }
    }

    /// Whether an update with these results goes on with the next batch.
    public func verdict(failed: Int, of total: Int) -> Verdict {
        guard failed > 0, Double(failed) > maximumFailureRatio * Double(total) else { return .goOn }
        switch failureAction {
        case .continue: return .goOn
        case .pause: return .pause
        case .rollback: return .rollBack
        }
    }

    public enum Verdict: Sendable, Equatable { case goOn, pause, rollBack }

    /// The replicas in batches.
    public func batches<Element>(_ all: [Element]) -> [[Element]] {
        let size = parallelism <= 0 ? max(1, all.count) : parallelism
        return stride(from: 0, to: all.count, by: size).map { Array(all[$0..<min($0 + size, all.count)]) }
    }
}

/// One running replica that is to be replaced.
public struct ReplicaUpdate: Sendable, Equatable {
    public var id: String
    /// The name that the replica has, before and after.
    public var name: String
    public var spec: ContainerSpec

    public init(id: String, name: String, spec: ContainerSpec) {
        self.id = id
        self.name = name
        self.spec = spec
    }

    /// The name of the replica that goes, until the update has settled.
    public var retiredName: String { "\(name)\(Self.retiredMark)\(id.prefix(12))" }
    /// The name of the replica that comes, while the old one still serves.
    public var standbyName: String { "\(name)\(Self.standbyMark)\(id.prefix(12))" }

    static let retiredMark = "-retired-"
    static let standbyMark = "-standby-"

    /// Whether a container's name says that an update has left it behind.
    static func isLeftOver(_ name: String) -> Bool { name.contains(retiredMark) || name.contains(standbyMark) }
}

/// The replacing of a service's running replicas, batch by batch.
public struct ServiceUpdate: Sendable, Equatable {
    public var service: String
    public var replicas: [ReplicaUpdate]
    public var rule: UpdateRule
    public var rollback: UpdateRule
    public var renewsVolumes: Bool
    public var timeoutSeconds: Int?
}

extension ServiceTranslation {
    /// How a service wants to be updated; nil where it does not say.
    func updateRules(_ name: String) throws(RoostError) -> (update: UpdateRule, rollback: UpdateRule)? {
        let deploy = project.services[name]?["deploy"] ?? .null
        guard !deploy["update_config"].isNull else { return nil }
        var update = try UpdateRule(deploy["update_config"], place: place(name, "deploy.update_config"))
        let rollback = try UpdateRule(deploy["rollback_config"], place: place(name, "deploy.rollback_config"))
        if update.order == .startFirst, needsOldGone(name) != nil { update.order = .stopFirst }
        return (update, rollback)
    }

    /// Why two replicas of one number cannot run at a time, so that `start-first` is not possible.
    func needsOldGone(_ name: String) -> String? {
        let service = project.services[name] ?? .null
        if let mode = service["network_mode"].string, mode != "bridge", mode != "none" {
            return "network_mode: \(mode) has the ports of the old one"
        }
        for (network, wish) in service["networks"].object ?? []
        where !wish["ipv4_address"].isNull || !wish["ipv6_address"].isNull || !wish["mac_address"].isNull {
            return "its address on network \(network) is fixed"
        }
        return service["mac_address"].isNull ? nil : "its hardware address is fixed"
    }
}
