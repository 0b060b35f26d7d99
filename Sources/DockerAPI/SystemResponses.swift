import EngineModel

/// The answer of `GET /version`.
public struct SystemVersion: Codable, Sendable, Equatable {
    public var platform: Platform = Platform()
    public var components: [Component] = []
    public var version: String = ""
    public var apiVersion: String = ""
    public var minimumAPIVersion: String = ""
    public var gitCommit: String = ""
    public var goVersion: String = ""
    public var os: String = ""
    public var architecture: String = ""
    public var kernelVersion: String = ""
    public var buildTime: String = ""

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

    public init() {}

    public struct Platform: Codable, Sendable, Equatable {
        public var name = ""
        enum CodingKeys: String, CodingKey { case name = "Name" }
        public init() {}
    }

    public struct Component: Codable, Sendable, Equatable {
        public var name = ""
        public var version = ""
        public var details: OrderedMap<String> = [:]

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case version = "Version"
            case details = "Details"
        }

        public init() {}
    }
}

/// The answer of `GET /system/df`. Sizes are in bytes; a kind of object that was not asked for is null.
public struct DiskUsage: Codable, Sendable, Equatable {
    public var layersSize: Int64 = 0
    @NullIfNil public var images: [ImageListEntry]?
    @NullIfNil public var containers: [ContainerSummary]?
    @NullIfNil public var volumes: [VolumeInspect]?
    @NullIfNil public var buildCache: [BuildCacheRecord]?
    public var builderSize: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case layersSize = "LayersSize"
        case images = "Images"
        case containers = "Containers"
        case volumes = "Volumes"
        case buildCache = "BuildCache"
        case builderSize = "BuilderSize"
    }

    public init() {}
}

/// A step in the build cache.
public struct BuildCacheRecord: Codable, Sendable, Equatable {
    public var id: String = ""
    public var type: String = ""
    public var description: String = ""
    public var inUse: Bool = false
    public var shared: Bool = false
    public var size: Int64 = 0
    public var createdAt: String = ""
    public var lastUsedAt: String = ""
    public var usageCount: Int64 = 0

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

    public init() {}
}

/// The answer of `GET /roost/v1/engine`.
public struct EngineStatus: Codable, Sendable, Equatable {
    public var pid: Int64 = 0
    public var version: String = ""
    public var dataRoot: String = ""
    public var runRoot: String = ""
    public var socket: String = ""
    public var containers: Int = 0
    public var running: Int = 0

    public init() {}
}

/// The answer of `POST /roost/v1/check`.
public struct StoreCheckReport: Codable, Sendable, Equatable {
    public var images: Int = 0
    public var layers: Int = 0
    public var blobs: Int = 0
    public var mended: [String] = []
    public var damaged: [String] = []

    public init() {}
}

/// A restricted socket: the body of `POST /roost/v1/sockets`, and an entry of the answer to `GET`.
public struct SocketDescription: Codable, Sendable, Equatable {
    public var path: String?
    public var mode: Int64?
    public var project: String?
    /// Permissions, separated by commas.
    public var allow: String?

    public init() {}
}
