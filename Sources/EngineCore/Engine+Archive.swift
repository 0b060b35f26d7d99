import ContainerRuntime
import DockerAPI
import EngineModel
import HelperProtocol
import ImageBuild
import ImageStore
import LinuxKernel
import OCI

extension Engine {
    /// A helper that works on a container's root: in the container's own view if it runs, else in a mount of the helper's own.
    private func roots(_ record: ContainerRecord, _ job: RootRequest.Job) throws -> HelperProcess {
        if let running = live[record.id] {
            return HelperProcess(
                RootRequest(view: .process, mountPoint: configuration.mountPoint, job: job),
                process: running.process.pidfd)
        }
        let data = configuration.containerDirectory(record.id)
        let view = RootRequest.View.layers(
            try layerDirectories(record), upper: data + "/upper", work: data + "/work")
        let binds = record.mounts.filter { $0.kind != .tmpfs }.map {
            RootRequest.Bind(source: $0.hostPath, target: $0.target, readOnly: $0.readOnly)
        }
        return HelperProcess(RootRequest(view: view, binds: binds, mountPoint: configuration.mountPoint, job: job))
    }

    private func layerDirectories(_ record: ContainerRecord) throws -> [String] {
        images.directories(try image(record.imageID))
    }

    /// Copies the image's content into volumes before they are accessed.
    private func prepareMounts(_ record: ContainerRecord) async throws {
        guard live[record.id] == nil else { return }
        let preparation = MountPreparation(
            mounts: record.mounts, imageDirectories: try layerDirectories(record), mountPoint: configuration.mountPoint)
        try await blocking { try preparation.prepare() }
    }

    /// The status of a path in a container.
    package func pathStatus(_ reference: String, _ path: String) async throws -> PathStatus {
        let record = try container(reference)
        guard !path.isEmpty else { throw RoostError.invalid("bad parameter: path cannot be empty") }
        return try await exclusively(record.id) {
            try await prepareMounts(record)
            let runner = try roots(record, .stat(path: path.absolutePath, followsLinks: false))
            let answer = try await Self.explaining(record) { try await blocking { try runner.answer() } }
            return try JSON(parsing: answer).decode()
        }
    }

    private static func explaining<Value: Sendable>(
        _ record: ContainerRecord, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        do { return try await body() } catch let error as RoostError {
            guard error.kind == .notFound else { throw error }
            throw RoostError.missing("\(error.message) in container \(record.name)")
        }
    }

    /// Writes a tar stream of a path to a descriptor (`GET …/archive`).
    package func archivePath(_ reference: String, _ path: String, to target: OwnedFD) async throws {
        let record = try container(reference)
        let path = path.absolutePath
        let name = path.hasSuffix("/.") ? "." : path.pathParts.last.map(String.init) ?? "/"
        let runner = try roots(record, .archive(path: path, name: name))
        publish(record, "archive-path")
        try await Self.run(runner, to: target)
    }

    static func run(_ runner: HelperProcess, to target: OwnedFD) async throws {
        try await onOwnThread {
            defer { target.close() }
            let running = try runner.start(input: nil, output: target)
            target.close()
            try running.finish()
        }
    }

    /// Unpacks a tar stream into a directory of a container (`PUT …/archive`).
    package func extractArchive(
        _ reference: String, into folder: String, from source: OwnedFD, refusesKindChange: Bool, keepsOwners: Bool
    ) async throws {
        let record = try container(reference)
        let path = folder.absolutePath
        try await exclusively(record.id) {
            try await prepareMounts(record)
            try checkWritable(record, path)
            var options = RootRequest.ExtractOptions(folder: path)
            options.refusesKindChange = refusesKindChange
            options.keepsOwners = keepsOwners
            if !keepsOwners { options.owner = .init(user: 0, group: 0) }
            let runner = try roots(record, .extract(options))
            try await Self.explaining(record) {
                try await onOwnThread {
                    let running = try runner.start(input: source, output: nil)
                    source.close()
                    try running.finish()
                }
            }
            publish(record, "extract-to-dir")
        }
    }

    /// Removes files and directories of a container, whether it runs or not.
    package func removePaths(_ reference: String, _ paths: [String]) async throws {
        let record = try container(reference)
        let paths = paths.map(\.absolutePath)
        try await exclusively(record.id) {
            try await prepareMounts(record)
            for path in paths { try checkWritable(record, path) }
            let runner = try roots(record, .remove(paths: paths))
            _ = try await blocking { try runner.answer() }
        }
    }

    /// Paths that are read-only inside the container must not be written from outside.
    private func checkWritable(_ record: ContainerRecord, _ path: String) throws(RoostError) {
        let mount = record.mounts.filter { path == $0.target || path.hasPrefix($0.target + "/") }
            .max { $0.target.count < $1.target.count }
        if let mount {
            if mount.readOnly { throw .invalid("mounted volume is marked read-only") }
        } else if record.spec.security.readOnlyRoot {
            throw .invalid("container rootfs is marked read-only")
        }
    }

    /// The whole root file system, without volumes (`docker export`).
    package func exportContainer(_ reference: String, to target: OwnedFD) async throws {
        let record = try container(reference)
        let folders = [configuration.containerDirectory(record.id) + "/upper"] + (try layerDirectories(record))
        let runner = HelperProcess(
            RootRequest(
                view: .layers(folders, upper: nil, work: nil), mountPoint: configuration.mountPoint,
                job: .archive(path: "/", name: "")))
        publish(record, "export")
        try await Self.run(runner, to: target)
    }

