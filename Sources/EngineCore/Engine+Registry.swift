import EngineModel
import ImageStore
import LinuxKernel
import OCI
import Registry
import Synchronization

package typealias TransferReport = @Sendable (TransferProgress) -> Void

extension Engine {
    /// Content that is being pulled or built and that no image has yet: sweeps spare it.
    struct ImagePin: Sendable {
        var blobs: Set<Digest> = []
        var chains: Set<Digest> = []
    }

    /// Protects content from sweeps while the body works with it.
    func pinning<Value: Sendable>(_ pin: ImagePin, _ body: () async throws -> Value) async throws -> Value {
        let key = Identifiers.random()
        // A sweep in progress has not seen the pin: wait until it is over.
        await exclusively("images") { pins[key] = pin }
        defer { pins[key] = nil }
        return try await body()
    }

    /// The mirrors of Docker Hub that are tried first; none if the configuration file cannot be read.
    package func registryMirrors() -> [String] { (try? registries().mirrors) ?? [] }

    nonisolated func registries() throws(RoostError) -> RegistryConfiguration {
        try RegistryConfiguration(path: configuration.registryConfiguration)
    }

    func session(_ reference: ImageReference, _ credentials: RegistryCredentials?, mirrored: Bool = true) throws
        -> RegistrySession
    {
        try RegistrySession(
            domain: reference.domain, repository: reference.path, credentials: credentials,
            configuration: try registries(), mirrored: mirrored)
    }

    // MARK: Pulling

    package struct PulledImage: Sendable {
        package var image: StoredImage
        /// The digest of the manifest, or of the index, that the reference resolved to.
        package var digest: Digest
        package var isNew: Bool
    }

    /// Pulls an image and tags it with the requested name (`docker pull`).
    package func pullImage(
        _ reference: ImageReference, platform: Descriptor.Platform?, credentials: RegistryCredentials?,
        report: @escaping TransferReport
    ) async throws -> PulledImage {
        try await exclusively("pull:\(reference)") {
            let session = try session(reference, credentials)
            do {
                let result = try await pull(reference, platform, session, report)
                await session.close()
                return result
            } catch {
                await session.close()
                throw error
            }
        }
    }

    /// All tags of a repository in its registry.
    package func registryTags(_ reference: ImageReference, credentials: RegistryCredentials?) async throws -> [String] {
        let session = try session(reference, credentials)
        let result = await Self.outcome { try await session.tags() }
        await session.close()
        return try result.get()
    }

    static func outcome<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async -> Result<Value, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    private func pull(
        _ reference: ImageReference, _ platform: Descriptor.Platform?, _ session: RegistrySession,
        _ report: @escaping TransferReport
    ) async throws -> PulledImage {
        let name = reference.digest?.description ?? reference.tag ?? "latest"
        let top = try await session.manifest(name)
        let digest = Digest(of: top.bytes)
        if let wanted = reference.digest, wanted != digest {
            throw RoostError.invalid(
                "\(reference.familiar): digest mismatch: the registry returned a manifest with digest \(digest)")
        }
        report(TransferProgress(name, "Pulling from \(reference.path)"))
        let (manifest, descriptor, bytes) = try await resolve(
            top, digest, platform ?? .host, session, reference.familiar, depth: 0)
        let configurationBytes = try await session.document(manifest.config)
        guard Digest(of: configurationBytes) == manifest.config.digest else {
            throw RoostError.invalid(
                "\(reference.familiar): the configuration does not match its digest \(manifest.config.digest)"
            )
        }
        let configuration = try ImageStore.decode(
            ImageConfiguration.self, configurationBytes, "the configuration of \(reference.familiar)")
        try check(configuration, manifest, platform, reference)
        let chains = Self.chains(configuration.rootfs.diffIDs)
        let pin = ImagePin(
            blobs: Set(manifest.layers.map(\.digest) + [manifest.config.digest, digest, descriptor.digest]),
            chains: Set(chains))
        let wasKnown = tags[reference.description] == manifest.config.digest
        let image = try await pinning(pin) {
            let layers = try await pullLayers(manifest, configuration, chains, session, report)
            let content = images.content
            try await blocking {
                try content.put(configurationBytes)
                try content.put(bytes)
            }
            var image = StoredImage(id: manifest.config.digest, layers: layers, configuration: configuration)
            image.manifest = descriptor
            let byDigest = ImageReference(domain: reference.domain, path: reference.path, tag: nil, digest: digest)
            try keep(image, as: reference.digest == nil ? [reference, byDigest] : [byDigest])
            return image
        }
        publish(.image, "pull", id: reference.familiar, ["name": reference.familiarName])
        return PulledImage(image: image, digest: digest, isNew: !wasKnown)
    }

