import EngineModel
import HelperProtocol
import ImageBuild
import ImageStore
import LinuxKernel
import OCI

/// Builds one stage, instruction after instruction.
final class StageBuilder {
    let run: BuildRun
    let index: Int
    let stage: BuildStage
    let stages: [Int: Task<BuildRun.StageResult, any Error>]
    var step: Int

    var layers: [StoredLayer] = []
    var configuration: ImageConfiguration
    var runtime = ImageConfiguration.Runtime()
    var scope = BuildScope()
    /// The names that ARG has declared, in order: they become RUN's environment.
    var declared: [String] = []
    private var hasCommand = false
    /// The base image, as long as the stage has not changed it.
    private var untouched: StoredImage?

    init(
        run: BuildRun, index: Int, firstStep: Int, stages: [Int: Task<BuildRun.StageResult, any Error>]
    ) {
        self.run = run
        self.index = index
        self.stages = stages
        stage = run.dockerfile.stages[index]
        step = firstStep
        configuration = ImageConfiguration(
            architecture: (run.request.platform ?? .host).architecture, created: nil, config: .init(),
            rootfs: .init(diffIDs: []), history: [])
        configuration.variant = run.request.platform?.variant
    }

    var engine: Engine { run.engine }
    var usesCache: Bool {
        run.request.usesCache && !run.request.uncachedStages.contains { $0 == stage.name || $0 == "\(index)" }
            && run.cacheChains?.isEmpty != true
    }

    /// A cached step, if the cache may be used.
    func cachedStep(_ key: Digest) async throws -> BuildCacheEntry? {
        guard usesCache else { return nil }
        if let hit = await engine.cachedStep(key), run.cacheChains?.contains(hit.layer.chain) != false {
            run.used.add(
                PortableStep(key: key, created: hit.created, description: hit.description, layer: hit.layer))
            return hit
        }
        for cache in run.remoteCaches {
            guard let known = cache.steps[key] else { continue }
            let report = run.report
            let (index, step) = (index, step)
            do {
                let layer = try await cache.layer(of: known, onto: chain, engine.images) {
                    report.emit(index, .transfer(step: step, $0))
                }
                guard let layer else { continue }
                await remember(key, layer, created: known.created, known.description)
                return await engine.cachedStep(key)
            } catch { emit(.warning("[Warning] cannot use a cached build step: \(error)")) }
        }
        return nil
    }

    /// Adds the layer of a step: a cached one, or one that is created now. Of several builds that reach the same step at the same time
    /// one creates it, and the others use its result.
    func perform(_ key: Digest, _ note: String, _ work: () async throws -> StoredLayer) async throws {
        var done = try await cachedStep(key).map { ($0.layer, time($0.created)) }
        let isKnown = done != nil
        if !isKnown {
            try mayWork()
            let name = "build-step:\(key.hex)"
            if usesCache { await engine.lock(name) }
            let result = await Engine.outcome { () async throws -> (StoredLayer, String) in
                try Task.checkCancellation()
                if let hit = try await cachedStep(key) {
                    emit(.cached(step: step))
                    return (hit.layer, time(hit.created))
                }
                let layer = try await work()
                let created = time(nil)
                await remember(key, layer, created: created, note)
                return (layer, created)
            }
            if usesCache { await engine.unlock(name) }
            done = try result.get()
        }
        guard let (layer, created) = done else { return }
        if isKnown { emit(.cached(step: step)) }
        await add(layer, created: created, note)
    }

    /// Stores the result of a step in the build cache.
    func remember(_ key: Digest, _ layer: StoredLayer, created: String, _ note: String) async {
        run.used.add(PortableStep(key: key, created: created, description: String(note.prefix(400)), layer: layer))
        await engine.rememberStep(key, layer, below: layers, created: created, note)
    }

    /// Called before any work that is not cached.
    func mayWork() throws(RoostError) {
        if run.request.onlyCached { throw .conflict("this step would have to be rebuilt", code: .notCached) }
    }
    var chain: Digest? { layers.last?.chain }
    var escape: Character { run.dockerfile.escape }

    func build() async throws -> BuildRun.StageResult {
        emit(.began(step: step, of: run.plan.total, stage: stage.name ?? "", text: stage.text))
        try await takeBase()
        emit(.finished(step: step, image: try currentID().hex))
        for instruction in stage.instructions {
            try Task.checkCancellation()
            step += 1
            emit(.began(step: step, of: run.plan.total, stage: stage.name ?? "", text: instruction.text))
            try await apply(instruction, line: instruction.line)
            emit(.finished(step: step, image: try currentID().hex))
        }
        return BuildRun.StageResult(image: untouched ?? image(), isBase: untouched != nil)
    }

