import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel

/// Waits until services and their dependencies are running and healthy: `up --wait`, `start --wait`.
struct HealthWait {
    let project: Project
    /// Empty means all.
    let services: [String]
    /// In seconds; nil means no limit.
    let timeout: Int?

    /// The result of the last health check.
    private static func lastProbe(_ health: Health?) -> String {
        guard let probe = health?.log.last else { return "" }
        let output = probe.output.split(separator: "\n").first.map(String.init) ?? "no output"
        return ": last health check exited with \(probe.exitCode): \(output)"
    }

    /// The last lines of a container's log, to show why it exited.
    private func lastLines(_ container: ContainerSummary) throws -> String {
        let answer = try CommandContext.shared.client().open(
            "GET", "containers/\(container.id)/logs",
            [("stdout", "1"), ("stderr", "1"), ("tail", "5")])
        var reader = FrameReader(plain: false)
        var text: [UInt8] = []
        while case let bytes = try answer.read(), !bytes.isEmpty {
            for frame in reader.frames(bytes) { text += frame.payload }
        }
        let output = String(decoding: text, as: UTF8.self).split(separator: "\n").suffix(5)
        return output.isEmpty ? "" : "; its last lines:\n" + output.map { "  \($0)" }.joined(separator: "\n")
    }

    /// How long a container without a health check must have run, in nanoseconds.
    private static let settling: Int64 = 300_000_000

    /// Completed jobs count as ready; a failed container is reported with the last lines of its log.
    func run() throws {
        let client = try CommandContext.shared.client()
        // Containers outside the requested services and their dependencies do not matter.
        let wanted = services.isEmpty ? [] : project.needed(by: services).sorted()
        let deadline = timeout.map { Clocks.monotonicNanoseconds() + Int64($0) * 1_000_000_000 }
        var filters = Filters.project(project.name)
        filters.values["type"] = ["container"]
        let events = try client.events(filters)
        let began = Clocks.monotonicNanoseconds()
        var restarts: [String: Int64] = [:]
        while true {
            var waiting = false
            var young: Int64 = 0
            for container in try CommandContext.shared.projectContainers(project.name, services: wanted) {
                let facts = try client.inspectContainer(container.id)
                let (state, name) = (facts.state, container.name)
                switch state.status {
                case "exited" where state.exitCode != 0:
                    throw RoostError.conflict(
                        "container \(name) exited (\(state.exitCode))\(try lastLines(container))")
                case "running":
                    if state.health?.status == "unhealthy" {
                        throw RoostError.conflict(
                            "container \(name) is unhealthy\(Self.lastProbe(state.health))")
                    }
                    waiting = waiting || (state.health.map { $0.status != "healthy" } ?? false)
                    young = max(young, Self.settlingTime(state))
                case "restarting", "created":
                    waiting = true
                    let more = facts.restartCount - restarts[name, default: facts.restartCount]
                    restarts[name] = restarts[name] ?? facts.restartCount
                    if more >= 5, Clocks.monotonicNanoseconds() - began > 30_000_000_000 {
                        throw RoostError.conflict(
                            "container \(name) keeps exiting with code \(state.exitCode) (restarted \(more) times)\(try lastLines(container))"
                        )
                    }
                default: break
                }
            }
            if !waiting {
                if young == 0 { return }
                Processes.pause(nanoseconds: young)
                continue
            }
            if let deadline {
                let left = (deadline - Clocks.monotonicNanoseconds()) / 1_000_000
                guard left > 0, try waitUntilReady(events.connection.raw, milliseconds: Int32(clamping: left)) else {
                    throw RoostError(
                        .unavailable, "the project was not healthy within \(timeout ?? 0) seconds; see roost ps -a")
                }
            }
            _ = try events.nextLine()
        }
    }

    /// The time until a container that has just started, and may still exit at once, counts as running. In nanoseconds.
    private static func settlingTime(_ state: ContainerState) -> Int64 {
        guard let started = Timestamp(parsing: state.startedAt) else { return 0 }
        let age = Clocks.wallNanoseconds() - started.nanoseconds
        return age >= 0 && age < settling ? settling - age : 0
    }
}
