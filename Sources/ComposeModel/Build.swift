import EngineModel

/// `build` of a service (Compose Build Specification).
package struct Build: Decodable, Sendable, Equatable {
    @Attribute package var context: String?
    @Attribute package var dockerfile: String?
    @Attribute package var inlineDockerfile: String?
    @Attribute package var entitlements: [String]?
    /// An argument without a value takes that of the environment.
    package var arguments: OrderedMap<String?>?
    @Attribute package var agents: [String]?
    package var labels: OrderedMap<String?>?
    @Attribute package var cacheFrom: [String]?
    @Attribute package var cacheTo: [String]?
    @Attribute package var noCache: Bool?
    @Attribute package var noCacheFilter: [String]?
    package var additionalContexts: OrderedMap<String?>?
    @Attribute package var pull: Bool?
    @Attribute package var extraHosts: [String]?
    @Attribute package var network: String?
    @Attribute package var target: String?
    package var secrets: [FileReference]?
    @Attribute package var sharedMemorySize: Int64?
    @Attribute package var tags: [String]?
    package var ulimits: OrderedMap<UlimitValue>?
    @Attribute package var platforms: [String]?

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

    package init() {}

    /// The services whose images the build uses: `additional_contexts: { base: "service:base" }`.
    package var services: [String] {
        (additionalContexts?.values ?? []).compactMap { value in
            value.flatMap { $0.hasPrefix("service:") ? String($0.dropFirst(8)) : nil }
        }
    }
}

/// `develop` of a service (Compose Develop Specification).
package struct Develop: Decodable, Sendable, Equatable {
    package var watch: [Rule]?

    package init() {}

    package struct Rule: Decodable, Sendable, Equatable {
        @Attribute package var path: String?
        @Attribute package var action: String?
        @Attribute package var target: String?
        @Attribute package var ignore: [String]?
        @Attribute package var include: [String]?
        @Attribute package var initialSync: Bool?
        package var exec: Hook?

        enum CodingKeys: String, CodingKey {
            case path, action, target, ignore, include, exec
            case initialSync = "initial_sync"
        }

        package init() {}
    }
}
