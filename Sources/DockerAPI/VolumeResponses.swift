import EngineModel

/// A volume, as `GET /volumes/{name}` returns it.
package struct VolumeInspect: Codable, Sendable, Equatable {
    package var createdAt: String = ""
    package var driver: String = ""
    @NullIfNil package var labels: [String: String]?
    package var mountpoint: String = ""
    package var name: String = ""
    @NullIfNil package var options: [String: String]?
    package var scope: String = ""
    package var usageData: VolumeUsage?

    enum CodingKeys: String, CodingKey {
        case createdAt = "CreatedAt"
        case driver = "Driver"
        case labels = "Labels"
        case mountpoint = "Mountpoint"
        case name = "Name"
        case options = "Options"
        case scope = "Scope"
        case usageData = "UsageData"
    }

    package init() {}
}

/// The size of a volume in bytes, and the number of containers that use it.
package struct VolumeUsage: Codable, Sendable, Equatable {
    package var size: Int64 = 0
    package var referenceCount: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case size = "Size"
        case referenceCount = "RefCount"
    }

    package init() {}
}

/// The answer of `GET /volumes`.
package struct VolumeList: Codable, Sendable, Equatable {
    package var volumes: [VolumeInspect] = []
    @NullIfNil package var warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case volumes = "Volumes"
        case warnings = "Warnings"
    }

    package init() {}
}

/// An entry of `GET /roost/v1/trash`: a removed volume that can be restored until it expires.
package struct TrashEntry: Codable, Sendable, Equatable {
    package var id: String = ""
    package var name: String = ""
    package var labels: [String: String] = [:]
    package var removedAt: String = ""
    package var expiresAt: String = ""
    package var size: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case name = "Name"
        case labels = "Labels"
        case removedAt = "RemovedAt"
        case expiresAt = "ExpiresAt"
        case size = "Size"
    }

    package init() {}
}
