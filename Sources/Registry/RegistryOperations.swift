import AsyncHTTPClient
import EngineModel
import Foundation
import LinuxKernel
import NIOCore
import NIOHTTP1
import OCI

/// A manifest with its original bytes, which determine its digest.
package struct PulledManifest: Sendable {
    package let bytes: [UInt8]
    package let mediaType: String
}

/// The destination of a blob download.
package protocol BlobSink: Sendable {
    /// Bytes received so far: the offset for resuming an interrupted download.
    var count: Int64 { get }
    func append(_ bytes: [UInt8]) throws
}

extension RegistrySession {
    static let manifestTypes = [
        MediaTypes.manifest, MediaTypes.index, MediaTypes.dockerManifest, MediaTypes.dockerIndex,
    ].joined(separator: ", ")

    /// Pulls a manifest or an index by tag or digest.
    package func manifest(_ reference: String) async throws -> PulledManifest {
        let answer = try await request(
            .GET, "/v2/\(repository)/manifests/\(reference)", headers: [("Accept", Self.manifestTypes)])
        guard answer.status == .ok else { throw await refusal(answer, "manifest for \(shown(reference))") }
        let type = answer.headers.first(name: "Content-Type").map { String($0.prefix { $0 != ";" }) } ?? ""
        let bytes = Array(buffer: try await collect(answer))
        if type.hasPrefix("application/vnd.docker.distribution.manifest.v1") {
            throw RoostError(
                .unsupported,
                "\(shown(reference)) uses the removed manifest format schema 1: push the image again with a current tool"
            )
        }
        return PulledManifest(bytes: bytes, mediaType: type)
    }

    private func collect(_ answer: HTTPClientResponse) async throws -> ByteBuffer {
        do { return try await answer.body.collect(upTo: Self.documentLimit) } catch is NIOTooManyBytesError {
            throw RoostError.invalid("registry \(domain) sent a document of more than \(Self.documentLimit) bytes")
        }
    }

    private func shown(_ reference: String) -> String {
        let reference = reference.contains(":") ? "@" + reference : ":" + reference
        let name = ImageReference(domain: domain, path: repository, tag: nil, digest: nil).familiarName
        return name + reference
    }

    /// The error for an unexpected response.
    func refusal(_ answer: HTTPClientResponse, _ what: String) async -> RoostError {
        let words = await Self.message(answer)
        let familiar = ImageReference(domain: domain, path: repository, tag: nil, digest: nil).familiarName
        switch answer.status {
        case .notFound: return .missing("\(what) not found: \(words ?? "not found")")
        case .unauthorized, .forbidden:
            return RoostError(
                .notFound,
                "pull access denied for \(familiar), repository does not exist or may require 'roost login': \(words ?? "denied")"
            )
        case .tooManyRequests:
            return RoostError(
                .unavailable, "registry \(domain): too many requests (429): \(words ?? "try again later")")
        default:
            return RoostError(
                .failure, "registry \(domain): \(what): \(answer.status.code): \(words ?? "no reason given")")
        }
    }

    /// Pulls a small blob into memory, without verifying the digest.
    package func document(_ descriptor: Descriptor) async throws -> [UInt8] {
        let answer = try await request(.GET, "/v2/\(repository)/blobs/\(descriptor.digest)")
        guard answer.status == .ok else { throw await refusal(answer, "blob \(descriptor.digest)") }
        return Array(buffer: try await collect(answer))
    }

    /// Downloads a blob into a sink and resumes after interrupted connections. The sink verifies the digest.
    package func download(_ descriptor: Descriptor, into sink: some BlobSink) async throws {
        var failures = 0
        var offset = sink.count
        while true {
            do {
                try await part(descriptor, into: sink)
                if sink.count == descriptor.size { return }
                throw RoostError(.unavailable, "the connection ended early")
            } catch {
                if let known = error as? RoostError, known.kind != .unavailable { throw known }
                if error is CancellationError { throw error }
                // Any progress resets the number of attempts.
                failures = sink.count > offset ? 1 : failures + 1
                offset = sink.count
                guard failures < Self.attempts else {
                    throw RoostError(
                        .failure,
                        "blob \(descriptor.digest) of registry \(domain): \(Self.reason(error)) after \(sink.count) of \(descriptor.size) bytes (\(failures) attempts)"
                    )
                }
                try await Task.sleep(for: .seconds(Self.retryDelay(nil, attempt: failures - 1)))
            }
        }
    }

