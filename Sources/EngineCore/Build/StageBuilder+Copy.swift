import EngineModel
import HelperProtocol
import ImageBuild
import ImageStore
import LinuxKernel
import OCI

/// A writable layer on top of a stage, under construction.
struct LayerRoots: Sendable {
    let lower: [String]
    let upper: String
    let work: String
    let mountPoint: String

    /// Unpacks a tar stream into the layer.
    func extract(_ options: RootRequest.ExtractOptions, from source: OwnedFD?) async throws {
        let request = RootRequest(
            view: .layers(lower, upper: upper, work: work), mountPoint: mountPoint, job: .extract(options))
        try await onOwnThread {
            let running = try HelperProcess(request).start(input: source, output: nil)
            source?.close()
            try running.finish()
        }
    }
}

extension StageBuilder {
    /// Creates a layer by writing into an empty one on top of the stage so far.
    func makeLayer(_ fill: (LayerRoots) async throws -> Void) async throws -> StoredLayer {
        try mayWork()
        let folder = "\(run.workFolder)/layer-\(Identifiers.random().prefix(12))"
        let roots = LayerRoots(
            lower: engine.images.directories(image()), upper: folder + "/upper", work: folder + "/work",
            mountPoint: engine.configuration.mountPoint)
        try await blocking {
            try Files.makeDirectories(roots.upper)
            try Files.makeDirectories(roots.work)
            try Files.changeMode(roots.upper, 0o755)
        }
        try await fill(roots)
        return try await capture(roots.upper)
    }

    /// Turns a directory of changes into a layer of the store.
    func capture(_ upper: String, helper: PrestartedHelper? = nil) async throws -> StoredLayer {
        try await engine.capture(upper, onto: chain, clamp: run.epoch, helper: helper)
    }

    /// Reads from the stage so far; nil if nothing is there. The content below a chain of layers never changes, so each read is done only
    /// once, over all builds.
    private func lookUp(_ job: RootRequest.Job) async throws -> [UInt8]? {
        let key = Self.key(["look", chain?.hex ?? "", try JSON(encoding: job).text()])
        if let known = await engine.pathLookupCache[key] { return known }
        let request = RootRequest(
            view: .layers(engine.images.directories(image()), upper: nil, work: nil),
            mountPoint: engine.configuration.mountPoint, job: job)
        let found: [UInt8]?
        do { found = try await blocking { try HelperProcess(request).answer() } } catch let error as RoostError
            where error.kind == .notFound
        { found = nil }
        await engine.cachePathLookup(key, found)
        return found
    }

    /// The type of a path of the stage so far; nil if it does not exist.
    func status(_ path: String, follows: Bool = true) async throws -> PathStatus? {
        guard let answer = try await lookUp(.stat(path: path, followsLinks: follows)) else { return nil }
        return try JSON(parsing: answer).decode()
    }

    /// The target of a link, inside the stage's root; a path that is not a link is its own target.
    private func followed(_ path: String) async throws -> String {
        var place = path
        for _ in 0..<40 {
            guard let status = try await status(place, follows: false), status.isSymbolicLink,
                !status.linkTarget.isEmpty
            else { return place }
            place = status.linkTarget
        }
        throw RoostError.invalid("\(path): too many levels of symbolic links")
    }

    private func file(_ path: String) async throws -> String {
        String(decoding: try await lookUp(.read(path: path, limit: 4 << 20)) ?? [], as: UTF8.self)
    }

