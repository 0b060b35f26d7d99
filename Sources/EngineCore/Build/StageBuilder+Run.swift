import ContainerRuntime
import EngineModel
import HelperProtocol
import ImageBuild
import ImageStore
import LinuxKernel
import OCI

/// A RUN instruction as written.
struct RunStep: Sendable {
    var form: CommandForm
    var mounts: [String]
    var network: String?
    var documents: [HereDocument]
}

extension StageBuilder {
    func perform(_ instruction: RunStep) async throws {
        let mounts = try instruction.mounts.map { try BuildMountParser.parse(try scope.expansion(escape).word($0)) }
        let script = Self.script(instruction)
        var arguments: [String]
        switch (instruction.form, script) {
        case (_, .program(let document)): arguments = ["/dev/pipes/\(try document.fileName())"]
        case (_, .text(let text)): arguments = shell + [text]
        case (.exec(let words), .none): arguments = words
        case (.shell(let text), .none): arguments = shell + [text]
        }
        if case .exec = instruction.form, arguments.isEmpty { arguments = shell }
        let variables = runVariables()
        var parts = ["run", chain?.hex ?? ""] + arguments + ["|"] + (runtime.env ?? []) + ["|"] + variables
        parts += ["|", runtime.user ?? "", directory, instruction.network ?? run.request.network]
        parts += instruction.documents.map(\.content)
        parts += try await mountKeys(mounts)
        let key = Self.key(parts)
        let note =
            (variables.isEmpty ? "" : "|\(variables.count) \(variables.joined(separator: " ")) ")
            + arguments.joined(separator: " ")
        try await perform(key, note) { try await run(arguments, variables, mounts, instruction, script) }
    }

    private enum Script {
        case none
        case text(String)
        case program(HereDocument)
    }

    /// The script that here-documents make of a RUN (Dockerfile reference, "Here-documents").
    private static func script(_ instruction: RunStep) -> Script {
        guard case .shell(let text) = instruction.form, let first = instruction.documents.first else { return .none }
        let isAlone = instruction.documents.count == 1 && DockerfileLines.document(text) != nil
        if isAlone { return first.content.hasPrefix("#!") ? .program(first) : .text(first.content) }
        return .text(text + instruction.documents.map { "\n" + $0.content + $0.name }.joined())
    }

    /// The declared ARGs as variables, except those that ENV overrides.
    private func runVariables() -> [String] {
        let names = Set((runtime.env ?? []).map { $0.prefix { $0 != "=" } })
        return declared.filter { !names.contains($0[...]) }.compactMap { name in
            scope.arguments[name].map { "\(name)=\($0)" }
        }.sorted()
    }

    private func mountKeys(_ mounts: [BuildMount]) async throws -> [String] {
        var keys: [String] = []
        for mount in mounts {
            var key = "\(mount.kind.rawValue) \(mount.target) \(mount.readOnly) \(mount.id)"
            if mount.kind == .bind {
                let source = try await copySource(mount.from)
                var selection = RootRequest.Selection(
                    sources: [mount.source.isEmpty ? "." : mount.source], target: "/", targetIsFolder: true)
                selection.ignored = source.ignored
                key += try await digest(source, selection).hex
            }
            keys.append(key)
        }
        return keys
    }

    private func run(
        _ arguments: [String], _ variables: [String], _ mounts: [BuildMount], _ instruction: RunStep, _ script: Script
    ) async throws -> StoredLayer {
        let base = image()
        var spec = ContainerSpec()
        spec.image = base.id.description
        spec.annotations[BuildLabel.build] = run.id
        spec.process.entrypoint = [""]
        spec.process.command = arguments
        spec.process.environment =
            variables + BuildScope.proxies.compactMap { name in run.request.arguments[name].map { "\(name)=\($0)" } }
        spec.healthcheck = HealthcheckSpec(test: ["NONE"])
        spec.dns.extraHosts = run.request.extraHosts
        spec.resources = run.request.resources
        spec.cgroupParent = run.request.cgroupParent
        if run.request.sharedMemoryBytes > 0 { spec.sharedMemoryBytes = run.request.sharedMemoryBytes }
        try setNetwork(instruction.network, &spec)
        await engine.usesTransient(base)
        let result = await Engine.outcome {
            let locks = try await self.prepare(mounts, script, &spec)
            // In the order of their names, so that no two builds deadlock.
            for key in locks { await engine.lock(key) }
            let made = await Engine.outcome { try await self.runContainer(spec, arguments, mounts) }
            for key in locks { await engine.unlock(key) }
            return try made.get()
        }
        await engine.dropTransient(base.id)
        return try result.get()
    }

