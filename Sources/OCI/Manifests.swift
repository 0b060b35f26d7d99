import EngineModel

/// Media type, size and digest of content (OCI image specification, "Content Descriptors").
package struct Descriptor: Sendable, Codable, Equatable {
    package var mediaType: String
    package var digest: Digest
    package var size: Int64
    package var platform: Platform?
    package var annotations: [String: String]?

    package init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil, annotations: [String: String]? = nil
    ) {
        self.platform = platform
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.annotations = annotations
    }

    package struct Platform: Sendable, Codable, Equatable {
        package var architecture: String
        package var os: String
        package var variant: String?

        package init(architecture: String, os: String = "linux", variant: String? = nil) {
            self.architecture = architecture
            self.os = os
            self.variant = variant
        }

        /// The platform of this machine.
        package static var host: Platform {
            #if arch(arm64)
                Platform(architecture: "arm64", variant: "v8")
            #else
                Platform(architecture: "amd64")
            #endif
        }

        /// Parses `linux/arm64`, `linux/arm/v7` or `arm64`, and common aliases (containerd's platforms package).
        package init(parsing text: String) throws(RoostError) {
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

        package var description: String { "\(os)/\(architecture)" + (variant.map { "/\($0)" } ?? "") }

        /// Whether content for `offered` matches this platform; variants are compared only if both are set.
        package func accepts(_ offered: Platform) -> Bool {
            offered.os == os && offered.architecture == architecture
                && (variant == nil || offered.variant == nil || offered.variant == variant)
        }
    }
}

/// An image for one platform (OCI image specification, "Image Manifest").
package struct ImageManifest: Sendable, Codable, Equatable {
    package var schemaVersion: Int
    package var mediaType: String?
    package var config: Descriptor
    package var layers: [Descriptor]
    package init(config: Descriptor, layers: [Descriptor]) {
        schemaVersion = 2
        mediaType = MediaTypes.manifest
        self.config = config
        self.layers = layers
    }

    private enum CodingKeys: String, CodingKey { case schemaVersion, mediaType, config, layers }

    package init(from decoder: any Decoder) throws {
        try decoder.checkDocument(isIndex: false)
        let document = try decoder.container(keyedBy: CodingKeys.self)
        schemaVersion = try document.decode(Int.self, forKey: .schemaVersion)
        mediaType = try document.decodeIfPresent(String.self, forKey: .mediaType)
        config = try document.decode(Descriptor.self, forKey: .config)
        layers = try document.decode([Descriptor].self, forKey: .layers)
    }
}

/// An index of manifests (OCI image specification, "Image Index").
package struct ImageIndex: Sendable, Codable, Equatable {
    package var schemaVersion: Int
    package var mediaType: String?
    package var manifests: [Descriptor]
    package init(manifests: [Descriptor]) {
        schemaVersion = 2
        mediaType = MediaTypes.index
        self.manifests = manifests
    }

    private enum CodingKeys: String, CodingKey { case schemaVersion, mediaType, manifests }

    package init(from decoder: any Decoder) throws {
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
package struct DockerArchiveEntry: Sendable, Codable, Equatable {
    package var config: String
    package var repoTags: [String]?
    package var layers: [String]
    package init(config: String, repoTags: [String]?, layers: [String]) {
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

package enum MediaTypes {
    package static let manifest = "application/vnd.oci.image.manifest.v1+json"
    package static let index = "application/vnd.oci.image.index.v1+json"
    package static let configuration = "application/vnd.oci.image.config.v1+json"
    package static let layer = "application/vnd.oci.image.layer.v1.tar"
    package static let layerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    package static let layerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    package static let dockerConfiguration = "application/vnd.docker.container.image.v1+json"
    package static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    package static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
    /// Whether a document is an index, by its media type or, without a known one, by its content.
    package static func isIndex(_ type: String, _ bytes: [UInt8]) -> Bool {
        if type == index || type == dockerIndex { return true }
        if type == manifest || type == dockerManifest { return false }
        return (try? JSON(parsing: bytes))?["manifests"].array != nil
    }

    /// overlayfs mounts at most 500 layers (OVL_MAX_STACK); a container's own and the base layer are among them.
    private static let depthLimit = 496

    /// Refuses an image of more layers than can be mounted.
    package static func checkDepth(_ count: Int) throws(RoostError) {
        guard count <= depthLimit else {
            throw .invalid("max depth exceeded: the image has \(count) layers, at most \(depthLimit) can be mounted")
        }
    }

    package static func isConfiguration(_ type: String) -> Bool {
        type == configuration || type == dockerConfiguration
            || type == "application/octet-stream"
    }

    /// Whether a layer type can be unpacked, including Docker's older types.
    package static func isLayer(_ type: String) -> Bool {
        [layer, layerGzip, layerZstd, dockerLayer, "application/vnd.docker.image.rootfs.diff.tar"].contains(type)
            || type == "application/vnd.docker.image.rootfs.diff.tar.zstd"
    }

    /// The OCI media type of a layer.
    package static func ociLayer(_ type: String) -> String {
        switch type {
        case dockerLayer: layerGzip
        case "application/vnd.docker.image.rootfs.diff.tar": layer
        case "application/vnd.docker.image.rootfs.diff.tar.zstd": layerZstd
        default: type
        }
    }

    /// The name of an image in an index (OCI annotations).
    package static let referenceAnnotation = "org.opencontainers.image.ref.name"
    /// The full image name, as containerd and Docker set it.
    package static let nameAnnotation = "io.containerd.image.name"
}
