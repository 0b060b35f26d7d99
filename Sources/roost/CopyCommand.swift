import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// The source or the destination of a copy.
private struct CopyEndpoint {
    /// As given: a trailing slash or dot is significant and kept.
    var path: String
    var exists = false
    var isFolder = false

    /// `dir/` and `dir/.` can only be directories.
    var mustBeFolder: Bool { path.hasSuffix("/") || path.hasSuffix("/.") || path == "." }

    var parent: String {
        let parts = path.pathParts.filter { $0 != "." }
        return "/" + parts.dropLast().joined(separator: "/")
    }
    var name: String { path.pathParts.filter { $0 != "." }.last.map(String.init) ?? "/" }
    /// The first component of the archive's entry names; `.` (contents only) if the path ends in `/.`.
    var archiveName: String { path.hasSuffix("/.") || path == "." ? "." : name }
}

/// The directory to extract to, and the new name of the first path component (docker/cli, `PrepareArchiveCopy`).
private struct CopyPlan {
    let folder: String
    let rebase: String?

    init(source: CopyEndpoint, target: CopyEndpoint) throws(RoostError) {
        if target.exists, target.isFolder {
            (folder, rebase) = (target.path, nil)
        } else if target.exists, source.isFolder {
            throw .invalid("cannot copy directory")
        } else if target.exists || source.isFolder {
            (folder, rebase) = (target.parent, target.name)
        } else if target.mustBeFolder {
            throw .missing("no such directory: \(target.path)")
        } else {
            (folder, rebase) = (target.parent, target.name)
        }
    }
}

