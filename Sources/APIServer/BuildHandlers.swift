import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import NIOHTTP1
import OCI
import Registry
import Synchronization

/// `POST /build` of Docker's classic builder, and the requests of its cache.
struct BuildHandlers: Sendable {
    let engine: Engine

    func build(_ request: Request) async throws -> Response {
        if request["version"] == "2" {
            throw RoostError.invalid(
                "version=2 is not supported: BuildKit clients build over /session and /grpc")
        }
        var wanted = try Self.wanted(request)
        let options = try Self.options(request)
        try Self.add(options, to: &wanted)
        wanted.credentials = try Self.credentials(request)
        let final = wanted
        let lines = BuildLines(quiet: request.flag("q"), tags: final.tags, isRich: options.rich)
        let isPrepared = Mutex(false)
        let dataRoot = engine.configuration.dataRoot
        return try await .progress(
            early: { error in
                // Docker reports the failures of steps inside the stream.
                let isStepFailure = isPrepared.withLock { $0 } && (error is BuildStepFailure || error is RoostError)
                guard isStepFailure, (error as? RoostError).map(Self.isEarly) != true else { throw error }
            },
            failure: { lines.failure($0, dataRoot: dataRoot) },
            { [engine] report in
                try await engine.withBuildFolder { folder, id in
                    var wanted = final
                    let context = try await Self.context(request, options.folder, folder, engine)
                    if let text = context.dockerfile { wanted.dockerfileText = text }
                    isPrepared.withLock { $0 = true }
                    let image = try await engine.build(
                        wanted, context: context.context, folder: folder, id: id, ordered: !options.rich
                    ) { event in
                        for line in lines.lines(event) { report(line) }
                    }
                    for line in lines.last(image.id.description) { report(line) }
                }
            })
    }

    /// Errors before the first step that have a status.
    private static func isEarly(_ error: RoostError) -> Bool {
        error.kind == .conflict || error.code == .dockerfileInvalid
    }

    private static func options(_ request: Request) throws -> BuildOptions {
        guard let header = request.headers["X-Roost-Build"].first else { return BuildOptions() }
        guard let bytes = Base64.decode(header) else { throw RoostError.invalid("X-Roost-Build is not base64") }
        return try JSON(parsing: bytes).decode(zeroIfAbsent: true)
    }

    private static func add(_ options: BuildOptions, to wanted: inout BuildRequest) throws {
        for (id, value) in options.secrets ?? [:] { wanted.secrets[id] = Base64.decode(value) ?? [] }
        wanted.agentSockets = options.agentSockets ?? [:]
        for (name, value) in options.contexts ?? [:] { wanted.contexts[name] = value }
        wanted.cacheImports = try (options.cacheImports ?? []).map(cacheLocation)
        wanted.cacheExports = try (options.cacheExports ?? []).map {
            BuildCacheTarget(
                location: try cacheLocation($0), everything: $0.mode == "max", ignoresErrors: $0.ignoreError ?? false)
        }
        wanted.onlyCached = options.onlyCached
        if let text = options.dockerfile { wanted.dockerfileText = text }
    }

    private static func cacheLocation(_ cache: BuildCacheReference) throws -> BuildCacheLocation {
        if let name = cache.registry { return .registry(try ImageReference(parsing: name)) }
        let folder = cache.folder ?? LocalDirectory()
        guard isHere(folder) else {
            throw RoostError.invalid(
                "the cache directory \(folder.path) is not on the engine's machine: use a registry instead (type=registry)"
            )
        }
        return .folder(folder.path)
    }

    /// Whether a directory that the client sees is one of this host.
    private static func isHere(_ folder: LocalDirectory) -> Bool {
        guard let status = try? Files.status(folder.path), status.isDirectory else { return false }
        return Int64(bitPattern: status.device) == folder.device && Int64(bitPattern: status.inode) == folder.inode
    }

    /// The directory to build from: the host's own, or one that is filled from the body or from a URL.
    private static func context(_ request: Request, _ local: LocalDirectory?, _ folder: String, _ engine: Engine)
        async throws
        -> (context: BuildContext, dockerfile: String?)
    {
        if let local {
            try await request.body.discard()
            guard isHere(local) else {
                throw RoostError.conflict(
                    "the directory \(local.path) is not on the engine's machine", code: .contextNotLocal)
            }
            return (BuildContext(folder: local.path, isLasting: true), nil)
        }
        let place = folder + "/context"
        try Files.makeDirectories(place)
        if let remote = request["remote"], !remote.isEmpty, remote != "client-session" {
            try await request.body.discard()
            let text = try await engine.fetchContext(remote, into: place, folder)
            return (BuildContext(folder: place, isLasting: false), text)
        }
        try await request.body.file(engine) { source in try await engine.unpackContext(source, into: place) }
        return (BuildContext(folder: place, isLasting: false), nil)
    }

