import APIClient
import ArgumentParser
import ComposeModel
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
        let list =
            try Session.shared.client().call(
                "GET", "containers/json",
                [("all", all ? "1" : "0"), ("filters", "{\"label\":[\"\(ComposeLabel.project)\"]}")]
            ).array ?? []
        let wanted = try filter.map { text throws(RoostError) -> String in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, parts[0] == "name" else {
                throw .invalid("invalid --filter \(text): expected name=TEXT")
            }
            return parts[1]
        }
        let groups = Dictionary(grouping: list) { $0["Labels"][ComposeLabel.project].string ?? "" }
            .filter { name, _ in wanted.allSatisfy(name.contains) }
        if quiet { return groups.keys.sorted().forEach(Output.line) }
        var rows: [JSON] = []
        for (name, containers) in groups.sorted(by: { $0.key < $1.key }) {
            let states = Dictionary(grouping: containers) { $0["State"].string ?? "" }.sorted { $0.key < $1.key }
            let files = containers.first?["Labels"][ComposeLabel.configFiles].string ?? ""
            rows.append([
                "Name": .string(name),
                "Status": .string(states.map { "\($0.key)(\($0.value.count))" }.joined(separator: ", ")),
                "ConfigFiles": .string(files),
            ])
        }
        if format == "json" { return Output.line(JSON.array(rows).text()) }
        var table = Table(["NAME", "STATUS", "CONFIG FILES"])
        for row in rows {
            table.add(["Name", "Status", "ConfigFiles"].map { row[$0].string ?? "" })
        }
        Output.raw(table.text)
    }
}

/// API filters that find the objects of a project.
enum ComposeNames {
    static func labelFilter(_ project: String) -> String { "{\"label\":[\"\(ComposeLabel.project)=\(project)\"]}" }
}

struct Scale: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Scale services", discussion: "Example: roost scale web=3 worker=2")
    @Flag(name: .long, help: "Do not start linked services") var noDeps = false
    @Argument(help: ArgumentHelp("Number of containers for each service (e.g. web=3)", valueName: "service=num"))
    var counts: [String]

    func run() throws {
        let session = Session.shared
        var settings = try UpSettings.parse(counts.flatMap { ["--scale", $0] })
        settings.noDeps = noDeps
        let services = counts.map { String($0.prefix { $0 != "=" }) }
        let project = try session.loadProject(services: services)
        try PlanFollower.follow(
            "roost/v1/projects/up",
            [
                "project": project.wire, "contents": try session.contents(project),
                "options": try settings.json(services),
            ])
    }
}

/// The compose forms of `images`, `volumes`, `wait`, `top`, `port`, `events` and the rows of `ps`.
enum ComposeViews {
    static func images(_ services: [String], quiet: Bool, format: String?) throws {
        let session = Session.shared
        let found = try session.projectContainers(try session.projectNameOnly(), services: services)
        if quiet {
            return Set(found.compactMap { $0["ImageID"].string }).sorted().forEach {
                Output.line(String($0.dropFirst(7)))
            }
        }
        let known = try session.client().call("GET", "images/json").array ?? []
        var rows: [JSON] = []
        for container in found {
            let id = container["ImageID"].string ?? ""
            let reference = container["Image"].string ?? ""
            let image = known.first { $0["Id"].string == id }
            let cut = reference.lastIndex(of: ":").flatMap { reference[$0...].contains("/") ? nil : $0 }
            rows.append([
                "ID": .string(id), "ContainerName": .string(name(container)),
                "Repository": .string(cut.map { String(reference[..<$0]) } ?? reference),
                "Tag": .string(cut.map { String(reference[reference.index(after: $0)...]) } ?? "latest"),
                "Size": image?["Size"] ?? 0,
            ])
        }
        if format == "json" { return Output.line(JSON.array(rows).text()) }
        var table = Table(["CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"])
        for row in rows {
            table.add([
                row["ContainerName"].string ?? "", row["Repository"].string ?? "", row["Tag"].string ?? "",
                String((row["ID"].string ?? "").dropFirst(7).prefix(12)), ByteSize.decimalText(row["Size"].int ?? 0),
            ])
        }
        Output.raw(table.text)
    }

    static func volumes(quiet: Bool, format: String?) throws {
        let session = Session.shared
        let found =
            try session.client().call(
                "GET", "volumes", [("filters", ComposeNames.labelFilter(try session.projectNameOnly()))])["Volumes"]
            .array ?? []
        if quiet { return found.forEach { Output.line($0["Name"].string ?? "") } }
        if format == "json" { return found.forEach { Output.line($0.text()) } }
        var table = Table(["DRIVER", "VOLUME NAME"])
        for volume in found { table.add([volume["Driver"].string ?? "", volume["Name"].string ?? ""]) }
        Output.raw(table.text)
    }