struct Copy: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp", abstract: "Copy files between a container and the local filesystem (- for a tar stream)",
        discussion: """
            Examples:
              roost cp web:/etc/nginx/nginx.conf .
              roost cp ./site/. web:/usr/share/nginx/html
              tar -c data | roost cp - db:/restore
            """)
    @Flag(name: [.short, .long], help: "Archive mode (copy all uid/gid information)") var archive = false
    @Flag(name: [.customShort("L"), .long], help: "Always follow symbolic links in the source path")
    var followLink = false
    @Flag(name: [.short, .long], help: "Suppress progress output during copy") var quiet = false
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas (compose)", valueName: "int"))
    var index: Int?
    @Flag(name: .long, help: "Copy to all containers of the service (compose)") var all = false
    @Argument(help: ArgumentHelp("PATH, CONTAINER:PATH or -", valueName: "src-path")) var source: String
    @Argument(help: ArgumentHelp("PATH, CONTAINER:PATH or -", valueName: "dest-path")) var target: String

    func run() throws {
        let from = Self.split(source)
        let to = Self.split(target)
        switch (from.container, to.container) {
        case (nil, nil): throw RoostError.invalid("must specify at least one container source")
        case (.some, .some): throw RoostError.invalid("copying between containers is not supported")
        case (let name?, nil): try copyOut(try containers(name, one: true)[0], from.path)
        case (nil, let name?): for id in try containers(name, one: !all) { try copyIn(id, name, to.path) }
        }
    }

    /// Splits `container:path`. A local path starts with a slash or a dot, or has no colon.
    private static func split(_ text: String) -> (container: String?, path: String) {
        guard text != "-", !text.hasPrefix("/"), !text.hasPrefix("."), let colon = text.firstIndex(of: ":"),
            colon != text.startIndex
        else { return (nil, text) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private func containers(_ name: String, one: Bool) throws -> [String] {
        let session = CommandContext.shared
        guard session.isCompose else { return [name] }
        let found = try session.projectContainers(try session.projectNameOnly(), services: [name])
        let wanted = found.filter { container in
            index.map { "\($0)" == container.replica } ?? true
        }
        let ids = wanted.map(\.id)
        guard let first = ids.first else { throw RoostError.missing("no container found for service \"\(name)\"") }
        return one ? [first] : ids
    }

    private func status(_ id: String, _ path: String) throws -> PathStatus? {
        do {
            let answer = try CommandContext.shared.client().open("HEAD", "containers/\(id)/archive", [("path", path)])
            guard let header = answer.header("x-docker-container-path-stat"), let bytes = Base64.decode(header) else {
                return nil
            }
            return try JSON(parsing: bytes).decode()
        } catch let error as RoostError {
            guard error.kind == .notFound else { throw error }
            // Only the path is missing; if the container is missing, this throws.
            _ = try CommandContext.shared.client().call("GET", "containers/\(id)/json")
            return nil
        }
    }

    // MARK: From a container

    private func copyOut(_ id: String, _ path: String) throws {
        var from = path.absolutePath
        guard var found = try status(id, from) else {
            throw RoostError.missing("Could not find the file \(from) in container \(id)")
        }
        var linkName: String?
        if followLink, found.isSymbolicLink {
            linkName = from.pathParts.last.map(String.init)
            from = found.linkTarget
            found = try status(id, from) ?? found
        }
        let answer = try CommandContext.shared.client().open("GET", "containers/\(id)/archive", [("path", from)])
        if target == "-" {
            while case let part = try answer.read(), !part.isEmpty { try writeAll(1, part) }
            return
        }
        let source = CopyEndpoint(path: from, exists: true, isFolder: found.isDirectory)
        let end = try Self.local(target, follows: true)
        if !end.exists, !Files.exists(end.parent) {
            throw RoostError.missing("invalid output path: directory \"\(end.parent)\" does not exist")
        }
        let plan = try CopyPlan(source: source, target: end)
        let pipe = try Pipe()
        let worker = try LocalArchive.extract(
            pipe.reading.raw, into: plan.folder, rebase: plan.rebase ?? linkName, keepsOwners: archive)
        pipe.reading.close()
        var count: Int64 = 0
        do {
            while case let part = try answer.read(), !part.isEmpty {
                count += Int64(part.count)
                try writeAll(pipe.writing.raw, part)
            }
        } catch let error as SyscallError where error.errno == Errno.brokenPipe {
            // The helper stopped reading; `finish` reports why.
        } catch {
            pipe.writing.close()
            try? worker.finish()
            throw error
        }
        pipe.writing.close()
        try worker.finish()
        report(count, end.path)
    }

    private static func local(_ path: String, follows: Bool) throws -> CopyEndpoint {
        var absolute = CommandContext.shared.absolute(path)
        // Resolving a path drops a trailing slash or dot, which is significant.
        if path.hasSuffix("/."), !absolute.hasSuffix("/.") { absolute += "/." }
        if path == "." { absolute += "/." }
        if path.hasSuffix("/"), !absolute.hasSuffix("/") { absolute += "/" }
        absolute = absolute.absolutePath
        var end = CopyEndpoint(path: absolute)
        do throws(SyscallError) {
            let status = try Files.status(absolute, followLinks: follows)
            end.exists = true
            end.isFolder = status.isDirectory
        } catch {
            if error.errno == Errno.notDirectory { throw RoostError.invalid("\(path) is not a directory") }
        }
        return end
    }

    // MARK: To a container

    private func copyIn(_ id: String, _ shown: String, _ path: String) throws {
        let to = path.absolutePath
        var end = CopyEndpoint(path: to)
        var found = try status(id, to)
        if let link = found, link.isSymbolicLink {
            end.path = link.linkTarget + (to.hasSuffix("/") ? "/" : "")
            found = try status(id, link.linkTarget)
        }
        if let found {
            end.exists = true
            end.isFolder = found.isDirectory
        }
        if source == "-" {
            guard end.isFolder else { throw RoostError.invalid("destination \"\(shown):\(path)\" must be a directory") }
            return try upload(id, end.path, 0, shown, path)
        }
        let from = try Self.local(source, follows: followLink || source.hasSuffix("/") || source.hasSuffix("/."))
        guard from.exists else { throw RoostError.missing("lstat \(from.path): no such file or directory") }
        if from.mustBeFolder, !from.isFolder { throw RoostError.invalid("\(source) is not a directory") }
        if !end.exists, try status(id, end.parent) == nil {
            throw RoostError.missing("Could not find the file \(end.parent) in container \(shown)")
        }
        let plan = try CopyPlan(source: from, target: end)
        let pipe = try Pipe()
        let real = followLink ? try Files.canonical(from.path) : from.path
        let name = plan.rebase ?? from.archiveName
        let worker = try LocalArchive.create(real, as: name, to: pipe.writing.raw)
        pipe.writing.close()
        try upload(id, plan.folder, pipe.reading.raw, shown, path) { try worker.finish() }
    }

    private func upload(
        _ id: String, _ folder: String, _ file: Int32, _ shown: String, _ path: String,
        whole: () throws -> Void = {}
    ) throws {
        var query = [("path", folder), ("noOverwriteDirNonDir", "true")]
        if archive { query.append(("copyUIDGID", "true")) }
        let answer = try CommandContext.shared.client().upload(
            "containers/\(id)/archive", query, file: file, method: "PUT", whole: whole)
        _ = try answer.readAll()
        report(answer.uploaded, "\(shown):\(path)")
    }

    private func report(_ bytes: Int64, _ place: String) {
        guard !quiet, Terminals.isTerminal(2) else { return }
        Output.error("Successfully copied \(ByteSize.decimalText(bytes)) to \(place)")
    }
}

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Export a container's filesystem as a tar archive",
        discussion: "Example: roost export web | roost import - web:flat")
    @Option(name: [.short, .long], help: ArgumentHelp("Write to a file, instead of STDOUT", valueName: "string"))
    var output: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas (compose)", valueName: "int"))
    var index: Int?
    @Argument(help: ArgumentHelp("Container or service", valueName: "container")) var name: String

    func run() throws {
        if output == nil, Terminals.isTerminal(1) {
            throw RoostError.invalid("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        }
        let id = try CommandContext.shared.resolve([name]).first?.id ?? name
        try download(try CommandContext.shared.client().open("GET", "containers/\(id)/export"), to: output)
    }
}

/// Writes a response body to a file, which appears only when it is complete, or to standard output.
func download(_ answer: HTTPExchange, to output: String?) throws {
    guard let output else {
        while case let part = try answer.read(), !part.isEmpty { try writeAll(1, part) }
        return
    }
    let path = CommandContext.shared.absolute(output)
    // A regular file is replaced atomically; a device or a pipe is written to directly.
    let isReplaced = (try? Files.status(path))?.isRegular ?? true
    let place = isReplaced ? path + ".part" : path
    do {
        let file: OwnedFD
        do throws(SyscallError) {
            file = try Files.open(place, isReplaced ? [.writeOnly, .create, .truncate] : .writeOnly, mode: 0o600)
        } catch { throw RoostError.failure("open \(output): \(error.reason)") }
        while case let part = try answer.read(), !part.isEmpty { try writeAll(file.raw, part) }
        if isReplaced { try Files.rename(place, to: path) }
    } catch {
        if isReplaced { try? Files.remove(place) }
        throw error
    }
}

struct Diff: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Inspect changes to files or directories on a container's filesystem")
    @Argument(help: ArgumentHelp("Container", valueName: "container")) var name: String
    func run() throws {
        let id = try CommandContext.shared.resolve([name]).first?.id ?? name
        let changes: [FilesystemChange] = try CommandContext.shared.client().get("containers/\(id)/changes")
        for change in changes {
            let letters = ["C", "A", "D"]
            let kind = Int(change.kind)
            Output.line("\(letters.indices.contains(kind) ? letters[kind] : "?") \(change.path)")
        }
    }
}