    private func setNetwork(_ own: String?, _ spec: inout ContainerSpec) throws {
        var mode = own ?? ""
        if mode.isEmpty || mode == "default" { mode = run.request.network }
        if mode.isEmpty || mode == "default" { mode = "bridge" }
        // The host's loopback services are not for a Dockerfile to reach unless its user says so.
        if own == "host", run.request.network != "host", !run.request.allowsHostNetwork {
            throw RoostError.invalid(
                "RUN --network=host: network.host is not allowed; build with --allow network.host if you trust the Dockerfile"
            )
        }
        spec.network = NetworkMode(mode)
    }

    /// Turns the mounts of a RUN into a container's; returns the locks of caches that no other build may use meanwhile.
    private func prepare(_ mounts: [BuildMount], _ script: Script, _ spec: inout ContainerSpec) async throws -> [String]
    {
        var locks: [String] = []
        func bind(_ path: String, _ target: String, readOnly: Bool) {
            spec.mounts.append(
                MountSpec(
                    source: .bind(path: path, propagation: "", create: false, recursive: false), target: target,
                    readOnly: readOnly))
        }
        if case .program(let document) = script {
            let place = "\(run.workFolder)/pipes-\(step)"
            let name = try document.fileName()
            try await blocking {
                try Files.makeDirectories(place)
                try Files.write("\(place)/\(name)", document.content, mode: 0o755)
                try Files.changeMode("\(place)/\(name)", 0o755)
            }
            bind(place, "/dev/pipes", readOnly: true)
        }
        for (number, mount) in mounts.enumerated() {
            let place = "\(run.workFolder)/mount-\(step)-\(number)"
            switch mount.kind {
            case .tmpfs:
                spec.mounts.append(
                    MountSpec(
                        source: .tmpfs(options: ["exec", "mode=755"] + (mount.size > 0 ? ["size=\(mount.size)"] : [])),
                        target: absolute(mount.target)))
            case .bind: bind(try await bindSource(mount, place), absolute(mount.target), readOnly: mount.readOnly)
            case .cache:
                let id = Self.key([mount.id.isEmpty ? absolute(mount.target) : mount.id]).hex.prefix(32)
                var folder = "\(engine.buildFolder)/cache-mounts/\(id)"
                if mount.sharing == .private, await !engine.takePrivateCache(String(id), run.id) { folder = place }
                if mount.sharing == .locked { locks.append("build-cache:\(id)") }
                let path = folder
                try await blocking {
                    guard !Files.exists(path) else { return }
                    try Files.makeDirectories(path, mode: mount.mode ?? 0o755)
                    try Files.changeMode(path, mount.mode ?? 0o755)
                    try Files.changeOwner(path, user: mount.user, group: mount.group)
                }
                bind(path, absolute(mount.target), readOnly: mount.readOnly)
            case .secret:
                guard let secret = run.request.secrets[mount.id] else {
                    if mount.isRequired {
                        throw RoostError.invalid(
                            "secret \(mount.id): not found: pass it with --secret id=\(mount.id),src=FILE")
                    }
                    continue
                }
                if let variable = mount.variable {
                    spec.process.environment.append("\(variable)=\(String(decoding: secret, as: UTF8.self))")
                    if mount.target.isEmpty { continue }
                }
                try await blocking {
                    try Files.makeDirectories(place, mode: 0o700)
                    try Files.write(place + "/secret", secret, mode: 0o400)
                    try Files.changeMode(place + "/secret", mount.mode ?? 0o400)
                    try Files.changeOwner(place + "/secret", user: mount.user, group: mount.group)
                }
                bind(
                    place + "/secret", mount.target.isEmpty ? "/run/secrets/\(mount.id)" : absolute(mount.target),
                    readOnly: true)
            case .ssh:
                let id = mount.id.isEmpty ? BuildMount.firstAgent : mount.id
                guard let socket = run.request.agentSockets[id] else {
                    if mount.isRequired {
                        throw RoostError.invalid("ssh agent \(id): not found: pass it with --ssh \(id)")
                    }
                    continue
                }
                let target = mount.target.isEmpty ? "/run/buildkit/ssh_agent.\(number)" : absolute(mount.target)
                bind(socket, target, readOnly: false)
                spec.process.environment.append("SSH_AUTH_SOCK=\(target)")
            }
        }
        return Set(locks).sorted()
    }

