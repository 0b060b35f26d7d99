/// The lifecycle state of a container.
package enum ContainerPhase: String, Sendable, Codable {
    case created, running, paused, restarting, exited, dead, removing
}

/// The current status of a container.
package struct ContainerStatus: Sendable, Equatable, Codable {
    package var phase = ContainerPhase.created
    package var processID: Int32 = 0
    /// Start time of the process in clock ticks since boot: together with the PID it identifies the process uniquely.
    package var processStartTime: UInt64 = 0
    package var exitCode: Int32 = 0
    package var errorMessage = ""
    package var oomKilled = false
    package var startedAt: Int64 = 0
    package var finishedAt: Int64 = 0
    /// Time of the next restart by the policy, in nanoseconds since 1970; nil if none is scheduled.
    package var nextStartAt: Int64?
    package var restartCount = 0
    /// Stopped by the user: neither the restart policy nor the reconciler starts it again.
    package var stoppedByUser = false
    package var health: HealthStatus?
    package init() {}

    package var isRunning: Bool { phase == .running || phase == .paused }
}

package struct HealthStatus: Sendable, Equatable, Codable {
    package enum Verdict: String, Sendable, Codable { case starting, healthy, unhealthy }
    package struct Probe: Sendable, Equatable, Codable {
        package var start: Int64
        package var end: Int64
        package var exitCode: Int32
        package var output: String
        package init(start: Int64, end: Int64, exitCode: Int32, output: String) {
            self.start = start
            self.end = end
            self.exitCode = exitCode
            self.output = output
        }
    }
    package var verdict = Verdict.starting
    package var failingStreak = 0
    /// The last five probes.
    package var probes: [Probe] = []
    package init() {}
}

/// An event, as `events` reports it.
package struct EngineEvent: Sendable, Equatable, Codable {
    package enum Scope: String, Sendable, Codable { case container, image, network, volume, daemon }
    package var scope: Scope
    package var action: String
    package var id: String
    package var attributes: [String: String]
    package var time: Int64
    package init(_ scope: Scope, _ action: String, id: String, attributes: [String: String], time: Int64) {
        self.scope = scope
        self.action = action
        self.id = id
        self.attributes = attributes
        self.time = time
    }
}
