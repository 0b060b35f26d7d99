import EngineModel
import FoundationEssentials
import HelperProtocol
import ImageBuild
import ImageStore
import LinuxKernel
import Logging
import OCI
import Registry

extension Engine {
    /// The directory of all build data.
    nonisolated var buildFolder: String { configuration.dataRoot + "/build" }

    /// Creates a working directory for one build, and removes it afterwards.
    package func withBuildFolder<Value: Sendable>(
        _ body: @Sendable (_ folder: String, _ id: String) async throws -> Value
    ) async throws -> Value {
        let id = String(Identifiers.random().prefix(24))
        let all = "\(buildFolder)/work"
        let folder = "\(all)/\(id)"
        try await blocking {
            try Files.makeDirectories(all, mode: 0o700)
            // As with downloaded layers: each build begins in a part of the disk where nothing was removed recently.
            try? Files.setFlag(all, .topOfHierarchy)
            try Files.makeDirectory(folder, mode: 0o700)
        }
        let result = await Self.outcome { try await body(folder, id) }
        do { try await blocking { try Files.removeTree(folder) } } catch {
            log.warning("cannot remove \(folder): \(error)")
        }
        return try result.get()
    }

    /// Unpacks a context that was sent as a tar stream, plain or compressed.
    package func unpackContext(_ archive: OwnedFD, into folder: String) async throws {
        let images = images
        try await onOwnThread { try images.unpackArchive(archive.raw, into: folder, subject: "the build context") }
    }

    /// Builds an image (`docker build`). `ordered`: the reports of concurrent stages come in the order of the file.
    package func build(
        _ request: BuildRequest, context: BuildContext, folder: String, id: String, ordered: Bool,
        report: @escaping @Sendable (BuildEvent) -> Void
    ) async throws -> StoredImage {
        var context = context
        let text: String
        if let given = request.dockerfileText {
            text = given
        } else {
            text = try await dockerfile(request.dockerfile, in: context)
        }
        if context.ignored.isEmpty { context.ignored = try await ignoreLines(request.dockerfile, in: context) }
        let dockerfile: Dockerfile
        do throws(DockerfileError) { dockerfile = try Dockerfile(parsing: text) } catch {
            throw RoostError.invalid(
                "dockerfile parse error on line \(error.line): \(error.message) (\(request.dockerfile):\(error.line))",
                code: .dockerfileInvalid)
        }
        let global = try globalScope(dockerfile, request)
        let plan: StagePlan
        do { plan = try StagePlan(dockerfile, target: request.target, global: global) } catch let error
            as DockerfileError
        {
            throw RoostError.invalid("\(error) (\(request.dockerfile):\(error.line))", code: .dockerfileInvalid)
        }
        let output = BuildReport(stages: plan.needed, ordered: ordered, send: report)
        let epoch = request.arguments["SOURCE_DATE_EPOCH"].flatMap { Int64($0) }
        let caches = await openCaches(request) { report(.warning("[Warning] \($0)")) }
        let run = BuildRun(
            engine: self, request: request, context: context, dockerfile: dockerfile, id: id, workFolder: folder,
            report: output, plan: plan, epoch: epoch,
            cacheChains: request.cacheSources.map { names in
                Set(names.compactMap { try? self.image($0) }.flatMap { built in built.layers.map { $0.chain } })
            }, remoteCaches: caches)
        beginBuild()
        let result = await Self.outcome {
            let image = try await run.run()
            for warning in try await exportCache(run.used.steps, of: image, request) {
                report(.warning("[Warning] \(warning)"))
            }
            return image
        }
        for cache in caches { await cache.close() }
        await run.departures.wait()
        await endBuild(id)
        let image = try result.get()
        let declared = Set(
            dockerfile.globalArguments.map(\.name)
                + dockerfile.stages.flatMap { $0.instructions }.flatMap { instruction -> [String] in
                    if case .arg(let list) = instruction.kind { return list.map(\.0) }
                    return []
                })
        let unused = request.arguments.keys.filter {
            !declared.contains($0) && !BuildScope.proxies.contains($0) && $0 != "SOURCE_DATE_EPOCH"
        }.sorted()
        if !unused.isEmpty {
            report(.warning("[Warning] One or more build-args [\(unused.joined(separator: " "))] were not consumed"))
        }
        return image
    }

    /// What a Dockerfile needs besides files: ids of secrets and ssh agents, and its base images, with variables not expanded.
    package nonisolated func needs(ofDockerfile text: String) -> (
        secrets: [String], agents: [String], images: [String]
    ) {
        guard let parsed = try? Dockerfile(parsing: text) else { return ([], [], []) }
        return (parsed.secretNames, parsed.agentNames, parsed.stages.map(\.base))
    }

