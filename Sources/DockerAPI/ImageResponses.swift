import EngineModel

/// An entry of `GET /images/json`.
package struct ImageListEntry: Codable, Sendable, Equatable {
    package var containers: Int64 = 0
    /// Seconds since 1970.
    package var created: Int64 = 0
    package var id: String = ""
    @NullIfNil package var labels: [String: String]?
    package var parentID: String = ""
    package var repositoryDigests: [String] = []
    package var repositoryTags: [String] = []
    /// Bytes that other images have too; -1 if it was not asked for.
    package var sharedSize: Int64 = 0
    package var size: Int64 = 0
    /// Up to API version 1.43.
    package var virtualSize: Int64?

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

    package init() {}
}

/// The answer of `GET /images/{name}/json`.
package struct ImageInspect: Codable, Sendable, Equatable {
    package var id: String = ""
    package var repositoryTags: [String] = []
    package var repositoryDigests: [String] = []
    package var parent: String = ""
    package var comment: String = ""
    package var created: String = ""
    package var dockerVersion: String = ""
    package var author: String = ""
    package var config: ContainerConfig = ContainerConfig()
    package var architecture: String = ""
    package var os: String = ""
    package var size: Int64 = 0
    package var graphDriver: GraphDriver = GraphDriver()
    package var rootFS: RootFS = RootFS()
    package var metadata: Metadata = Metadata()
    package var variant: String?
    /// Up to API version 1.43.
    package var virtualSize: Int64?
    /// Up to API version 1.44.
    package var container: String?
    /// Up to API version 1.44.
    package var containerConfig: ContainerConfig?

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

    package init() {}

    package struct RootFS: Codable, Sendable, Equatable {
        package var type = ""
        package var layers: [String] = []

        enum CodingKeys: String, CodingKey {
            case type = "Type"
            case layers = "Layers"
        }

        package init() {}
    }

    package struct Metadata: Codable, Sendable, Equatable {
        package var lastTagTime = ""
        enum CodingKeys: String, CodingKey { case lastTagTime = "LastTagTime" }
        package init() {}
    }
}

extension ImageListEntry {
    /// As a client of this API version (major * 1000 + minor) knows it.
    package func adapted(toVersion version: Int) -> ImageListEntry {
        var adapted = self
        if version < 1051 { adapted.containers = -1 }
        if version < 1044 { adapted.virtualSize = size }
        return adapted
    }
}

extension ImageInspect {
    /// As a client of this API version (major * 1000 + minor) knows it. Older ones expect the configuration of the container that
    /// created the image, and members that only containers have.
    package func adapted(toVersion version: Int) -> ImageInspect {
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
package struct ImageHistoryEntry: Codable, Sendable, Equatable {
    package var id: String = ""
    package var created: Int64 = 0
    package var createdBy: String = ""
    @NullIfNil package var tags: [String]?
    package var size: Int64 = 0
    package var comment: String = ""

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case created = "Created"
        case createdBy = "CreatedBy"
        case tags = "Tags"
        case size = "Size"
        case comment = "Comment"
    }

    package init() {}
}

/// What the removal of an image has done: removed a name, or an image.
package struct ImageDeletion: Codable, Sendable, Equatable {
    package var untagged: String?
    package var deleted: String?

    enum CodingKeys: String, CodingKey {
        case untagged = "Untagged"
        case deleted = "Deleted"
    }

    package init() {}
}

/// An entry of `GET /images/search`.
package struct ImageSearchResult: Codable, Sendable, Equatable {
    package var stars: Int64 = 0
    package var isOfficial: Bool = false
    package var name: String = ""
    package var isAutomated: Bool = false
    package var description: String = ""

    enum CodingKeys: String, CodingKey {
        case stars = "star_count"
        case isOfficial = "is_official"
        case name
        case isAutomated = "is_automated"
        case description
    }

    package init() {}
}

/// The answer of `GET /distribution/{name}/json`.
package struct DistributionInspect: Codable, Sendable, Equatable {
    package var descriptor: Descriptor = Descriptor()
    package var platforms: [Platform] = []

    enum CodingKeys: String, CodingKey {
        case descriptor = "Descriptor"
        case platforms = "Platforms"
    }

    package init() {}

    package struct Descriptor: Codable, Sendable, Equatable {
        package var mediaType = ""
        package var digest = ""
        package var size: Int64 = 0
        package init() {}
    }

    package struct Platform: Codable, Sendable, Equatable {
        package var architecture = ""
        package var os = ""
        package var variant: String?
        package init() {}
    }
}

/// The answer of `POST /auth`.
package struct LoginResponse: Codable, Sendable, Equatable {
    package var identityToken: String = ""
    package var status: String = ""

    enum CodingKeys: String, CodingKey {
        case identityToken = "IdentityToken"
        case status = "Status"
    }

    package init() {}
}

/// The body of `POST /auth`.
package struct LoginRequest: Codable, Sendable, Equatable {
    package var username: String?
    package var password: String?
    package var serverAddress: String?

    enum CodingKeys: String, CodingKey {
        case username, password
        case serverAddress = "serveraddress"
    }

    package init() {}
}