struct Commit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Create a new image from a container's changes",
        discussion: "Example: roost commit -m 'with tools' -c 'CMD [\"sh\"]' web team/web:debug")
    @Option(
        name: [.short, .long], help: ArgumentHelp("Author (e.g. \"Jane Doe <jane@example.com>\")", valueName: "string"))
    var author: String?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Apply a Dockerfile instruction to the created image (e.g. CMD [\"sh\"])", valueName: "list"))
    var change: [String] = []
    @Option(name: [.short, .long], help: ArgumentHelp("Commit message", valueName: "string")) var message: String?
    @Flag(name: [.short, .long], inversion: .prefixedNo, help: "Pause container during commit") var pause = true
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas (compose)", valueName: "int"))
    var index: Int?
    @Argument(help: ArgumentHelp("Container or service", valueName: "container")) var name: String
    @Argument(help: ArgumentHelp("Name and optionally a tag of the new image", valueName: "repository"))
    var image: String?

    func run() throws {
        let id = try CommandContext.shared.resolve([name]).first?.id ?? name
        var query = [("container", id), ("pause", pause ? "1" : "0")] + change.map { ("changes", $0) }
        if let image { query.append(("repo", image)) }
        if let author { query.append(("author", author)) }
        if let message { query.append(("comment", message)) }
        Output.line(try CommandContext.shared.client().post("commit", query, as: ObjectID.self).id)
    }
}
