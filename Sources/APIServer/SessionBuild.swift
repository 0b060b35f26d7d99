import BuildSession
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI
import Registry
import Synchronization

/// One build, fed by a client's session.
final class SessionBuild: Sendable {
    let order = Promise<SolveRequest>()
    let outcome = Promise<[String: String]>()
    /// Status messages to the client while the build is running.
    let statuses: AsyncStream<[UInt8]>
    private let messages: AsyncStream<[UInt8]>.Continuation
    /// The response to the client, once there is an image.
    private let built = Mutex<[String: String]>([:])
    private let made = Mutex<StoredImage?>(nil)
    /// The built image, once there is one.
    var image: StoredImage? { made.withLock { $0 } }
    private let engine: Engine
    private let sessions: BuildSessions

    init(engine: Engine, sessions: BuildSessions) {
        self.engine = engine
        self.sessions = sessions
        (statuses, messages) = AsyncStream.makeStream(of: [UInt8].self)
    }

    /// Completes the build for its client: with its result, or with a failure.
    func finish(_ failure: (any Error)?) async {
        messages.finish()
        if let failure {
            await outcome.resolve(.failure(failure))
        } else {
            await outcome.resolve(.success(built.withLock { $0 }))
        }
    }

    func run(_ attributes: [String: String], inputs: [String: [UInt8]] = [:]) async throws {
        let order = try await order.value
        let output = try SessionOutput(order.exports)
        if let kind = attributes["requestid"], !kind.isEmpty {
            throw GRPCStatus(GRPCStatus.unimplemented, "unsupported request \"\(kind)\": only builds are supported")
        }
        var wanted = try SessionAttributes(attributes).request()
        wanted.allowsHostNetwork = order.entitlements.contains(BuildRequest.hostNetworkEntitlement)
        wanted.tags = try output.tags()
        wanted.keepsImage = output.keepsImage
        for (name, value) in SessionAttributes(attributes).contexts where value.hasPrefix("input:") {
            guard let definition = inputs[String(value.dropFirst(6))] else {
                throw RoostError.invalid("the context \(name) is not part of the request")
            }
            wanted.contexts[name] = "docker-image://\(try ResultReference.image(in: definition))"
        }
        let request = wanted
        let progress = BuildProgress(messages)
        do {
            let client = try await sessions.peer(order.session)
            let name = attributes["contextkey"] ?? "context"
            let kept =
                client.sharedKey.isEmpty ? nil : try await engine.reserveContext("\(client.sharedKey) \(name)")
            let result = await Result.catching {
                try await self.engine.withBuildFolder { [engine = self.engine] folder, id in
                    let source = SessionSource(
                        engine: engine, peer: client.peer, folder: folder, kept: kept, progress: progress)
                    var (final, context) = try await source.prepare(request, attributes)
                    let agents = try await source.agents(final)
                    final.agentSockets = agents.sockets
                    defer { agents.close() }
                    let image = try await engine.build(
                        final, context: context, folder: folder, id: id, ordered: false, report: progress.report)
                    try await output.send(image, of: engine, to: client.peer, folder: folder, progress)
                    return image
                }
            }
            if let kept { await engine.releaseContext(kept) }
            let image = try result.get()
            progress.end(nil)
            let id = image.id.description
            made.withLock { $0 = image }
            built.withLock {
                $0 = [
                    "containerimage.digest": id, "containerimage.config.digest": id,
                    "image.name": output.names,
                ]
            }
        } catch {
            progress.end(error)
            let place = (error as? BuildStepFailure).map { " (\($0.place))" } ?? ""
            throw error is GRPCStatus ? error : GRPCStatus(GRPCStatus.unknown, "\(error)\(place)")
        }
    }
}

/// The attributes of BuildKit's Dockerfile frontend (docs/reference of docker/buildx; BuildKit, frontend/dockerfile/builder).
struct SessionAttributes {
    let attributes: [String: String]

    init(_ attributes: [String: String]) { self.attributes = attributes }

    private func prefixed(_ prefix: String) -> [(String, String)] {
        attributes.compactMap { $0.key.hasPrefix(prefix) ? (String($0.key.dropFirst(prefix.count)), $0.value) : nil }
    }

    func request() throws -> BuildRequest {
        var wanted = BuildRequest()
        if let file = attributes["filename"], !file.isEmpty { wanted.dockerfile = file }
        wanted.target = attributes["target"] ?? ""
        for (name, value) in prefixed("build-arg:") { wanted.arguments[name] = value }
        for (name, value) in prefixed("label:") { wanted.labels[name] = value }
        if let stages = attributes["no-cache"] {
            if stages.isEmpty {
                wanted.usesCache = false
            } else {
                wanted.uncachedStages = stages.split(separator: ",").map(String.init)
            }
        }
        if let text = attributes["platform"], !text.isEmpty {
            wanted.platform = try Descriptor.Platform(parsing: text)
        }
        wanted.pulls = attributes["image-resolve-mode"] == "pull"
        wanted.network = attributes["force-network-mode"] ?? ""
        wanted.extraHosts = (attributes["add-hosts"] ?? "").split(separator: ",").map {
            $0.split(separator: "=", maxSplits: 1).joined(separator: ":")
        }
        wanted.sharedMemoryBytes = ByteSize.parse(attributes["shm-size"] ?? "") ?? 0
        wanted.cgroupParent = attributes["cgroup-parent"] ?? ""
        wanted.resources.limits = try (attributes["ulimit"] ?? "").split(separator: ",").map {
            try UlimitSpec(parsing: String($0))
        }
        return wanted
    }