    /// Resolves the manifest for a platform: the fetched one itself, or the matching one of an index.
    private func resolve(
        _ fetched: PulledManifest, _ digest: Digest, _ platform: Descriptor.Platform, _ session: RegistrySession,
        _ name: String, depth: Int
    ) async throws -> (manifest: ImageManifest, descriptor: Descriptor, bytes: [UInt8]) {
        guard MediaTypes.isIndex(fetched.mediaType, fetched.bytes) else {
            let manifest = try ImageStore.decode(ImageManifest.self, fetched.bytes, "the manifest of \(name)")
            guard MediaTypes.isConfiguration(manifest.config.mediaType) else {
                throw RoostError(
                    .unsupported, "\(name) is not a container image: its type is \(manifest.config.mediaType)")
            }
            return (
                manifest,
                Descriptor(
                    mediaType: manifest.mediaType ?? fetched.mediaType, digest: digest, size: Int64(fetched.bytes.count)
                ),
                fetched.bytes
            )
        }
        guard depth < 4 else { throw RoostError.invalid("\(name): indexes are nested too deeply") }
        let all = try ImageStore.decode(ImageIndex.self, fetched.bytes, "the index of \(name)").manifests
        guard let fitting = all.first(where: { $0.platform.map(platform.accepts) == true }) else {
            let offered = all.compactMap { $0.platform?.description }.filter { !$0.contains("unknown") }
            throw RoostError.missing(
                "no matching manifest for \(platform.description) in the manifest list entries of \(name): available are \(offered.joined(separator: ", "))"
            )
        }
        let next = try await session.manifest(fitting.digest.description)
        guard Digest(of: next.bytes) == fitting.digest else {
            throw RoostError.invalid(
                "\(name): the manifest does not match its digest \(fitting.digest)")
        }
        return try await resolve(next, fitting.digest, platform, session, name, depth: depth + 1)
    }

    private func check(
        _ configuration: ImageConfiguration, _ manifest: ImageManifest, _ platform: Descriptor.Platform?,
        _ reference: ImageReference
    ) throws {
        if let platform {
            let offered = Descriptor.Platform(
                architecture: configuration.architecture, os: configuration.os, variant: configuration.variant)
            guard platform.accepts(offered) else {
                throw RoostError.missing(
                    "image with reference \(reference.familiar) was found but does not match the specified platform: wanted \(platform.description), actual: \(offered.description)",
                    code: .platformMismatch)
            }
        }
        guard configuration.os == "linux" else {
            throw RoostError.invalid("\(reference.familiar) is an image for \(configuration.os), not for linux")
        }
        guard configuration.rootfs.diffIDs.count == manifest.layers.count else {
            throw RoostError.invalid(
                "\(reference.familiar) has \(manifest.layers.count) layers, but its configuration lists \(configuration.rootfs.diffIDs.count)"
            )
        }
        for layer in manifest.layers where !MediaTypes.isLayer(layer.mediaType) || layer.size < 0 {
            throw RoostError(.unsupported, "\(reference.familiar): a layer of type \(layer.mediaType) is not supported")
        }
    }

    static func chains(_ layers: [Digest]) -> [Digest] {
        var chain: Digest?
        return layers.map { layer in
            let next = ImageStore.chain(chain, layer)
            chain = next
            return next
        }
    }

    /// The layer with a chain id, if the store has it.
    func knownLayer(_ chain: Digest) -> StoredLayer? {
        guard images.hasLayer(chain) else { return nil }
        for image in imageRecords.values {
            if let layer = image.layers.first(where: { $0.chain == chain }) { return layer }
        }
        return nil
    }

    /// Pulls all layers, several at a time; each is unpacked while it is downloaded.
    private func pullLayers(
        _ manifest: ImageManifest, _ configuration: ImageConfiguration, _ chains: [Digest], _ session: RegistrySession,
        _ report: @escaping TransferReport
    ) async throws -> [StoredLayer] {
        let limit = DownloadSlots(4)
        let images = images
        return try await withThrowingTaskGroup(of: (Int, StoredLayer).self) { group in
            var done = [StoredLayer?](repeating: nil, count: chains.count)
            for (index, descriptor) in manifest.layers.enumerated() {
                let short = String(descriptor.digest.hex.prefix(12))
                if let known = knownLayer(chains[index]) {
                    report(TransferProgress(short, "Already exists"))
                    done[index] = known
                    continue
                }
                report(TransferProgress(short, "Pulling fs layer"))
                let parent = index > 0 ? chains[index - 1] : nil
                let layer = configuration.rootfs.diffIDs[index]
                group.addTask {
                    await limit.take()
                    let result = await Self.outcome {
                        try await Self.fetch(images, descriptor, layer, parent, session, report)
                    }
                    await limit.give()
                    return (index, try result.get())
                }
            }
            for try await (index, layer) in group { done[index] = layer }
            return done.compactMap { $0 }
        }
    }

