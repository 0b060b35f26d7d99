import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Lists projects, found by the labels of their containers.
struct ListProjects: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List running compose projects", discussion: "Example: roost ls -a")
    @Flag(name: [.short, .long], help: "Show all projects, including stopped ones") var all = false
    @Flag(name: [.short, .long], help: "Only display project names") var quiet = false
    @Option(name: .long, help: ArgumentHelp("Format the output (table or json)", valueName: "string"))
    var format = "table"
    @Option(name: .long, help: ArgumentHelp("Filter output based on conditions (name=TEXT)", valueName: "filter"))
    var filter: [String] = []

    func run() throws {
        let list = try CommandContext.shared.client().listContainers(
            all: all, Filters(["label": [ComposeLabel.project]]))
        let wanted = try filter.map { text throws(RoostError) -> String in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0] == "name" else {
                throw .invalid("invalid --filter \(text): expected name=TEXT")
            }
            return parts[1]
        }
        let groups = Dictionary(grouping: list) { $0.labels[ComposeLabel.project] ?? "" }
            .filter { name, _ in wanted.allSatisfy(name.contains) }
        if quiet { return groups.keys.sorted().forEach(Output.line) }
        let projects = groups.sorted { $0.key < $1.key }.map { name, containers in
            let states = Dictionary(grouping: containers, by: \.state).sorted { $0.key < $1.key }
            return (
                name: name, status: states.map { "\($0.key)(\($0.value.count))" }.joined(separator: ", "),
                files: containers.first?.labels[ComposeLabel.configFiles] ?? ""
            )
        }
        if format == "json" {
            let rows = projects.map { project -> JSON in
                [
                    "Name": .string(project.name), "Status": .string(project.status),
                    "ConfigFiles": .string(project.files),
                ]
            }
            return Output.line(JSON.array(rows).text())
        }
        var table = Table(["NAME", "STATUS", "CONFIG FILES"])
        for project in projects { table.add([project.name, project.status, project.files]) }
        Output.raw(table.text)
    }
}

struct Scale: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Scale services", discussion: "Example: roost scale web=3 worker=2")
    @Flag(name: .long, help: "Do not start linked services") var noDeps = false
    @Argument(help: ArgumentHelp("Number of containers for each service (e.g. web=3)", valueName: "service=num"))
    var counts: [String]

    func run() throws {
        let session = CommandContext.shared
        var settings = try UpSettings.parse(counts.flatMap { ["--scale", $0] })
        settings.noDeps = noDeps
        let services = counts.map { String($0.prefix { $0 != "=" }) }
        let project = try session.loadProject(services: services)
        try PlanFollower.follow(
            "roost/v1/projects/up",
            ProjectUpRequest(project, try session.contents(project), try settings.options(services)))
    }
}

/// The compose forms of `images`, `volumes`, `wait`, `top`, `port`, `events` and the rows of `ps`.
enum ComposeViews {
    static func images(_ services: [String], quiet: Bool, format: String?) throws {
        let session = CommandContext.shared
        let found = try session.projectContainers(try session.projectNameOnly(), services: services)
        if quiet {
            return Set(found.map(\.imageID)).sorted().forEach { Output.line(String($0.dropFirst(7))) }
        }
        let known: [ImageListEntry] = try session.client().get("images/json")
        let rows = found.map { container in
            let reference = container.image
            let cut = reference.lastIndex(of: ":").flatMap { reference[$0...].contains("/") ? nil : $0 }
            return (
                id: container.imageID, container: container.name,
                repository: cut.map { String(reference[..<$0]) } ?? reference,
                tag: cut.map { String(reference[reference.index(after: $0)...]) } ?? "latest",
                size: known.first { $0.id == container.imageID }?.size ?? 0
            )
        }
        if format == "json" {
            let list = rows.map { row -> JSON in
                [
                    "ID": .string(row.id), "ContainerName": .string(row.container),
                    "Repository": .string(row.repository), "Tag": .string(row.tag), "Size": JSON(row.size),
                ]
            }
            return Output.line(JSON.array(list).text())
        }
        var table = Table(["CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"])
        for row in rows {
            table.add([
                row.container, row.repository, row.tag, String(row.id.dropFirst(7).prefix(12)),
                ByteSize.decimalText(row.size),
            ])
        }
        Output.raw(table.text)
    }

    static func volumes(quiet: Bool, format: String?) throws {
        let session = CommandContext.shared
        let list: VolumeList = try session.client().get(
            "volumes", Filters.project(try session.projectNameOnly()).query)
        if quiet { return list.volumes.forEach { Output.line($0.name) } }
        if format == "json" { return try list.volumes.forEach { Output.line(try JSON(encoding: $0).text()) } }
        var table = Table(["DRIVER", "VOLUME NAME"])
        for volume in list.volumes { table.add([volume.driver, volume.name]) }
        Output.raw(table.text)
    }

