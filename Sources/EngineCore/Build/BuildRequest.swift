import EngineModel
import ImageBuild
import OCI
import Registry

/// The parameters of a build.
public struct BuildRequest: Sendable {
    /// The Dockerfile's path in the context.
    public var dockerfile = "Dockerfile"
    /// The Dockerfile's text, if it is not part of the context.
    public var dockerfileText: String?
    public var tags: [ImageReference] = []
    /// Build arguments by name (`--build-arg`); they override the instructions' defaults.
    public var arguments: [String: String] = [:]
    public var labels: [String: String] = [:]
    public var target = ""
    public var platform: Descriptor.Platform?
    public var usesCache = true
    /// Stages that are built without the cache, although others use it.
    public var uncachedStages: [String] = []
    /// Pull base images even if they exist locally.
    public var pulls = false
    public var network = ""
    /// Whether the user allows the Dockerfile to use the host's network: `--allow network.host`.
    public var allowsHostNetwork = false
    public static let hostNetworkEntitlement = "network.host"
    public var extraHosts: [String] = []
    public var sharedMemoryBytes: Int64 = 0
    public var resources = ResourceSpec()
    public var controlGroupParent = ""
    /// The contents of secrets, by id.
    public var secrets: [String: [UInt8]] = [:]
    /// Sockets of ssh agents on the host, by id.
    public var agentSockets: [String: String] = [:]
    /// Additional contexts by name: directories of the host, or `docker-image://…`.
    public var contexts: [String: String] = [:]
    public var credentials: [String: RegistryCredentials] = [:]
    /// Images whose layers may be used as cached steps; nil allows all local ones.
    public var cacheSources: [String]?
    /// External caches from which steps may be used.
    public var cacheImports: [BuildCacheLocation] = []
    /// Targets to which this build's steps are exported.
    public var cacheExports: [BuildCacheTarget] = []
    /// Use cached results only: a step that would have to be executed is an error, and no image is stored.
    public var onlyCached = false
    /// Store the result as an image; otherwise only the caller gets it.
    public var keepsImage = true

    public init() {}
}

/// The progress of a build. The steps are numbered through all stages that are built.
public enum BuildEvent: Sendable {
    case began(step: Int, of: Int, stage: String, text: String)
    case cached(step: Int)
    /// ONBUILD instructions of the base are about to be executed.
    case triggers(step: Int, count: Int)
    case running(step: Int, container: String)
    case output(step: Int, text: String, isError: Bool)
    case removedContainer(step: Int, container: String)
    case finished(step: Int, image: String)
    case warning(String)
    /// The progress of a pull.
    case transfer(step: Int, TransferProgress)
}

/// The directory that a build reads from.
public struct BuildContext: Sendable {
    /// An absolute path of the host.
    public var folder: String
    /// Lines of the ignore file.
    public var ignored: [String] = []
    /// Digests of its files may be cached: it is the user's own directory.
    public var isLasting: Bool

    public init(folder: String, isLasting: Bool) {
        self.folder = folder
        self.isLasting = isLasting
    }
}

/// A RUN that failed, with the exit code of its command.
public struct BuildStepFailure: Error, Sendable, CustomStringConvertible {
    public let message: String
    public let code: Int32
    /// The instruction's position in the Dockerfile, e.g. `Dockerfile:7`.
    public var place = ""
    public var description: String { message }
}
