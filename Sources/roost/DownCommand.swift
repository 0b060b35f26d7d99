import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel

struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop and remove containers and networks",
        discussion: """
            Named volumes are kept unless -v is given. -v moves volumes to the trash
            for 24 hours; see roost trash.

            Examples:
              roost down                 containers and networks
              roost down -v              volumes too
              roost down web             one service, and resources that no other service uses
            """)
    @Flag(name: [.short, .long], help: "Remove the project's named and anonymous volumes") var volumes = false
    @Flag(name: .long, help: "With -v, delete volumes instead of moving them to the trash") var purge = false
    @Flag(name: .long, help: "Print what would be done and change nothing") var dryRun = false
    @Flag(name: .long, help: "Remove containers for services not defined in the Compose file") var removeOrphans = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Remove images used by services (all, or local for images without a custom tag)", valueName: "string"))
    var rmi: String?
    @Option(name: [.short, .long], help: ArgumentHelp("Shutdown timeout in seconds", valueName: "int"))
    var timeout: Int?
    @Argument(help: ArgumentHelp("Services to stop and remove", valueName: "service")) var services: [String] = []

    func run() throws {
        let session = CommandContext.shared
        try session.client().requireRoost("roost down")
        let project = try session.fileProject(services: services)
        for service in services where project.map({ $0.services[service] == nil }) == true {
            throw RoostError.missing("no such service: \(service)")
        }
        let name = try project?.name ?? session.projectNameOnly()
        var request = try ProjectDownRequest(project, named: name, services: services)
        request.volumes = volumes
        request.purge = purge
        request.removeOrphans = removeOrphans
        request.timeout = timeout
        if let rmi, rmi != "all", rmi != "local" {
            throw RoostError.invalid("--rmi \(rmi): use all or local")
        }
        if dryRun || session.isDryRun {
            request.dryRun = true
            let plan: PlanDescription = try session.client().post("roost/v1/projects/down", [("dryRun", "1")], request)
            return Output.raw(plan.text ?? "")
        }
        // Local images have only the name that the project generates.
        let images = Set(
            try rmi == nil
                ? []
                : session.projectContainers(name).compactMap { container -> String? in
                    let (image, service) = (container.image, container.service)
                    guard project.map({ $0.services[service] != nil }) ?? true else { return nil }
                    return rmi == "all" || ["\(name)-\(service)", "\(name)_\(service)"].contains(image) ? image : nil
                })
        let before = volumes && !purge ? Set(try Trash.contents().map(\.id)) : []
        try PlanFollower.follow("roost/v1/projects/down", request)
        if volumes, !purge { try printTrashNote(before) }
        for image in images.sorted() { try remove(image) }
    }

    /// An image in use is kept, and a missing image is already removed: both are reported and neither is an error, as in Compose.
    private func remove(_ image: String) throws {
        do { try CommandContext.shared.client().call("DELETE", "images/\(image)") } catch let error as RoostError {
            switch error.kind {
            case .conflict: Output.error("Image \(image)  Resource is still in use")
            case .notFound: Output.error("Image \(image)  Warning: No resource found to remove")
            default: throw error
            }
        }
    }

    private func printTrashNote(_ before: Set<String>) throws {
        let moved = try Trash.contents().filter { !before.contains($0.id) }
        guard let first = moved.first else { return }
        // Anonymous volumes have 64 hexadecimal digits for a name.
        let named = moved.map(\.name).filter { $0.count != 64 }.sorted()
        func time(_ text: String) -> Int64 { Timestamp(parsing: text)?.nanoseconds ?? 0 }
        let kept = TimeSpan.words(seconds: (time(first.expiresAt) - time(first.removedAt)) / 1_000_000_000)
        let (what, object) = moved.count == 1 ? ("1 volume was", "it") : ("\(moved.count) volumes were", "them")
        Output.error(
            "note: \(what) moved to the trash (kept for \(kept.lowercased())); restore \(object) with: "
                + "roost trash restore \(named.isEmpty ? "ID" : named.joined(separator: " "))")
    }
}

extension ProjectDownRequest {
    /// With the services, networks and volumes of the Compose file, if there is one.
    init(_ project: Project?, named name: String, services: [String] = []) throws {
        self.init()
        self.project = name
        self.services = services
        guard let project else { return }
        let bound = try BoundProject(project)
        let concerned = project.needed(by: services).compactMap { bound.services[$0] }
        let networks = Set(concerned.flatMap { $0.networks?.keys ?? [] })
        let volumes = Set(concerned.flatMap { ($0.volumes ?? []).compactMap(\.source) })
        var model = Model()
        model.services = project.services.keys.sorted()
        model.disabled = project.disabledServices.sorted()
        model.networks = networks.filter { bound.networks[$0].map { $0.isExternal != true } ?? false }.sorted()
        model.volumes = volumes.filter { bound.volumes[$0].map { $0.isExternal != true } ?? false }.sorted()
        self.model = model
    }
}
