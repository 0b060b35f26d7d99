import EngineCore
import EngineModel
import NIOHTTP1

/// One row per endpoint: method, path, handler. `*` matches one component, `**` several (image names contain slashes).
struct RouteTable: Sendable {
    typealias Handler = @Sendable (Request) async throws -> Response

    struct Row: Sendable {
        let method: HTTPMethod
        let pattern: [String]
        let handler: Handler
        /// Whether it only says why a group of endpoints is not there.
        var isRefused = false
    }

    let engine: Engine
    let sockets: ScopedSockets
    let stop: @Sendable () -> Void
    private(set) var rows: [Row] = []

    init(engine: Engine, sockets: ScopedSockets, stop: @escaping @Sendable () -> Void) {
        self.engine = engine
        self.sockets = sockets
        self.stop = stop
        rows =
            systemRows + archiveRows + containerRows + buildRows + execRows + imageRows + networkRows + volumeRows
            + projectRows + refusedRows
    }

    func find(_ request: Request) -> Handler? {
        // Rows are few and short: a linear search is faster than a tree.
        for row in rows where row.method == request.method || (request.method == .HEAD && row.method == .GET) {
            if Self.matches(row.pattern, request.path) { return row.handler }
        }
        return nil
    }

    static func matches(_ pattern: [String], _ path: [String]) -> Bool {
        if let wild = pattern.firstIndex(of: "**") {
            let tail = pattern[(wild + 1)...]
            return path.count > wild + tail.count - 1 + (path.count == wild + tail.count ? 1 : 0)
                && path.count >= wild + 1 + tail.count
                && zip(pattern[..<wild], path).allSatisfy { $0 == "*" || $0 == $1 }
                && Array(path.suffix(tail.count)) == Array(tail)
        }
        return pattern.count == path.count && zip(pattern, path).allSatisfy { $0 == "*" || $0 == $1 }
    }

    private func row(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping Handler) -> Row {
        Row(method: method, pattern: pattern.split(separator: "/").map(String.init), handler: handler)
    }

    private var systemRows: [Row] {
        let system = SystemHandlers(engine: engine, stop: stop)
        return [
            row(.GET, "_ping", system.ping), row(.GET, "version", system.version), row(.GET, "info", system.info),
            row(.GET, "events", system.events), row(.GET, "system/df", system.diskUsage),
            row(.GET, "plugins", { _ in .json([]) }),
            row(.GET, "roost/v1/engine", system.status), row(.POST, "roost/v1/check", system.check),
            row(.POST, "roost/v1/engine/stay", system.stay),
            row(.POST, "roost/v1/engine/stop", system.stopEngine), row(.GET, "roost/v1/sockets", sockets.list),
            row(.POST, "roost/v1/sockets", sockets.create), row(.DELETE, "roost/v1/sockets", sockets.remove),
        ]
    }

    private var containerRows: [Row] {
        let containers = ContainerHandlers(engine: engine)
        let streams = StreamHandlers(engine: engine)
        return [
            row(.GET, "containers/json", containers.list), row(.POST, "containers/create", containers.create),
            row(.POST, "containers/prune", containers.prune), row(.GET, "containers/*/json", containers.inspect),
            row(.POST, "containers/*/start", containers.start), row(.POST, "containers/*/stop", containers.stop),
            row(.POST, "containers/*/restart", containers.restart), row(.POST, "containers/*/kill", containers.kill),
            row(.POST, "containers/*/pause", containers.pause), row(.POST, "containers/*/unpause", containers.unpause),
            row(.POST, "containers/*/rename", containers.rename), row(.POST, "containers/*/update", containers.update),
            row(.POST, "containers/*/wait", containers.wait),
            row(.POST, "containers/*/resize", containers.resize), row(.GET, "containers/*/top", containers.top),
            row(.GET, "containers/*/stats", containers.stats), row(.DELETE, "containers/*", containers.remove),
            row(.DELETE, "containers/*/*", containers.removeLink),
            row(.GET, "containers/*/logs", streams.logs), row(.POST, "containers/*/attach", streams.attach),
        ]
    }

    private var archiveRows: [Row] {
        let archives = ArchiveHandlers(engine: engine)
        return [
            row(.GET, "containers/*/archive", archives.get), row(.PUT, "containers/*/archive", archives.put),
            row(.DELETE, "containers/*/archive", archives.remove),
            row(.GET, "containers/*/export", archives.export), row(.GET, "containers/*/changes", archives.changes),
            row(.POST, "commit", archives.commit),
        ]
    }

