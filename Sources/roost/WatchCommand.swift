import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Watch build context and rebuild/refresh containers when files are updated",
        discussion: "Example: roost watch web, or roost up --watch")
    @Flag(name: .long, help: "Do not build and start services before watching") var noUp = false
    @Flag(name: .long, help: "Hide build output") var quiet = false
    @Flag(name: .long, inversion: .prefixedNo, help: "Prune dangling images on rebuild") var prune = true
    @Argument(help: ArgumentHelp("Services to watch", valueName: "service")) var services: [String] = []

    func run() throws {
        try CommandContext.shared.client().requireRoost("roost watch")
        let project = try CommandContext.shared.loadProject(services: services)
        if !noUp { try Up.parse(["-d"] + services).run() }
        try ProjectWatch(project, services: services, quiet: quiet, prunes: prune).run { _ in false }
    }
}

/// Applies file changes to a project's containers, as their `develop.watch` rules say.
final class ProjectWatch {
    private struct Rule {
        let service: String
        let action: String
        /// Absolute local path.
        let path: String
        let target: String
        let ignored: IgnoreRules
        let included: [PathPattern]
        let tree: TreeWatch
        let exec: Hook
        let startsWithAll: Bool
    }

    private let project: Project
    private let quiet: Bool
    private let prunes: Bool
    private var rules: [Rule] = []

    init(_ project: Project, services: [String], quiet: Bool, prunes: Bool) throws {
        self.project = project
        self.quiet = quiet
        self.prunes = prunes
        for name in services.isEmpty ? project.services.keys.sorted() : services {
            guard let service = try project.service(name) else {
                throw RoostError.missing("no such service: \(name)")
            }
            for entry in service.develop?.watch ?? [] { rules.append(try rule(entry, name, service)) }
        }
        guard !rules.isEmpty else {
            throw RoostError.invalid(
                "none of the selected services is configured for watch: add develop.watch to one of them")
        }
    }

    private func rule(_ entry: Develop.Rule, _ name: String, _ service: Service) throws -> Rule {
        let action = entry.action ?? ""
        if action == "rebuild", service.build == nil {
            throw RoostError.invalid("service \(name): action rebuild requires a build section")
        }
        let path = CommandContext.shared.absolute(entry.path ?? ".")
        guard Files.exists(path) else {
            throw RoostError.missing("service \(name): develop.watch: \(path) does not exist")
        }
        // Never sync backup and swap files of editors, or version control data.
        var lines = [".git", "**/.git", "*~", "**/*~", "**/.*.swp", "**/.*.swx", "**/4913", "**/.#*", "**/___jb_*___"]
        if let context = service.build?.context, path == context || path.hasPrefix(context + "/") {
            let text = (try? Files.readText(context + "/.dockerignore", limit: 1 << 20)) ?? ""
            // Its paths are relative to the context: make them relative to the watched directory, and drop those outside it.
            let below = path.dropFirst(context.count).drop { $0 == "/" }
            for line in IgnoreRules.lines(text) {
                if below.isEmpty {
                    lines.append(line)
                } else if line.hasPrefix(below + "/") {
                    lines.append(String(line.dropFirst(below.count + 1)))
                } else if line.hasPrefix("**/") {
                    lines.append(line)
                }
            }
        }
        lines += entry.ignore ?? []
        let ignored = try IgnoreRules(lines: lines)
        let included = try (entry.include ?? []).map { try PathPattern($0) }
        let tree = try TreeWatch(path) { relative in
            let parts = relative.pathParts
            return ignored.excludes(parts) && !ignored.mayKeepBelow(parts)
        }
        return Rule(
            service: name, action: action, path: path, target: entry.target ?? "", ignored: ignored,
            included: included, tree: tree, exec: entry.exec ?? Hook(), startsWithAll: entry.initialSync ?? false)
    }

    /// Watches until `stop` returns true; it is called before each batch of changes.
    func run(_ stop: (Int) throws -> Bool) throws {
        Output.error("Watch enabled")
        for rule in rules where rule.startsWithAll && rule.action.hasPrefix("sync") {
            try act(rule, rule.tree.everything)
        }
        while try !stop(0) {
            let ready = try waitForAny(rules.map(\.tree.descriptor), milliseconds: nil)
            var touched = Set(ready)
            for index in ready { _ = rules[index].tree.collect() }
            // Saving a file causes many events, a checkout thousands: a batch ends after 100 ms without events.
            while case let more = try waitForAny(rules.map(\.tree.descriptor), milliseconds: 100), !more.isEmpty {
                touched.formUnion(more)
                for index in more { _ = rules[index].tree.collect() }
            }
            var rebuilt: Set<String> = []
            for index in touched.sorted() {
                let rule = rules[index]
                let changes = wanted(try rule.tree.changes(), rule)
                if changes.isEmpty { continue }
                // One rebuild covers all changes of the batch.
                if rule.action == "rebuild", !rebuilt.insert(rule.service).inserted { continue }
                do { try act(rule, changes) } catch let error as RoostError {
                    Output.error("\(rule.service): \(error.message)")
                } catch is ExitCode { Output.error("\(rule.service): applying the change failed; see above") }
            }
        }
    }

