import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// `compose.lock.json` next to the Compose file: the exact images that the services run.
struct ProjectLock {
    let path: String
    /// The locked image of each service.
    var services: [String: Entry]

    struct Entry: Codable, Equatable {
        /// The image name in the Compose file.
        var image: String
        /// The manifest digest in the registry; for a local or built image, the digest of its configuration.
        var digest: String
        var source: Source
        /// The platforms that the registry provides it for.
        var platforms: [String]
    }

    enum Source: String, Codable { case registry, local, build }

    /// The form of the file.
    private struct Document: Codable {
        var version: Int64
        var services: OrderedMap<Entry>
    }

    static func path(_ project: Project) -> String {
        let first = project.files.first { $0.hasPrefix("/") } ?? project.workingDirectory + "/compose.yaml"
        let folder = first.prefix(upTo: first.lastIndex(of: "/") ?? first.startIndex)
        return folder + "/compose.lock.json"
    }

    init(path: String, services: [String: Entry] = [:]) {
        self.path = path
        self.services = services
    }

    static func load(_ project: Project) throws -> ProjectLock {
        let path = path(project)
        guard Files.exists(path) else {
            throw RoostError.missing("\(path) does not exist: create it with roost lock")
        }
        let json = try JSON(parsing: try Files.read(path, limit: 4 << 20))
        guard json["version"].int == 1 else {
            throw RoostError.invalid("\(path): unsupported version \(json["version"].text())")
        }
        let document: Document
        do { document = try json.decode() } catch let error as RoostError {
            throw RoostError.invalid("\(path): \(error.message)")
        }
        return ProjectLock(path: path, services: Dictionary(document.services.map { ($0.key, $0.value) }) { $1 })
    }

    func save() throws {
        let sorted = services.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        let json = try JSON(encoding: Document(version: 1, services: OrderedMap(sorted)))
        try Files.replace((try? Files.canonical(path)) ?? path, json.bytes(indent: 2) + [10])
    }

    /// The image that a service would run now.
    static func resolve(_ name: String, _ project: Project) throws -> Entry {
        let service = try project.service(name)
        let image = service?.image ?? ""
        let client = try CommandContext.shared.client()
        if service?.build != nil {
            try ProjectImages(project, services: [name]).prepare(ImagePolicy(quiet: true))
            return Entry(image: image, digest: try client.inspectImage(image).id, source: .build, platforms: [])
        }
        do {
            let remote = try RemoteImage.describe(image)
            let platforms = remote.platforms.map { platform in
                "\(platform.os)/\(platform.architecture)\(platform.variant.map { "/" + $0 } ?? "")"
            }
            return Entry(
                image: image, digest: remote.descriptor.digest, source: .registry,
                platforms: platforms.filter { !$0.contains("unknown") })
        } catch let error as RoostError {
            // An imported or loaded image is not in any registry.
            guard let here = try? client.inspectImage(image) else {
                throw RoostError(error.kind, "service \(name): \(error.message)")
            }
            return Entry(
                image: image, digest: here.id, source: .local,
                platforms: ["\(here.os.isEmpty ? "linux" : here.os)/\(here.architecture)"])
        }
    }

    /// The project pinned to the locked images, pulling those that are missing. Throws an error that lists the differences.
    func apply(to project: Project) throws -> Project {
        var result = project
        var differences: [String] = []
        let client = try CommandContext.shared.client()
        for name in project.services.keys.sorted() {
            let service = try project.service(name)
            let image = service?.image ?? ""
            guard let entry = services[name] else {
                differences.append("service \(name) is not locked")
                continue
            }
            guard entry.image == image else {
                differences.append("service \(name): the Compose file says \(image), the lock says \(entry.image)")
                continue
            }
            if entry.source == .registry {
                let cut = image.pathParts.last?.contains(":") == true ? image.lastIndex(of: ":") : nil
                let pinned = String(image[..<(cut ?? image.endIndex)]) + "@" + entry.digest
                if (try? client.inspectImage(pinned)) == nil {
                    Output.error(" \(name) Pulling \(pinned)")
                    _ = try TransferDisplay.pull(
                        pinned, platform: service?.platform, quiet: true)
                }
                result.services[name]?.set("image", .string(pinned))
                continue
            }
            if entry.source == .build {
                try ProjectImages(project, services: [name]).prepare(ImagePolicy(quiet: true))
            }
            let id = (try? client.inspectImage(image))?.id ?? "not found locally"
            if id != entry.digest {
                differences.append(
                    "service \(name): \(entry.source == .build ? "its build gives" : "\(image) is") \(id), the lock says \(entry.digest)"
                )
            }
        }
        guard differences.isEmpty else {
            throw RoostError.conflict(
                "the project differs from \(path):\n  " + differences.joined(separator: "\n  ")
                    + "\nto accept a change, run: roost lock --update SERVICE")
        }
        return result
    }
}

struct Lock: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock", abstract: "Pin the images of all services by digest in compose.lock.json",
        discussion: """
            Examples:
              roost lock                   write compose.lock.json
              roost lock --update web      update the entry of web and show the change
              roost up -d --locked
            """)
    @Flag(name: .long, help: "Update the entries of these services and show the changes") var update = false
    @Argument(help: ArgumentHelp("Services (default: all)", valueName: "service")) var services: [String] = []

    func run() throws {
        let project = try CommandContext.shared.loadProject(services: [])
        for name in services where project.services[name] == nil {
            throw RoostError.missing("no such service: \(name)")
        }
        var lock = update ? try ProjectLock.load(project) : ProjectLock(path: ProjectLock.path(project))
        if !update, !services.isEmpty { lock = (try? ProjectLock.load(project)) ?? lock }
        let names = services.isEmpty ? project.services.keys.sorted() : services
        for name in names {
            let before = lock.services[name]
            let now = try ProjectLock.resolve(name, project)
            lock.services[name] = now
            if before == now { continue }
            let from = before.map { "\($0.image) \($0.digest)" } ?? "not locked"
            Output.line("\(name): \(from) -> \(now.image) \(now.digest)")
        }
        lock.services = lock.services.filter { project.services[$0.key] != nil }
        try lock.save()
        Output.error("wrote \(lock.path)")
    }
}
