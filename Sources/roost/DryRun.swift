import APIClient
import ArgumentParser
import DockerAPI
import EngineModel

/// `--dry-run`: the client sends no request that changes anything, and prints what it would have done.
enum DryRun {
    /// The project commands that accept `--dry-run`.
    static let verbs: Set<String> = [
        "up", "down", "build", "pull", "push", "create", "start", "stop", "restart", "rm", "kill", "pause", "unpause",
        "run",
        "exec", "cp", "scale", "ps", "logs", "config", "images", "port", "top", "ls", "events", "watch", "wait",
        "attach",
        "stats", "version", "volumes", "export", "commit",
    ]

    private static let words: [String: String] = [
        "start": "Starting", "stop": "Stopping", "restart": "Restarting", "kill": "Killing", "pause": "Pausing",
        "unpause": "Unpausing", "rename": "Renaming", "update": "Updating", "wait": "Waiting",
        "exec": "Running a command in",
        "attach": "Attaching to", "archive": "Copying to",
    ]

    @Sendable static func tell(_ method: String, _ path: String, _ query: [(String, String)]) throws {
        Output.error("DRY-RUN MODE -  \(try describe(method, path, query))")
        // The following requests need the container or the exec that was not created.
        if path == "roost/v1/projects/run" || path.hasSuffix("/exec") { throw ExitCode(0) }
    }

    private static func describe(_ method: String, _ path: String, _ query: [(String, String)]) throws -> String {
        let parts = path.pathParts.map(String.init)
        func value(_ key: String) -> String? { query.first { $0.0 == key }?.1 }
        switch (parts.first ?? "", parts.count) {
        case ("containers", 2) where parts[1] == "create": return "Container \(value("name") ?? "")  Creating"
        case ("containers", 2) where method == "DELETE": return "Container \(name(parts[1]))  Removing"
        case ("containers", 3...): return "Container \(name(parts[1]))  \(words[parts[2]] ?? parts[2])"
        case ("images", 2) where parts[1] == "create": return "Image \(value("fromImage") ?? "")  Pulling"
        case ("images", 3...) where parts.last == "push":
            return "Image \(parts.dropFirst().dropLast().joined(separator: "/"))  Pushing"
        case ("images", _) where method == "DELETE":
            return "Image \(parts.dropFirst().joined(separator: "/"))  Removing"
        case ("build", 1): return "Image \(value("t") ?? "")  Building"
        case ("roost", _) where parts.contains("run"): return "One-off container  Creating"
        default: return "\(method) \(path)"
        }
    }

    private static func name(_ id: String) -> String {
        let found = (try? CommandContext.shared.client().inspectContainer(id))?.name
        return (found ?? id).description.drop { $0 == "/" }.description
    }
}
