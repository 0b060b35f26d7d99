import EngineModel

/// Media type, size and digest of content (OCI image specification, "Content Descriptors").
public struct Descriptor: Sendable, Codable, Equatable {
    public var mediaType: String
    public var digest: Digest
    public var size: Int64
    public var platform: Platform?
    public var annotations: [String: String]?

    public init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil, annotations: [String: String]? = nil
    ) {
        self.platform = platform
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.annotations = annotations
    }

    public struct Platform: Sendable, Codable, Equatable {
        public var architecture: String
        public var os: String
        public var variant: String?

        public init(architecture: String, os: String = "linux", variant: String? = nil) {
            self.architecture = architecture
            self.os = os
            self.variant = variant
        }

        /// The platform of this machine.
        public static var host: Platform {
            #if arch(arm64)
                Platform(architecture: "arm64", variant: "v8")
            #else
                Platform(architecture: "amd64")
            #endif
        }

        /// Parses `linux/arm64`, `linux/arm/v7` or `arm64`, and common aliases (containerd's platforms package).
        public init(parsing text: String) throws(RoostError) {
            if text.contains(",") {
                throw .invalid("\"\(text)\" lists several platforms: only one at a time is supported")
            }
            var parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            if parts.count == 1, parts[0] != "linux" { parts = ["linux"] + parts }
            guard (1...3).contains(parts.count), parts[0] == "linux",
                parts.allSatisfy({ part in
                    !part.isEmpty && part.utf8.allSatisfy { Self.isNamePart($0) }
                })
            else {
                throw .invalid(
                    "unsupported platform \"\(text)\": expected linux/ARCHITECTURE[/VARIANT] (e.g. linux/amd64)"
                )
            }
            let names = ["x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "i386": "386"]
            let architecture = parts.count > 1 ? names[parts[1]] ?? parts[1] : Platform.host.architecture
            self.init(architecture: architecture, variant: parts.count > 2 ? parts[2] : nil)
        }

        /// Letters, digits, `_`, `-` and `.` (containerd's platforms package).
        private static func isNamePart(_ byte: UInt8) -> Bool {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 95: true
            default: false
            }
        }

        public var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }

        /// Whether content for `offered` matches this platform; variants are compared only if both are set.
        public func accepts(_ offered: Platform) -> Bool {
            offered.os == os && offered.architecture == architecture
                && (variant == nil || offered.variant == nil || offered.variant == variant)
        }
    }
}

/// An image for one platform (OCI image specification, "Image Manifest").
public struct ImageManifest: Sendable, Codable, Equatable {
    public var schemaVersion: Int
    public var mediaType: String?
    public var config: Descriptor
    public var layers: [Descriptor]
    public init(config: Descriptor, layers: [Descriptor]) {
        schemaVersion = 2
        mediaType = MediaTypes.manifest
        self.config = config
        self.layers = layers
    }

    private enum CodingKeys: String, CodingKey { case schemaVersion, mediaType, config, layers }

    public init(from decoder: any Decoder) throws {
        try decoder.checkDocument(isIndex: false)
        let document = try decoder.container(keyedBy: CodingKeys.self)
        schemaVersion = try document.decode(Int.self, forKey: .schemaVersion)
        mediaType = try document.decodeIfPresent(String.self, forKey: .mediaType)
        config = try document.decode(Descriptor.self, forKey: .config)
        layers = try document.decode([Descriptor].self, forKey: .layers)
    }
}

/// An index of manifests (OCI image specification, "Image Index").
public struct ImageIndex: Sendable, Codable, Equatable {
    public var schemaVersion: Int
    public var mediaType: String?
    public var manifests: [Descriptor]
    public init(manifests: [Descriptor]) {
        schemaVersion = 2
        mediaType = MediaTypes.index
        self.manifests = manifests
    }

    private enum CodingKeys: String, CodingKey { case schemaVersion, mediaType, manifests }

    public init(from decoder: any Decoder) throws {
        try decoder.checkDocument(isIndex: true)
        let document = try decoder.container(keyedBy: CodingKeys.self)
        schemaVersion = try document.decode(Int.self, forKey: .schemaVersion)
        mediaType = try document.decodeIfPresent(String.self, forKey: .mediaType)
        manifests = try document.decode([Descriptor].self, forKey: .manifests)
    }
}

