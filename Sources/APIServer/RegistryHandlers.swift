import DockerAPI
import EngineCore
import EngineModel
import NIOHTTP1
import OCI
import Registry

/// Requests to registries: pull, push, login, search.
struct RegistryHandlers: Sendable {
    let engine: Engine

    private func credentials(_ request: Request) throws -> RegistryCredentials? {
        try RegistryCredentials(header: request.headers["X-Registry-Auth"].first)
    }

    private func platform(_ request: Request) throws -> Descriptor.Platform? {
        try request["platform"].flatMap { $0.isEmpty ? nil : try Descriptor.Platform(parsing: $0) }
    }

    /// `POST /images/create?fromImage=…`; without a tag it pulls every tag of the repository.
    func pull(_ request: Request) async throws -> Response {
        try await request.body.discard()
        var name = request["fromImage"] ?? ""
        let tag = request["tag"] ?? ""
        if tag.contains(":") { name += "@\(tag)" }
        let reference =
            try tag.isEmpty || tag.contains(":")
            ? ImageReference(parsing: name) : ImageReference(repository: name, tag: tag)
        let (credentials, platform) = (try credentials(request), try platform(request))
        let names: [ImageReference]
        if tag.isEmpty, !Self.hasTag(name), reference.digest == nil {
            names = try await engine.registryTags(reference, credentials: credentials).map {
                ImageReference(domain: reference.domain, path: reference.path, tag: $0, digest: nil)
            }
        } else {
            names = [reference]
        }
        return try await progress { [engine] report in
            for name in names {
                let pulled = try await engine.pullImage(name, platform: platform, credentials: credentials) {
                    report(ProgressMessage($0))
                }
                report(ProgressMessage(status: "Digest: \(pulled.digest)"))
                let word = pulled.isNew ? "Downloaded newer image" : "Image is up to date"
                report(ProgressMessage(status: "Status: \(word) for \(name.familiar)"))
            }
        }
    }

    /// Whether a name includes a tag.
    private static func hasTag(_ name: String) -> Bool { name.split(separator: "/").last?.contains(":") == true }

    func search(_ request: Request) async throws -> Response {
        let filters = try request.filters(["is-official", "is-automated", "stars"])
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
            request["term"] ?? "", limit: limit, credentials: try credentials(request))
        let rows = found.filter {
            (official == nil || official == $0.isOfficial) && automated != true && $0.stars >= stars
        }
        return try .json(
            encoding: rows.map { row in
                var result = ImageSearchResult()
                result.stars = row.stars
                result.isOfficial = row.isOfficial
                result.name = row.name
                result.description = row.description
                return result
            })
    }

    func push(_ request: Request) async throws -> Response {
        try await request.body.discard()
        let name = request.path.dropFirst().dropLast().joined(separator: "/")
        let tag = request["tag"] ?? ""
        let reference = try ImageReference(repository: name, tag: tag)
        let credentials = try credentials(request)
        var names = [reference]
        if tag.isEmpty, !Self.hasTag(name) {
            names = await engine.tagged(repository: reference)
            if names.isEmpty {
                throw RoostError.missing("An image does not exist locally with the tag: \(reference.familiarName)")
            }
        }
        let list = names
        // Docker's clients expect failures inside the stream.
        return try await progress(startsAtOnce: true) { [engine] report in
            for name in list {
                let pushed = try await engine.pushImage(name, credentials: credentials) { report(ProgressMessage($0)) }
                let tag = name.tag ?? "latest"
                report(ProgressMessage(status: "\(tag): digest: \(pushed.digest) size: \(pushed.size)"))
                var end = ProgressMessage()
                end.progressDetail = ProgressDetail()
                end.aux = ProgressResult()
                end.aux?.tag = tag
                end.aux?.digest = pushed.digest.description
                end.aux?.size = pushed.size
                report(end)
            }
        }
    }

    /// A failure before the first line is a response with a status, as clients expect it; a later one is a line.
    private func progress(
        startsAtOnce: Bool = false,
        _ work:
            @escaping @Sendable (_ report: @escaping @Sendable (any Encodable & Sendable) -> Void) async throws -> Void
    ) async throws -> Response {
        let dataRoot = engine.configuration.dataRoot
        return try await .progress(
            startsAtOnce: startsAtOnce,
            early: { error in
                // On 401 Docker's clients would prompt for a password in the middle of a script.
                if let known = error as? RoostError, known.kind == .unauthorized {
                    throw RoostError.failure(known.message)
                }
                throw error
            },
            failure: { error in
                let known = DiskSpace.explain(error, at: dataRoot) ?? error as? RoostError
                return ProgressMessage(failure: known?.message ?? "\(error)", code: known?.code)
            }, work)
    }

    func login(_ request: Request) async throws -> Response {
        let credentials = RegistryCredentials(json: try await request.json())
        try await engine.checkLogin(credentials)
        var response = LoginResponse()
        response.status = "Login Succeeded"
        return try .json(encoding: response)
    }

    /// For our own command line: returns the manifest itself.
    func manifest(_ request: Request) async throws -> Response {
        let name = request.path.dropFirst(3).joined(separator: "/")
        let bytes = try await engine.remoteManifest(
            try ImageReference(parsing: name), credentials: try credentials(request))
        return .json(try JSON(parsing: bytes))
    }

    func describe(_ request: Request) async throws -> Response {
        let name = request.path.dropFirst().dropLast().joined(separator: "/")
        let found = try await engine.describeRemote(
            try ImageReference(parsing: name), credentials: try credentials(request))
        var inspect = DistributionInspect()
        inspect.descriptor.mediaType = found.descriptor.mediaType
        inspect.descriptor.digest = found.descriptor.digest.description
        inspect.descriptor.size = found.descriptor.size
        inspect.platforms = found.platforms.map { platform in
            var wire = DistributionInspect.Platform()
            wire.architecture = platform.architecture
            wire.os = platform.os
            wire.variant = platform.variant
            return wire
        }
        return try .json(encoding: inspect)
    }
}

extension ProgressMessage {
    init(_ progress: TransferProgress) {
        self.init()
        status = progress.status
        id = progress.layer
        if let (current, total) = progress.amount {
            progressDetail = ProgressDetail()
            progressDetail?.current = current
            progressDetail?.total = total
            self.progress = ProgressText.bar(current, total)
        } else if progress.layer != nil {
            progressDetail = ProgressDetail()
        }
    }
}
