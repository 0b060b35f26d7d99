import EngineModel
import ImageStore
import LinuxKernel
import OCI
import Registry
import Synchronization

/// Where a build cache is imported from or exported to: a repository, or a directory of the engine's host with an OCI layout.
package enum BuildCacheLocation: Sendable, Equatable, CustomStringConvertible {
    case registry(ImageReference)
    case folder(String)

    package var description: String {
        switch self {
        case .registry(let reference): reference.familiar
        case .folder(let path): path
        }
    }
}

/// A target to which a build's cache is exported.
package struct BuildCacheTarget: Sendable, Equatable {
    package var location: BuildCacheLocation
    /// Every step of the build, not only those whose layers are in the image (`mode=max`).
    package var everything: Bool
    /// Errors are reported and do not fail the build (`ignore-error=true`).
    package var ignoresErrors: Bool

    package init(location: BuildCacheLocation, everything: Bool, ignoresErrors: Bool) {
        self.location = location
        self.everything = everything
        self.ignoresErrors = ignoresErrors
    }
}

/// A step in its exported form: its key, and the layer that it created.
struct PortableStep: Sendable, Codable {
    var key: Digest
    var created: String
    var description: String
    var layer: StoredLayer
}

/// The configuration of a cache's manifest.
struct PortableCache: Sendable, Codable {
    static let mediaType = "application/vnd.roost.buildcache.v1+json"
    var version = 1
    var steps: [PortableStep]
}

/// The steps that a build has used or executed, in order, each once.
final class UsedSteps: Sendable {
    private let all = Mutex<[PortableStep]>([])
    func add(_ step: PortableStep) {
        all.withLock { if !$0.contains(where: { $0.key == step.key }) { $0.append(step) } }
    }
    var steps: [PortableStep] { all.withLock { $0 } }
}

/// Steps of an imported cache, found by their keys; a layer is pulled when it is needed.
struct RemoteBuildCache: Sendable {
    enum Source: Sendable {
        case registry(RegistrySession)
        case folder(String)
    }
    let source: Source
    let steps: [Digest: PortableStep]

    func close() async { if case .registry(let session) = source { await session.close() } }

    /// The layer of a step, unpacked on top of its parent; nil if it does not belong there.
    func layer(of step: PortableStep, onto parent: Digest?, _ images: ImageStore, _ report: @escaping TransferReport)
        async throws -> StoredLayer?
    {
        let layer = step.layer
        guard ImageStore.chain(parent, layer.layer) == layer.chain, MediaTypes.isLayer(layer.mediaType) else {
            return nil
        }
        let descriptor = Descriptor(mediaType: layer.mediaType, digest: layer.blob, size: layer.blobSize)
        switch source {
        case .registry(let session):
            return try await Engine.fetch(images, descriptor, layer.layer, parent, session, report)
        case .folder(let folder):
            return try await blocking {
                let file = try Files.open(Self.blob(folder, layer.blob), [.readOnly, .noFollow])
                guard try images.content.ingest(file.raw).digest == layer.blob else {
                    throw RoostError.invalid("\(folder): blob \(layer.blob) does not match its digest")
                }
                return try images.unpack(descriptor, layer: layer.layer, onto: parent)
            }
        }
    }

    static func blob(_ folder: String, _ digest: Digest) -> String { "\(folder)/blobs/sha256/\(digest.hex)" }
}

extension Engine {
    /// Opens the imported caches. One that cannot be read is reported, and the build continues without it.
    func openCaches(_ request: BuildRequest, warn: (String) -> Void) async -> [RemoteBuildCache] {
        var found: [RemoteBuildCache] = []
        for location in request.cacheImports {
            do { found.append(try await openCache(location, request)) } catch {
                warn("build cache \(location) is not used: \(error)")
            }
        }
        return found
    }

    private func openCache(_ location: BuildCacheLocation, _ request: BuildRequest) async throws -> RemoteBuildCache {
        switch location {
        case .folder(let folder):
            let steps = try await blocking { try Self.steps(of: folder) }
            return RemoteBuildCache(source: .folder(folder), steps: steps)
        case .registry(let reference):
            let session = try session(reference, request.credentials[reference.domain], mirrored: false)
            do {
                let top = try await session.manifest(reference.digest?.description ?? reference.tag ?? "latest")
                let manifest = try ImageStore.decode(ImageManifest.self, top.bytes, "the manifest of \(reference)")
                try Self.check(manifest.config.mediaType, location)
                let bytes = try await session.document(manifest.config)
                return RemoteBuildCache(source: .registry(session), steps: try Self.steps(bytes, location))
            } catch {
                await session.close()
                throw error
            }
        }
    }

    private static func check(_ type: String, _ location: BuildCacheLocation) throws(RoostError) {
        guard type == PortableCache.mediaType else {
            throw .invalid("\(location) is not a build cache of Roost: its configuration has type \(type)")
        }
    }

    private nonisolated static func steps(of folder: String) throws -> [Digest: PortableStep] {
        let index = try ImageStore.decode(
            ImageIndex.self, Files.read(folder + "/index.json", limit: ImageStore.documentLimit), folder)
        guard let first = index.manifests.last else { throw RoostError.invalid("\(folder): the index is empty") }
        func read(_ descriptor: Descriptor) throws -> [UInt8] {
            let bytes = try Files.read(
                RemoteBuildCache.blob(folder, descriptor.digest), limit: ImageStore.documentLimit)
            guard Digest(of: bytes) == descriptor.digest else {
                throw RoostError.invalid("\(folder): blob \(descriptor.digest) does not match its digest")
            }
            return bytes
        }
        let manifest = try ImageStore.decode(ImageManifest.self, read(first), folder)
        try check(manifest.config.mediaType, .folder(folder))
        return try steps(read(manifest.config), .folder(folder))
    }

