import Archives
import EngineModel
import FoundationEssentials
import LinuxKernel
import OCI

/// An image with its references.
package struct NamedImage: Sendable {
    package var image: StoredImage
    package var references: [ImageReference]
    package init(image: StoredImage, references: [ImageReference]) {
        self.image = image
        self.references = references
    }
}

extension ImageStore {
    /// Loads a docker archive or an OCI archive, plain or compressed (`docker load`).
    package func load(_ archive: Int32, known: (Digest) -> Int64? = { _ in nil }) throws -> [NamedImage] {
        let arrived = content.temporaryPath()
        defer { try? Files.removeTree(arrived) }
        try Files.makeDirectory(arrived, mode: 0o700)
        // The outer archive is as untrusted as its layers: the same confined helper unpacks it while it is read.
        try layers.unpackArchive(archive, into: arrived, subject: "the image archive")
        let folder = try RootedDirectory(path: arrived)
        if let bytes = try? folder.read("index.json", limit: Self.documentLimit),
            !Files.exists(arrived + "/manifest.json")
        {
            return try loadIndex(bytes, folder, known)
        }
        guard let bytes = try? folder.read("manifest.json", limit: Self.documentLimit) else {
            throw RoostError.invalid(
                "the archive holds no image: it has neither manifest.json nor index.json (use import for a root file system)"
            )
        }
        return try loadDockerArchive(bytes, folder, known)
    }

    private func loadDockerArchive(_ bytes: [UInt8], _ folder: RootedDirectory, _ known: (Digest) -> Int64?) throws
        -> [NamedImage]
    {
        var images: [NamedImage] = []
        for entry in try Self.decode([DockerArchiveEntry].self, bytes, "manifest.json") {
            let configuration = try read(folder, entry.config)
            var files: [(file: OwnedFD, subject: String)] = []
            for path in entry.layers { files.append((try open(folder, path), "layer \(path)")) }
            let image = try assemble(configuration: configuration, layerFiles: files, known: known)
            images.append(
                NamedImage(image: image, references: try (entry.repoTags ?? []).map { try ImageReference(parsing: $0) })
            )
        }
        return images
    }

    private func loadIndex(_ bytes: [UInt8], _ folder: RootedDirectory, _ known: (Digest) -> Int64?) throws
        -> [NamedImage]
    {
        var images: [NamedImage] = []
        for descriptor in try Self.decode(ImageIndex.self, bytes, "index.json").manifests {
            guard let manifest = try manifest(descriptor, folder, depth: 0) else { continue }
            guard MediaTypes.isConfiguration(manifest.config.mediaType) else {
                throw RoostError.invalid(
                    "manifest \(descriptor.digest): unsupported media type \(manifest.config.mediaType) of its configuration"
                )
            }
            let configuration = try blob(folder, manifest.config.digest)
            var files: [(file: OwnedFD, subject: String)] = []
            for layer in manifest.layers {
                guard MediaTypes.isLayer(layer.mediaType) else {
                    throw RoostError.invalid("layer \(layer.digest): unsupported media type \(layer.mediaType)")
                }
                let file = try open(folder, "blobs/sha256/\(layer.digest.hex)")
                let size = try Files.status(of: file.raw).size
                guard size == layer.size else {
                    throw RoostError.invalid(
                        "layer \(layer.digest) has \(size) bytes, but its descriptor says \(layer.size)")
                }
                files.append((file, "layer \(layer.digest)"))
            }
            let image = try assemble(configuration: configuration, layerFiles: files, known: known)
            let names = [
                descriptor.annotations?[MediaTypes.nameAnnotation],
                descriptor.annotations?[MediaTypes.referenceAnnotation],
            ]
            let name = names.compactMap { $0 }.first { $0.contains(":") || $0.contains("/") }
            images.append(
                NamedImage(image: image, references: try name.map { [try ImageReference(parsing: $0)] } ?? []))
        }
        if images.isEmpty { throw RoostError.invalid("the archive holds no image for this platform") }
        return images
    }

    /// Resolves a descriptor to a manifest: itself, or the manifest of an index that matches this platform.
    private func manifest(_ descriptor: Descriptor, _ folder: RootedDirectory, depth: Int) throws -> ImageManifest? {
        guard depth < 4 else { throw RoostError.invalid("index.json: indexes are nested too deeply") }
        let bytes = try blob(folder, descriptor.digest)
        guard MediaTypes.isIndex(descriptor.mediaType, bytes) else {
            return try Self.decode(ImageManifest.self, bytes, "manifest \(descriptor.digest)")
        }
        let all = try Self.decode(ImageIndex.self, bytes, "index \(descriptor.digest)").manifests
        guard let fitting = all.first(where: { $0.platform.map(Descriptor.Platform.host.accepts) == true }) else {
            return nil
        }
        return try manifest(fitting, folder, depth: depth + 1)
    }

    private func open(_ folder: RootedDirectory, _ path: String) throws -> OwnedFD {
        do throws(SyscallError) { return try folder.open(path, .readOnly) } catch {
            throw RoostError.invalid("the archive is incomplete: \(path): \(error.reason)")
        }
    }

    private func read(_ folder: RootedDirectory, _ path: String) throws -> [UInt8] {
        let file = try open(folder, path)
        return try withExtendedLifetime(file) { try readAll(file.raw, limit: Self.documentLimit) }
    }

    private func blob(_ folder: RootedDirectory, _ digest: Digest) throws -> [UInt8] {
        let bytes = try read(folder, "blobs/sha256/\(digest.hex)")
        guard ContentStore.digest(bytes) == digest else {
            throw RoostError.invalid("blob \(digest): content does not match its digest")
        }
        return bytes
    }
}
