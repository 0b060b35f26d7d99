import Archives
import EngineModel
import LinuxKernel
import OCI

extension ImageStore {
    /// Writes images as an archive that is both a Docker archive and an OCI image layout (`docker save`).
    package func save(_ images: [NamedImage], to descriptor: Int32, now: Timestamp) throws {
        let builder = try ArchiveBuilder(content: content, descriptor: descriptor, seconds: now.seconds)
        for image in images { try builder.add(image) }
        try builder.finish()
    }
}

/// Builds an image archive: every document and blob once, the indexes at the end.
private final class ArchiveBuilder {
    private let content: ContentStore
    private let writer: ArchiveWriter
    private let seconds: Int64
    private var written: Set<String> = []
    private var manifests: [Descriptor] = []
    private var entries: [DockerArchiveEntry] = []

    init(content: ContentStore, descriptor: Int32, seconds: Int64) throws {
        self.content = content
        self.seconds = seconds
        writer = try ArchiveWriter(descriptor: descriptor)
        for folder in ["blobs", "blobs/sha256"] {
            try writer.add(folder, kind: .directory, mode: 0o755, size: 0, modifiedSeconds: seconds)
        }
    }

    func add(_ named: NamedImage) throws {
        let image = named.image
        let configuration = try content.read(image.id)
        try document("blobs/sha256/\(image.id.hex)", configuration)
        for layer in image.layers { try copy(layer.blob) }
        let manifest = try ImageStore.encode(
            ImageManifest(
                config: Descriptor(
                    mediaType: MediaTypes.configuration, digest: image.id, size: Int64(configuration.count)),
                layers: image.layers.map { Descriptor(mediaType: $0.mediaType, digest: $0.blob, size: $0.blobSize) }))
        let digest = ContentStore.digest(manifest)
        try document("blobs/sha256/\(digest.hex)", manifest)
        let names: [ImageReference?] = named.references.isEmpty ? [nil] : named.references
        for name in names {
            let annotations = name.map {
                [MediaTypes.nameAnnotation: $0.description, MediaTypes.referenceAnnotation: $0.tag ?? "latest"]
            }
            manifests.append(
                Descriptor(
                    mediaType: MediaTypes.manifest, digest: digest, size: Int64(manifest.count),
                    annotations: annotations))
        }
        entries.append(
            DockerArchiveEntry(
                config: "blobs/sha256/\(image.id.hex)", repoTags: named.references.map(\.familiar),
                layers: image.layers.map { "blobs/sha256/\($0.blob.hex)" }))
    }

    func finish() throws {
        try document("index.json", try ImageStore.encode(ImageIndex(manifests: manifests)))
        try document("manifest.json", try ImageStore.encode(entries))
        try document("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
        try writer.finish()
    }

    private func document(_ path: String, _ bytes: [UInt8]) throws {
        guard written.insert(path).inserted else { return }
        try writer.add(path, kind: .file, mode: 0o644, size: Int64(bytes.count), modifiedSeconds: seconds)
        try writer.write(bytes)
    }

    private func copy(_ digest: Digest) throws {
        guard written.insert(digest.hex).inserted else { return }
        let source = try Files.open(content.path(digest), .readOnly)
        let size = try Files.status(of: source.raw).size
        try writer.add("blobs/sha256/\(digest.hex)", kind: .file, mode: 0o644, size: size, modifiedSeconds: seconds)
        while true {
            let part = try readSome(source.raw, limit: 1 << 18)
            if part.isEmpty { break }
            try writer.write(part)
        }
    }
}