    private static func wanted(_ request: Request) throws -> BuildRequest {
        var wanted = BuildRequest()
        if let path = request["dockerfile"], !path.isEmpty { wanted.dockerfile = path }
        wanted.tags = try (request.query["t"] ?? []).filter { !$0.isEmpty }.map {
            let name = try ImageReference(parsing: $0)
            guard name.digest == nil else { throw RoostError.invalid("build tag cannot contain a digest") }
            return name
        }
        func object(_ name: String) throws -> [(key: String, value: JSON)] {
            guard let text = request[name], !text.isEmpty else { return [] }
            guard let list = try JSON(parsing: text).object else {
                throw RoostError.invalid("\(name): expected a JSON object")
            }
            return list
        }
        // A null stands for the builder's own value, and it has none.
        for (name, value) in try object("buildargs") { if let text = value.string { wanted.arguments[name] = text } }
        for (name, value) in try object("labels") { wanted.labels[name] = value.string ?? "" }
        wanted.target = request["target"] ?? ""
        wanted.platform = try request["platform"].flatMap { $0.isEmpty ? nil : try Descriptor.Platform(parsing: $0) }
        wanted.usesCache = !request.flag("nocache")
        wanted.uncachedStages = request.query["nocachefilter"] ?? []
        wanted.pulls = request.flag("pull")
        wanted.network = request["networkmode"] ?? ""
        wanted.allowsHostNetwork = request.query["allow"]?.contains(BuildRequest.hostNetworkEntitlement) == true
        wanted.extraHosts = try (request.query["extrahosts"] ?? []).filter { !$0.isEmpty }.flatMap(Self.hosts)
        if let text = request["cachefrom"], !text.isEmpty {
            let names = try JSON(parsing: text).strings ?? []
            if !names.isEmpty { wanted.cacheSources = names }
        }
        wanted.sharedMemoryBytes = Int64(request["shmsize"] ?? "") ?? 0
        wanted.resources.memoryBytes = Int64(request["memory"] ?? "") ?? 0
        wanted.resources.memorySwapBytes = Int64(request["memswap"] ?? "") ?? 0
        wanted.resources.cpuShares = Int64(request["cpushares"] ?? "") ?? 0
        wanted.resources.cpuPeriod = Int64(request["cpuperiod"] ?? "") ?? 0
        wanted.resources.cpuQuota = Int64(request["cpuquota"] ?? "") ?? 0
        wanted.resources.cpusetCPUs = request["cpusetcpus"] ?? ""
        wanted.cgroupParent = request["cgroupparent"] ?? ""
        if let text = request["ulimits"], !text.isEmpty {
            wanted.resources.limits = try JSON(parsing: text).decode([Ulimit].self, zeroIfAbsent: true).map {
                UlimitSpec(name: $0.name ?? "", soft: $0.soft ?? 0, hard: $0.hard ?? 0)
            }
        }
        if request.flag("squash") { throw RoostError.invalid("squash is only supported with experimental mode") }
        return wanted
    }

    /// A JSON array, or comma-separated entries.
    private static func hosts(_ text: String) throws -> [String] {
        text.hasPrefix("[")
            ? try JSON(parsing: text).strings ?? [] : text.split(separator: ",").map(String.init)
    }

    private static func credentials(_ request: Request) throws -> [String: RegistryCredentials] {
        guard let header = request.headers["X-Registry-Config"].first, let bytes = Base64.decode(header) else {
            return [:]
        }
        var found: [String: RegistryCredentials] = [:]
        for (name, value) in try JSON(parsing: bytes).object ?? [] {
            let credentials = RegistryCredentials(json: value)
            if !credentials.isEmpty { found[RegistryConfiguration.domain(name)] = credentials }
        }
        return found
    }

    func prune(_ request: Request) async throws -> Response {
        let filters = try Filters(
            query: request["filters"],
            known: [
                "until", "id", "parent", "type", "description", "inuse", "shared", "private", "unused-for", "label",
                "label!",
            ])
        // Build steps have no labels.
        if !filters["label"].isEmpty {
            return try .json(encoding: BuildCachePruneReport())
        }
        var limit: Int64?
        if let text = (filters["until"] + filters["unused-for"]).first {
            guard let span = TimeSpan.parse(text) else { throw RoostError.invalid("invalid filter 'until=\(text)'") }
            limit = Clocks.wallNanoseconds() - span
        }
        var keep: Int64 = 0
        for key in ["keep-storage", "reserved-space"] {
            guard let text = request[key], !text.isEmpty else { continue }
            guard let bytes = Int64(text) else {
                throw RoostError.invalid("\(key) is in bytes and expects an integer, got \(text)")
            }
            keep = max(keep, bytes)
        }
        // Steps have ids but none of these properties: a filter for one of them selects no step.
        let others = ["parent", "type", "description", "inuse", "shared", "private"].flatMap { filters[$0] }
        let ids = filters["id"]
        var isMeant: (@Sendable (String) -> Bool)?
        if !others.isEmpty {
            isMeant = { _ in false }
        } else if !ids.isEmpty {
            isMeant = { id in ids.contains { !$0.isEmpty && id.hasPrefix($0) } }
        }
        let result = try await engine.pruneBuildCache(unusedSince: limit, keepBytes: keep, isMeant: isMeant)
        var report = BuildCachePruneReport()
        report.cachesDeleted = result.ids.isEmpty ? nil : result.ids
        report.spaceReclaimed = result.bytes
        return try .json(encoding: report)
    }

