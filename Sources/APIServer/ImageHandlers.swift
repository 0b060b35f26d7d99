import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

struct ImageHandlers: Sendable {
    let engine: Engine

    /// What lies between the first word of the path and the last: names have slashes.
    private func name(_ exchange: Exchange, dropping last: Int) -> String {
        exchange.request.path.dropFirst().dropLast(last).joined(separator: "/")
    }

    static func row(_ summary: ImageSummary) -> JSON {
        let created = summary.image.configuration.created.flatMap { Timestamp(parsing: $0) }?.seconds ?? 0
        return [
            "Containers": JSON(summary.containers), "Created": JSON(created),
            "Id": .string(summary.image.id.description),
            "Labels": summary.image.configuration.config?.labels.map { JSON($0) } ?? .null, "ParentId": "",
            "RepoDigests": JSON(summary.digests.map(\.familiar)),
            "RepoTags": JSON(summary.references.map(\.familiar)), "SharedSize": -1, "Size": JSON(summary.image.size),
        ]
    }

    func list(_ exchange: Exchange) async throws {
        let filters = try Filters(
            query: exchange.request["filters"], known: ["reference", "dangling", "label", "before", "since", "until"])
        let found = await engine.imageSummaries().filter { summary in
            filters.matchesLabels(summary.image.configuration.config?.labels ?? [:])
                && filters.matches("dangling") { ($0 == "true" || $0 == "1") == summary.references.isEmpty }
                && filters.matches("reference") { pattern in summary.references.contains { Self.fits($0, pattern) } }
        }
        try await exchange.answer(200, .array(found.map(Self.row)))
    }

    /// `redis`, `redis:7`, `red*`.
    static func fits(_ reference: ImageReference, _ pattern: String) -> Bool {
        [reference.familiar, reference.familiarName].contains { text in
            guard let star = pattern.firstIndex(of: "*") else { return text == pattern }
            return text.hasPrefix(pattern[..<star])
                && text.hasSuffix(pattern[pattern.index(after: star)...].filter { $0 != "*" })
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
                .unsupported, "import from an address is not supported: give the archive on standard input")
        }
        var reference: ImageReference?
        if let repository = request["repo"], !repository.isEmpty {
            reference = try ImageReference(
                parsing: repository + (request["tag"].map { $0.isEmpty ? "" : ":\($0)" } ?? ""))
        }
        let target = reference
        let changes = request.query["changes"] ?? []
        let image = try await exchange.receiveFile(engine) { [engine] archive in
            try await engine.importImage(archive, reference: target, changes: changes, message: request["message"])
        }
        try await exchange.startStream("application/json")
        try await exchange.send(JSON.object([("status", .string(image.id.description))]).bytes() + [10])
        try await exchange.end()
    }

    func load(_ exchange: Exchange) async throws {
        let loaded = try await exchange.receiveFile(engine) { [engine] archive in try await engine.loadImages(archive) }
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
        for name in names { _ = try await engine.image(name) }
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
            "User": .string(runtime.user ?? ""), "ExposedPorts": keys(runtime.exposedPorts), "Env": list(runtime.env),
            "Cmd": list(runtime.cmd),
        ]
        if let health = runtime.healthcheck?.spec {
            config.set(
                "Healthcheck",
                [
                    "Test": JSON(health.test), "Interval": JSON(health.interval), "Timeout": JSON(health.timeout),
                    "StartPeriod": JSON(health.startPeriod), "Retries": JSON(health.retries),
                ])
        }
        let rest: JSON = [
            "Volumes": keys(runtime.volumes), "WorkingDir": .string(runtime.workingDir ?? ""),
            "Entrypoint": list(runtime.entrypoint), "OnBuild": list(runtime.onBuild),
            "Labels": runtime.labels.map { JSON($0) } ?? .null, "StopSignal": JSON(runtime.stopSignal),
        ]
        for (key, value) in rest.object ?? [] where !(key == "StopSignal" && value.isNull) { config.set(key, value) }
        try await exchange.answer(
            200,
            [
                "Id": .string(image.id.description),
                "RepoTags": JSON(await engine.references(image.id).map(\.familiar)), 
                "RepoDigests": JSON(await engine.repositoryDigests(image.id).map(\.familiar)), "Parent": "",
                "Comment": .string(configuration.history?.last?.comment ?? ""),
                "Created": .string(configuration.created ?? Timestamp.never), "DockerVersion": "",
                "Author": .string(configuration.author ?? ""), "Config": config,
                "Architecture": .string(configuration.architecture), "Os": .string(configuration.os),
                "Size": JSON(image.size), "GraphDriver": ["Data": .object([]), "Name": "overlay2"],
                "RootFS": ["Type": "layers", "Layers": JSON(configuration.rootfs.diffIDs.map(\.description))],
                "Metadata": ["LastTagTime": .string(Timestamp.never)],
            ])
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
        let reference = try ImageReference(
            parsing: (request["repo"] ?? "") + (request["tag"].map { $0.isEmpty ? "" : ":\($0)" } ?? ""))
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
        let filters = try Filters(query: exchange.request["filters"], known: ["dangling", "until", "label"])
        let everything = filters["dangling"].contains { $0 == "false" || $0 == "0" }
        var removed: [Engine.ImageRemoval] = []
        var reclaimed: Int64 = 0
        for summary in await engine.imageSummaries()
        where summary.containers == 0 && (everything || summary.references.isEmpty) {
            removed += try await engine.removeImage(summary.image.id.description, force: true)
            reclaimed += summary.image.size
        }
        try await exchange.answer(
            200, ["ImagesDeleted": removed.isEmpty ? .null : json(removed), "SpaceReclaimed": JSON(reclaimed)])
    }
}