    /// A path of the context, or a copy of a stage's files.
    private func bindSource(_ mount: BuildMount, _ place: String) async throws -> String {
        let isContext = mount.from == nil || run.request.contexts[mount.from ?? ""]?.hasPrefix("/") == true
        if isContext, mount.readOnly {
            let top = mount.from.flatMap { run.request.contexts[$0] } ?? run.context.folder
            let whole = try Files.canonical(top + "/" + mount.source)
            let root = try Files.canonical(top)
            guard whole == root || whole.hasPrefix(root + "/") else {
                throw RoostError.invalid("RUN --mount: \(mount.source) is outside of the build context")
            }
            return whole
        }
        let source = try await copySource(mount.from)
        let path = mount.source.isEmpty ? "." : mount.source
        var selection = RootRequest.Selection(sources: [path], target: "/content", targetIsFolder: false)
        selection.ignored = source.ignored
        try await blocking { try Files.makeDirectories(place + "/content") }
        let pipe = try Pipe()
        let read = RootRequest(view: source.view, mountPoint: engine.configuration.mountPoint, job: .select(selection))
        let running = try await blocking { try HelperProcess(read).start(input: nil, output: pipe.writing) }
        pipe.writing.close()
        let images = engine.images
        try await onOwnThread {
            try images.unpackArchive(pipe.reading.raw, into: place, subject: "RUN --mount \(path)")
        }
        try await blocking { try running.finish() }
        return place + "/content"
    }

    /// Creates, runs, monitors, captures and removes the container of a RUN.
    private func runContainer(_ spec: ContainerSpec, _ arguments: [String], _ mounts: [BuildMount]) async throws
        -> StoredLayer
    {
        let id = try await engine.createContainer(spec, name: nil).record.id
        let short = String(id.prefix(12))
        let engine = engine
        emit(.running(step: step, container: short))
        // Started beside the container, so that nothing waits for it.
        let helper = Task { try await blocking { try PrestartedHelper() } }
        let upper = engine.configuration.containerDirectory(id) + "/upper"
        let ended = await Engine.outcome {
            let code = try await self.watch(id)
            guard code == 0 else {
                throw BuildStepFailure(
                    message: "The command '\(arguments.joined(separator: " "))' returned a non-zero code: \(code)",
                    code: code)
            }
            try await self.removeMountPoints(mounts, spec, upper)
        }
        let result = await Engine.outcome {
            do { try ended.get() } catch {
                if let helper = try? await helper.value { try? await blocking { helper.dismiss() } }
                throw error
            }
            return try await self.capture(upper, helper: try await helper.value)
        }
        // Whatever has happened, and even if the build was cancelled; the next step need not wait for it.
        run.departures.add {
            await engine.waitUntilFinished(id)
            try? await engine.removeContainer(id, force: true, volumes: .remove)
        }
        if case .success = result { emit(.removedContainer(step: step, container: short)) }
        return try result.get()
    }

    /// Starts the container and reports its output until it exits.
    private func watch(_ id: String) async throws -> Int32 {
        let (record, path, folder) = try await engine.logPath(id)
        let signal = try await engine.exitSignal(id, .processExit)
        let change = try await OutputSignal(engine: engine, record: record, folder: folder, until: .processExit)
        let index = index
        let step = step
        let report = run.report
        let reader = Task {
            var cursor = LogCursor(path: path)
            for await _ in change.stream {
                let ended = change.hasEnded
                while case let records = try cursor.next(), !records.isEmpty {
                    for record in records {
                        let text = String(decoding: record.content, as: UTF8.self) + (record.isPart ? "" : "\n")
                        report.emit(index, .output(step: step, text: text, isError: record.isError))
                    }
                }
                if ended { break }
            }
        }
        let engine = engine
        return try await withTaskCancellationHandler {
            do { try await engine.startContainer(id) } catch {
                change.end()
                throw error
            }
            var code: Int32 = 0
            for await exit in signal {
                code = exit
                break
            }
            _ = try? await reader.value
            try Task.checkCancellation()
            return code
        } onCancel: {
            Task { try? await engine.killContainer(id, signal: "KILL") }
        }
    }

