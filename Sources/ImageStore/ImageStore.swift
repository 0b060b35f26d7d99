import EngineModel
import FoundationEssentials
import LinuxKernel
import OCI

/// An unpacked layer in the store.
package struct StoredLayer: Sendable, Codable, Equatable {
    /// Digest of the uncompressed tar stream (DiffID).
    package var layer: Digest
    /// Digest of this layer and all layers below it (ChainID); names its directory.
    package var chain: Digest
    /// Digest of the blob as received, possibly compressed.
    package var blob: Digest
    package var blobSize: Int64
    package var mediaType: String
    /// Total size of its files, in bytes.
    package var size: Int64
}

/// An image in the store. Its id is the digest of its configuration.
package struct StoredImage: Sendable, Codable, Equatable {
    package var id: Digest
    package var layers: [StoredLayer]
    package var configuration: ImageConfiguration
    /// The manifest as received from a registry, so that a push has the same digest.
    package var manifest: Descriptor?
    /// The parent image: that of the container this image was committed from.
    package var parent: Digest?
    /// When it was last tagged (by pull, load, build or tag), in nanoseconds since the Unix epoch.
    package var taggedAt: Int64?
    package var size: Int64 { layers.reduce(0) { $0 + $1.size } }

    package init(id: Digest, layers: [StoredLayer], configuration: ImageConfiguration) {
        self.id = id
        self.layers = layers
        self.configuration = configuration
    }
}