    /// Evaluates the ARG instructions before the first FROM.
    private func globalScope(_ dockerfile: Dockerfile, _ request: BuildRequest) throws -> BuildScope {
        var scope = BuildScope()
        scope.arguments = BuildScope.platform(request.platform ?? .host)
        for argument in dockerfile.globalArguments {
            if let given = request.arguments[argument.name] {
                scope.arguments[argument.name] = given
            } else if let value = argument.value {
                scope.arguments[argument.name] = try scope.expansion(dockerfile.escape).word(value)
            }
        }
        return scope
    }

    private func read(_ path: String, in folder: String, limit: Int) async throws -> String? {
        try await blocking { () throws -> String? in
            do throws(SyscallError) {
                // Symbolic links are resolved inside the context.
                return FileName.text(try RootedDirectory(path: folder).read(path, limit: limit))
            } catch {
                if error.errno == Errno.noEntry || error.errno == Errno.notDirectory { return nil }
                throw error
            }
        }
    }

    private func dockerfile(_ path: String, in context: BuildContext) async throws -> String {
        let name = path.isEmpty ? "Dockerfile" : path
        if let text = try await read(name, in: context.folder, limit: 4 << 20) {
            if text.isEmpty {
                throw RoostError.invalid("the Dockerfile (\(name)) cannot be empty", code: .dockerfileInvalid)
            }
            return text
        }
        if name == "Dockerfile", let text = try await read("dockerfile", in: context.folder, limit: 4 << 20) {
            return text
        }
        throw RoostError.invalid("Cannot locate specified Dockerfile: \(name)", code: .dockerfileInvalid)
    }

    /// `<Dockerfile>.dockerignore` takes precedence over `.dockerignore`.
    private func ignoreLines(_ dockerfile: String, in context: BuildContext) async throws -> [String] {
        for name in [dockerfile + ".dockerignore", ".dockerignore"] {
            if let text = try await read(name, in: context.folder, limit: 4 << 20) {
                return IgnoreRules.lines(text)
            }
        }
        return []
    }

    /// Tags an image; returns nil if it is not in the store but a stage of a build.
    func name(_ image: StoredImage, _ names: [ImageReference]) throws -> StoredImage? {
        guard let known = imageRecords[image.id] else { return nil }
        try keep(known, as: names)
        for name in names { publish(image, "tag", name: name.familiar) }
        return image
    }

    /// Stores a built image and tags it.
    func keepBuilt(_ built: StoredImage, as names: [ImageReference]) throws -> StoredImage {
        var image = built
        let bytes = try ImageStore.encode(image.configuration)
        image = StoredImage(id: Digest(of: bytes), layers: image.layers, configuration: image.configuration)
        try images.content.put(bytes)
        try keep(imageRecords[image.id] ?? image, as: names)
        for name in names { publish(image, "tag", name: name.familiar) }
        return image
    }
}

extension Engine {
    /// Removes containers and directories of builds that a previous engine left unfinished.
    func removeLostBuilds() async {
        for record in containers.values where record.spec.annotations[BuildLabel.build] != nil {
            do { try await removeContainer(record.id, force: true, volumes: .remove) } catch {
                log.warning("cannot remove container \(record.name) of a lost build: \(error)")
            }
        }
        let folder = buildFolder + "/work"
        try? await blocking { try Files.removeTree(folder) }
    }

    /// Reserves a cache mount for one build; returns false if another build uses it.
    func takePrivateCache(_ id: String, _ build: String) -> Bool {
        if let owner = privateCaches[id] { return owner == build }
        privateCaches[id] = build
        return true
    }

    func beginBuild() { activeBuilds += 1 }

    func endBuild(_ id: String) async {
        activeBuilds -= 1
        privateCaches = privateCaches.filter { $0.value != id }
        await sweepImages()
    }

    /// Waits until nothing of an exited container is left but its files.
    func waitUntilFinished(_ id: String) async { await exclusively(id) { await waitForShimExit(id) } }

    /// Creates a layer from a directory of changes, which becomes the layer's own.
    func capture(_ upper: String, onto parent: Digest?, clamp: Int64?, helper: PrestartedHelper? = nil) async throws
        -> StoredLayer
    {
        let images = images
        let mountPoint = configuration.mountPoint
        return try await blocking {
            try images.capture(
                upper: upper, onto: parent, mountPoint: mountPoint, moves: clamp == nil, clamp: clamp, helper: helper)
        }
    }