    /// Additional contexts, by name.
    var contexts: [(name: String, value: String)] { prefixed("context:").map { (name: $0.0, value: $0.1) } }
}

/// Gets a build's input from the client's session: the Dockerfile, the context, secrets, logins.
struct SessionSource: Sendable {
    let engine: Engine
    let peer: GRPC.Peer
    let folder: String
    /// The client's context as of its last build.
    let kept: RetainedContext?
    let progress: BuildProgress

    func prepare(_ request: BuildRequest, _ attributes: [String: String]) async throws -> (BuildRequest, BuildContext) {
        var wanted = request
        let place = folder + "/context"
        try Files.makeDirectories(place)
        for (name, value) in SessionAttributes(attributes).contexts {
            if !value.hasPrefix("input:") { wanted.contexts[name] = try await other(name, value) }
        }
        if let address = attributes["context"], address.contains("://") || address.hasPrefix("git@") {
            let text: String?
            if address.hasPrefix(Self.uploads) {
                text = try await uploaded(String(address.dropFirst(Self.uploads.count)), into: place)
            } else {
                text = try await engine.fetchContext(address, into: place, folder)
            }
            if let text { wanted.dockerfileText = text }
            try await addRights(&wanted)
            return (wanted, BuildContext(folder: place, isLasting: false))
        }
        let files = folder + "/dockerfile"
        var sync = FileSync(folder: attributes["dockerfilekey"] ?? "dockerfile")
        sync.included = [wanted.dockerfile, wanted.dockerfile + ".dockerignore"]
        if wanted.dockerfile == "Dockerfile" { sync.included.append("dockerfile") }
        try await fetch(sync, into: files, "[internal] load build definition from \(wanted.dockerfile)")
        let root = try RootedDirectory(path: files)
        func text(_ path: String, in root: RootedDirectory) -> String? {
            (try? root.read(path, limit: 4 << 20)).map { FileName.text($0) }
        }
        let found =
            text(wanted.dockerfile, in: root)
            ?? (wanted.dockerfile == "Dockerfile" ? text("dockerfile", in: root) : nil)
        guard let found else {
            throw RoostError.invalid("failed to read dockerfile: open \(wanted.dockerfile): no such file or directory")
        }
        wanted.dockerfileText = FileName.shown(found)
        let name = attributes["contextkey"] ?? "context"
        var ignored = text(wanted.dockerfile + ".dockerignore", in: root)
        if ignored == nil {
            var rules = FileSync(folder: name)
            rules.included = [".dockerignore"]
            let ruleFolder = folder + "/rules"
            try await fetch(rules, into: ruleFolder, "[internal] load .dockerignore")
            ignored = text(".dockerignore", in: try RootedDirectory(path: ruleFolder))
        }
        var context = BuildContext(folder: kept?.tree ?? place, isLasting: kept != nil)
        context.ignored = IgnoreRules.lines(ignored ?? "")
        var all = FileSync(folder: name)
        all.excluded = context.ignored
        if let kept {
            try await update(kept, all, "[internal] load build context")
        } else {
            try await fetch(all, into: place, "[internal] load build context")
        }
        try await addRights(&wanted)
        return (wanted, context)
    }

    /// The URL by which a client refers to its standard input.
    private static let uploads = "http://buildkit-session"

    /// Receives an archive from the client's standard input, or a lone Dockerfile, whose text is returned (BuildKit,
    /// session/upload/upload.proto).
    private func uploaded(_ path: String, into place: String) async throws -> String? {
        let file = folder + "/uploaded"
        let archive = try Files.open(file, [.readWrite, .create, .exclusive])
        try await progress.during("[internal] load remote build context") { log in
            let peer = peer
            let bytes = try await peer.call(
                "/moby.upload.v1.Upload/Pull", metadata: [("urlpath", path), ("urlhost", "buildkit-session")]
            ) { call in
                try await call.finishSending()
                var bytes: Int64 = 0
                while let message = try await call.next() {
                    let part = try ProtobufReader(message).data(1)
                    try writeAll(archive.raw, Array(part))
                    bytes += Int64(part.count)
                }
                return bytes
            }
            log("transferring context: \(ByteSize.decimalText(bytes))")
        }
        return try await engine.unpackContext(file: file, into: place, subject: "the build context")
    }

    private func other(_ name: String, _ value: String) async throws -> String {
        guard value.hasPrefix("local:") else { return value }
        let place = "\(folder)/other-\(Identifiers.random().prefix(12))"
        try await fetch(
            FileSync(folder: String(value.dropFirst(6))), into: place, "[context \(name)] load from client")
        return place
    }