    /// Resolves `user` or `user:group`, by name or number, with the stage's own passwd and group files.
    func owner(_ text: String) async throws -> RootRequest.Owner {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        func number(_ name: String, _ path: String, _ what: String) async throws -> (id: UInt32, line: [Substring]?) {
            let lines = try await file(path).split(separator: "\n").map {
                $0.split(separator: ":", omittingEmptySubsequences: false)
            }
            if let line = lines.first(where: { $0.first == name[...] }), line.count > 2, let id = UInt32(line[2]) {
                return (id, line)
            }
            guard let id = UInt32(name) else {
                throw RoostError.invalid(
                    "unable to convert uid/gid chown string to host mapping: can't find \(what) \(name) in \(path)")
            }
            // As for users of containers: (uid_t)-1 means "unchanged" to chown(2), and Docker's range ends at 2^31-1.
            guard id <= UInt32(Int32.max) else {
                throw RoostError.invalid("--chown=\(text): uids and gids must be in range 0-2147483647")
            }
            return (id, lines.first { $0.count > 2 && $0[2] == name[...] })
        }
        let user = try await number(parts[0], "/etc/passwd", "uid for user")
        if parts.count > 1, !parts[1].isEmpty {
            let group = try await number(parts[1], "/etc/group", "gid for group")
            return .init(user: user.id, group: group.id)
        }
        // Without a group: the number of the user, or a named user's primary group, as in Docker.
        return .init(
            user: user.id,
            group: UInt32(parts[0]) ?? (user.line.flatMap { $0.count > 3 ? UInt32($0[3]) : nil } ?? user.id))
    }

    /// The root from which an instruction copies files, and a key of its content if it has one.
    struct CopySource: Sendable {
        var view: RootRequest.View
        /// For the user's own directory: the file that caches digests.
        var cache: String?
        var contentKey: String?
        var ignored: [String] = []
        var keepsOwners = false
    }

    func perform(_ instruction: CopyInstruction, _ note: String) async throws {
        let expansion = scope.expansion(escape)
        var sources: [String] = []
        for text in instruction.sources { sources.append(try expansion.word(text)) }
        var target = absolute(try expansion.word(instruction.target))
        var owner: RootRequest.Owner?
        if let text = instruction.owner { owner = try await self.owner(try expansion.word(text)) }
        var mode: UInt32?
        if let text = try instruction.mode.map({ try expansion.word($0) }) {
            guard let value = UInt32(text, radix: 8), value <= 0o7777 else {
                throw RoostError.invalid(
                    "invalid chmod parameter: '\(text)'. it should be octal string and between 0 and 07777")
            }
            mode = value
        }
        // Follows a link at the target, as Docker does.
        let there = try await status(target)
        if let there, there.isDirectory {
            if !target.hasSuffix("/") { target += "/" }
        } else if there != nil {
            target = try await followed(target)
        } else if try await status(Self.bare(target), follows: false)?.isSymbolicLink == true {
            // A dangling link: its target is created.
            target = try await followed(Self.bare(target)) + (target.hasSuffix("/") ? "/" : "")
        }
        if let there, there.isDirectory, try await status(Self.bare(target), follows: false)?.isSymbolicLink == true {
            target = try await followed(Self.bare(target)) + "/"
        }
        let forbidden = sources.first { $0.pathParts.first == ".." && instruction.from == nil }
        if let forbidden, !forbidden.isAddress {
            throw RoostError.invalid("COPY failed: forbidden path outside the build context: \(forbidden) ()")
        }
        let count = sources.count + instruction.documents.count
        if count > 1, !target.hasSuffix("/") {
            throw RoostError.invalid(
                "When using \(instruction.isAdd ? "ADD" : "COPY") with more than one source file, the destination must be a directory and end with a /"
            )
        }
        var pieces: [(CopySource, RootRequest.Selection)] = []
        let remote = sources.filter { instruction.isAdd && $0.isAddress }
        let plain = sources.filter { !(instruction.isAdd && $0.isAddress) }
        let folder = target.hasSuffix("/")
        let bare = target.count > 1 && folder ? String(target.dropLast()) : target
        func selection(_ sources: [String], _ from: CopySource, unpacks: Bool) -> RootRequest.Selection {
            var selection = RootRequest.Selection(sources: sources, target: bare, targetIsFolder: folder)
            selection.owner = owner ?? (from.keepsOwners ? nil : .init(user: 0, group: 0))
            selection.changesOwner = owner != nil
            selection.mode = mode
            selection.makesTarget = there == nil
            selection.keepsParents = instruction.keepsParents
            selection.excluded = instruction.excluded
            selection.ignored = from.ignored
            selection.unpacksArchives = unpacks
            return selection
        }
        if !plain.isEmpty {
            let source = try await copySource(instruction.from)
            pieces.append(
                (source, selection(plain, source, unpacks: instruction.isAdd && instruction.unpacks != false)))
        }
        for address in remote {
            if address.isGitAddress {
                let source = try await clone(address, instruction)
                pieces.append((source, selection(["."], source, unpacks: false)))
                continue
            }
            let source = try await download(address, checksum: instruction.checksum, targetIsFolder: folder)
            pieces.append((source, selection(["*"], source, unpacks: instruction.unpacks == true)))
        }
        for (number, document) in instruction.documents.enumerated() {
            let place = "\(run.workFolder)/document-\(step)-\(number)"
            let text = document.expands ? try expansion.document(document.content) : document.content
            let name = try document.fileName()
            try await blocking {
                try Files.makeDirectories(place)
                try Files.write("\(place)/\(name)", text, mode: 0o644)
            }
            let source = CopySource(view: .folder(place))
            // The directory holds only this file; its name is not a pattern.
            pieces.append((source, selection(["*"], source, unpacks: false)))
        }
        try await place(pieces, bare, folder, owner, note)
    }