    /// Removes paths that were created only as mount points: they are not part of the result.
    private func removeMountPoints(_ mounts: [BuildMount], _ spec: ContainerSpec, _ upper: String) async throws {
        for mount in spec.mounts {
            var path = mount.target
            while path.count > 1, try await status(path) == nil {
                let place = upper + path
                let isOurs = await removeIfEmpty(place, below: upper)
                if !isOurs { break }
                path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            }
        }
    }

    private func removeIfEmpty(_ path: String, below upper: String) async -> Bool {
        let removed: Bool? = try? await blocking {
            // The process has exited, but links in its layer are not to be trusted: none is followed.
            var soFar = upper
            for part in path.dropFirst(upper.count).pathParts {
                guard let status = try? Files.status(soFar, followLinks: false), status.isDirectory else {
                    return false
                }
                soFar += "/" + part
            }
            let status = try Files.status(soFar, followLinks: false)
            if status.isDirectory {
                try Files.removeDirectory(soFar)
            } else if status.size == 0, status.isRegular {
                try Files.remove(soFar)
            } else {
                return false
            }
            return true
        }
        return removed ?? false
    }
}

/// The annotation of build containers, by which a new engine removes those of a lost build.
enum BuildLabel {
    static let build = "roost.build"
}

/// Reads `type=cache,target=/x,…`.
enum BuildMountParser {
    static func parse(_ text: String) throws(RoostError) -> BuildMount {
        var values: [(key: String, value: String?)] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            values.append((sides[0].lowercased(), sides.count > 1 ? sides[1] : nil))
        }
        let type = values.last { $0.key == "type" }?.value ?? "bind"
        guard let kind = BuildMount.Kind(rawValue: type) else { throw .invalid("unsupported mount type \"\(type)\"") }
        var mount = BuildMount(kind: kind)
        mount.readOnly = kind == .bind
        func number(_ value: String?, radix: Int = 10) throws(RoostError) -> UInt32 {
            guard let value, let number = UInt32(value, radix: radix) else {
                throw .invalid("--mount \(text): \"\(value ?? "")\" is not a number")
            }
            return number
        }
        func flag(_ value: String?) -> Bool { value == nil || value == "true" || value == "1" }
        for (key, value) in values {
            switch key {
            case "type": break
            case "target", "dst", "destination": mount.target = value ?? ""
            case "source", "src": mount.source = value ?? ""
            case "from": mount.from = value
            case "id": mount.id = value ?? ""
            case "readonly", "ro": mount.readOnly = flag(value)
            case "readwrite", "rw": mount.readOnly = !flag(value)
            case "sharing":
                guard let sharing = BuildMount.Sharing(rawValue: value ?? "") else {
                    throw .invalid("unsupported sharing value \"\(value ?? "")\": use shared, private or locked")
                }
                mount.sharing = sharing
            case "required": mount.isRequired = flag(value)
            case "mode": mount.mode = try number(value, radix: 8)
            case "uid": mount.user = try number(value)
            case "gid": mount.group = try number(value)
            case "size":
                guard let size = ByteSize.parse(value ?? "") else { throw .invalid("--mount \(text): invalid size") }
                mount.size = size
            case "env": mount.variable = value
            default: throw .invalid("unexpected key '\(key)' in '\(text)'")
            }
        }
        if mount.id.isEmpty, kind == .secret {
            mount.id = mount.target.pathParts.last.map(String.init) ?? ""
        }
        if mount.target.isEmpty, [.bind, .cache, .tmpfs].contains(kind) {
            throw .invalid("target is required for --mount=\(text)")
        }
        if kind == .secret, mount.id.isEmpty { throw .invalid("--mount=\(text): a secret needs an id") }
        return mount
    }
}