    private func wanted(_ changes: [TreeWatch.Change], _ rule: Rule) -> [TreeWatch.Change] {
        changes.filter { change in
            let path: String
            switch change {
            case .written(let name), .removed(let name): path = name
            }
            let parts = path.pathParts
            if rule.ignored.excludes(parts) { return false }
            return rule.included.isEmpty || parts.isEmpty || rule.included.contains { $0.matchesPathOrParent(parts) }
        }
    }

    private func containers(_ service: String, all: Bool = true) throws -> [String] {
        try CommandContext.shared.projectContainers(project.name, all: all, services: [service]).filter { !$0.isOneOff }
            .map(
                \.id)
    }

    private func act(_ rule: Rule, _ changes: [TreeWatch.Change]) throws {
        switch rule.action {
        case "rebuild":
            Output.error("Rebuilding service \"\(rule.service)\" after changes were detected...")
            try rebuild(rule.service)
            return Output.error("service \"\(rule.service)\" successfully built")
        case "restart": break
        default:
            Output.error(
                "Syncing service \"\(rule.service)\" after \(changes.count) change\(changes.count == 1 ? " was" : "s were") detected"
            )
            for id in try containers(rule.service) { try sync(rule, changes, id) }
        }
        if rule.action == "restart" || rule.action == "sync+restart" {
            for id in try containers(rule.service) {
                try CommandContext.shared.client().call("POST", "containers/\(id)/restart")
            }
            Output.error("service(s) [\"\(rule.service)\"] restarted")
        }
        if rule.action == "sync+exec" {
            for id in try containers(rule.service, all: false) { try run(rule.exec, id, rule.service) }
        }
    }

    private func sync(_ rule: Rule, _ changes: [TreeWatch.Change], _ id: String) throws {
        var gone: [String] = []
        var sources: [String] = []
        var paths: [String] = []
        func escaped(_ path: String) -> String {
            String(path.flatMap { "*?[\\".contains($0) ? ["\\", $0] : [$0] })
        }
        for change in changes {
            switch change {
            case .removed(let name): gone.append(name.isEmpty ? rule.target : rule.target + "/" + name)
            case .written(let name):
                let path = name.isEmpty ? rule.path : rule.path + "/" + name
                guard let status = try? Files.status(path, followLinks: false) else { continue }
                // Directories are created with their files; empty ones are skipped.
                if status.isDirectory { continue }
                paths.append(path)
                sources.append(escaped(rule.path) + (name.isEmpty ? "" : "/./" + escaped(name)))
            }
        }
        if !gone.isEmpty {
            var removed = RemovedPaths()
            removed.paths = gone
            try CommandContext.shared.client().call("DELETE", "containers/\(id)/archive", body: JSON(encoding: removed))
        }
        guard !sources.isEmpty else { return }
        do { try send(sources, rule, id) } catch {
            // A temporary file may be gone by now: send the remaining files, as no other event will report them.
            guard paths.contains(where: { (try? Files.status($0, followLinks: false)) == nil }) else { throw error }
            try sync(rule, changes.filter { if case .written = $0 { true } else { false } }, id)
        }
    }

    private func send(_ sources: [String], _ rule: Rule, _ id: String) throws {
        let client = try CommandContext.shared.client()
        let isFile = (try? Files.status(rule.path).isDirectory) == false
        let pipe = try Pipe()
        let worker = try LocalArchive.select(sources, into: rule.target, keepsParents: !isFile, to: pipe.writing.raw)
        pipe.writing.close()
        _ = try client.upload(
            "containers/\(id)/archive", [("path", "/")], file: pipe.reading.raw, method: "PUT",
            whole: { try worker.finish() }
        ).readAll()
    }

    /// Runs a command in a container; throws its output if it fails.
    private func run(_ hook: Hook, _ id: String, _ service: String) throws {
        let client = try CommandContext.shared.client()
        var request = ExecCreateRequest(command: hook.command ?? [])
        request.attachStdout = true
        request.attachStderr = true
        request.user = hook.user
        request.workingDirectory = hook.workingDirectory
        request.environment = (hook.environment ?? [:]).compactMap { name, value in value.map { "\(name)=\($0)" } }
            .sorted()
        let exec = try client.post("containers/\(id)/exec", [], request, as: ObjectID.self).id
        let stream = try client.hijack(
            "exec/\(exec)/start", body: JSON(encoding: ExecStartRequest(detach: false, tty: false)))
        var output = stream.takeRest()
        while case let part = try readSome(stream.connection.raw, limit: 1 << 16), !part.isEmpty { output += part }
        let code = try client.get("exec/\(exec)/json", as: ExecInspect.self).exitCode ?? 0
        guard code != 0 else { return }
        var frames = FrameReader(plain: false)
        let text = frames.frames(output).map { String(decoding: $0.payload, as: UTF8.self) }.joined()
        throw RoostError.failure("the command in \(service) exited with \(code): \(text)")
    }

    private func rebuild(_ service: String) throws {
        let image = try project.service(service)?.image ?? ""
        let before = try? CommandContext.shared.client().inspectImage(image).id
        try ProjectImages(project, services: [service]).build(BuildOverrides(quiet: quiet))
        try PlanFollower.follow(
            "roost/v1/projects/up",
            ProjectUpRequest(
                project, try CommandContext.shared.contents(project),
                try UpSettings.parse(["--no-deps"]).options([service])))
        if prunes, let id = before {
            // Fails if the old image is still in use; it is then kept.
            _ = try? CommandContext.shared.client().call("DELETE", "images/\(id)")
        }
    }
}