/// Blobs, unpacked layers, and the images made of them. All calls block; image references are kept by the engine.
package struct ImageStore: Sendable {
    package let content: ContentStore
    let layers: LayerStore
    private let root: String

    package init(root: String) throws(SyscallError) {
        self.root = root
        content = try ContentStore(root: root + "/content")
        layers = try LayerStore(root: root + "/layers")
    }

    /// The lower directories of an image for overlayfs, topmost first.
    package func directories(_ image: StoredImage) -> [String] {
        image.layers.reversed().map { layers.path($0.chain) } + [layers.floor]
    }

    /// The lower directories without the base layer that the runtime adds to every image.
    package func ownDirectories(_ image: StoredImage) -> [String] {
        image.layers.reversed().map { layers.path($0.chain) } + [layers.nothing, layers.void]
    }

    package static let documentLimit = 8 << 20

    /// Decodes untrusted JSON; checks size and nesting depth before decoding.
    package static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], _ subject: String) throws
        -> Value
    {
        guard bytes.count <= documentLimit, JSONDepth.isAcceptable(bytes) else {
            throw RoostError.invalid("\(subject): the document is too large or nested too deeply")
        }
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch let error as RoostError {
            throw RoostError.invalid("\(subject): \(error.message)")
        } catch {
            throw RoostError.invalid("\(subject): not a valid document: \(error)")
        }
    }

    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }

    /// Creates an image from a root file system archive (`docker import`).
    package func importRoot(
        _ archive: Int32, platform: Descriptor.Platform = .host, runtime: ImageConfiguration.Runtime,
        message: String?, now: Timestamp
    ) throws -> StoredImage {
        let (blob, blobSize) = try content.ingest(archive)
        let file = try Files.open(content.path(blob), .readOnly)
        let start = try readSome(file.raw, at: 0, limit: 8)
        let unpacked = try layers.unpack(.file(file.raw, digest: blob), onto: nil, subject: "the root file system")
        var configuration = ImageConfiguration(
            architecture: platform.architecture, created: now.rfc3339, config: runtime,
            rootfs: .init(diffIDs: [unpacked.layer]),
            history: [.init(created: now.rfc3339, createdBy: nil, comment: message ?? "Imported from -")])
        configuration.variant = platform.variant
        let id = try content.put(try Self.encode(configuration))
        let layer = StoredLayer(
            layer: unpacked.layer, chain: unpacked.chain, blob: blob, blobSize: blobSize,
            mediaType: Self.mediaType(Compression(firstBytes: start)), size: unpacked.size)
        return StoredImage(id: id, layers: [layer], configuration: configuration)
    }

    static func mediaType(_ compression: Compression) -> String {
        switch compression {
        case .gzip: MediaTypes.layerGzip
        case .zstd: MediaTypes.layerZstd
        case .none, .bzip2, .xz: MediaTypes.layer
        }
    }

    /// Assembles an image from its configuration and open layer files; unpacks each layer that is not in the store yet. `known` returns the
    /// size of the files of a stored chain id.
    package func assemble(
        configuration bytes: [UInt8], layerFiles: [(file: OwnedFD, subject: String)],
        known: (Digest) -> Int64? = { _ in nil }
    ) throws
        -> StoredImage
    {
        let configuration = try Self.decode(ImageConfiguration.self, bytes, "the image configuration")
        guard configuration.os == "linux" else {
            throw RoostError.invalid("image OS \(configuration.os) is not supported (expected linux)")
        }
        try MediaTypes.checkDepth(layerFiles.count)
        guard configuration.rootfs.diffIDs.count == layerFiles.count else {
            throw RoostError.invalid(
                "the image has \(layerFiles.count) layers, but its configuration lists \(configuration.rootfs.diffIDs.count)"
            )
        }
        var stored: [StoredLayer] = []
        for (expected, layer) in zip(configuration.rootfs.diffIDs, layerFiles) {
            stored.append(try store(layer.file, expected, onto: stored.last?.chain, known, layer.subject))
        }
        return StoredImage(id: try content.put(bytes), layers: stored, configuration: configuration)
    }

    /// Stores one layer of an archive.
    private func store(
        _ file: OwnedFD, _ expected: Digest, onto parent: Digest?, _ known: (Digest) -> Int64?, _ subject: String
    ) throws -> StoredLayer {
        let compression = Compression(firstBytes: try readSome(file.raw, at: 0, limit: 8))
        let chain = LayerStore.chain(parent, expected)
        let there = known(chain)
        if compression == .none, there == nil {
            // The digest is computed while the layer is unpacked; the layer gets its name only when both are done.
            let content = content
            let hashing = try Future { try content.adopt(file.raw) }
            let unpacked = try layers.unpack(.file(file.raw, digest: expected), onto: parent, subject: subject) {
                try layers.check(try hashing.value().digest, is: expected, subject)
            }
            return StoredLayer(
                layer: expected, chain: chain, blob: expected, blobSize: try hashing.value().size,
                mediaType: MediaTypes.layer, size: unpacked.size)
        }
        let (blob, blobSize) = try content.adopt(file.raw)
        // An uncompressed layer that is already stored needs no unpacking: its digest is the DiffID.
        if blob == expected, let there {
            return StoredLayer(
                layer: expected, chain: chain, blob: blob, blobSize: blobSize, mediaType: MediaTypes.layer, size: there)
        }
        let unpacked = try layers.unpack(
            .file(file.raw, digest: blob), onto: parent, expecting: expected, subject: subject)
        return StoredLayer(
            layer: unpacked.layer, chain: unpacked.chain, blob: blob, blobSize: blobSize,
            mediaType: Self.mediaType(compression), size: unpacked.size)
    }

    /// Removes blobs and layers that no image references. Returns the errors of those that cannot be removed and continues with the rest.
    package func sweep(keeping images: [StoredImage], blobs pinned: Set<Digest> = [], chains: Set<Digest> = [])
        -> [SyscallError]
    {
        let blobs = Set(
            images.flatMap { image in
                [image.id.hex] + image.layers.map(\.blob.hex) + (image.manifest.map { [$0.digest.hex] } ?? [])
            })
        let folders = Set(images.flatMap { image in image.layers.map { String($0.chain.hex.prefix(32)) } })
        let layers = layers
        return Self.clear(content.root + "/sha256", keeping: blobs.union(pinned.map(\.hex))) {
            path, _ throws(SyscallError) in
            try Files.removeTree(path)
        }
            + Self.clear(
                layers.root,
                keeping: folders.union(LayerStore.ownFolders).union(chains.map { String($0.hex.prefix(32)) })
            ) { _, name throws(SyscallError) in try layers.remove(name) }
    }

    /// Notes about unfinished blobs and layers, which are being received or left over.
    package func unowned(keeping images: [StoredImage]) -> [String] {
        let half = (try? Files.list(layers.root + "/arriving"))?.count ?? 0
        let blobs = (try? Files.list(content.root + "/arriving"))?.count ?? 0
        var found: [String] = []
        if half > 0 { found.append("\(half) unfinished layers (in progress or left over)") }
        if blobs > 0 { found.append("\(blobs) unfinished blobs (in progress or left over)") }
        return found
    }

    /// Why a blob is damaged; nil if it is intact.
    package func problem(of digest: Digest, size: Int64, deep: Bool) -> String? {
        guard let status = try? Files.status(content.path(digest)) else { return "missing" }
        guard status.size == size else { return "has \(status.size) bytes, expected \(size)" }
        guard deep else { return nil }
        do {
            let file = try Files.open(content.path(digest), .readOnly)
            return try content.digest(ofFile: file.raw) == digest ? nil : "content does not match its digest"
        } catch { return "\(error)" }
    }

    private static func clear(
        _ folder: String, keeping kept: Set<String>, remove: (String, String) throws(SyscallError) -> Void
    ) -> [SyscallError] {
        var failures: [SyscallError] = []
        for name in (try? Files.list(folder)) ?? [] where !kept.contains(name) {
            do throws(SyscallError) { try remove("\(folder)/\(name)", name) } catch { failures.append(error) }
        }
        return failures
    }
}

/// Checks the nesting depth of a JSON text in one pass, before a recursive parser reads it.
package enum JSONDepth {
    package static let limit = 128

    package static func isAcceptable(_ bytes: [UInt8], limit: Int = limit) -> Bool {
        var depth = 0
        var inString = false
        var escaped = false
        for byte in bytes {
            if inString {
                if escaped {
                    escaped = false
                } else if byte == 92 {
                    escaped = true
                } else if byte == 34 {
                    inString = false
                }
                continue
            }
            switch byte {
            case 34: inString = true
            case 91, 123:
                depth += 1
                if depth > limit { return false }
            case 93, 125: depth -= 1
            default: break
            }
        }
        return true
    }
}