    func emit(_ event: BuildEvent) { run.report.emit(index, event) }

    func image() -> StoredImage {
        var configuration = configuration
        configuration.config = runtime
        let bytes = (try? ImageStore.encode(configuration)) ?? []
        return StoredImage(id: Digest(of: bytes), layers: layers, configuration: configuration)
    }

    private func currentID() throws -> Digest { image().id }

    // MARK: FROM

    private func takeBase() async throws {
        let base = run.plan.bases[index] ?? stage.base
        if base == "scratch" {
            configuration.created = time(nil)
        } else {
            let image = try await source(base, platform: try stagePlatform())
            untouched = image
            layers = image.layers
            configuration = image.configuration
            runtime = configuration.config ?? .init()
        }
        let triggers = runtime.onBuild ?? []
        // A stage without instructions is its base image, unchanged.
        if stage.instructions.isEmpty, triggers.isEmpty { return }
        untouched = nil
        if !(runtime.env ?? []).contains(where: { $0.hasPrefix("PATH=") }) {
            runtime.env = (runtime.env ?? []) + ["PATH=" + SystemPaths.executables]
        }
        scope.environment = runtime.env ?? []
        runtime.onBuild = nil
        if !triggers.isEmpty { emit(.triggers(step: step, count: triggers.count)) }
        for text in triggers {
            let instruction: Instruction
            do throws(DockerfileError) { instruction = try Dockerfile.instruction(text) } catch {
                throw RoostError.invalid("ONBUILD of \(base): \(error.message)")
            }
            try await apply(instruction, line: stage.line)
        }
    }

    private func stagePlatform() throws -> Descriptor.Platform? {
        guard let text = stage.platform else { return run.request.platform }
        var global = BuildScope()
        global.arguments = BuildScope.platform(run.request.platform ?? .host)
        return try Descriptor.Platform(parsing: try global.expansion(escape).word(text))
    }

    /// An earlier stage, an additional context, or an image, which is pulled if it is not found locally.
    func source(_ name: String, platform: Descriptor.Platform? = nil) async throws -> StoredImage {
        if let earlier = StagePlan.earlier(name, index, run.dockerfile.stages) ?? StagePlan.number(name, before: index),
            let task = stages[earlier]
        {
            return try await task.value.image
        }
        var wanted = name
        if let other = run.request.contexts[name], other.hasPrefix("docker-image://") {
            wanted = String(other.dropFirst(15))
        }
        if !run.request.pulls, let image = try? await engine.image(wanted) {
            let host = platform ?? .host
            if platform == nil || image.configuration.architecture == host.architecture { return image }
        }
        try mayWork()
        let reference = try ImageReference(parsing: wanted)
        let step = step
        let credentials = run.request.credentials[reference.domain]
        let pulled = try await engine.pullImage(reference, platform: platform, credentials: credentials) {
            [index, report = run.report] in report.emit(index, .transfer(step: step, $0))
        }
        return pulled.image
    }

    // MARK: Times and history

    /// A timestamp for the image: the given one or the current time, unless the build fixes all times.
    func time(_ text: String?) -> String {
        if let epoch = run.epoch { return Timestamp(nanoseconds: epoch * 1_000_000_000).rfc3339 }
        return text ?? Timestamp(nanoseconds: Clocks.wallNanoseconds()).rfc3339
    }

    /// Adds a history entry; one without a layer takes the time at which the same entry was built first.
    func record(_ text: String, created: String? = nil, isEmpty: Bool, isStep: Bool = false) async {
        var entry = ImageConfiguration.History(created: nil, createdBy: text, comment: nil)
        entry.author = configuration.author
        entry.emptyLayer = isEmpty ? true : nil
        if let created {
            entry.created = created
        } else if run.epoch != nil {
            entry.created = time(nil)
        } else {
            var untimed = configuration
            untimed.config = runtime
            let key = Digest(
                of: Array("\(chain?.hex ?? "")\n\(text)\n".utf8) + ((try? ImageStore.encode(untimed)) ?? []))
            let first = await engine.firstTime(key, time(nil))
            entry.created = first.time
            if isEmpty, first.wasKnown, usesCache { emit(.cached(step: step)) }
        }
        configuration.created = entry.created
        configuration.history = (configuration.history ?? []) + [entry]
    }