    private func fetch(_ sync: FileSync, into place: String, _ title: String) async throws {
        try Files.makeDirectories(place)
        try await progress.during(title) { log in
            let (archive, listing) = try await transfer(sync, known: [:])
            try await engine.unpackContext(archive, into: place)
            log("transferring \(sync.folder): \(ByteSize.decimalText(listing.bytes))")
        }
    }

    /// The files arrive as an archive, which is unpacked as all archives are: confined.
    private func transfer(_ sync: FileSync, known: [String: FileSync.Facts]) async throws -> (
        archive: OwnedFD, listing: FileSync.Listing
    ) {
        let path = "\(folder)/transfer-\(Identifiers.random().prefix(12))"
        let archive = try Files.open(path, [.readWrite, .create, .exclusive])
        try Files.remove(path)
        let listing = try await sync.fetch(from: peer, known: known, to: archive.raw)
        try Files.rewind(archive.raw)
        return (archive, listing)
    }

    /// Updates a stored context: unchanged files are not transferred again.
    private func update(_ kept: RetainedContext, _ sync: FileSync, _ title: String) async throws {
        try await progress.during(title) { log in
            let known = Self.facts(
                (try? Files.read(kept.index, limit: 1 << 28)).flatMap { try? JSON(parsing: $0) } ?? .null)
            let (archive, listing) = try await transfer(sync, known: known)
            let stale = known.filter { path, old in listing.files[path].map { !$0.isLike(old) } ?? true }.keys
            // From here to the end the tree is neither the old nor the new one.
            if Files.exists(kept.index) { try Files.remove(kept.index) }
            let root = try RootedDirectory(path: kept.tree)
            for path in stale.sorted(by: >) {
                let parts = path.pathParts
                guard let name = parts.last, name != "..", name != ".",
                    let parent = try? root.open("/" + parts.dropLast().joined(separator: "/"), [.path, .directory])
                else { continue }
                try Files.removeTree("/proc/self/fd/\(parent.raw)/\(name)")
            }
            try await engine.unpackContext(archive, into: kept.tree)
            try Files.replace(kept.index, Self.json(listing.files).bytes(), mode: 0o600)
            log("transferring \(sync.folder): \(ByteSize.decimalText(listing.bytes))")
        }
    }

    private static func json(_ files: [String: FileSync.Facts]) -> JSON {
        .object(
            files.map { path, facts in
                (
                    path,
                    [
                        JSON(facts.mode), JSON(facts.size), JSON(facts.modified), .string(facts.link),
                        .array(facts.device.map { JSON($0) }),
                    ]
                )
            })
    }

    private static func facts(_ json: JSON) -> [String: FileSync.Facts] {
        var found: [String: FileSync.Facts] = [:]
        for (path, value) in json.object ?? [] {
            guard let parts = value.array, parts.count == 5, let mode = parts[0].int, let size = parts[1].int,
                let modified = parts[2].int, let link = parts[3].string
            else { continue }
            found[path] = FileSync.Facts(
                mode: UInt32(truncatingIfNeeded: mode), size: size, modified: modified, link: link,
                device: (parts[4].array ?? []).map { UInt32(truncatingIfNeeded: $0.int ?? 0) })
        }
        return found
    }

    func agents(_ wanted: BuildRequest) async throws -> SessionAgents {
        let ids = engine.needs(ofDockerfile: wanted.dockerfileText ?? "").agents
        return try await SessionAgents(ids, of: peer, engine, folder: folder)
    }

    // MARK: Secrets and logins

    /// Both are requested only if the Dockerfile names them: the client may have to prompt a person.
    private func addRights(_ wanted: inout BuildRequest) async throws {
        guard let text = wanted.dockerfileText else { return }
        let needs = engine.needs(ofDockerfile: text)
        for id in needs.secrets {
            var question = ProtobufWriter()
            question.text(1, id)
            do {
                let answer = try await peer.ask("/moby.buildkit.secrets.v1.Secrets/GetSecret", question.bytes)
                wanted.secrets[id] = Array(try ProtobufReader(answer).data(1))
            } catch is GRPCStatus {
                // A missing secret is an error only for a step that requires it.
            }
        }
        for domain in Set(needs.images.compactMap { try? ImageReference(parsing: $0).domain }) {
            var question = ProtobufWriter()
            question.text(1, domain == RegistryConfiguration.hub ? RegistryConfiguration.hubHost : domain)
            guard let answer = try? await peer.ask("/moby.filesync.v1.Auth/Credentials", question.bytes),
                let login = try? ProtobufReader(answer), !login.text(2).isEmpty
            else { continue }
            wanted.credentials[domain] = RegistryCredentials(
                json: ["username": .string(login.text(1)), "password": .string(login.text(2))])
        }
    }
}

extension Result where Failure == any Error {
    fileprivate static func catching(_ body: () async throws -> Success) async -> Result {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}