    private func part(_ descriptor: Descriptor, into sink: some BlobSink) async throws {
        let start = sink.count
        let answer = try await request(
            .GET, "/v2/\(repository)/blobs/\(descriptor.digest)",
            headers: start > 0 ? [("Range", "bytes=\(start)-")] : [])
        var skip: Int64 = 0
        switch answer.status {
        case .ok: skip = start
        case .partialContent:
            let range = answer.headers.first(name: "Content-Range") ?? ""
            guard range.hasPrefix("bytes \(start)-") else {
                throw RoostError.invalid(
                    "registry \(domain) sent range \"\(range)\", expected bytes from \(start)")
            }
        default: throw await refusal(answer, "blob \(descriptor.digest)")
        }
        for try await buffer in answer.body {
            var bytes = Array(buffer: buffer)
            if skip > 0 {
                let dropped = min(skip, Int64(bytes.count))
                bytes.removeFirst(Int(dropped))
                skip -= dropped
            }
            guard sink.count + Int64(bytes.count) <= descriptor.size else {
                throw RoostError.invalid(
                    "blob \(descriptor.digest) of registry \(domain) is longer than the \(descriptor.size) bytes in its manifest"
                )
            }
            if !bytes.isEmpty { try sink.append(bytes) }
        }
    }

    /// Lists all tags of the repository.
    package func tags() async throws -> [String] {
        var path = "/v2/\(repository)/tags/list?n=1000"
        var all: [String] = []
        for _ in 0..<100 {
            let answer = try await request(.GET, path)
            guard answer.status == .ok else { throw await refusal(answer, "tags of \(repository)") }
            let next = answer.headers.first(name: "Link").flatMap(Self.nextPage)
            all += try JSON(parsing: Array(buffer: try await collect(answer)))["tags"].strings ?? []
            guard let next else { break }
            path = next
        }
        return all
    }

    /// `</v2/…?last=x>; rel="next"` (RFC 8288).
    static func nextPage(_ header: String) -> String? {
        guard header.contains("rel=\"next\""), let open = header.firstIndex(of: "<"),
            let close = header.firstIndex(of: ">"), open < close
        else { return nil }
        let target = String(header[header.index(after: open)..<close])
        guard let url = URL(string: target), url.scheme != nil else { return target.hasPrefix("/") ? target : nil }
        return url.path + (url.query.map { "?\($0)" } ?? "")
    }

    /// A result of a registry search.
    package struct SearchResult: Sendable {
        package var name: String
        package var description: String
        package var stars: Int64
        package var isOfficial: Bool
    }

    /// Searches images by name: with the search of the registry (Docker Registry v1, `/v1/search`), else in its catalog (OCI
    /// distribution specification, `/v2/_catalog`).
    package func search(_ term: String, limit: Int) async throws -> [SearchResult] {
        let wanted = PercentEncoding.encode(term)
        let query = "/v1/search?q=\(wanted)&n=\(limit)"
        let answer = try await request(
            .GET, domain == RegistryConfiguration.hub ? RegistryConfiguration.searchHost + query : query)
        if answer.status == .ok {
            let found = try JSON(parsing: Array(buffer: try await collect(answer)))["results"].array ?? []
            return found.prefix(limit).map { entry in
                SearchResult(
                    name: entry["name"].string ?? "", description: entry["description"].string ?? "",
                    stars: entry["star_count"].int ?? 0, isOfficial: entry["is_official"].bool ?? false)
            }
        }
        await Self.drain(answer)
        guard domain != RegistryConfiguration.hub else { throw await refusal(answer, "search for \(term)") }
        var path = "/v2/_catalog?n=1000"
        var names: [String] = []
        for _ in 0..<100 where names.count < limit {
            let page = try await request(.GET, path, actions: "catalog")
            guard page.status == .ok else {
                throw RoostError(.unsupported, "registry \(domain) provides neither a search nor a catalog")
            }
            let next = page.headers.first(name: "Link").flatMap(Self.nextPage)
            let found = try JSON(parsing: Array(buffer: try await collect(page)))["repositories"].strings ?? []
            names += found.filter { $0.contains(term.lowercased()) }
            guard let next else { break }
            path = next
        }
        return names.prefix(limit).map {
            SearchResult(name: "\(domain)/\($0)", description: "", stars: 0, isOfficial: false)
        }
    }