    func add(_ layer: StoredLayer, created: String, _ text: String) async {
        // A step without changes adds no layer: two blocks of zeros are a tar stream without a member.
        if layer.blobSize == 1024, layer.size == 0 {
            return await record(text, created: created, isEmpty: true, isStep: true)
        }
        layers.append(layer)
        configuration.rootfs.diffIDs.append(layer.layer)
        await record(text, created: created, isEmpty: false)
    }

    // MARK: Instructions

    private func apply(_ instruction: Instruction, line: Int) async throws {
        do { try await dispatch(instruction) } catch let error as RoostError {
            // The error of another stage, which this instruction waited for, has its location already.
            guard error.location == nil else { throw error }
            let location = "\(run.request.dockerfile):\(line)"
            var located = RoostError(error.kind, "\(error.message) (\(location))", code: error.code)
            located.location = location
            throw located
        } catch var error as BuildStepFailure {
            error.place = "\(run.request.dockerfile):\(line)"
            throw error
        }
    }

    /// The command prefix of `RUN` and of other shell forms.
    var shell: [String] { runtime.shell ?? ["/bin/sh", "-c"] }

    private func word(_ text: String) throws -> String { try scope.expansion(escape).word(text) }

    private func dispatch(_ instruction: Instruction) async throws {
        let note = "/bin/sh -c #(nop)  \(instruction.text.trimmedLines)"
        switch instruction.kind {
        case .run(let form, let mounts, let network, let documents):
            return try await perform(RunStep(form: form, mounts: mounts, network: network, documents: documents))
        case .copy(let copy): return try await perform(copy, note)
        case .workdir(let path): return try await workdir(path)
        case .arg(let list): try declare(list)
        case .maintainer(let name): configuration.author = name
        default:
            _ = try runtime.apply(instruction.kind, scope.expansion(escape), hasCommand: &hasCommand)
            scope.environment = runtime.env ?? []
        }
        await record(note, isEmpty: true)
    }

    private func declare(_ list: [(String, String?)]) throws {
        for (name, value) in list {
            if !declared.contains(name) { declared.append(name) }
            if let given = run.request.arguments[name] {
                scope.arguments[name] = given
            } else if let value {
                scope.arguments[name] = try word(value)
            } else if let global = try globalValue(name) {
                scope.arguments[name] = global
            }
        }
    }

    private func globalValue(_ name: String) throws -> String? {
        var global = BuildScope()
        global.arguments = BuildScope.platform(run.request.platform ?? .host)
        for argument in run.dockerfile.globalArguments {
            if let given = run.request.arguments[argument.name] {
                global.arguments[argument.name] = given
            } else if let value = argument.value {
                global.arguments[argument.name] = try global.expansion(escape).word(value)
            }
        }
        return global.arguments[name]
    }

    /// The base of relative paths.
    var directory: String { (runtime.workingDir ?? "").isEmpty ? "/" : runtime.workingDir ?? "/" }

    func absolute(_ path: String) -> String { runtime.absolute(path) }

    private func workdir(_ text: String) async throws {
        var path = absolute(try word(text))
        if path.count > 1, path.hasSuffix("/") { path.removeLast() }
        runtime.workingDir = path
        let key = Self.key(["workdir", chain?.hex ?? "", path])
        let note = "/bin/sh -c #(nop) WORKDIR \(path)"
        if try await cachedStep(key) == nil, try await status(path)?.isDirectory == true {
            return await record(note, isEmpty: true)
        }
        var options = RootRequest.ExtractOptions(folder: path)
        options.makesFolder = true
        let request = options
        try await perform(key, note) {
            try await makeLayer { roots in try await roots.extract(request, from: nil) }
        }
    }

    /// One digest of several strings, each with its length.
    static func key(_ parts: [String]) -> Digest {
        Digest(of: parts.flatMap { Array("\($0.utf8.count):\($0)\n".utf8) })
    }
}

extension String {
    /// On one line, without the indentation of the lines.
    var trimmedLines: String {
        split(whereSeparator: \.isNewline).map { line in
            var text = line[...]
            while text.first?.isWhitespace == true { text = text.dropFirst() }
            return String(text)
        }.joined(separator: " ")
    }
}
