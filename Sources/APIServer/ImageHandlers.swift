import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

struct ImageHandlers: Sendable {
    let engine: Engine

    func list(_ request: Request) async throws -> Response {
        let filters = try request.filters(["reference", "dangling", "label", "before", "since", "until"])
        _ = try filters.truth("dangling")
        let all = await engine.imageSummaries()
        func created(_ name: String) async throws -> String {
            try await engine.image(name).configuration.created ?? ""
        }
        var before: String?
        var since: String?
        for name in filters["before"] { before = try await created(name) }
        for name in filters["since"] { since = try await created(name) }
        let until = try PruneFilter.time(filters["until"].first, now: Clocks.wallNanoseconds())
        let found = all.filter { summary in
            let made = summary.image.configuration.created ?? ""
            return filters.matchesLabels(summary.image.configuration.config?.labels ?? [:])
                && filters.matches("dangling") {
                    ($0 == "true" || $0 == "1") == (summary.references.isEmpty && summary.digests.isEmpty)
                } && before.map { made < $0 } != false && since.map { made > $0 } != false
                && until.map { (Timestamp(parsing: made)?.nanoseconds ?? 0) < $0 } != false
        }
        let patterns = filters["reference"] + (request["filter"].map { [$0] } ?? [])
        let rows = patterns.isEmpty ? found : found.compactMap { Self.narrowed($0, patterns) }
        let wantsShared = request.flag("shared-size")
        return try .json(
            encoding: rows.map { summary in
                Engine.listEntry(summary, sharedSize: wantsShared ? summary.sharedSize(among: all) : nil)
                    .adapted(toVersion: request.version)
            })
    }

    /// Keeps only the names that match; nil if none do.
    private static func narrowed(_ summary: ImageSummary, _ patterns: [String]) -> ImageSummary? {
        var summary = summary
        summary.references = summary.references.filter { name in patterns.contains { fits(name, $0) } }
        summary.digests = summary.digests.filter { name in patterns.contains { fits(name, $0) } }
        return summary.references.isEmpty && summary.digests.isEmpty ? nil : summary
    }

    /// Matches `redis`, `redis:7`, `red*`, `*/app:1`, as Go's `path.Match` does.
    static func fits(_ reference: ImageReference, _ pattern: String) -> Bool {
        guard let pattern = try? PathPattern(pattern) else { return false }
        return [reference.familiar, reference.familiarName, reference.description].contains {
            pattern.matches($0.split(separator: "/"))
        }
    }

    /// `import` from standard input, or a pull.
    func create(_ request: Request) async throws -> Response {
        guard let source = request["fromSrc"] else {
            return try await RegistryHandlers(engine: engine).pull(request)
        }
        guard source == "-" else {
            throw RoostError(
                .unsupported, "import from a URL is not supported: pass the archive on standard input")
        }
        var reference: ImageReference?
        if let repository = request["repo"], !repository.isEmpty {
            reference = try ImageReference(repository: repository, tag: request["tag"])
        }
        let target = reference
        let changes = request.query["changes"] ?? []
        let platform = try request["platform"].flatMap { $0.isEmpty ? nil : try Descriptor.Platform(parsing: $0) }
        let image = try await request.body.file(engine) { [engine] archive in
            try await engine.importImage(
                archive, reference: target, platform: platform ?? .host, changes: changes, message: request["message"])
        }
        return .stream("application/json") {
            try await $0.line(encoding: ProgressMessage(status: image.id.description))
        }
    }

    func load(_ request: Request) async throws -> Response {
        let loaded: [NamedImage]
        do {
            loaded = try await request.body.file(engine) { [engine] archive in try await engine.loadImages(archive) }
        } catch let error as RoostError where error.kind == .invalidArgument {
            // As in Docker: reported inside the stream.
            return .stream("application/json") {
                try await $0.progress(ProgressMessage(failure: error.message, code: error.code))
            }
        }
        let lines = loaded.flatMap { named in
            named.references.isEmpty
                ? ["Loaded image ID: \(named.image.id)\n"] : named.references.map { "Loaded image: \($0.familiar)\n" }
        }
        return .stream("application/json") { output in
            for line in lines { try await output.line(encoding: ProgressMessage(stream: line)) }
        }
    }

    func saveMany(_ request: Request) async throws -> Response { try await save(request.query["names"] ?? []) }
    func saveOne(_ request: Request) async throws -> Response { try await save([request.name(after: 1, before: 1)]) }

