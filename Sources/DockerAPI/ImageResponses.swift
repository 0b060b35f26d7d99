import EngineModel

/// An entry of `GET /images/json`.
public struct ImageListEntry: Codable, Sendable, Equatable {
    public var containers: Int64 = 0
    /// Seconds since 1970.
    public var created: Int64 = 0
    public var id: String = ""
    @NullIfNil public var labels: [String: String]?
    public var parentID: String = ""
    public var repositoryDigests: [String] = []
    public var repositoryTags: [String] = []
    /// Bytes that other images have too; -1 if it was not asked for.
    public var sharedSize: Int64 = 0
    public var size: Int64 = 0
    /// Up to API version 1.43.
    public var virtualSize: Int64?

    enum CodingKeys: String, CodingKey {
        case containers = "Containers"
        case created = "Created"
        case id = "Id"
        case labels = "Labels"
        case parentID = "ParentId"
        case repositoryDigests = "RepoDigests"
        case repositoryTags = "RepoTags"
        case sharedSize = "SharedSize"
        case size = "Size"
        case virtualSize = "VirtualSize"
    }

    public init() {}
}

/// The answer of `GET /images/{name}/json`.
public struct ImageInspect: Codable, Sendable, Equatable {
    public var id: String = ""
    public var repositoryTags: [String] = []
    public var repositoryDigests: [String] = []
    public var parent: String = ""
    public var comment: String = ""
    public var created: String = ""
    public var dockerVersion: String = ""
    public var author: String = ""
    public var config: ContainerConfig = ContainerConfig()
    public var architecture: String = ""
    public var os: String = ""
    public var size: Int64 = 0
    public var graphDriver: GraphDriver = GraphDriver()
    public var rootFS: RootFS = RootFS()
    public var metadata: Metadata = Metadata()
    public var variant: String?
    /// Up to API version 1.43.
    public var virtualSize: Int64?
    /// Up to API version 1.44.
    public var container: String?
    /// Up to API version 1.44.
    public var containerConfig: ContainerConfig?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case repositoryTags = "RepoTags"
        case repositoryDigests = "RepoDigests"
        case parent = "Parent"
        case comment = "Comment"
        case created = "Created"
        case dockerVersion = "DockerVersion"
        case author = "Author"
        case config = "Config"
        case architecture = "Architecture"
        case os = "Os"
        case size = "Size"
        case graphDriver = "GraphDriver"
        case rootFS = "RootFS"
        case metadata = "Metadata"
        case variant = "Variant"
        case virtualSize = "VirtualSize"
        case container = "Container"
        case containerConfig = "ContainerConfig"
    }

    public init() {}

    public struct RootFS: Codable, Sendable, Equatable {
        public var type = ""
        public var layers: [String] = []

        enum CodingKeys: String, CodingKey {
            case type = "Type"
            case layers = "Layers"
        }

        public init() {}
    }

    public struct Metadata: Codable, Sendable, Equatable {
        public var lastTagTime = ""
        enum CodingKeys: String, CodingKey { case lastTagTime = "LastTagTime" }
        public init() {}
    }
}

extension ImageListEntry {
    /// As a client of this API version (major * 1000 + minor) knows it.
    public func adapted(toVersion version: Int) -> ImageListEntry {
        var adapted = self
        if version < 1051 { adapted.containers = -1 }
        if version < 1044 { adapted.virtualSize = size }
        return adapted
    }
}

extension ImageInspect {
    /// As a client of this API version (major * 1000 + minor) knows it. Older ones expect the configuration of the container that
    /// created the image, and members that only containers have.
    public func adapted(toVersion version: Int) -> ImageInspect {
        var adapted = self
        if version < 1050 { adapted.config.addContainerMembers() }
        if version < 1045 { (adapted.container, adapted.containerConfig) = ("", adapted.config) }
        if version < 1044 { adapted.virtualSize = size }
        return adapted
    }
}

extension ContainerConfig {
    fileprivate mutating func addContainerMembers() {
        (hostname, domainname, image) = ("", "", "")
        (attachStdin, attachStdout, attachStderr) = (false, false, false)
        (tty, openStdin, stdinOnce) = (false, false, false)
    }
}

/// An entry of `GET /images/{name}/history`.
public struct ImageHistoryEntry: Codable, Sendable, Equatable {
    public var id: String = ""
    public var created: Int64 = 0
    public var createdBy: String = ""
    @NullIfNil public var tags: [String]?
    public var size: Int64 = 0
    public var comment: String = ""

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case createdBy = "CreatedBy"
        case tags = "Tags"
        case size = "Size"
        case comment = "Comment"
    }

    public init() {}
}

/// What the removal of an image has done: removed a name, or an image.
public struct ImageDeletion: Codable, Sendable, Equatable {
    public var untagged: String?
    public var deleted: String?

    enum CodingKeys: String, CodingKey {
        case untagged = "Untagged"
        case deleted = "Deleted"
    }

    public init() {}
}

/// An entry of `GET /images/search`.
public struct ImageSearchResult: Codable, Sendable, Equatable {
    public var stars: Int64 = 0
    public var isOfficial: Bool = false
    public var name: String = ""
    public var isAutomated: Bool = false
    public var description: String = ""

    enum CodingKeys: String, CodingKey {
        case stars = "star_count"
        case isOfficial = "is_official"
        case name
        case isAutomated = "is_automated"
        case description
    }

    public init() {}
}

/// The answer of `GET /distribution/{name}/json`.
public struct DistributionInspect: Codable, Sendable, Equatable {
    public var descriptor: Descriptor = Descriptor()
    public var platforms: [Platform] = []

    enum CodingKeys: String, CodingKey {
        case descriptor = "Descriptor"
        case platforms = "Platforms"
    }

    public init() {}

    public struct Descriptor: Codable, Sendable, Equatable {
        public var mediaType = ""
        public var digest = ""
        public var size: Int64 = 0
        public init() {}
    }

    public struct Platform: Codable, Sendable, Equatable {
        public var architecture = ""
        public var os = ""
        public var variant: String?
        public init() {}
    }
}

/// The answer of `POST /auth`.
public struct LoginResponse: Codable, Sendable, Equatable {
    public var identityToken: String = ""
    public var status: String = ""

    enum CodingKeys: String, CodingKey {
        case identityToken = "IdentityToken"
        case status = "Status"
    }

    public init() {}
}

/// The body of `POST /auth`.
public struct LoginRequest: Codable, Sendable, Equatable {
    public var username: String?
    public var password: String?
    public var serverAddress: String?

    enum CodingKeys: String, CodingKey {
        case username, password
        case serverAddress = "serveraddress"
    }

    public init() {}
}