    /// The changes of a container's root file system: kind (0 changed, 1 added, 2 deleted) and path (`docker diff`).
    package func changes(_ reference: String) async throws -> [(kind: Int, path: String)] {
        let record = try container(reference)
        let view = RootRequest.View.comparison(
            lower: try layerDirectories(record), upper: configuration.containerDirectory(record.id) + "/upper")
        let runner = HelperProcess(RootRequest(view: view, mountPoint: configuration.mountPoint, job: .changes))
        let bytes = try await blocking { try runner.answer() }
        return bytes.split(separator: 0).compactMap { line in
            let kinds: [UInt8: Int] = [UInt8(ascii: "C"): 0, UInt8(ascii: "A"): 1, UInt8(ascii: "D"): 2]
            return kinds[line.first ?? 0].map { ($0, String(decoding: line.dropFirst(2), as: UTF8.self)) }
        }
    }

    package struct CommitOptions: Sendable {
        package var author = ""
        package var comment = ""
        package var changes: [String] = []
        package var pauses = true
        /// Settings that override the container's own, as in the API's request body.
        package var config: ContainerConfig?
        package init() {}
    }

    /// Creates an image from a container (`docker commit`).
    package func commitContainer(_ reference: String, as name: ImageReference?, options: CommitOptions) async throws
        -> StoredImage
    {
        let record = try container(reference)
        return try await exclusively(record.id) {
            try await exclusively("images") { try await commit(record, name, options) }
        }
    }

    private func commit(_ record: ContainerRecord, _ name: ImageReference?, _ options: CommitOptions) async throws
        -> StoredImage
    {
        let parent = try image(record.imageID)
        // Validated first: an invalid change must not pause the container.
        var trial = parent.configuration.config ?? .init()
        try trial.apply(changes: options.changes)
        let pauses = options.pauses && live[record.id] != nil && record.status.phase == .running
        let group = cgroup(of: record)
        if pauses { try group.setFrozen(true) }
        let upper = configuration.containerDirectory(record.id) + "/upper"
        let images = images
        let mountPoint = configuration.mountPoint
        let chain = parent.layers.last?.chain
        let captured = await Self.outcome {
            try await blocking { try images.capture(upper: upper, onto: chain, mountPoint: mountPoint, moves: false) }
        }
        if pauses { try? group.setFrozen(false) }
        let layer = try captured.get()
        var runtime = parent.configuration.config ?? .init()
        runtime.take(record)
        if let config = options.config { runtime.override(by: config) }
        try runtime.apply(changes: options.changes)
        var configuration = parent.configuration
        let created = Timestamp(nanoseconds: now).rfc3339
        configuration.created = created
        configuration.author = options.author.isEmpty ? nil : options.author
        configuration.config = runtime
        configuration.rootfs.diffIDs.append(layer.layer)
        var entry = ImageConfiguration.History(
            created: created, createdBy: record.arguments.joined(separator: " "),
            comment: options.comment.isEmpty ? nil : options.comment)
        entry.author = configuration.author
        configuration.history = (configuration.history ?? []) + [entry]
        let bytes = try ImageStore.encode(configuration)
        var image = StoredImage(
            id: Digest(of: bytes), layers: parent.layers + [layer], configuration: configuration)
        image.parent = parent.id
        try images.content.put(bytes)
        try keep(image, as: name.map { [$0] } ?? [])
        if let name { publish(image, "tag", name: name.familiar) }
        publish(
            record, "commit",
            [
                "comment": options.comment, "imageID": image.id.description,
                "imageRef": name.map(\.familiar) ?? "",
            ])
        return image
    }
}

extension ImageConfiguration.Runtime {
    /// Copies a container's settings.
    fileprivate mutating func take(_ record: ContainerRecord) {
        env = record.environment
        labels = record.spec.labels
        workingDir = record.workingDirectory
        user = record.user
        let ports = record.spec.exposedPorts
        if !ports.isEmpty { exposedPorts = Dictionary(ports.map { ($0.description, .init()) }) { $1 } }
        override(by: record.mergedConfig)
    }

    /// Members with a value override existing ones; variables, ports, volumes and labels are merged.
    fileprivate mutating func override(by config: ContainerConfig) {
        func given(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
        func given<Element>(_ list: [Element]?) -> [Element]? { list?.isEmpty == false ? list : nil }
        func merged(_ old: [String: ImageConfiguration.Empty]?, _ new: OrderedMap<EmptyObject>?)
            -> [String: ImageConfiguration.Empty]?
        {
            guard let new, !new.isEmpty else { return old }
            return (old ?? [:]).merging(new.keys.map { ($0, .init()) }) { $1 }
        }
        user = given(config.user) ?? user
        workingDir = given(config.workingDirectory) ?? workingDir
        stopSignal = given(config.stopSignal) ?? stopSignal
        cmd = given(config.command?.words) ?? cmd
        entrypoint = given(config.entrypoint?.words) ?? entrypoint
        shell = given(config.shell) ?? shell
        onBuild = given(config.onBuild) ?? onBuild
        if let own = given(config.environment) { env = Engine.environment(env ?? [], own) }
        if let own = config.labels, !own.isEmpty { labels = (labels ?? [:]).merging(own) { $1 } }
        exposedPorts = merged(exposedPorts, config.exposedPorts)
        volumes = merged(volumes, config.volumes)
        healthcheck = config.healthcheck.flatMap(ImageConfiguration.Healthcheck.init) ?? healthcheck
    }
}

extension ImageConfiguration.Healthcheck {
    /// nil for a health check without members.
    fileprivate init?(_ config: HealthConfig) {
        guard config != HealthConfig() else { return nil }
        self.init()
        test = config.test
        interval = config.interval
        timeout = config.timeout
        startPeriod = config.startPeriod
        startInterval = config.startInterval
        retries = config.retries.map { Int(clamping: $0) }
    }
}
