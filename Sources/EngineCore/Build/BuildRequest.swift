import EngineModel
import ImageBuild
import OCI
import Registry

/// The parameters of a build.
package struct BuildRequest: Sendable {
    /// The Dockerfile's path in the context.
    package var dockerfile = "Dockerfile"
    /// The Dockerfile's text, if it is not part of the context.
    package var dockerfileText: String?
    package var tags: [ImageReference] = []
    /// Build arguments by name (`--build-arg`); they override the instructions' defaults.
    package var arguments: [String: String] = [:]
    package var labels: [String: String] = [:]
    package var target = ""
    package var platform: Descriptor.Platform?
    package var usesCache = true
    /// Stages that are built without the cache, although others use it.
    package var uncachedStages: [String] = []
    /// Pull base images even if they exist locally.
    package var pulls = false
    package var network = ""
    /// Whether the user allows the Dockerfile to use the host's network: `--allow network.host`.
    package var allowsHostNetwork = false
    package static let hostNetworkEntitlement = "network.host"
    package var extraHosts: [String] = []
    package var sharedMemoryBytes: Int64 = 0
    package var resources = ResourceSpec()
    package var cgroupParent = ""
    /// The contents of secrets, by id.
    package var secrets: [String: [UInt8]] = [:]
    /// Sockets of ssh agents on the host, by id.
    package var agentSockets: [String: String] = [:]
    /// Additional contexts by name: directories of the host, or `docker-image://…`.
    package var contexts: [String: String] = [:]
    package var credentials: [String: RegistryCredentials] = [:]
    /// Images whose layers may be used as cached steps; nil allows all local ones.
    package var cacheSources: [String]?
    /// External caches from which steps may be used.
    package var cacheImports: [BuildCacheLocation] = []
    /// Targets to which this build's steps are exported.
    package var cacheExports: [BuildCacheTarget] = []
    /// Use cached results only: a step that would have to be executed is an error, and no image is stored.
    package var onlyCached = false
    /// Store the result as an image; otherwise only the caller gets it.
    package var keepsImage = true

    package init() {}
}

/// The progress of a build. The steps are numbered through all stages that are built.
package enum BuildEvent: Sendable {
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
package struct BuildContext: Sendable {
    /// An absolute path of the host.
    package var folder: String
    /// Lines of the ignore file.
    package var ignored: [String] = []
    /// Digests of its files may be cached: it is the user's own directory.
    package var isLasting: Bool

    package init(folder: String, isLasting: Bool) {
        self.folder = folder
        self.isLasting = isLasting
    }
}

/// A RUN that failed, with the exit code of its command.
package struct BuildStepFailure: Error, Sendable, CustomStringConvertible {
    package let message: String
    package let code: Int32
    /// The instruction's position in the Dockerfile, e.g. `Dockerfile:7`.
    package var place = ""
    package var description: String { message }
}