    static func fetch(
        _ images: ImageStore, _ descriptor: Descriptor, _ layer: Digest, _ parent: Digest?, _ session: RegistrySession,
        _ report: @escaping TransferReport
    ) async throws -> StoredLayer {
        let short = String(descriptor.digest.hex.prefix(12))
        if images.content.contains(descriptor.digest) {
            report(TransferProgress(short, "Extracting"))
            let stored = try await blocking { try images.unpack(descriptor, layer: layer, onto: parent) }
            report(TransferProgress(short, "Pull complete"))
            return stored
        }
        let blob = try images.arriving(descriptor)
        let sink = ReportingSink(blob: blob, total: descriptor.size) { current in
            report(TransferProgress(short, "Downloading", (current, descriptor.size)))
        }
        async let unpacked = onOwnThread {
            try images.receive(blob, of: descriptor, layer: layer, onto: parent)
        }
        do {
            try await withTaskCancellationHandler {
                try await session.download(descriptor, into: sink)
            } onCancel: {
                blob.fail(CancellationError())
            }
            report(TransferProgress(short, "Verifying Checksum"))
            try await blocking { try blob.finish() }
            report(TransferProgress(short, "Download complete"))
        } catch {
            // The unpacking thread fails with the download's own error.
            blob.fail(error)
            _ = try? await unpacked
            throw error
        }
        report(TransferProgress(short, "Extracting"))
        let stored = try await unpacked
        report(TransferProgress(short, "Pull complete"))
        return stored
    }

    // MARK: Queries

    package func checkLogin(_ credentials: RegistryCredentials) async throws {
        let domain = RegistryConfiguration.domain(credentials.serverAddress)
        let session = try RegistrySession(
            domain: domain, repository: "", credentials: credentials, configuration: try registries(), mirrored: false)
        let result = await Self.outcome { try await session.checkLogin() }
        await session.close()
        try result.get()
    }

    /// Images of a registry whose names contain a term; `host/term` searches another registry than Docker Hub.
    package func searchImages(_ term: String, limit: Int, credentials: RegistryCredentials?) async throws
        -> [RegistrySession.SearchResult]
    {
        guard !term.isEmpty else { throw RoostError.invalid("missing search term (e.g. images/search?term=redis)") }
        let parts = term.split(separator: "/", maxSplits: 1).map(String.init)
        let isHost = parts.count > 1 && (parts[0].contains(".") || parts[0].contains(":") || parts[0] == "localhost")
        let session = try RegistrySession(
            domain: isHost ? parts[0] : RegistryConfiguration.hub, repository: "", credentials: credentials,
            configuration: try registries(), mirrored: false)
        let result = await Self.outcome { try await session.search(isHost ? parts[1] : term, limit: limit) }
        await session.close()
        return try result.get()
    }

    package struct RemoteDescription: Sendable {
        package var descriptor: Descriptor
        package var platforms: [Descriptor.Platform]
    }

    /// The manifest that a registry has under a reference, byte for byte.
    package func remoteManifest(_ reference: ImageReference, credentials: RegistryCredentials?) async throws -> [UInt8]
    {
        let session = try session(reference, credentials)
        let result = await Self.outcome {
            try await session.manifest(reference.digest?.description ?? reference.tag ?? "latest").bytes
        }
        await session.close()
        return try result.get()
    }

    /// The descriptor and platforms of a reference in a registry, without pulling it (`GET /distribution/…/json`).
    package func describeRemote(_ reference: ImageReference, credentials: RegistryCredentials?) async throws
        -> RemoteDescription
    {
        let session = try session(reference, credentials)
        let result = await Self.outcome {
            let fetched = try await session.manifest(reference.digest?.description ?? reference.tag ?? "latest")
            let descriptor = Descriptor(
                mediaType: fetched.mediaType, digest: Digest(of: fetched.bytes), size: Int64(fetched.bytes.count))
            if MediaTypes.isIndex(fetched.mediaType, fetched.bytes) {
                let index = try ImageStore.decode(ImageIndex.self, fetched.bytes, "the index of \(reference.familiar)")
                return RemoteDescription(descriptor: descriptor, platforms: index.manifests.compactMap(\.platform))
            }
            let manifest = try ImageStore.decode(
                ImageManifest.self, fetched.bytes, "the manifest of \(reference.familiar)")
            let configuration = try ImageStore.decode(
                ImageConfiguration.self, try await session.document(manifest.config), "the configuration")
            return RemoteDescription(
                descriptor: descriptor,
                platforms: [
                    .init(
                        architecture: configuration.architecture, os: configuration.os, variant: configuration.variant)
                ])
        }
        await session.close()
        return try result.get()
    }
}