    private static func steps(_ bytes: [UInt8], _ location: BuildCacheLocation) throws -> [Digest: PortableStep] {
        let cache = try ImageStore.decode(PortableCache.self, bytes, "the build cache \(location)")
        guard cache.version == 1 else {
            throw RoostError.invalid("\(location): unsupported version \(cache.version) of the build cache")
        }
        return Dictionary(cache.steps.map { ($0.key, $0) }) { $1 }
    }

    // MARK: Export

    /// Exports a build's steps to its cache targets; returns warnings.
    func exportCache(_ all: [PortableStep], of image: StoredImage, _ request: BuildRequest) async throws -> [String] {
        var warnings: [String] = []
        for target in request.cacheExports {
            let own = Set(image.layers.map(\.chain))
            let steps = target.everything ? all : all.filter { own.contains($0.layer.chain) }
            do {
                switch target.location {
                case .folder(let folder):
                    let content = images.content
                    try await blocking { try Self.write(steps, content, to: folder) }
                case .registry(let reference):
                    try await push(steps, to: reference, request.credentials[reference.domain])
                }
            } catch {
                guard target.ignoresErrors else {
                    throw RoostError.failure("cannot export the build cache to \(target.location): \(error)")
                }
                warnings.append("the build cache was not exported to \(target.location): \(error)")
            }
        }
        return warnings
    }

    private nonisolated static func manifest(_ steps: [PortableStep]) throws -> (
        configuration: [UInt8], bytes: [UInt8]
    ) {
        let configuration = try ImageStore.encode(PortableCache(steps: steps))
        var seen: Set<Digest> = []
        var manifest = ImageManifest(
            config: Descriptor(
                mediaType: PortableCache.mediaType, digest: Digest(of: configuration), size: Int64(configuration.count)),
            layers: steps.map(\.layer).filter { seen.insert($0.blob).inserted }.map {
                Descriptor(mediaType: MediaTypes.ociLayer($0.mediaType), digest: $0.blob, size: $0.blobSize)
            })
        manifest.mediaType = MediaTypes.manifest
        return (configuration, try ImageStore.encode(manifest))
    }

    /// Writes an OCI layout. Blobs of an earlier export that are no longer needed are removed.
    private nonisolated static func write(_ steps: [PortableStep], _ content: ContentStore, to folder: String) throws {
        let (configuration, bytes) = try manifest(steps)
        let blobs = folder + "/blobs/sha256"
        try Files.makeDirectories(blobs)
        for layer in steps.map(\.layer) where !Files.exists(RemoteBuildCache.blob(folder, layer.blob)) {
            let source = try Files.open(content.path(layer.blob), .readOnly)
            let temporary = "\(blobs)/.\(Identifiers.random().prefix(12))"
            let file = try Files.open(temporary, [.readWrite, .create, .exclusive])
            var offset = 0
            while case let part = try readSome(source.raw, at: offset, limit: 1 << 20), !part.isEmpty {
                try writeAll(file.raw, part)
                offset += part.count
            }
            try Files.rename(temporary, to: RemoteBuildCache.blob(folder, layer.blob))
        }
        for document in [configuration, bytes] {
            try Files.replace(RemoteBuildCache.blob(folder, Digest(of: document)), document)
        }
        try Files.replace(folder + "/oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        let index: JSON = [
            "schemaVersion": 2, "mediaType": .string(MediaTypes.index),
            "manifests": [
                [
                    "mediaType": .string(MediaTypes.manifest), "digest": .string(Digest(of: bytes).description),
                    "size": JSON(bytes.count),
                ]
            ],
        ]
        try Files.replace(folder + "/index.json", index.bytes())
        let wanted = Set(steps.map(\.layer.blob.hex) + [Digest(of: configuration).hex, Digest(of: bytes).hex])
        for name in try Files.list(blobs) where !wanted.contains(name) && Digest(hex: name) != nil {
            try Files.remove("\(blobs)/\(name)")
        }
    }

    private func push(_ all: [PortableStep], to reference: ImageReference, _ credentials: RegistryCredentials?)
        async throws
    {
        let session = try session(reference, credentials, mirrored: false)
        let images = images
        let result = await Self.outcome {
            var steps = all
            for index in steps.indices {
                let layer = steps[index].layer
                steps[index].layer = try await blocking { try images.compress(layer) }
            }
            let (configuration, bytes) = try Self.manifest(steps)
            for layer in steps.map(\.layer) where try await !session.hasBlob(layer.blob) {
                _ = try await session.push(
                    layer.blob, size: layer.blobSize, path: images.content.path(layer.blob), from: []
                ) { _ in }
            }
            let digest = try images.content.put(configuration)
            if try await !session.hasBlob(digest) {
                _ = try await session.push(
                    digest, size: Int64(configuration.count), path: images.content.path(digest), from: []
                ) { _ in }
            }
            try await session.push(manifest: bytes, type: MediaTypes.manifest, as: reference.tag ?? "latest")
        }
        await session.close()
        try result.get()
    }
}
