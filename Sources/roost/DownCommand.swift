import ArgumentParser
import ComposeModel
import EngineModel

struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop the project and remove its containers and networks.",
        discussion: """
            Data in named volumes stays, unless -v is given. What -v takes away is in the trash for a day: roost trash.

            Examples:
              roost down                 containers and networks
              roost down -v              volumes too
              roost down web             one service, and what nobody else uses
            """)
    @Flag(name: [.short, .long], help: "Remove the project's volumes as well.") var volumes = false
    @Flag(name: .long, help: "With -v: remove volumes for good, not into the trash.") var purge = false
    @Flag(name: .long, help: "Show what would be done, and do nothing.") var dryRun = false
    @Flag(name: .long, help: "Remove containers of services that the file has no more.") var removeOrphans = false
    @Option(name: .long, help: "Remove images: all, or local (those without a name of their own).") var rmi: String?
    @Option(name: [.short, .long], help: "Seconds between the stop signal and SIGKILL.") var timeout: Int?
    @Argument(help: "Only these services.") var services: [String] = []

    func run() throws {
        let session = Session.shared
        try session.client().requireRoost("roost down")
        let project = try session.fileProject(services: services)
        for service in services where project.map({ $0.services[service] == nil }) == true {
            throw RoostError.missing("no such service: \(service)")
        }
        let name = try project?.name ?? session.projectNameOnly()
        var body = Self.body(project, named: name, services: services)
        body.set("volumes", .bool(volumes))
        body.set("purge", .bool(purge))
        body.set("removeOrphans", .bool(removeOrphans))
        if let timeout { body.set("timeout", JSON(timeout)) }
        if let rmi, rmi != "all", rmi != "local" {
            throw RoostError.invalid("--rmi \(rmi): use all or local")
        }
        if dryRun || session.isDryRun {
            body.set("dryRun", true)
            let answer = try session.client().call("POST", "roost/v1/projects/down", [("dryRun", "1")], body: body)
            return Output.raw(answer["text"].string ?? "")
        }
        // Local ones are those that have no name but the one that the project gives them.
        let images = Set(
            try rmi == nil
                ? []
                : session.projectContainers(name).compactMap { container -> String? in
                    let image = container["Image"].string ?? ""
                    let service = container["Labels"][ComposeLabel.service].string ?? ""
                    guard project.map({ $0.services[service] != nil }) ?? true else { return nil }
                    return rmi == "all" || ["\(name)-\(service)", "\(name)_\(service)"].contains(image) ? image : nil
                })
        let before = volumes && !purge ? Set(try Trash.contents().compactMap { $0["Id"].string }) : []
        try PlanFollower.follow("roost/v1/projects/down", body)
        if volumes, !purge { try tellOfTrash(before) }
        for image in images.sorted() { try remove(image) }
    }

    /// What others use stays, and what is missing is removed already: both are reported and neither is a failure, as in Compose.
    private func remove(_ image: String) throws {
        do { try Session.shared.client().call("DELETE", "images/\(image)") } catch let error as RoostError {
            switch error.kind {
            case .conflict: Output.error("Image \(image)  Resource is still in use")
            case .notFound: Output.error("Image \(image)  Warning: No resource found to remove")
            default: throw error
            }
        }
    }

    /// The request: with the file's own services, networks and volumes, if there is a file.
    static func body(_ project: Project?, named name: String, services: [String] = []) -> JSON {
        var body: JSON = ["project": .string(name), "services": JSON(services)]
        guard let project else { return body }
        let concerned = project.needed(by: services).compactMap { project.services[$0] }
        let networks = Set(concerned.flatMap { ($0["networks"].object ?? []).map(\.key) })
        let volumes = Set(
            concerned.flatMap { ($0["volumes"].array ?? []).compactMap { $0["source"].string } })
        func own(_ keys: Set<String>, _ all: [String: JSON]) -> JSON {
            JSON(keys.filter { all[$0].map { $0["external"].bool != true } ?? false }.sorted())
        }
        body.set(
            "model",
            [
                "services": JSON(project.services.keys.sorted()), "disabled": JSON(project.disabledServices.sorted()),
                "networks": own(networks, project.networks), "volumes": own(volumes, project.volumes),
            ])
        return body
    }

    private func tellOfTrash(_ before: Set<String>) throws {
        let moved = try Trash.contents().filter { !before.contains($0["Id"].string ?? "") }.compactMap {
            $0["Name"].string
        }
        guard !moved.isEmpty else { return }
        let named = moved.filter { $0.count != 64 }
        Output.error(
            "note: \(moved.count == 1 ? "1 volume is" : "\(moved.count) volumes are") in the trash for a while; have \(moved.count == 1 ? "it" : "them") back with: roost trash restore \(named.isEmpty ? "ID" : named.sorted().joined(separator: " "))"
        )
    }
}