    /// Waits for the first container of the services to exit; prints its exit code and exits with it.
    static func wait(_ names: [String], downProject: Bool) throws {
        let session = CommandContext.shared
        let project = try session.projectNameOnly()
        let found = try session.projectContainers(project, services: names)
        guard !found.isEmpty else { throw RoostError.missing("no containers for project \"\(project)\": not found") }
        let client = try session.client()
        let waits = try found.map { try client.open("POST", "containers/\($0.id)/wait") }
        // Bytes that arrived together with the response head are already buffered and do not make the connection readable.
        let first =
            try waits.firstIndex(where: \.hasBufferedBytes)
            ?? waitForAny(waits.map(\.connection.raw), milliseconds: nil).first ?? 0
        let code = Int32(clamping: try waits[first].next(WaitResponse.self)?.statusCode ?? 1)
        if downProject {
            try PlanFollower.follow(
                "roost/v1/projects/down", try ProjectDownRequest(session.fileProject(), named: project))
        } else {
            Output.line("container \"\(found[first].id)\" exited with status code \(code)")
        }
        throw ExitCode(code)
    }

    static func top(_ names: [String]) throws {
        let session = CommandContext.shared
        for container in try session.projectContainers(try session.projectNameOnly(), all: false, services: names) {
            let top: TopResponse = try session.client().get("containers/\(container.id)/top")
            Output.line(container.name)
            var table = Table(top.titles)
            for row in top.processes { table.add(row) }
            Output.line(table.text)
        }
    }

    static func port(_ service: String, _ port: String?, transport: String, index: Int) throws {
        guard let port, let number = Int(port.prefix { $0 != "/" }) else {
            throw RoostError.invalid(
                "\"roost compose port\" requires a service and a private port (e.g. roost compose port web 80)")
        }
        let session = CommandContext.shared
        let found = try session.projectContainers(try session.projectNameOnly(), services: [service])
        guard let container = found.dropFirst(index - 1).first else {
            throw RoostError.missing("service \"\(service)\" has no container with index \(index)")
        }
        let kind = port.contains("/") ? String(port.pathParts.last ?? "") : transport
        let ports = try session.client().inspectContainer(container.id).networkSettings.ports
        guard let binding = (ports["\(number)/\(kind)"] ?? nil)?.first else {
            throw RoostError.missing("no port \(number)/\(kind) for container \(container.name): it is not published")
        }
        Output.line(binding.text)
    }

    static func events(json: Bool, services: [String], query: [(String, String)]) throws {
        let session = CommandContext.shared
        let project = try session.projectNameOnly()
        var filters = Filters.project(project)
        filters.values["type"] = ["container"]
        let stream = try session.client().events(filters, query)
        while let event = try stream.next(EventMessage.self) {
            let attributes = event.actor.attributes
            let service = attributes[ComposeLabel.service] ?? ""
            guard services.isEmpty || services.contains(service) else { continue }
            let time = Timestamp(nanoseconds: event.timeNano).rfc3339
            let shown = attributes.filter { !$0.key.hasPrefix("com.docker.compose.") }
            let action = String(event.action.prefix { $0 != ":" })
            if json {
                let line: JSON = [
                    "time": .string(time), "type": "container", "service": .string(service),
                    "id": .string(event.actor.id), "action": .string(action), "attributes": JSON(shown),
                ]
                Output.line(line.text())
            } else {
                Output.line("\(time) container \(action) \(event.actor.id) (\(labelText(shown, separator: ", ")))")
            }
        }
    }

    /// A container with the fields of `docker compose ps --format json`. `text` are the columns of the table.
    static func psRow(_ container: ContainerSummary, _ text: JSON) -> JSON {
        let status = container.status
        let health = ["healthy", "unhealthy", "starting"].first {
            status.hasSuffix("(\($0))") || status.hasSuffix("(health: \($0))")
        }
        let code = status.hasPrefix("Exited (") ? Int64(status.dropFirst(8).prefix { $0 != ")" }) ?? 0 : 0
        let publishers = container.ports.map { port -> JSON in
            [
                "URL": .string(port.address ?? ""), "TargetPort": JSON(port.privatePort),
                "PublishedPort": JSON(port.publicPort ?? 0), "Protocol": .string(port.type),
            ]
        }
        return [
            "Command": text["Command"], "CreatedAt": text["CreatedAt"], "ExitCode": .int(code),
            "Health": .string(health ?? ""), "ID": text["ID"], "Image": text["Image"], "Labels": text["Labels"],
            "LocalVolumes": "0",
            "Mounts": .string(container.mounts.compactMap(\.name).joined(separator: ",")),
            "Name": text["Names"], "Names": text["Names"],
            "Networks": .string(container.networkSettings.networks.keys.joined(separator: ",")),
            "Ports": text["Ports"], "Project": .string(container.labels[ComposeLabel.project] ?? ""),
            "Publishers": .array(publishers), "RunningFor": text["RunningFor"], "Service": text["Service"],
            "Size": "0B", "State": text["State"], "Status": text["Status"],
        ]
    }
}

extension HostPort {
    /// `ADDRESS:PORT`, with brackets around an IPv6 address.
    var text: String {
        let address = address ?? ""
        return (address.contains(":") ? "[\(address)]" : address) + ":" + (port ?? "")
    }
}

struct ProjectVolumes: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volumes", abstract: "List the volumes of the project")
    @Flag(name: [.short, .long], help: "Only display volume names") var quiet = false
    @Option(name: .long, help: ArgumentHelp("Format the output (table or json)", valueName: "string"))
    var format: String?
    func run() throws { try ComposeViews.volumes(quiet: quiet, format: format) }
}
