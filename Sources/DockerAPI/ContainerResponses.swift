import EngineModel

/// The answer of `POST /containers/{id}/wait`.
package struct WaitResponse: Codable, Sendable, Equatable {
    package var statusCode: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case statusCode = "StatusCode"
    }

    package init() {}
}

/// The answer of `POST /containers/{id}/update`, and of `stop` and `restart` if hooks have failed.
package struct ContainerWarnings: Codable, Sendable, Equatable {
    @NullIfNil package var warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case warnings = "Warnings"
    }

    package init() {}
}

/// An entry of `GET /containers/{id}/changes`.
package struct FilesystemChange: Codable, Sendable, Equatable {
    package var path: String = ""
    /// 0 changed, 1 added, 2 deleted.
    package var kind: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case path = "Path"
        case kind = "Kind"
    }

    package init() {}
}

/// The body of `DELETE /containers/{id}/archive`; not part of Docker's API.
package struct RemovedPaths: Codable, Sendable, Equatable {
    package var paths: [String]?

    enum CodingKeys: String, CodingKey {
        case paths = "Paths"
    }

    package init() {}
}

/// The answer of `POST /containers/prune`.
package struct ContainersPruneReport: Codable, Sendable, Equatable {
    @NullIfNil package var containersDeleted: [String]?
    package var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case containersDeleted = "ContainersDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    package init() {}
}

/// The answer of `POST /networks/prune`.
package struct NetworksPruneReport: Codable, Sendable, Equatable {
    @NullIfNil package var networksDeleted: [String]?

    enum CodingKeys: String, CodingKey {
        case networksDeleted = "NetworksDeleted"
    }

    package init() {}
}

/// The answer of `POST /volumes/prune`, and of emptying the trash.
package struct VolumesPruneReport: Codable, Sendable, Equatable {
    package var volumesDeleted: [String] = []
    package var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case volumesDeleted = "VolumesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    package init() {}
}

/// The answer of `POST /images/prune`.
package struct ImagesPruneReport: Codable, Sendable, Equatable {
    @NullIfNil package var imagesDeleted: [ImageDeletion]?
    package var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case imagesDeleted = "ImagesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    package init() {}
}

/// The answer of `POST /build/prune`.
package struct BuildCachePruneReport: Codable, Sendable, Equatable {
    @NullIfNil package var cachesDeleted: [String]?
    package var spaceReclaimed: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case cachesDeleted = "CachesDeleted"
        case spaceReclaimed = "SpaceReclaimed"
    }

    package init() {}
}

/// The answer to a request that creates an object.
package struct ObjectID: Codable, Sendable, Equatable {
    package var id: String = ""
    package var name: String?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case name = "Name"
    }

    package init() {}
}
extension WaitResponse {
    package init(_ code: Int32) { statusCode = Int64(code) }
}

extension ContainerWarnings {
    package init(_ warnings: [String]) { self.warnings = warnings.isEmpty ? nil : warnings }
}

extension ObjectID {
    package init(_ id: String, name: String? = nil) {
        self.id = id
        self.name = name
    }
}

extension VolumesPruneReport {
    package init(_ names: [String], _ bytes: Int64) {
        volumesDeleted = names
        spaceReclaimed = bytes
    }
}
