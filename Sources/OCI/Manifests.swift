/// What a piece of content is, how large, and its digest (OCI image specification, "Content Descriptors").
public struct Descriptor: Sendable, Codable, Equatable {
    public var mediaType: String
    public var digest: Digest
    public var size: Int64
    public var platform: Platform?
    public var annotations: [String: String]?

    public init(mediaType: String, digest: Digest, size: Int64, annotations: [String: String]? = nil) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.annotations = annotations
    }

    public struct Platform: Sendable, Codable, Equatable {
        public var architecture: String
        public var os: String
        public var variant: String?
    }
}

/// One image for one platform (OCI image specification, "Image Manifest").
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
}

/// Several manifests under one name (OCI image specification, "Image Index").
public struct ImageIndex: Sendable, Codable, Equatable {
    public var schemaVersion: Int
    public var mediaType: String?
    public var manifests: [Descriptor]
    public init(manifests: [Descriptor]) {
        schemaVersion = 2
        mediaType = MediaTypes.index
        self.manifests = manifests
    }
}

/// An entry of `manifest.json` in Docker's archives.
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
    public static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// Names an image inside an index (OCI annotations).
    public static let referenceAnnotation = "org.opencontainers.image.ref.name"
    /// The full name, as containerd and Docker write it.
    public static let nameAnnotation = "io.containerd.image.name"
}