    private func save(_ names: [String]) async throws -> Response {
        for name in names { try await engine.checkSavable(name) }
        return try await .file(engine, type: "application/x-tar") { [engine] target in
            try await engine.saveImages(names, to: target)
        }
    }

    func inspect(_ request: Request) async throws -> Response {
        let image = try await engine.image(request.name(after: 1, before: 1))
        var inspect = ImageInspect(image)
        inspect.repositoryTags = await engine.references(image.id).map(\.familiar)
        inspect.repositoryDigests = await engine.repositoryDigests(image.id).map(\.familiar)
        return try .json(encoding: inspect.adapted(toVersion: request.version))
    }

    func history(_ request: Request) async throws -> Response {
        let image = try await engine.image(request.name(after: 1, before: 1))
        var rows = ImageHistoryEntry.list(image)
        let tags = await engine.references(image.id).map(\.familiar)
        if !rows.isEmpty {
            rows[0].id = image.id.description
            rows[0].tags = tags.isEmpty ? nil : tags
        }
        return try .json(encoding: rows)
    }

    func tag(_ request: Request) async throws -> Response {
        let reference = try ImageReference(repository: request["repo"] ?? "", tag: request["tag"])
        try await engine.tagImage(request.name(after: 1, before: 1), as: reference)
        return .status(201)
    }

    func remove(_ request: Request) async throws -> Response {
        let removed = try await engine.removeImage(request.name(after: 1, before: 0), force: request.flag("force"))
        return try .json(encoding: removed.map(\.wire))
    }

    func prune(_ request: Request) async throws -> Response {
        let filters = try request.filters(["dangling", "until", "label", "label!"])
        let all = filters["dangling"].contains { $0 == "false" || $0 == "0" }
        let filter = try PruneFilter(filters, now: Clocks.wallNanoseconds())
        return try .json(encoding: await engine.pruneImages(filter, all: all))
    }
}

extension ImageInspect {
    fileprivate init(_ image: StoredImage) {
        self.init()
        let configuration = image.configuration
        id = image.id.description
        parent = image.parent?.description ?? ""
        comment = configuration.history?.last?.comment ?? ""
        created = configuration.created ?? Timestamp.never
        author = configuration.author ?? ""
        config = ContainerConfig(image: configuration.config ?? .init())
        architecture = configuration.architecture
        os = configuration.os
        variant = configuration.variant
        size = image.size
        graphDriver.name = "overlay2"
        rootFS.type = "layers"
        rootFS.layers = configuration.rootfs.diffIDs.map(\.description)
        metadata.lastTagTime = image.taggedAt.map { Timestamp(nanoseconds: $0).rfc3339 } ?? Timestamp.never
    }
}

extension ContainerConfig {
    /// The configuration of an image as `inspect` shows it.
    fileprivate init(image: ImageConfiguration.Runtime) {
        self.init()
        func keys(_ map: [String: ImageConfiguration.Empty]?) -> OrderedMap<EmptyObject>? {
            map.map { OrderedMap($0.keys.sorted().map { ($0, EmptyObject()) }) }
        }
        user = image.user ?? ""
        exposedPorts = keys(image.exposedPorts)
        environment = image.env
        command = image.cmd.map(ShellWords.init)
        healthcheck = image.healthcheck.map { HealthConfig($0.spec) }
        volumes = keys(image.volumes)
        workingDirectory = image.workingDir ?? ""
        entrypoint = image.entrypoint.map(ShellWords.init)
        onBuild = image.onBuild
        labels = image.labels
        stopSignal = image.stopSignal
        shell = image.shell
    }
}

extension ImageHistoryEntry {
    /// The steps of an image, the last one first.
    fileprivate static func list(_ image: StoredImage) -> [ImageHistoryEntry] {
        var layers = image.layers[...]
        return (image.configuration.history ?? []).map { step in
            var entry = ImageHistoryEntry()
            entry.id = "<missing>"
            entry.created = step.created.flatMap { Timestamp(parsing: $0) }?.seconds ?? 0
            entry.createdBy = step.createdBy ?? ""
            entry.size = step.emptyLayer == true ? 0 : layers.popFirst()?.size ?? 0
            entry.comment = step.comment ?? ""
            return entry
        }.reversed()
    }
}