    /// Waits for the first container of the services to exit; prints its exit code and exits with it.
    static func wait(_ names: [String], downProject: Bool) throws {
        let session = Session.shared
        let project = try session.projectNameOnly()
        let found = try session.projectContainers(project, services: names)
        guard !found.isEmpty else { throw RoostError.missing("no containers for project \"\(project)\": not found") }
        let client = try session.client()
        let waits = try found.map { try client.open("POST", "containers/\($0["Id"].string ?? "")/wait") }
        // Bytes that arrived together with the response head are already buffered and do not make the connection readable.
        let first =
            try waits.firstIndex(where: \.hasBufferedBytes)
            ?? waitForAny(waits.map(\.connection.raw), milliseconds: nil).first ?? 0
        let code = Int32(clamping: try waits[first].nextLine()?["StatusCode"].int ?? 1)
        if downProject {
            try PlanFollower.follow("roost/v1/projects/down", try Down.body(session.fileProject(), named: project))
        } else {
            Output.line("container \"\(found[first]["Id"].string ?? "")\" exited with status code \(code)")
        }
        throw ExitCode(code)
    }

    static func top(_ names: [String]) throws {
        let session = Session.shared
        for container in try session.projectContainers(try session.projectNameOnly(), all: false, services: names) {
            let json = try session.client().call("GET", "containers/\(container["Id"].string ?? "")/top")
            Output.line(name(container))
            var table = Table(json["Titles"].strings ?? [])
            for row in json["Processes"].array ?? [] { table.add(row.strings ?? []) }
            Output.line(table.text)
        }
    }

    static func port(_ service: String, _ port: String?, transport: String, index: Int) throws {
        guard let port, let number = Int(port.prefix { $0 != "/" }) else {
            throw RoostError.invalid(
                "\"roost compose port\" requires a service and a private port (e.g. roost compose port web 80)")
        }
        let session = Session.shared
        let found = try session.projectContainers(try session.projectNameOnly(), services: [service])
        guard let container = found.dropFirst(index - 1).first else {
            throw RoostError.missing("service \"\(service)\" has no container with index \(index)")
        }
        let kind = port.contains("/") ? String(port.pathParts.last ?? "") : transport
        let bindings =
            try session.client().call("GET", "containers/\(container["Id"].string ?? "")/json")["NetworkSettings"][
                "Ports"
            ]["\(number)/\(kind)"].array ?? []
        guard let binding = bindings.first else {
            throw RoostError.missing("no port \(number)/\(kind) for container \(name(container)): it is not published")
        }
        let address = binding["HostIp"].string ?? ""
        Output.line((address.contains(":") ? "[\(address)]" : address) + ":" + (binding["HostPort"].string ?? ""))
    }

    static func events(json: Bool, services: [String], query: [(String, String)]) throws {
        let session = Session.shared
        let project = try session.projectNameOnly()
        let stream = try session.client().open(
            "GET", "events",
            [
                (
                    "filters",
                    "{\"type\":[\"container\"],\"label\":[\"\(ComposeLabel.project)=\(project)\"]}"
                )
            ] + query)
        while let event = try stream.nextLine() {
            let attributes = event["Actor"]["Attributes"].stringMap ?? [:]
            let service = attributes[ComposeLabel.service] ?? ""
            guard services.isEmpty || services.contains(service) else { continue }
            let time = Timestamp(nanoseconds: event["timeNano"].int ?? 0).rfc3339
            let shown = attributes.filter { !$0.key.hasPrefix("com.docker.compose.") }
            let action = String((event["Action"].string ?? "").prefix { $0 != ":" })
            let id = event["Actor"]["ID"].string ?? ""
            if json {
                let line: JSON = [
                    "time": .string(time), "type": "container", "service": .string(service), "id": .string(id),
                    "action": .string(action), "attributes": JSON(shown),
                ]
                Output.line(line.text())
            } else {
                let text = shown.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
                Output.line("\(time) container \(action) \(id) (\(text))")
            }
        }
    }

    static func name(_ container: JSON) -> String {
        String((container["Names"].array?.first?.string ?? "").dropFirst())
    }

    /// A container with the fields of `docker compose ps --format json`.
    static func psRow(_ container: JSON, _ text: JSON) -> JSON {
        let labels = container["Labels"].stringMap ?? [:]
        let status = container["Status"].string ?? ""
        let health = ["healthy", "unhealthy", "starting"].first {
            status.hasSuffix("(\($0))") || status.hasSuffix("(health: \($0))")
        }
        let code = status.hasPrefix("Exited (") ? Int64(status.dropFirst(8).prefix { $0 != ")" }) ?? 0 : 0
        let publishers = (container["Ports"].array ?? []).map { port -> JSON in
            [
                "URL": port["IP"].isNull ? "" : port["IP"], "TargetPort": port["PrivatePort"],
                "PublishedPort": port["PublicPort"].isNull ? 0 : port["PublicPort"], "Protocol": port["Type"],
            ]
        }
        return [
            "Command": text["Command"], "CreatedAt": text["CreatedAt"], "ExitCode": .int(code),
            "Health": .string(health ?? ""), "ID": text["ID"], "Image": text["Image"], "Labels": text["Labels"],
            "LocalVolumes": "0",
            "Mounts": .string(
                (container["Mounts"].array ?? []).compactMap { $0["Name"].string }.joined(separator: ",")),
            "Name": text["Names"], "Names": text["Names"],
            "Networks": .string(
                (container["NetworkSettings"]["Networks"].object ?? []).map(\.key).joined(separator: ",")),
            "Ports": text["Ports"], "Project": .string(labels[ComposeLabel.project] ?? ""),
            "Publishers": .array(publishers), "RunningFor": text["RunningFor"], "Service": text["Service"],
            "Size": "0B", "State": text["State"], "Status": text["Status"],
        ]
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
