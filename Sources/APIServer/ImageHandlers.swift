import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

struct ImageHandlers: Sendable {
    let engine: Engine

    /// The part of the path between the first and the last component: image names contain slashes.
    private func name(_ exchange: Exchange, dropping last: Int) -> String {
        exchange.request.path.dropFirst().dropLast(last).joined(separator: "/")
    }

    static func row(_ summary: ImageSummary) -> JSON { row(summary, shared: nil) }

    static func row(_ summary: ImageSummary, shared: Int64?) -> JSON {
        let created = summary.image.configuration.created.flatMap { Timestamp(parsing: $0) }?.seconds ?? 0
        return [
            "Containers": JSON(summary.containers), "Created": JSON(created),
            "Id": .string(summary.image.id.description),
            "Labels": summary.image.configuration.config?.labels.map { JSON($0) } ?? .null,
            "ParentId": .string(summary.image.parent?.description ?? ""),
            "RepoDigests": JSON(summary.digests.map(\.familiar)),
            "RepoTags": JSON(summary.references.map(\.familiar)), "SharedSize": JSON(shared ?? -1),
            "Size": JSON(summary.image.size),
        ]
    }

    func list(_ exchange: Exchange) async throws {
        let filters = try Filters(
            query: exchange.request["filters"], known: ["reference", "dangling", "label", "before", "since", "until"])
        _ = try filters.truth("dangling")
        let all = await engine.imageSummaries()
        func created(_ name: String) async throws -> String {
            try await engine.image(name).configuration.created ?? ""
        }
        var before: String?
        var since: String?
        for name in filters["before"] { before = try await created(name) }
        for name in filters["since"] { since = try await created(name) }
        let until = try PruneRules.time(filters["until"].first)
        let found = all.filter { summary in
            let made = summary.image.configuration.created ?? ""
            return filters.matchesLabels(summary.image.configuration.config?.labels ?? [:])
                && filters.matches("dangling") {
                    ($0 == "true" || $0 == "1") == (summary.references.isEmpty && summary.digests.isEmpty)
                } && before.map { made < $0 } != false && since.map { made > $0 } != false
                && until.map { (Timestamp(parsing: made)?.nanoseconds ?? 0) < $0 } != false
        }
        let patterns = filters["reference"] + (exchange.request["filter"].map { [$0] } ?? [])
        let rows = patterns.isEmpty ? found : found.compactMap { Self.narrowed($0, patterns) }
        let wantsShared = exchange.request.flag("shared-size")
        try await exchange.answer(
            200,
            .array(
                rows.map { summary in
                    var row = Self.row(summary, shared: wantsShared ? Self.sharedSize(summary.image, all) : nil)
                    if exchange.request.version < 1044 { row.set("VirtualSize", JSON(summary.image.size)) }
                    return row
                }))
    }

    /// Keeps only the names that match; nil if none do.
    private static func narrowed(_ summary: ImageSummary, _ patterns: [String]) -> ImageSummary? {
        var summary = summary
        summary.references = summary.references.filter { name in patterns.contains { fits(name, $0) } }
        summary.digests = summary.digests.filter { name in patterns.contains { fits(name, $0) } }
        return summary.references.isEmpty && summary.digests.isEmpty ? nil : summary
    }

    /// The size of the layers that other images have too, in bytes.
    static func sharedSize(_ image: StoredImage, _ all: [ImageSummary]) -> Int64 {
        image.layers.filter { layer in
            all.contains { $0.image.id != image.id && $0.image.layers.contains { $0.chain == layer.chain } }
        }.reduce(0) { $0 + $1.size }
    }

    /// Matches `redis`, `redis:7`, `red*`, `*/app:1`, as Go's `path.Match` does.
    static func fits(_ reference: ImageReference, _ pattern: String) -> Bool {
        guard let pattern = try? PathPattern(pattern) else { return false }
        return [reference.familiar, reference.familiarName, reference.description].contains {
            pattern.matches($0.split(separator: "/"))
        }
    }

