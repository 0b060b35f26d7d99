import EngineModel

/// `build` of a service (Compose Build Specification).
public struct Build: Decodable, Sendable, Equatable {
    @Attribute public var context: String?
    @Attribute public var dockerfile: String?
    @Attribute public var inlineDockerfile: String?
    @Attribute public var entitlements: [String]?
    /// An argument without a value takes that of the environment.
    public var arguments: OrderedMap<String?>?
    @Attribute public var agents: [String]?
    public var labels: OrderedMap<String?>?
    @Attribute public var cacheFrom: [String]?
    @Attribute public var cacheTo: [String]?
    @Attribute public var noCache: Bool?
    @Attribute public var noCacheFilter: [String]?
    public var additionalContexts: OrderedMap<String?>?
    @Attribute public var pull: Bool?
    @Attribute public var extraHosts: [String]?
    @Attribute public var network: String?
    @Attribute public var target: String?
    public var secrets: [FileReference]?
    @Attribute public var sharedMemorySize: Int64?
    @Attribute public var tags: [String]?
    public var ulimits: OrderedMap<UlimitValue>?
    @Attribute public var platforms: [String]?

    enum CodingKeys: String, CodingKey {
        case context, dockerfile, entitlements, labels, pull, network, target, secrets, tags, ulimits, platforms
        case inlineDockerfile = "dockerfile_inline"
        case arguments = "args"
        case agents = "ssh"
        case cacheFrom = "cache_from"
        case cacheTo = "cache_to"
        case noCache = "no_cache"
        case noCacheFilter = "no_cache_filter"
        case additionalContexts = "additional_contexts"
        case extraHosts = "extra_hosts"
        case sharedMemorySize = "shm_size"
    }

    public init() {}

    /// The services whose images the build uses: `additional_contexts: { base: "service:base" }`.
    public var services: [String] {
        (additionalContexts?.values ?? []).compactMap { value in
            value.flatMap { $0.hasPrefix("service:") ? String($0.dropFirst(8)) : nil }
        }
    }
}

/// `develop` of a service (Compose Develop Specification).
public struct Develop: Decodable, Sendable, Equatable {
    public var watch: [Rule]?

    public init() {}

    public struct Rule: Decodable, Sendable, Equatable {
        @Attribute public var path: String?
        @Attribute public var action: String?
        @Attribute public var target: String?
        @Attribute public var ignore: [String]?
        @Attribute public var include: [String]?
        @Attribute public var initialSync: Bool?
        public var exec: Hook?

        enum CodingKeys: String, CodingKey {
            case path, action, target, ignore, include, exec
            case initialSync = "initial_sync"
        }

        public init() {}
    }
}
