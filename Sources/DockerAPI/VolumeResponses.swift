import EngineModel

/// A volume, as `GET /volumes/{name}` returns it.
public struct VolumeInspect: Codable, Sendable, Equatable {
    public var createdAt: String = ""
    public var driver: String = ""
    @NullIfNil public var labels: [String: String]?
    public var mountpoint: String = ""
    public var name: String = ""
    @NullIfNil public var options: [String: String]?
    public var scope: String = ""
    public var usageData: VolumeUsage?

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

    public init() {}
}

/// The size of a volume in bytes, and the number of containers that use it.
public struct VolumeUsage: Codable, Sendable, Equatable {
    public var size: Int64 = 0
    public var referenceCount: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case size = "Size"
        case referenceCount = "RefCount"
    }

    public init() {}
}

/// The answer of `GET /volumes`.
public struct VolumeList: Codable, Sendable, Equatable {
    public var volumes: [VolumeInspect] = []
    @NullIfNil public var warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case volumes = "Volumes"
        case warnings = "Warnings"
    }

    public init() {}
}

/// An entry of `GET /roost/v1/trash`: a removed volume that can be restored until it expires.
public struct TrashEntry: Codable, Sendable, Equatable {
    public var id: String = ""
    public var name: String = ""
    public var labels: [String: String] = [:]
    public var removedAt: String = ""
    public var expiresAt: String = ""
    public var size: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case name = "Name"
        case labels = "Labels"
        case removedAt = "RemovedAt"
        case expiresAt = "ExpiresAt"
        case size = "Size"
    }

    public init() {}
}