/// Members that tell an image manifest from an index.
private enum DocumentKey: String, CodingKey { case schemaVersion, mediaType, config, layers, manifests }

extension Decoder {
    /// Rejects a document that could also be parsed as the other kind: two readers would see two images under one digest (CVE-2021-41190).
    fileprivate func checkDocument(isIndex: Bool) throws {
        let document = try container(keyedBy: DocumentKey.self)
        let foreign: [DocumentKey] = isIndex ? [.config, .layers] : [.manifests]
        let isForeign = try foreign.contains { try document.contains($0) && !document.decodeNil(forKey: $0) }
        let type = try document.decodeIfPresent(String.self, forKey: .mediaType) ?? ""
        let others =
            isIndex ? [MediaTypes.manifest, MediaTypes.dockerManifest] : [MediaTypes.index, MediaTypes.dockerIndex]
        if let version = try document.decodeIfPresent(Int.self, forKey: .schemaVersion), version != 2 {
            throw RoostError.invalid("unsupported schema version \(version) (expected 2)")
        }
        guard !isForeign, !others.contains(type) else {
            throw RoostError.invalid(
                isIndex
                    ? "expected an index but found an image manifest" : "expected an image manifest but found an index"
            )
        }
    }
}

/// An entry of `manifest.json` in Docker image archives.
public struct DockerArchiveEntry: Sendable, Codable, Equatable {
    public var config: String
    public var repoTags: [String]?
    public var layers: [String]
    public init(config: String, repoTags: [String]?, layers: [String]) {
        self.config = config
        self.repoTags = repoTags
        self.layers = layers
    }
    enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
    }
}

public enum MediaTypes {
    public static let manifest = "application/vnd.oci.image.manifest.v1+json"
    public static let index = "application/vnd.oci.image.index.v1+json"
    public static let configuration = "application/vnd.oci.image.config.v1+json"
    public static let layer = "application/vnd.oci.image.layer.v1.tar"
    public static let layerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    public static let layerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    public static let dockerConfiguration = "application/vnd.docker.container.image.v1+json"
    public static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    public static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// Whether a document is an index, by its media type or, without a known one, by its content.
    public static func isIndex(_ type: String, _ bytes: [UInt8]) -> Bool {
        if type == index || type == dockerIndex { return true }
        if type == manifest || type == dockerManifest { return false }
        return (try? JSON(parsing: bytes))?["manifests"].array != nil
    }

    /// overlayfs mounts at most 500 layers (OVL_MAX_STACK); a container's own and the base layer are among them.
    private static let depthLimit = 496

    /// Refuses an image of more layers than can be mounted.
    public static func checkDepth(_ count: Int) throws(RoostError) {
        guard count <= depthLimit else {
            throw .invalid("max depth exceeded: the image has \(count) layers, at most \(depthLimit) can be mounted")
        }
    }

    public static func isConfiguration(_ type: String) -> Bool {
        type == configuration || type == dockerConfiguration
            || type == "application/octet-stream"
    }

    /// Whether a layer type can be unpacked, including Docker's older types.
    public static func isLayer(_ type: String) -> Bool {
        [layer, layerGzip, layerZstd, dockerLayer, "application/vnd.docker.image.rootfs.diff.tar"].contains(type)
            || type == "application/vnd.docker.image.rootfs.diff.tar.zstd"
    }

    /// The OCI media type of a layer.
    public static func ociLayer(_ type: String) -> String {
        switch type {
        case dockerLayer: layerGzip
        case "application/vnd.docker.image.rootfs.diff.tar": layer
        case "application/vnd.docker.image.rootfs.diff.tar.zstd": layerZstd
        default: type
        }
    }

    /// The name of an image in an index (OCI annotations).
    public static let referenceAnnotation = "org.opencontainers.image.ref.name"
    /// The full image name, as containerd and Docker set it.
    public static let nameAnnotation = "io.containerd.image.name"
}
