import DockerAPI
import EngineModel
import NIOHTTP1

/// The rights of a restricted socket: one project, and these kinds of requests. Everything else is refused.
package struct RequestScope: Sendable, Equatable, Codable {
    package enum Permission: String, Sendable, Codable, CaseIterable {
        /// Lists, inspects, statistics and processes.
        case read
        case logs
        case events
        /// Start, stop, restart, kill, pause.
        case control
        /// Exec and attach with input: grants whatever the containers themselves may do.
        case exec
    }

    package var project: String
    package var allowed: Set<Permission>

    package init(project: String, allowed: Set<Permission>) {
        self.project = project
        self.allowed = allowed
    }

    /// Parses `read,logs,events`.
    package static func permissions(_ text: String) throws(RoostError) -> Set<Permission> {
        var found: Set<Permission> = []
        for word in text.split(separator: ",").map(String.init) {
            guard let permission = Permission(rawValue: word) else {
                throw .invalid(
                    "invalid permission \"\(word)\" for --allow: use \(Permission.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            found.insert(permission)
        }
        if found.isEmpty { throw .invalid("a socket needs at least one permission (e.g. --allow read,logs,events)") }
        return found
    }

    enum Decision: Equatable {
        /// Unchanged: the response reveals nothing about other projects.
        case pass
        /// With the project's label added to its filters.
        case filtered
        /// If the object, named by the path's second component, belongs to the project.
        case container, exec, network, volume, image
        case refused(String)
    }

    static let label = ComposeLabel.project

    /// Decides by method and path only.
    func decide(_ method: HTTPMethod, _ path: [String]) -> Decision {
        let isReading = method == .GET || method == .HEAD
        func need(_ permission: Permission, _ decision: Decision) -> Decision {
            allowed.contains(permission) ? decision : refusal(method, path)
        }
        switch (path.first, path.count) {
        case ("_ping", 1), ("version", 1): return isReading ? .pass : refusal(method, path)
        case ("info", 1): return isReading ? need(.read, .pass) : refusal(method, path)
        case ("events", 1): return isReading ? need(.events, .filtered) : refusal(method, path)
        case ("containers", 2) where path[1] == "json":
            return isReading ? need(.read, .filtered) : refusal(method, path)
        case ("networks", 1), ("volumes", 1): return isReading ? need(.read, .filtered) : refusal(method, path)
        case ("networks", 2): return isReading ? need(.read, .network) : refusal(method, path)
        case ("volumes", 2): return isReading ? need(.read, .volume) : refusal(method, path)
        case ("images", 3...) where path.last == "json": return isReading ? need(.read, .image) : refusal(method, path)
        case ("containers", 3):
            switch (isReading, path[2]) {
            case (true, "json"), (true, "top"), (true, "stats"), (true, "changes"), (false, "wait"):
                return need(.read, .container)
            case (true, "logs"): return need(.logs, .container)
            case (false, "start"), (false, "stop"), (false, "restart"), (false, "kill"), (false, "pause"),
                (false, "unpause"):
                return need(.control, .container)
            case (false, "exec"), (false, "attach"), (false, "resize"): return need(.exec, .container)
            default: return refusal(method, path)
            }
        case ("exec", 3): return need(.exec, .exec)
        default: return refusal(method, path)
        }
    }

    private func refusal(_ method: HTTPMethod, _ path: [String]) -> Decision {
        let words = allowed.map(\.rawValue).sorted().joined(separator: ", ")
        return .refused(
            "this socket is restricted to project \(project) and allows \(words): \(method) /\(path.joined(separator: "/")) is refused"
        )
    }

    /// The request's filters with the project's label added.
    func narrowed(_ filters: String?) throws(RoostError) -> String {
        var parsed = try Filters(query: filters, known: [])
        parsed.values["label", default: []].append("\(Self.label)=\(project)")
        return parsed.json.text()
    }
}