    // MARK: Pushing

    static let pushActions = "pull,push"

    package func hasBlob(_ digest: Digest) async throws -> Bool {
        let answer = try await request(.HEAD, "/v2/\(repository)/blobs/\(digest)", actions: Self.pushActions)
        await Self.drain(answer)
        return answer.status == .ok
    }

    package enum BlobOutcome: Sendable, Equatable {
        case pushed
        /// Mounted from another repository of the registry.
        case mounted(from: String)
    }

    /// Pushes a blob that the registry does not have.
    package func push(
        _ digest: Digest, size: Int64, path: String, from others: [String],
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> BlobOutcome {
        for other in others where other != repository {
            let answer = try await request(
                .POST, "/v2/\(repository)/blobs/uploads/?mount=\(digest)&from=\(other)", actions: Self.pushActions)
            await Self.drain(answer)
            if answer.status == .created { return .mounted(from: other) }
            if answer.status == .accepted, let location = uploadAddress(answer) {
                try await finish(location, digest, .file(path: path, size: size, progress: progress))
                return .pushed
            }
        }
        // An upload cannot be resumed; it is repeated from the start when the connection breaks.
        var failure: any Error = RoostError.failure("no attempt was made")
        for attempt in 0..<4 {
            if attempt > 0 { try await Task.sleep(for: .seconds(Self.retryDelay(nil, attempt: attempt))) }
            do {
                let answer = try await request(.POST, "/v2/\(repository)/blobs/uploads/", actions: Self.pushActions)
                guard answer.status == .accepted, let location = uploadAddress(answer) else {
                    throw await pushRefusal(answer, "blob \(digest)")
                }
                await Self.drain(answer)
                try await finish(location, digest, .file(path: path, size: size, progress: progress))
                return .pushed
            } catch let error as RoostError { throw error } catch { failure = error }
        }
        throw RoostError(.failure, "registry \(domain): blob \(digest): \(Self.reason(failure))")
    }

    private func uploadAddress(_ answer: HTTPClientResponse) -> String? {
        answer.headers.first(name: "Location")
    }

    private func finish(_ location: String, _ digest: Digest, _ body: RegistryBody) async throws {
        let target = location + (location.contains("?") ? "&" : "?") + "digest=\(digest)"
        let answer = try await request(.PUT, target, body: body, actions: Self.pushActions, repeats: false)
        guard answer.status == .created else { throw await pushRefusal(answer, "blob \(digest)") }
        await Self.drain(answer)
    }

    private func pushRefusal(_ answer: HTTPClientResponse, _ what: String) async -> RoostError {
        guard answer.status == .unauthorized || answer.status == .forbidden else { return await refusal(answer, what) }
        return RoostError(
            .forbidden,
            "push to \(domain)/\(repository) denied: \(await Self.message(answer) ?? "use roost login first")")
    }

    /// Pushes a manifest under a tag or digest.
    package func push(manifest bytes: [UInt8], type: String, as reference: String) async throws {
        let answer = try await request(
            .PUT, "/v2/\(repository)/manifests/\(reference)", body: .bytes(bytes, type: type), actions: Self.pushActions
        )
        guard answer.status == .created else { throw await pushRefusal(answer, "manifest \(reference)") }
        await Self.drain(answer)
    }
}
