import DockerAPI
import EngineCore
import EngineModel
import NIOHTTP1
import OCI
import Registry

/// Requests to registries: pull, push, login, search.
struct RegistryHandlers: Sendable {
    let engine: Engine

    private func credentials(_ exchange: Exchange) throws -> RegistryCredentials? {
        try RegistryCredentials(header: exchange.request.headers["X-Registry-Auth"].first)
    }

    private func platform(_ exchange: Exchange) throws -> Descriptor.Platform? {
        try exchange.request["platform"].flatMap { $0.isEmpty ? nil : try Descriptor.Platform(parsing: $0) }
    }

    /// `POST /images/create?fromImage=…`; without a tag it pulls every tag of the repository.
    func pull(_ exchange: Exchange) async throws {
        let request = exchange.request
        try await exchange.discardBody()
        var name = request["fromImage"] ?? ""
        let tag = request["tag"] ?? ""
        if tag.contains(":") { name += "@\(tag)" }
        let reference =
            try tag.isEmpty || tag.contains(":")
            ? ImageReference(parsing: name) : ImageReference(repository: name, tag: tag)
        let (credentials, platform) = (try credentials(exchange), try platform(exchange))
        let names: [ImageReference]
        if tag.isEmpty, !Self.hasTag(name), reference.digest == nil {
            names = try await engine.registryTags(reference, credentials: credentials).map {
                ImageReference(domain: reference.domain, path: reference.path, tag: $0, digest: nil)
            }
        } else {
            names = [reference]
        }
        try await stream(exchange) { [engine] report in
            for name in names {
                let pulled = try await engine.pullImage(name, platform: platform, credentials: credentials) {
                    report(Self.line($0))
                }
                report(["status": .string("Digest: \(pulled.digest)")])
                report([
                    "status": .string(
                        "Status: \(pulled.isNew ? "Downloaded newer image" : "Image is up to date") for \(name.familiar)"
                    )
                ])
            }
        }
    }

    /// Whether a name includes a tag.
    private static func hasTag(_ name: String) -> Bool { name.split(separator: "/").last?.contains(":") == true }

    func search(_ exchange: Exchange) async throws {
        let request = exchange.request
        let filters = try Filters(query: request["filters"], known: ["is-official", "is-automated", "stars"])
        let official = try filters.truth("is-official")
        // Docker Hub has no automated builds any more.
        let automated = try filters.truth("is-automated")
        var stars: Int64 = 0
        if let text = filters["stars"].first {
            guard let count = Int64(text) else { throw RoostError.invalid("invalid filter 'stars=\(text)'") }
            stars = count
        }
        let limit = request.number("limit") ?? 25
        guard (1...100).contains(limit) else {
            throw RoostError.invalid("limit \(limit) is outside the range of [1, 100]")
        }
        let found = try await engine.searchImages(
            request["term"] ?? "", limit: limit, credentials: try credentials(exchange))
        let rows = found.filter {
            (official == nil || official == $0.isOfficial) && automated != true && $0.stars >= stars
        }
        try await exchange.answer(
            200,
            .array(
                rows.map {
                    [
                        "star_count": JSON($0.stars), "is_official": .bool($0.isOfficial), "name": .string($0.name),
                        "is_automated": false, "description": .string($0.description),
                    ]
                }))
    }

    func push(_ exchange: Exchange) async throws {
        try await exchange.discardBody()
        let name = exchange.request.path.dropFirst().dropLast().joined(separator: "/")
        let tag = exchange.request["tag"] ?? ""
        let reference = try ImageReference(repository: name, tag: tag)
        let credentials = try credentials(exchange)
        var names = [reference]
        if tag.isEmpty, !Self.hasTag(name) {
            names = await engine.tagged(repository: reference)
            if names.isEmpty {
                throw RoostError.missing("An image does not exist locally with the tag: \(reference.familiarName)")
            }
        }
        let list = names
        // Docker's clients expect failures inside the stream.
        try await stream(exchange, startsAtOnce: true) { [engine] report in
            for name in list {
                let pushed = try await engine.pushImage(name, credentials: credentials) { report(Self.line($0)) }
                let tag = name.tag ?? "latest"
                report(["status": .string("\(tag): digest: \(pushed.digest) size: \(pushed.size)")])
                report([
                    "progressDetail": .object([]),
                    "aux": [
                        "Tag": .string(tag), "Digest": .string(pushed.digest.description), "Size": JSON(pushed.size),
                    ],
                ])
            }
        }
    }

