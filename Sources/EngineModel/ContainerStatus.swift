/// The lifecycle state of a container.
public enum ContainerPhase: String, Sendable, Codable {
    case created, running, paused, restarting, exited, dead, removing
}

/// The current status of a container.
public struct ContainerStatus: Sendable, Equatable, Codable {
    public var phase = ContainerPhase.created
    public var processID: Int32 = 0
    /// Start time of the process in clock ticks since boot: together with the PID it identifies the process uniquely.
    public var processStartTime: UInt64 = 0
    public var exitCode: Int32 = 0
    public var errorMessage = ""
    public var outOfMemoryKilled = false
    public var startedAt: Int64 = 0
    public var finishedAt: Int64 = 0
    /// Time of the next restart by the policy, in nanoseconds since 1970; nil if none is scheduled.
    public var nextStartAt: Int64?
    public var restartCount = 0
    /// Stopped by the user: neither the restart policy nor the reconciler starts it again.
    public var stoppedByUser = false
    public var health: HealthStatus?
    public init() {}

    public var isRunning: Bool { phase == .running || phase == .paused }
}

public struct HealthStatus: Sendable, Equatable, Codable {
    public enum Verdict: String, Sendable, Codable { case starting, healthy, unhealthy }
    public struct Probe: Sendable, Equatable, Codable {
        public var start: Int64
        public var end: Int64
        public var exitCode: Int32
        public var output: String
        public init(start: Int64, end: Int64, exitCode: Int32, output: String) {
            self.start = start
            self.end = end
            self.exitCode = exitCode
            self.output = output
        }
    }
    public var verdict = Verdict.starting
    public var failingStreak = 0
    /// The last five probes.
    public var probes: [Probe] = []
    public init() {}
}

/// An event, as `events` reports it.
public struct EngineEvent: Sendable, Equatable, Codable {
    public enum Scope: String, Sendable, Codable { case container, image, network, volume, daemon }
    public var scope: Scope
    public var action: String
    public var id: String
    public var attributes: [String: String]
    public var time: Int64
    public init(_ scope: Scope, _ action: String, id: String, attributes: [String: String], time: Int64) {
        self.scope = scope
        self.action = action
        self.id = id
        self.attributes = attributes
        self.time = time
    }
}