    private var buildRows: [Row] {
        let builds = BuildHandlers(engine: engine)
        let buildSessions = BuildSessionHandlers(engine: engine)
        return [
            row(.POST, "build", builds.build), row(.POST, "roost/v1/build/check", builds.check),
            row(.GET, "roost/v1/images/**/root", builds.root), row(.POST, "build/prune", builds.prune),
            row(.POST, "session", buildSessions.session), row(.POST, "grpc", buildSessions.calls),
        ]
    }

    private var execRows: [Row] {
        let execs = ExecHandlers(engine: engine)
        return [
            row(.POST, "containers/*/exec", execs.create), row(.POST, "exec/*/start", execs.start),
            row(.POST, "exec/*/resize", execs.resize),
            row(.GET, "exec/*/json", execs.inspect),
        ]
    }

    private var imageRows: [Row] {
        let images = ImageHandlers(engine: engine)
        let registries = RegistryHandlers(engine: engine)
        return [
            row(.POST, "auth", registries.login), row(.POST, "images/**/push", registries.push),
            row(.GET, "distribution/**/json", registries.describe),
            row(.GET, "roost/v1/manifests/**", registries.manifest),
            row(.GET, "images/search", registries.search), row(.GET, "images/json", images.list),
            row(.POST, "images/create", images.create),
            row(.POST, "images/load", images.load),
            row(.POST, "images/prune", images.prune), row(.GET, "images/get", images.saveMany),
            row(.GET, "images/**/json", images.inspect),
            row(.GET, "images/**/history", images.history), row(.GET, "images/**/get", images.saveOne),
            row(.POST, "images/**/tag", images.tag),
            row(.DELETE, "images/**", images.remove),
        ]
    }

    private var networkRows: [Row] {
        let networks = NetworkHandlers(engine: engine)
        return [
            row(.GET, "networks", networks.list), row(.POST, "networks/create", networks.create),
            row(.POST, "networks/prune", networks.prune), row(.POST, "networks/*/connect", networks.connect),
            row(.POST, "networks/*/disconnect", networks.disconnect),
            row(.GET, "networks/*", networks.inspect), row(.DELETE, "networks/*", networks.remove),
        ]
    }

    private var volumeRows: [Row] {
        let volumes = VolumeHandlers(engine: engine)
        return [
            row(.GET, "volumes", volumes.list), row(.POST, "volumes/create", volumes.create),
            row(.POST, "volumes/prune", volumes.prune),
            row(.GET, "volumes/*", volumes.inspect), row(.DELETE, "volumes/*", volumes.remove),
            row(.GET, "roost/v1/trash", volumes.listTrash), row(.DELETE, "roost/v1/trash", volumes.emptyTrash),
            row(.DELETE, "roost/v1/trash/*", volumes.emptyTrash),
            row(.POST, "roost/v1/trash/*/restore", volumes.restore),
        ]
    }

    private var projectRows: [Row] {
        let projects = ProjectHandlers(engine: engine)
        return [
            row(.POST, "roost/v1/projects/plan", projects.plan),
            row(.POST, "roost/v1/projects/hash", projects.hash), row(.POST, "roost/v1/projects/up", projects.up),
            row(.POST, "roost/v1/projects/down", projects.down),
            row(.POST, "roost/v1/projects/start", projects.start), row(.POST, "roost/v1/projects/run", projects.run),
        ]
    }

    /// Swarm requests are answered as by an engine outside of a swarm; plugin requests so that clients report the reason.
    private var refusedRows: [Row] {
        let swarm: Handler = { _ in
            throw RoostError(
                .unavailable,
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again."
            )
        }
        let outside: Handler = { _ in throw RoostError(.unavailable, "This node is not part of a swarm") }
        let kinds = ["swarm", "nodes", "services", "tasks", "secrets", "configs"]
        let plugins: Handler = { _ in
            throw RoostError(
                .unsupported, "plugins are not supported: volumes, networks and logs are built in")
        }
        // There are no plugins: every name is unknown.
        let missingPlugin: Handler = { request in
            let name = request.name(after: 1, before: 0)
            throw RoostError.missing("plugin \"\(name)\" not found")
        }
        let rows =
            [
                row(.POST, "swarm/leave", outside), row(.GET, "plugins/privileges", plugins),
                row(.POST, "plugins/pull", plugins), row(.POST, "plugins/create", plugins),
                row(.GET, "plugins/**", missingPlugin), row(.POST, "plugins/**", missingPlugin),
                row(.DELETE, "plugins/**", missingPlugin),
            ]
            + kinds.flatMap { kind in
                [
                    row(.GET, kind, swarm), row(.GET, "\(kind)/**", swarm), row(.POST, "\(kind)/**", swarm),
                    row(.DELETE, "\(kind)/**", swarm),
                ]
            }
        return rows.map { Row(method: $0.method, pattern: $0.pattern, handler: $0.handler, isRefused: true) }
    }
}
