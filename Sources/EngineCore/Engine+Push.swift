import EngineModel
import ImageStore
import LinuxKernel
import OCI
import Registry
import Synchronization

/// Pushing images to registries: `docker push`.
extension Engine {
    /// All local tags of a repository.
    package func tagged(repository: ImageReference) -> [ImageReference] {
        tags.keys.sorted().compactMap { try? ImageReference(parsing: $0) }.filter {
            $0.domain == repository.domain && $0.path == repository.path && $0.digest == nil
        }
    }

    package struct PushedImage: Sendable {
        package var digest: Digest
        package var size: Int64
    }

    /// Pushes an image to the registry of its name (`docker push`).
    package func pushImage(
        _ reference: ImageReference, credentials: RegistryCredentials?, report: @escaping TransferReport
    ) async throws -> PushedImage {
        guard let id = tags[reference.description], let image = imageRecords[id] else {
            throw RoostError.missing("An image does not exist locally with the tag: \(reference.familiarName)")
        }
        let session = try session(reference, credentials, mirrored: false)
        let pin = ImagePin(
            blobs: Set(image.layers.map(\.blob) + [image.id]), chains: Set(image.layers.map(\.chain)))
        let result = await Self.outcome {
            try await pinning(pin) { try await push(image, reference, session, report) }
        }
        await session.close()
        return try result.get()
    }

    private func push(
        _ start: StoredImage, _ reference: ImageReference, _ session: RegistrySession,
        _ report: @escaping TransferReport
    ) async throws -> PushedImage {
        report(TransferProgress(nil, "The push refers to repository [\(reference.domain)/\(reference.path)]"))
        for layer in start.layers { report(TransferProgress(String(layer.layer.hex.prefix(12)), "Preparing")) }
        let image = try await exclusively("compress") { try await compressed(start) }
        let content = images.content
        let limit = DownloadSlots(4)
        try await withThrowingTaskGroup(of: Void.self) { group in
            var seen: Set<Digest> = []
            for layer in image.layers where seen.insert(layer.blob).inserted {
                let others = repositories(with: layer.blob, domain: reference.domain)
                group.addTask {
                    await limit.take()
                    let result = await Self.outcome {
                        try await Self.push(layer, content.path(layer.blob), others, session, report)
                    }
                    await limit.give()
                    try result.get()
                }
            }
            try await group.waitForAll()
        }
        let configurationSize = try Files.status(content.path(image.id)).size
        if try await !session.hasBlob(image.id) {
            _ = try await session.push(image.id, size: configurationSize, path: content.path(image.id), from: []) { _ in
            }
        }
        let (bytes, type) = try manifestBytes(image, configurationSize)
        try await session.push(manifest: bytes, type: type, as: reference.tag ?? "latest")
        let digest = Digest(of: bytes)
        try content.put(bytes)
        var stored = imageRecords[image.id] ?? image
        stored.manifest = Descriptor(mediaType: type, digest: digest, size: Int64(bytes.count))
        try keep(
            stored, as: [ImageReference(domain: reference.domain, path: reference.path, tag: nil, digest: digest)])
        publish(.image, "push", id: reference.familiar, ["name": reference.familiarName])
        return PushedImage(digest: digest, size: Int64(bytes.count))
    }

    /// Uncompressed layers are compressed once, before their first push.
    private func compressed(_ image: StoredImage) async throws -> StoredImage {
        guard image.layers.contains(where: { $0.mediaType == MediaTypes.layer }) else { return image }
        let images = images
        var changed = image
        var pin = ImagePin()
        for (index, layer) in image.layers.enumerated() {
            changed.layers[index] = try await blocking { try images.compress(layer) }
            pin.blobs.insert(changed.layers[index].blob)
        }
        changed.manifest = nil
        let result = changed
        return try await pinning(pin) {
            guard imageRecords[image.id] != nil else {
                throw RoostError.missing("image \(image.id) was removed during the push")
            }
            try keep(result, as: [])
            return result
        }
    }

    private static func push(
        _ layer: StoredLayer, _ path: String, _ others: [String], _ session: RegistrySession,
        _ report: @escaping TransferReport
    ) async throws {
        let short = String(layer.layer.hex.prefix(12))
        if try await session.hasBlob(layer.blob) {
            return report(TransferProgress(short, "Layer already exists"))
        }
        let throttle = Throttle()
        let outcome = try await session.push(layer.blob, size: layer.blobSize, path: path, from: others) { current in
            if throttle.isDue() || current == layer.blobSize {
                report(TransferProgress(short, "Pushing", (current, layer.blobSize)))
            }
        }
        switch outcome {
        case .pushed: report(TransferProgress(short, "Pushed"))
        case .mounted(let other): report(TransferProgress(short, "Mounted from \(other)"))
        }
    }

    /// Repositories of a registry that are known to have a blob.
    private func repositories(with blob: Digest, domain: String) -> [String] {
        let owners = Set(imageRecords.values.filter { $0.layers.contains { $0.blob == blob } }.map(\.id))
        let found = tags.filter { owners.contains($0.value) }.keys.compactMap { try? ImageReference(parsing: $0) }
        return Array(Set(found.filter { $0.domain == domain && $0.digest != nil }.map(\.path)).sorted().prefix(3))
    }

    /// The manifest that the image was pulled with if it still matches the stored layers, else a new one.
    private func manifestBytes(_ image: StoredImage, _ configurationSize: Int64) throws -> ([UInt8], String) {
        if let known = image.manifest, let bytes = try? images.content.read(known.digest),
            let manifest = try? ImageStore.decode(ImageManifest.self, bytes, "manifest"),
            manifest.layers.map(\.digest) == image.layers.map(\.blob)
        {
            return (bytes, known.mediaType)
        }
        // Docker's own media types where possible: registries and clients older than OCI know them.
        let isDocker = image.layers.allSatisfy { MediaTypes.ociLayer($0.mediaType) == MediaTypes.layerGzip }
        var manifest = ImageManifest(
            config: Descriptor(
                mediaType: isDocker ? MediaTypes.dockerConfiguration : MediaTypes.configuration, digest: image.id,
                size: configurationSize),
            layers: image.layers.map {
                Descriptor(
                    mediaType: isDocker ? MediaTypes.dockerLayer : MediaTypes.ociLayer($0.mediaType), digest: $0.blob,
                    size: $0.blobSize)
            })
        let type = isDocker ? MediaTypes.dockerManifest : MediaTypes.manifest
        manifest.mediaType = type
        return (try ImageStore.encode(manifest), type)
    }
}