    /// `import` from standard input, or a pull.
    func create(_ exchange: Exchange) async throws {
        let request = exchange.request
        guard let source = request["fromSrc"] else {
            return try await RegistryHandlers(engine: engine).pull(exchange)
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
        let image = try await exchange.receiveFile(engine) { [engine] archive in
            try await engine.importImage(
                archive, reference: target, platform: platform ?? .host, changes: changes, message: request["message"])
        }
        try await exchange.startStream("application/json")
        try await exchange.send(JSON.object([("status", .string(image.id.description))]).bytes() + [10])
        try await exchange.end()
    }

    func load(_ exchange: Exchange) async throws {
        let loaded: [NamedImage]
        do {
            loaded = try await exchange.receiveFile(engine) { [engine] archive in try await engine.loadImages(archive) }
        } catch let error as RoostError where error.kind == .invalidArgument {
            // As in Docker: reported inside the stream.
            try await exchange.startStream("application/json")
            try await exchange.sendError(error.message, code: error.code)
            return try await exchange.end()
        }
        try await exchange.startStream("application/json")
        for named in loaded {
            let lines =
                named.references.isEmpty
                ? ["Loaded image ID: \(named.image.id)\n"] : named.references.map { "Loaded image: \($0.familiar)\n" }
            for line in lines { try await exchange.send(JSON.object([("stream", .string(line))]).bytes() + [10]) }
        }
        try await exchange.end()
    }

    func saveMany(_ exchange: Exchange) async throws { try await save(exchange, exchange.request.query["names"] ?? []) }
    func saveOne(_ exchange: Exchange) async throws { try await save(exchange, [name(exchange, dropping: 1)]) }

    private func save(_ exchange: Exchange, _ names: [String]) async throws {
        for name in names { try await engine.checkSavable(name) }
        try await exchange.sendFile(engine, type: "application/x-tar") { [engine] target in
            try await engine.saveImages(names, to: target)
        }
    }

    func inspect(_ exchange: Exchange) async throws {
        let image = try await engine.image(name(exchange, dropping: 1))
        let configuration = image.configuration
        let runtime = configuration.config ?? .init()
        func list(_ values: [String]?) -> JSON { values.map { JSON($0) } ?? .null }
        func keys(_ map: [String: ImageConfiguration.Empty]?) -> JSON {
            map.map { .object($0.keys.sorted().map { ($0, .object([])) }) } ?? .null
        }
        var config: JSON = [
            "Hostname": "", "Domainname": "", "User": .string(runtime.user ?? ""), "AttachStdin": false,
            "AttachStdout": false, "AttachStderr": false, "Tty": false, "OpenStdin": false, "StdinOnce": false,
            "Image": "", "ExposedPorts": keys(runtime.exposedPorts), "Env": list(runtime.env),
            "Cmd": list(runtime.cmd),
        ]
        if let health = runtime.healthcheck?.spec {
            var check: JSON = ["Test": JSON(health.test)]
            for (key, value) in [
                ("Interval", health.interval), ("Timeout", health.timeout), ("StartPeriod", health.startPeriod),
                ("StartInterval", health.startInterval), ("Retries", Int64(health.retries)),
            ] where value != 0 { check.set(key, JSON(value)) }
            config.set("Healthcheck", check)
        }
        let rest: JSON = [
            "Volumes": keys(runtime.volumes), "WorkingDir": .string(runtime.workingDir ?? ""),
            "Entrypoint": list(runtime.entrypoint), "OnBuild": list(runtime.onBuild),
            "Labels": runtime.labels.map { JSON($0) } ?? .null, "StopSignal": JSON(runtime.stopSignal),
            "Shell": list(runtime.shell),
        ]
        if runtime.exposedPorts == nil, case .object(let members) = config {
            config = .object(members.filter { $0.key != "ExposedPorts" })
        }
        for (key, value) in rest.object ?? [] where !(["StopSignal", "Shell"].contains(key) && value.isNull) {
            config.set(key, value)
        }
        let variant: [(key: String, value: JSON)] = configuration.variant.map { [("Variant", .string($0))] } ?? []
        let description: JSON = [
            "Id": .string(image.id.description),
            "RepoTags": JSON(await engine.references(image.id).map(\.familiar)),
            "RepoDigests": JSON(await engine.repositoryDigests(image.id).map(\.familiar)),
            "Parent": .string(image.parent?.description ?? ""),
            "Comment": .string(configuration.history?.last?.comment ?? ""),
            "Created": .string(configuration.created ?? Timestamp.never), "DockerVersion": "",
            "Author": .string(configuration.author ?? ""), "Config": config,
            "Architecture": .string(configuration.architecture), "Os": .string(configuration.os),
            "Size": JSON(image.size), "GraphDriver": ["Data": .object([]), "Name": "overlay2"],
            "RootFS": ["Type": "layers", "Layers": JSON(configuration.rootfs.diffIDs.map(\.description))],
            "Metadata": [
                "LastTagTime": .string(
                    image.taggedAt.map { Timestamp(nanoseconds: $0).rfc3339 } ?? Timestamp.never)
            ],
        ]
        try await exchange.answer(
            200,
            Self.forVersion(
                exchange.request.version, image.size, .object((description.object ?? []) + variant), config))
    }

    /// Adds members for older clients: the size under its other name, and the configuration of the container that created the image.
    private static func forVersion(_ version: Int, _ size: Int64, _ json: JSON, _ config: JSON) -> JSON {
        var json = json
        if version < 1044 { json.set("VirtualSize", JSON(size)) }
        if version < 1045 {
            json.set("Container", "")
            json.set("ContainerConfig", config)
        }
        return json
    }

    func history(_ exchange: Exchange) async throws {
        let image = try await engine.image(name(exchange, dropping: 1))
        var layers = image.layers[...]
        var rows: [JSON] = []
        let tags = await engine.references(image.id).map(\.familiar)
        for entry in image.configuration.history ?? [] {
            let size = entry.emptyLayer == true ? 0 : layers.popFirst()?.size ?? 0
            rows.append([
                "Id": "<missing>", "Created": JSON(entry.created.flatMap { Timestamp(parsing: $0) }?.seconds ?? 0),
                "CreatedBy": .string(entry.createdBy ?? ""),
                "Tags": .null, "Size": JSON(size), "Comment": .string(entry.comment ?? ""),
            ])
        }
        rows.reverse()
        if !rows.isEmpty {
            rows[0].set("Id", .string(image.id.description))
            rows[0].set("Tags", tags.isEmpty ? .null : JSON(tags))
        }
        try await exchange.answer(200, .array(rows))
    }

    func tag(_ exchange: Exchange) async throws {
        let request = exchange.request
        let reference = try ImageReference(repository: request["repo"] ?? "", tag: request["tag"])
        try await engine.tagImage(name(exchange, dropping: 1), as: reference)
        try await exchange.answer(201)
    }

    private func json(_ removals: [Engine.ImageRemoval]) -> JSON {
        .array(
            removals.map { removal in
                switch removal {
                case .untagged(let name): ["Untagged": .string(name)]
                case .deleted(let id): ["Deleted": .string(id)]
                }
            })
    }

    func remove(_ exchange: Exchange) async throws {
        try await exchange.answer(
            200, json(try await engine.removeImage(name(exchange, dropping: 0), force: exchange.request.flag("force"))))
    }

    func prune(_ exchange: Exchange) async throws {
        let filters = try Filters(query: exchange.request["filters"], known: ["dangling", "until", "label", "label!"])
        let everything = filters["dangling"].contains { $0 == "false" || $0 == "0" }
        let until = try PruneRules.time(filters["until"].first)
        var removed: [Engine.ImageRemoval] = []
        let all = await engine.imageSummaries()
        var doomed: [ImageSummary] = []
        for summary in all where summary.containers == 0 && (everything || summary.references.isEmpty) {
            guard PruneRules.matches(filters, summary.image.configuration.config?.labels ?? [:]) else { continue }
            let made = Timestamp(parsing: summary.image.configuration.created ?? "")?.nanoseconds ?? 0
            if let until, made >= until { continue }
            doomed.append(summary)
        }
        let gone = Set(doomed.map(\.image.id))
        let kept = Set(all.filter { !gone.contains($0.image.id) }.flatMap { $0.image.layers.map(\.chain) })
        var counted: Set<Digest> = []
        var reclaimed: Int64 = 0
        for summary in doomed {
            for layer in summary.image.layers where !kept.contains(layer.chain) && counted.insert(layer.chain).inserted
            {
                reclaimed += layer.size
            }
            removed += try await engine.removeImage(summary.image.id.description, force: true)
        }
        await engine.announcePrune(.image, reclaimed: reclaimed)
        try await exchange.answer(
            200, ["ImagesDeleted": removed.isEmpty ? .null : json(removed), "SpaceReclaimed": JSON(reclaimed)])
    }
}
