import EngineModel

/// Decides what follows a container's exit, from its policy, its status and its previous restarts.
struct RestartBackoff: Sendable {
    enum Action: Sendable, Equatable { case stay, restart(afterMilliseconds: Int64) }

    /// Docker's backoff: 100 ms, doubled up to a minute, reset after ten seconds of running.
    static let firstDelay: Int64 = 100
    static let longestDelay: Int64 = 60_000
    static let settled: Int64 = 10_000_000_000

    private(set) var delay = firstDelay
    private(set) var attempts = 0

    mutating func ended(_ status: ContainerStatus, policy: RestartPolicySpec, heals: Bool) -> Action {
        if status.finishedAt - status.startedAt >= policy.window.map({ $0 * 1_000_000 }) ?? Self.settled {
            delay = Self.firstDelay
            attempts = 0
        }
        let wanted =
            switch policy.name {
            case .no: heals
            case .always, .unlessStopped: policy.maximumRetries == 0 || attempts < policy.maximumRetries
            case .onFailure: status.exitCode != 0 && (policy.maximumRetries == 0 || attempts < policy.maximumRetries)
            }
        guard wanted, !status.stoppedByUser else { return .stay }
        defer { delay = min(delay * 2, Self.longestDelay) }
        attempts += 1
        return .restart(afterMilliseconds: policy.delay ?? delay)
    }
}
