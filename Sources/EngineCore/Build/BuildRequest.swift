import EngineModel
import ImageBuild
import OCI
import Registry

/// What somebody wants built, and how.
public struct BuildRequest: Sendable {
    /// The Dockerfile's path in the context.
    public var dockerfile = "Dockerfile"
    /// The Dockerfile itself, where it is not part of the context.
    public var dockerfileText: String?
    public var tags: [ImageReference] = []
    /// Values from outside; nil takes the instruction's own.
    public var arguments: [String: String] = [:]
    public var labels: [String: String] = [:]
    public var target = ""
    public var platform: Descriptor.Platform?
    public var usesCache = true
    /// Stages whose cache is not used although others' is.
    public var uncachedStages: [String] = []
    /// Fetch base images although they are here.
    public var pulls = false
    public var network = ""
    public var extraHosts: [String] = []
    public var sharedMemoryBytes: Int64 = 0
    public var resources = ResourceSpec()
    public var controlGroupParent = ""
    /// Contents by id.
    public var secrets: [String: [UInt8]] = [:]
    /// Sockets of the host where ssh agents listen, by id.
    public var agentSockets: [String: String] = [:]
    /// Other contexts by name: folders of the host, or `docker-image://…`.
    public var contexts: [String: String] = [:]
    public var credentials: [String: RegistryCredentials] = [:]
    /// Images whose layers may stand in for steps; nil allows all that is here.
    public var cacheSources: [String]?
    /// Where others have kept steps that may be used.
    public var cacheImports: [BuildCacheLocation] = []
    /// Where this build's steps are to be kept.
    public var cacheExports: [BuildCacheTarget] = []
    /// Do nothing that was not done before: a step that would have to be done is an error, and no image is kept.
    public var onlyCached = false
    /// The result becomes an image of the store; else it is for whoever has asked.
    public var keepsImage = true

    public init() {}
}

/// What a build says while it goes on. The steps are numbered through all stages that are built.
public enum BuildEvent: Sendable {
    case began(step: Int, of: Int, stage: String, text: String)
    case cached(step: Int)
    /// ONBUILD instructions of the base are about to be carried out.
    case triggers(step: Int, count: Int)
    case running(step: Int, container: String)
    case output(step: Int, text: String, isError: Bool)
    case removedContainer(step: Int, container: String)
    case finished(step: Int, image: String)
    case warning(String)
    /// What a pull says.
    case transfer(step: Int, TransferProgress)
}

/// The folder that a build reads from.
public struct BuildContext: Sendable {
    /// An absolute path of the host.
    public var folder: String
    /// Lines of the ignore file.
    public var ignored: [String] = []
    /// Digests of its files may be remembered: it is the user's own folder.
    public var isLasting: Bool

    public init(folder: String, isLasting: Bool) {
        self.folder = folder
        self.isLasting = isLasting
    }
}

/// A RUN that failed: the program's own code travels with the message.
public struct BuildStepFailure: Error, Sendable, CustomStringConvertible {
    public let message: String
    public let code: Int32
    /// The instruction's place in the Dockerfile, as `Dockerfile:7`.
    public var place = ""
    public var description: String { message }
}