    private func place(
        _ pieces: [(CopySource, RootRequest.Selection)], _ target: String, _ targetIsFolder: Bool,
        _ owner: RootRequest.Owner?, _ note: String
    ) async throws {
        var parts = ["copy", chain?.hex ?? "", target, targetIsFolder ? "folder" : "file"]
        for (source, selection) in pieces { parts.append(try await digest(source, selection).hex) }
        let key = Self.key(parts)
        try await perform(key, note) {
            try await makeLayer { roots in
                for (source, selection) in pieces {
                    let pipe = try Pipe()
                    let request = RootRequest(
                        view: source.view, mountPoint: engine.configuration.mountPoint, job: .select(selection))
                    let running = try await blocking {
                        try HelperProcess(request).start(input: nil, output: pipe.writing)
                    }
                    pipe.writing.close()
                    var options = RootRequest.ExtractOptions(folder: "/")
                    options.keepsOwners = true
                    options.replacesKinds = true
                    let parent = targetIsFolder ? target : Self.parent(target)
                    try await self.prepare(parent, owner, roots)
                    let extracted = await Engine.outcome { try await roots.extract(options, from: pipe.reading) }
                    pipe.reading.close()
                    let read = await Engine.outcome { try await blocking { try running.finish() } }
                    // The reader knows why there is nothing to write. But if the writer has given up, e.g. on a full disk, the reader is
                    // killed by the broken pipe and has no reason to report.
                    if case .failure(let error) = read, (error as? RoostError)?.code != .brokenPipe { throw error }
                    try extracted.get()
                    try read.get()
                }
            }
        }
    }

