import ContainerRuntime
import EngineModel
import Foundation
import ImageStore
import LinuxKernel
import Logging
import Networking
import OCI
import ShimProtocol

/// A running container: its kernel objects and its shim.
struct LiveContainer: Sendable {
    var process: StartedProcess
    var sandbox: Sandbox?
    var resolver: ResolverSockets?
    var ports: [(socket: OwnedFD, port: PublishedPort)] = []
    var endpoints: [EndpointPlan] = []
}

/// Owns all engine state. State changes are serialized here; slow work runs outside and reports back. Its code is split into extensions,
/// one file per kind of object.
package actor Engine {
    package nonisolated let configuration: EngineConfiguration
    nonisolated let names: KernelNames
    nonisolated let layout: CgroupLayout
    nonisolated let loop: IOLoop
    nonisolated let logs: LogWatcher
    nonisolated let images: ImageStore
    nonisolated let launcher: ShimLauncher
    nonisolated let plans: LaunchPlanBuilder
    nonisolated let resolver: Resolver
    nonisolated let relay: PortRelay
    nonisolated let filter: PacketFilter
    nonisolated let hub = EventHub()
    package nonisolated let log: Logger
    package nonisolated let id: String
    let store: StateStore

    var containers: [String: ContainerRecord] = [:]
    var live: [String: LiveContainer] = [:]
    var networks: [String: NetworkRecord] = [:]
    var volumes: [String: VolumeRecord] = [:]
    var trash: [String: TrashedVolume] = [:]
    var imageRecords: [Digest: StoredImage] = [:]
    var tags: [String: Digest] = [:]
    var pins: [String: ImagePin] = [:]
    var buildCache: [Digest: BuildCacheEntry] = [:]
    var buildTimes: [Digest: String] = [:]
    var contentDigests: [Digest: Digest] = [:]
    /// What builds have read from layers: metadata of paths, and short files; nil for missing paths.
    var pathLookupCache: [Digest: [UInt8]?] = [:]
    /// Images that only a build knows, with the number of its steps that use them.
    var transientImages: [Digest: (image: StoredImage, users: Int)] = [:]
    /// Cache mounts that a build uses exclusively.
    var privateCaches: [String: String] = [:]
    var activeBuilds = 0
    var leases: [String: [IPAddress: String]] = [:]
    var projects: [String: StoredProject] = [:]
    var execs: [String: ExecState] = [:]

    var exitSignals: [String: [AsyncStream<Int32>.Continuation]] = [:]
    var removalSignals: [String: [AsyncStream<Int32>.Continuation]] = [:]
    /// The readers of containers' output, and the tasks that wait for them.
    var outputReaders: [String: OutputReaders] = [:]
    var unloggedOutput: [String: UnloggedOutput] = [:]
    var busy: Set<String> = []
    var queues: [String: [CheckedContinuation<Void, Never>]] = [:]
    var restarts: [String: RestartBackoff] = [:]
    var pendingRestarts: [String: Task<Void, Never>] = [:]
    var healthTasks: [String: Task<Void, Never>] = [:]
    /// Containers that the engine itself is stopping: their exit is no fault.
    var ending: Set<String> = []
    /// Containers that a stop or a restart is stopping: their "stop" event precedes "die".
    var stops: Set<String> = []
    /// Exited containers whose shims are still running, with the tasks that wait for that.
    var departing: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// Exited containers that are still being torn down, with the tasks that wait for that.
    var clearing: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// Containers that replace others of their service and have neither ports nor names yet.
    var standbyContainers: Set<String> = []
    /// Networks of exited containers, kept for the containers that share them.
    var retained: [String: RetainedNetwork] = [:]
    /// Interfaces of exited containers, with their addresses, until they are known to be removed.
    var lingeringInterfaces: [String: [IPAddress]] = [:]
    var activeBridges: Set<String> = []
    /// The host's interfaces when recovery began, until the shims of running containers have reconnected; nil at any other time. Packet
    /// rules of those containers are then written once for all of them.
    var recoveredLinks: Set<String>?
    var stopping = false
    var wasUsed = true
    var requests = 0

    package init(configuration: EngineConfiguration, log: Logger) throws {
        self.configuration = configuration
        self.log = log
        names = KernelNames(runRoot: configuration.runRoot)
        layout = CgroupLayout.detect()
        for folder in ["/containers", "/volumes"] {
            try Files.makeDirectories(configuration.dataRoot + folder, mode: 0o711)
        }
        try Files.changeMode(configuration.dataRoot, 0o711)
        try Files.makeDirectories(configuration.runRoot + "/containers", mode: 0o711)
        try Files.makeDirectories(configuration.mountPoint, mode: 0o700)
        store = try StateStore(path: configuration.database)
        try Files.changeMode(configuration.database, 0o600)
        images = try ImageStore(root: configuration.dataRoot)
        loop = try IOLoop()
        logs = try LogWatcher(loop: loop)
        launcher = ShimLauncher(program: try ShimExecutable(path: configuration.shimExecutable), loop: loop)
        plans = LaunchPlanBuilder(
            programs: SeccompFilterCache(), defaultUlimits: configuration.defaultUlimits)
        resolver = Resolver(loop: loop)
        relay = PortRelay(loop: loop)
        filter = PacketFilter(names: names)
        id = Self.identity(configuration.dataRoot)
    }

    private static func identity(_ root: String) -> String {
        let path = root + "/engine-id"
        if let known = try? Files.readText(path, limit: 100), known.count == 36 { return known }
        let made = UUID().uuidString.lowercased()
        try? Files.replace(path, Array(made.utf8), mode: 0o600)
        return made
    }

    nonisolated var now: Int64 { Clocks.wallNanoseconds() }

    /// Runs one operation at a time per key; others wait in line.
    func exclusively<Value: Sendable>(_ key: String, _ body: () async throws -> Value) async rethrows -> Value {
        await lock(key)
        defer { unlock(key) }
        return try await body()
    }

    /// Waits in line for a key; `unlock` must follow on every path.
    func lock(_ key: String) async {
        if busy.contains(key) {
            await withCheckedContinuation { queues[key, default: []].append($0) }
        } else {
            busy.insert(key)
        }
    }

    func unlock(_ key: String) {
        if var waiting = queues[key], !waiting.isEmpty {
            let next = waiting.removeFirst()
            queues[key] = waiting.isEmpty ? nil : waiting
            next.resume()
        } else {
            busy.remove(key)
        }
    }

    func publish(_ scope: EngineEvent.Scope, _ action: String, id: String, _ attributes: [String: String] = [:]) {
        hub.publish(EngineEvent(scope, action, id: id, attributes: attributes, time: now))
    }

    func publish(_ record: ContainerRecord, _ action: String, _ more: [String: String] = [:]) {
        var attributes = record.spec.labels
        attributes["image"] = record.spec.image
        attributes["name"] = record.name
        publish(.container, action, id: record.id, attributes.merging(more) { $1 })
    }

    /// Publishes the result of a prune.
    package func announcePrune(_ scope: EngineEvent.Scope, reclaimed: Int64) {
        publish(scope, "prune", id: "", ["reclaimed": String(reclaimed)])
    }

    /// Publishes an image's event; its labels are among the attributes, as in Docker.
    func publish(_ image: StoredImage, _ action: String, name: String) {
        var attributes = image.configuration.config?.labels ?? [:]
        attributes["name"] = name
        publish(.image, action, id: image.id.description, attributes)
    }

    /// Publishes an action that does not change a container: `top`, `resize`, `detach`.
    package func announce(_ reference: String, _ action: String, _ attributes: [String: String] = [:]) {
        if let record = try? container(reference) { publish(record, action, attributes) }
    }

    package nonisolated func events(since: Int64?) -> (past: [EngineEvent], stream: AsyncStream<EngineEvent>) {
        hub.subscribe(since: since)
    }

    /// Changes a container's record, in memory and on disk.
    func update(_ id: String, _ change: (inout ContainerRecord) -> Void) {
        guard let before = containers[id] else { return }
        var record = before
        change(&record)
        containers[id] = record
        var same = before
        same.status = record.status
        same.publishedPorts = record.publishedPorts
        do { if same == record { try store.saveStatus(record) } else { try store.save(record) } } catch {
            log.error("cannot save container \(record.name): \(error)")
        }
    }

    // MARK: Lookup

    package func container(_ reference: String) throws(RoostError) -> ContainerRecord {
        let wanted = reference.hasPrefix("/") ? String(reference.dropFirst()) : reference
        if let record = containers[wanted] { return record }
        if let record = containers.values.first(where: { $0.name == wanted }) { return record }
        let matches = wanted.isEmpty ? [] : containers.keys.filter { $0.hasPrefix(wanted) }
        if matches.count > 1 { throw .invalid("multiple IDs found with provided prefix: \(wanted)") }
        if let id = matches.first, let record = containers[id] { return record }
        throw .missing("No such container: \(reference)")
    }

    package func allContainers() -> [ContainerRecord] { containers.values.sorted { $0.createdAt > $1.createdAt } }

    /// Whether nothing is running or about to run, and no request has been made since the last call.
    package func isIdle() -> Bool {
        defer { wasUsed = false }
        return live.isEmpty && pendingRestarts.isEmpty && !wasUsed && requests == 0
    }

    /// Called at the start of every request, as `endRequest` at its end.
    package func beginRequest() {
        wasUsed = true
        requests += 1
    }

    package func endRequest() { requests -= 1 }
}
