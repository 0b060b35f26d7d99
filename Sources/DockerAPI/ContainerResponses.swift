import EngineModel

/// The answer of `POST /containers/{id}/wait`.
public struct WaitResponse: Codable, Sendable, Equatable {
    public var statusCode: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case statusCode = "StatusCode"
    }

    public init() {}
}

/// The answer of `POST /containers/{id}/update`, and of `stop` and `restart` if hooks have failed.
public struct ContainerWarnings: Codable, Sendable, Equatable {
    @NullIfNil public var warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case warnings = "Warnings"
    }

    public init() {}
}

/// An entry of `GET /containers/{id}/changes`.
public struct FilesystemChange: Codable, Sendable, Equatable {
    public var path: String = ""
    /// 0 changed, 1 added, 2 deleted.
    public var kind: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case kind = "Kind"
    }

    public init() {}
}

/// The body of `DELETE /containers/{id}/archive`; not part of Docker's API.
public struct RemovedPaths: Codable, Sendable, Equatable {
    public var paths: [String]?

    enum CodingKeys: String, CodingKey {
        case paths = "Paths"
    }

    public init() {}
}

/// The answer of `POST /containers/prune`.
public struct ContainersPruneReport: Codable, Sendable, Equatable {
    @NullIfNil public var containersDeleted: [String]?
    public var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case containersDeleted = "ContainersDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    public init() {}
}

/// The answer of `POST /networks/prune`.
public struct NetworksPruneReport: Codable, Sendable, Equatable {
    @NullIfNil public var networksDeleted: [String]?

    enum CodingKeys: String, CodingKey {
        case networksDeleted = "NetworksDeleted"
    }

    public init() {}
}

/// The answer of `POST /volumes/prune`, and of emptying the trash.
public struct VolumesPruneReport: Codable, Sendable, Equatable {
    public var volumesDeleted: [String] = []
    public var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case volumesDeleted = "VolumesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    public init() {}
}

/// The answer of `POST /images/prune`.
public struct ImagesPruneReport: Codable, Sendable, Equatable {
    @NullIfNil public var imagesDeleted: [ImageDeletion]?
    public var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case imagesDeleted = "ImagesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    public init() {}
}

/// The answer of `POST /build/prune`.
public struct BuildCachePruneReport: Codable, Sendable, Equatable {
    @NullIfNil public var cachesDeleted: [String]?
    public var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case cachesDeleted = "CachesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    public init() {}
}

/// The answer to a request that creates an object.
public struct ObjectID: Codable, Sendable, Equatable {
    public var id: String = ""
    public var name: String?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case name = "Name"
    }

    public init() {}
}
extension WaitResponse {
    public init(_ code: Int32) { statusCode = Int64(code) }
}

extension ContainerWarnings {
    public init(_ warnings: [String]) { self.warnings = warnings.isEmpty ? nil : warnings }
}

extension ObjectID {
    public init(_ id: String, name: String? = nil) {
        self.id = id
        self.name = name
    }
}

extension VolumesPruneReport {
    public init(_ names: [String], _ bytes: Int64) {
        volumesDeleted = names
        spaceReclaimed = bytes
    }
}
