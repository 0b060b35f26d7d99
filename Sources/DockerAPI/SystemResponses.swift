import EngineModel

/// The answer of `GET /version`.
package struct SystemVersion: Codable, Sendable, Equatable {
    package var platform: Platform = Platform()
    package var components: [Component] = []
    package var version: String = ""
    package var apiVersion: String = ""
    package var minimumAPIVersion: String = ""
    package var gitCommit: String = ""
    package var goVersion: String = ""
    package var os: String = ""
    package var architecture: String = ""
    package var kernelVersion: String = ""
    package var buildTime: String = ""

    enum CodingKeys: String, CodingKey {
        case platform = "Platform"
        case components = "Components"
        case version = "Version"
        case apiVersion = "ApiVersion"
        case minimumAPIVersion = "MinAPIVersion"
        case gitCommit = "GitCommit"
        case goVersion = "GoVersion"
        case os = "Os"
        case architecture = "Arch"
        case kernelVersion = "KernelVersion"
        case buildTime = "BuildTime"
    }

    package init() {}

    package struct Platform: Codable, Sendable, Equatable {
        package var name = ""
        enum CodingKeys: String, CodingKey { case name = "Name" }
        package init() {}
    }

    package struct Component: Codable, Sendable, Equatable {
        package var name = ""
        package var version = ""
        package var details: OrderedMap<String> = [:]

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case version = "Version"
            case details = "Details"
        }

        package init() {}
    }
}

/// The answer of `GET /system/df`. Sizes are in bytes; a kind of object that was not asked for is null.
package struct DiskUsage: Codable, Sendable, Equatable {
    package var layersSize: Int64 = 0
    @NullIfNil package var images: [ImageListEntry]?
    @NullIfNil package var containers: [ContainerSummary]?
    @NullIfNil package var volumes: [VolumeInspect]?
    @NullIfNil package var buildCache: [BuildCacheRecord]?
    package var builderSize: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case layersSize = "LayersSize"
        case images = "Images"
        case containers = "Containers"
        case volumes = "Volumes"
        case buildCache = "BuildCache"
        case builderSize = "BuilderSize"
    }

    package init() {}
}

/// A step in the build cache.
package struct BuildCacheRecord: Codable, Sendable, Equatable {
    package var id: String = ""
    package var type: String = ""
    package var description: String = ""
    package var inUse: Bool = false
    package var shared: Bool = false
    package var size: Int64 = 0
    package var createdAt: String = ""
    package var lastUsedAt: String = ""
    package var usageCount: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case id = "ID"
        case type = "Type"
        case description = "Description"
        case inUse = "InUse"
        case shared = "Shared"
        case size = "Size"
        case createdAt = "CreatedAt"
        case lastUsedAt = "LastUsedAt"
        case usageCount = "UsageCount"
    }

    package init() {}
}

/// The answer of `GET /roost/v1/engine`.
package struct EngineStatus: Codable, Sendable, Equatable {
    package var pid: Int64 = 0
    package var version: String = ""
    package var dataRoot: String = ""
    package var runRoot: String = ""
    package var socket: String = ""
    package var containers: Int = 0
    package var running: Int = 0

    package init() {}
}

/// The answer of `POST /roost/v1/check`.
package struct StoreCheckReport: Codable, Sendable, Equatable {
    package var images: Int = 0
    package var layers: Int = 0
    package var blobs: Int = 0
    package var mended: [String] = []
    package var damaged: [String] = []

    package init() {}
}

/// A restricted socket: the body of `POST /roost/v1/sockets`, and an entry of the answer to `GET`.
package struct SocketDescription: Codable, Sendable, Equatable {
    package var path: String?
    package var mode: Int64?
    package var project: String?
    /// Permissions, separated by commas.
    package var allow: String?

    package init() {}
}