    private static func bare(_ path: String) -> String {
        path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    private static func parent(_ path: String) -> String {
        "/" + path.pathParts.dropLast().joined(separator: "/")
    }

    /// Creates missing directories above the target, all of them for the owner of the files.
    private func prepare(_ folder: String, _ owner: RootRequest.Owner?, _ roots: LayerRoots) async throws {
        guard folder != "/", let owner, try await status(folder) == nil else { return }
        var options = RootRequest.ExtractOptions(folder: folder)
        options.makesFolder = true
        options.owner = owner
        try await roots.extract(options, from: nil)
    }

    /// The digest of the files that a selection would copy.
    func digest(_ source: CopySource, _ selection: RootRequest.Selection) async throws -> Digest {
        var known: Digest?
        let memo = try source.contentKey.map { Self.key([$0, try JSON(encoding: selection).text()]) }
        if let memo { known = await engine.knownContentDigest(memo) }
        if let known { return known }
        let request = RootRequest(
            view: source.view, mountPoint: engine.configuration.mountPoint, job: .digest(selection))
        let cache = source.cache
        let bytes = try await blocking { try HelperProcess(request, digestCache: cache).answer() }
        let digest = try Digest(parsing: String(decoding: bytes, as: UTF8.self))
        if let memo { await engine.rememberContentDigest(memo, digest) }
        return digest
    }

    /// The source of a copy: the build context, an additional one, a stage or an image.
    func copySource(_ from: String?) async throws -> CopySource {
        guard let from = try from.map({ try scope.expansion(escape).word($0) }) else {
            return try await folderSource(
                run.context.folder, lasting: run.context.isLasting, ignored: run.context.ignored)
        }
        if let number = Int(from), !stages.keys.contains(number), run.request.contexts[from] == nil, number >= 0,
            number < 1000
        {
            throw RoostError.invalid(
                number == index
                    ? "invalid from flag value \(from): refers to current build stage"
                    : "invalid from flag value \(from): index out of bounds")
        }
        if let other = run.request.contexts[from], other.hasPrefix("/") {
            return try await folderSource(other, lasting: true, ignored: [])
        }
        let image = try await source(from)
        var source = CopySource(view: .layers(engine.images.ownDirectories(image), upper: nil, work: nil))
        source.contentKey = image.layers.last?.chain.hex
        source.keepsOwners = true
        return source
    }

    private func folderSource(_ folder: String, lasting: Bool, ignored: [String]) async throws -> CopySource {
        var source = CopySource(view: .folder(folder), ignored: ignored)
        if lasting {
            let caches = engine.buildFolder + "/digests"
            try await blocking { try Files.makeDirectories(caches, mode: 0o700) }
            source.cache = "\(caches)/\(Self.key([folder]).hex.prefix(32))"
        }
        return source
    }

    /// A repository's files for ADD: `address#ref:directory`.
    private func clone(_ address: String, _ instruction: CopyInstruction) async throws -> CopySource {
        if instruction.checksum != nil {
            throw RoostError(.unsupported, "ADD \(address): --checksum applies to files only; pin the commit after a #")
        }
        let folder = "\(run.workFolder)/clone-\(Identifiers.random().prefix(12))"
        try await blocking { try Files.makeDirectories(folder) }
        try await engine.cloneContext(address, into: folder, keepsGit: instruction.keepsGit)
        return CopySource(view: .folder(folder))
    }

    /// A downloaded file for ADD.
    private func download(_ address: String, checksum: String?, targetIsFolder: Bool) async throws -> CopySource {
        let folder = "\(run.workFolder)/download-\(Identifiers.random().prefix(12))"
        try await blocking { try Files.makeDirectories(folder) }
        let path = address.split(separator: "?")[0]
        var name =
            path.pathParts.last.map { FileName.text(PercentEncoding.decode($0)) }
            ?? "download"
        if path.pathParts.count <= 2 || path.hasSuffix("/") {
            guard !targetIsFolder else {
                throw RoostError.invalid("ADD \(address): cannot determine filename from url")
            }
            name = "download"
        }
        guard !name.contains("/"), name != "..", name != "." else {
            throw RoostError.invalid("ADD \(address): invalid file name \"\(name)\"")
        }
        let digest = try await engine.download(address, to: "\(folder)/\(name)")
        if let checksum, checksum != digest.description {
            throw RoostError.invalid("ADD \(address): digest mismatch \(digest): \(checksum) was expected")
        }
        return CopySource(view: .folder(folder))
    }
}

extension String {
    var isAddress: Bool { hasPrefix("http://") || hasPrefix("https://") || isGitAddress }
    var isGitAddress: Bool {
        if hasPrefix("git@") || hasPrefix("git://") || hasPrefix("ssh://") { return true }
        return (hasPrefix("http://") || hasPrefix("https://")) && split(separator: "#")[0].hasSuffix(".git")
    }
}