    /// Downloads a file; returns its digest.
    func download(_ address: String, to path: String) async throws -> Digest {
        try await FileDownload(configuration: try registries()).load(address, to: path)
    }
}

extension Engine {
    /// Gets a context from a URL: an archive, a git repository, or a lone Dockerfile, whose text is returned.
    package func fetchContext(_ address: String, into place: String, _ folder: String) async throws -> String? {
        if address.isGitAddress || address.hasPrefix("github.com/") {
            try await cloneContext(address, into: place)
            return nil
        }
        guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
            throw RoostError.invalid(
                "unable to prepare context: \"\(address)\" is not the URL of an archive or a git repository")
        }
        let file = folder + "/fetched"
        _ = try await download(address, to: file)
        return try await unpackContext(file: file, into: place, subject: "the build context \(address)")
    }

    /// Unpacks a context file if it is an archive; otherwise it is a lone Dockerfile, whose text is returned.
    package func unpackContext(file: String, into place: String, subject: String) async throws -> String? {
        let images = images
        return try await blocking { () throws -> String? in
            if try images.isArchive(file) {
                let archive = try Files.open(file, .readOnly)
                try images.unpackArchive(archive.raw, into: place, subject: subject)
                return nil
            }
            return try Files.readText(file, limit: 4 << 20)
        }
    }

    /// Clones `address#ref:directory` with the host's `git`.
    func cloneContext(_ address: String, into place: String, keepsGit: Bool = false) async throws {
        let parts = address.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let fragment = (parts.count > 1 ? parts[1] : "").split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false
        ).map(String.init)
        let ref = fragment.first ?? ""
        let below = fragment.count > 1 ? fragment[1] : ""
        let repository = parts[0].hasPrefix("github.com/") ? "https://" + parts[0] : parts[0]
        guard !repository.hasPrefix("-"), !ref.hasPrefix("-"), !below.pathParts.contains("..") else {
            throw RoostError.invalid("\"\(address)\" is not the URL of a repository")
        }
        let git = ["/usr/bin/git", "/usr/local/bin/git", "/bin/git"].first { Files.exists($0) }
        guard let git else {
            throw RoostError(.unsupported, "building from \(address) requires git on the engine's host: install it")
        }
        let clone = place + ".git"
        try await onOwnThread {
            let log = try Files.memory("git", [])
            let null = try Files.open("/dev/null", .readWrite)
            func run(_ arguments: [String]) throws {
                let pid = try Processes.spawn(
                    git, arguments: ["git"] + arguments,
                    environment: ["PATH=/usr/bin:/bin", "GIT_TERMINAL_PROMPT=0", "HOME=/nonexistent"],
                    descriptors: [null.raw, log.raw, log.raw])
                guard try Processes.collect(pid: pid, wait: true)?.status.code == 0 else {
                    let output = String(decoding: (try? readSome(log.raw, at: 0, limit: 4096)) ?? [], as: UTF8.self)
                    let words = output.split(separator: "\n").joined(separator: "; ")
                    throw RoostError.invalid("git cannot fetch \(address): \(words)")
                }
            }
            try run(["init", "-q", clone])
            try run([
                "-C", clone, "fetch", "-q", "--depth", "1", "--recurse-submodules=yes", repository,
                ref.isEmpty ? "HEAD" : ref,
            ])
            try run(["-C", clone, "checkout", "-q", "FETCH_HEAD"])
            if !keepsGit { try Files.removeTree(clone + "/.git") }
            try Files.removeDirectory(place)
            let source = below.isEmpty ? clone : clone + "/" + below
            guard (try? Files.status(source, followLinks: false).isDirectory) == true else {
                throw RoostError.invalid("unable to prepare context: \(below) is not a directory of \(repository)")
            }
            try Files.rename(source, to: place)
        }
    }
}

extension Engine {
    /// The warnings of Docker's build checks for a Dockerfile.
    package nonisolated func checkDockerfile(_ text: String) throws(RoostError) -> [(line: Int, message: String)] {
        do throws(DockerfileError) { return try Dockerfile(parsing: text).warnings } catch {
            throw .invalid("\(error)")
        }
    }

    /// Writes an image's whole root file system as a tar stream.
    package func exportImage(_ reference: String, to target: OwnedFD) async throws {
        try await export(try image(reference), to: target)
    }

    /// The same for an image that need not be in the store.
    package func export(_ image: StoredImage, to target: OwnedFD) async throws {
        let request = RootRequest(
            view: .layers(images.ownDirectories(image), upper: nil, work: nil),
            mountPoint: configuration.mountPoint, job: .archive(path: "/", name: ""))
        try await Self.run(HelperProcess(request), to: target)
    }
}