    static func line(_ progress: TransferProgress) -> JSON {
        var json: JSON = ["status": .string(progress.status)]
        if let (current, total) = progress.amount {
            json.set("progressDetail", ["current": JSON(current), "total": JSON(total)])
            json.set("progress", .string(ProgressText.bar(current, total)))
        } else if progress.layer != nil {
            json.set("progressDetail", .object([]))
        }
        if let layer = progress.layer { json.set("id", .string(layer)) }
        return json
    }

    /// Runs work that reports lines of JSON. A failure before the first line is a response with a status, as clients expect it; a later
    /// one is a line. A client that disconnects cancels the work.
    private func stream(
        _ exchange: Exchange, startsAtOnce: Bool = false,
        _ work: @escaping @Sendable (_ report: @escaping @Sendable (JSON) -> Void) async throws -> Void
    ) async throws {
        let (lines, continuation) = AsyncThrowingStream.makeStream(of: JSON.self)
        let task = Task {
            do {
                try await work { continuation.yield($0) }
                continuation.finish()
            } catch { continuation.finish(throwing: error) }
        }
        defer { task.cancel() }
        if startsAtOnce { try await exchange.startStream("application/json") }
        do {
            for try await line in lines {
                if !exchange.answered { try await exchange.startStream("application/json") }
                try await exchange.send(line.bytes() + [13, 10])
            }
        } catch {
            guard exchange.answered else {
                // On 401 Docker's clients would prompt for a password in the middle of a script.
                if let known = error as? RoostError, known.kind == .unauthorized {
                    throw RoostError.failure(known.message)
                }
                throw error
            }
            let known = DiskSpace.explain(error, at: engine.configuration.dataRoot) ?? error as? RoostError
            try await exchange.sendError(known?.message ?? "\(error)", code: known?.code)
        }
        if !exchange.answered { try await exchange.startStream("application/json") }
        try await exchange.end()
    }

    func login(_ exchange: Exchange) async throws {
        let credentials = RegistryCredentials(json: try await exchange.json())
        try await engine.checkLogin(credentials)
        try await exchange.answer(200, ["IdentityToken": "", "Status": "Login Succeeded"])
    }

    /// For our own command line: returns the manifest itself.
    func manifest(_ exchange: Exchange) async throws {
        let name = exchange.request.path.dropFirst(3).joined(separator: "/")
        let bytes = try await engine.remoteManifest(
            try ImageReference(parsing: name), credentials: try credentials(exchange))
        try await exchange.answer(200, try JSON(parsing: bytes))
    }

    func describe(_ exchange: Exchange) async throws {
        let name = exchange.request.path.dropFirst().dropLast().joined(separator: "/")
        let found = try await engine.describeRemote(
            try ImageReference(parsing: name), credentials: try credentials(exchange))
        try await exchange.answer(
            200,
            [
                "Descriptor": [
                    "mediaType": .string(found.descriptor.mediaType),
                    "digest": .string(found.descriptor.digest.description), "size": JSON(found.descriptor.size),
                ],
                "Platforms": .array(
                    found.platforms.map { platform in
                        var json: JSON = ["architecture": .string(platform.architecture), "os": .string(platform.os)]
                        if let variant = platform.variant { json.set("variant", .string(variant)) }
                        return json
                    }),
            ])
    }
}
