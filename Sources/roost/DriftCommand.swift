import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Compares the running project with its Compose file.
struct Drift: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift", abstract: "Show how the running project differs from its Compose file, and since when",
        discussion: "Exits with 0 if there is no drift, 2 if there is. Example: roost drift --json")
    @Flag(name: .long, help: "Print one JSON object per difference") var json = false
    @Argument(help: ArgumentHelp("Services to compare, with their dependencies", valueName: "service"))
    var services: [String] = []

    func run() throws {
        let session = CommandContext.shared
        try session.client().requireRoost("roost drift")
        let project = try session.loadProject(services: services)
        let request = ProjectUpRequest(
            project, try session.contents(project), try UpSettings.parse([]).options(services))
        let plan: PlanDescription = try session.client().post("roost/v1/projects/plan", [], request)
        var found: [(object: String, difference: String, since: Int64?)] = []
        for step in plan.steps {
            let (object, reason) = (step.object, step.reason)
            switch step.action {
            // A start that follows a create or recreate step is not a separate difference.
            case "start" where ["created", "recreated"].contains(reason): continue
            // A completed job runs again at the next `up`, but does not differ from the file.
            case "start" where reason == "exited with 0": continue
            case let action where action.hasPrefix("wait"): continue
            case "create": found.append((object, "missing", nil))
            case "recreate": found.append((object, reason, edited(project)))
            case "start": found.append((object, "not running: \(reason)", try ended(object)))
            default: found.append((object, "not in the Compose file: \(reason)", nil))
            }
        }
        for note in plan.notes where note.hasPrefix("found orphan") { found.append((note, "", nil)) }
        if found.isEmpty {
            if !json {
                Output.line(
                    "No drift: \(project.name) matches \(project.files.first?.pathParts.last ?? "its Compose file")")
            }
            return
        }
        for difference in found {
            if json {
                let time = difference.since.map { JSON.string(Timestamp(nanoseconds: $0 * 1_000_000_000).rfc3339) }
                let line: JSON = [
                    "object": .string(difference.object), "difference": .string(difference.difference),
                    "since": time ?? .null,
                ]
                Output.line(line.text())
            } else {
                let since = difference.since.map { "  (\(ago($0)))" } ?? ""
                Output.line(
                    "\(difference.object)\(difference.difference.isEmpty ? "" : ": ")\(difference.difference)\(since)")
            }
        }
        throw ExitCode(2)
    }

    /// When the project's files were last modified, in seconds since the epoch.
    private func edited(_ project: Project) -> Int64? {
        project.files.compactMap { try? Files.status($0).modifiedSeconds }.max()
    }

    private func ended(_ object: String) throws -> Int64? {
        let name = object.split(separator: " ").last.map(String.init) ?? ""
        let text = (try? CommandContext.shared.client().inspectContainer(name))?.state.finishedAt
        guard let text, let time = Timestamp(parsing: text), time.nanoseconds > 0 else { return nil }
        return time.nanoseconds / 1_000_000_000
    }
}