    func check(_ request: Request) async throws -> Response {
        let warnings = try engine.checkDockerfile(try await request.decode(DockerfileCheckRequest.self).text)
        var report = DockerfileCheckReport()
        report.warnings = warnings.map { warning in
            var wire = DockerfileWarning()
            wire.line = warning.line
            wire.message = warning.message
            return wire
        }
        return try .json(encoding: report)
    }

    func root(_ request: Request) async throws -> Response {
        let name = request.path.dropFirst(3).dropLast().joined(separator: "/")
        _ = try await engine.image(name)
        return try await .file(engine, type: "application/x-tar") { [engine] target in
            try await engine.exportImage(name, to: target)
        }
    }
}

/// Turns a build's events into the lines of Docker's classic builder.
private struct BuildLines: Sendable {
    let quiet: Bool
    let tags: [ImageReference]
    let isRich: Bool

    func failure(_ error: any Error, dataRoot: String) -> ProgressMessage {
        let step = error as? BuildStepFailure
        let known = DiskSpace.explain(error, at: dataRoot) ?? error as? RoostError
        let message = known?.message ?? "\(error)"
        let place = step?.place ?? ""
        return ProgressMessage(
            failure: isRich && !place.isEmpty ? "\(message) (\(place))" : message, exitCode: step?.code,
            code: known?.code)
    }

    private func stream(_ text: String) -> [ProgressMessage] { quiet ? [] : [ProgressMessage(stream: text)] }

    func lines(_ event: BuildEvent) -> [any Encodable & Sendable] {
        isRich ? [BuildEventMessage(event)] : classicLines(event)
    }

    private func classicLines(_ event: BuildEvent) -> [ProgressMessage] {
        switch event {
        case .began(let step, let total, _, let text): stream("Step \(step)/\(total) : \(text)") + stream("\n")
        case .cached: stream(" ---> Using cache\n")
        case .triggers(_, let count): stream("# Executing \(count) build trigger\(count == 1 ? "" : "s")\n")
        case .running(_, let container): stream(" ---> Running in \(container)\n")
        case .output(_, let text, let isError): stream(isError ? "\u{1b}[91m\(text)\u{1b}[0m" : text)
        case .removedContainer(_, let container): stream(" ---> Removed intermediate container \(container)\n")
        case .finished(_, let image): stream(" ---> \(image.prefix(12))\n")
        case .warning(let text): stream(text + "\n")
        case .transfer(_, let progress): quiet ? [] : [ProgressMessage(progress)]
        }
    }

    func last(_ id: String) -> [ProgressMessage] {
        var result = ProgressMessage()
        result.aux = ProgressResult()
        result.aux?.id = id
        if quiet { return [ProgressMessage(stream: id + "\n"), result] }
        return [result, ProgressMessage(stream: "Successfully built \(id.dropFirst(7).prefix(12))\n")]
            + tags.map { ProgressMessage(stream: "Successfully tagged \($0.familiar)\n") }
    }
}

extension BuildEventMessage {
    fileprivate init(_ event: BuildEvent) {
        self.init()
        switch event {
        case .began(let step, let total, let stage, let text):
            (self.event, self.step, self.total, self.stage, self.text) = (.began, step, total, stage, text)
        case .cached(let step): (self.event, self.step) = (.cached, step)
        case .triggers(let step, let count): (self.event, self.step, self.count) = (.triggers, step, count)
        case .running(let step, let container): (self.event, self.step, self.container) = (.running, step, container)
        case .output(let step, let text, let isError):
            (self.event, self.step, self.text, self.isError) = (.output, step, text, isError)
        case .removedContainer(let step, _): (self.event, self.step) = (.removed, step)
        case .finished(let step, let image): (self.event, self.step, self.image) = (.finished, step, image)
        case .warning(let text): (self.event, self.text) = (.warning, text)
        case .transfer(let step, let progress):
            (self.event, self.step) = (.transfer, step)
            text = "\(progress.layer ?? ""): \(progress.status)"
        }
    }
}
