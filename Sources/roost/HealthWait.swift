import APIClient
import ArgumentParser
import ComposeModel
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
    private static func lastProbe(_ health: JSON) -> String {
        guard let probe = health["Log"].array?.last else { return "" }
        let said = (probe["Output"].string ?? "").split(separator: "\n").first.map(String.init) ?? "no output"
        return ": last health check exited with \(probe["ExitCode"].int ?? -1): \(said)"
    }

    /// The last lines of a container's log, to show why it exited.
    private func lastLines(_ container: JSON) throws -> String {
        let answer = try Session.shared.client().open(
            "GET", "containers/\(container["Id"].string ?? "")/logs",
            [("stdout", "1"), ("stderr", "1"), ("tail", "5")])
        var reader = FrameReader(plain: false)
        var text: [UInt8] = []
        while case let bytes = try answer.read(), !bytes.isEmpty {
            for frame in reader.frames(bytes) { text += frame.payload }
        }
        let said = String(decoding: text, as: UTF8.self).split(separator: "\n").suffix(5)
        return said.isEmpty ? "" : "; its last lines:\n" + said.map { "  \($0)" }.joined(separator: "\n")
    }

    /// How long a container without a health check must have run, in nanoseconds.
    private static let settling: Int64 = 300_000_000

    /// Completed jobs count as ready; a failed container is reported with the last lines of its log.
    func run() throws {
        let client = try Session.shared.client()
        // Containers outside the requested services and their dependencies do not matter.
        let wanted = services.isEmpty ? [] : project.needed(by: services).sorted()
        let deadline = timeout.map { Clocks.monotonicNanoseconds() + Int64($0) * 1_000_000_000 }
        let events = try client.open(
            "GET", "events",
            [("filters", "{\"type\":[\"container\"],\"label\":[\"com.docker.compose.project=\(project.name)\"]}")])
        let began = Clocks.monotonicNanoseconds()
        var restarts: [String: Int64] = [:]
        while true {
            var waiting = false
            var young: Int64 = 0
            for container in try Session.shared.projectContainers(project.name, services: wanted) {
                let facts = try client.call("GET", "containers/\(container["Id"].string ?? "")/json")
                let state = facts["State"]
                let name = container["Names"].array?.first?.string ?? ""
                switch state["Status"].string ?? "" {
                case "exited" where state["ExitCode"].int != 0:
                    throw RoostError.conflict(
                        "container \(name.dropFirst()) exited (\(state["ExitCode"].int ?? 0))\(try lastLines(container))"
                    )
                case "running":
                    if state["Health"]["Status"].string == "unhealthy" {
                        throw RoostError.conflict(
                            "container \(name.dropFirst()) is unhealthy\(Self.lastProbe(state["Health"]))")
                    }
                    waiting = waiting || (state["Health"]["Status"].string.map { $0 != "healthy" } ?? false)
                    // A container that has just started may still exit at once.
                    let age = state["StartedAt"].string.flatMap { Timestamp(parsing: $0) }.map {
                        Clocks.wallNanoseconds() - $0.nanoseconds
                    }
                    if let age, age >= 0, age < Self.settling { young = max(young, Self.settling - age) }
                case "restarting", "created":
                    waiting = true
                    let count = facts["RestartCount"].int ?? 0
                    let more = count - restarts[name, default: count]
                    restarts[name] = restarts[name] ?? count
                    if more >= 5, Clocks.monotonicNanoseconds() - began > 30_000_000_000 {
                        throw RoostError.conflict(
                            "container \(name.dropFirst()) keeps exiting with code \(state["ExitCode"].int ?? 0) (restarted \(more) times)\(try lastLines(container))"
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
}
