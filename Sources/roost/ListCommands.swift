import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Go's templates as far as people use them on this command line: paths, `json`, and plain text.
enum Template {
    static func render(_ template: String, _ value: JSON) -> String {
        var out = ""
        var rest = template[...]
        while let open = rest.firstRange(of: "{{") {
            out += rest[..<open]
            guard let close = rest[open...].firstRange(of: "}}") else { return out + rest[open...] }
            let words = rest[rest.index(open, offsetBy: 2)..<close].split(separator: " ").map(String.init)
            let found = path(words.last ?? ".", value)
            out +=
                words.first == "json"
                ? found.text()
                : words.first == "len" ? "\(found.array?.count ?? found.object?.count ?? 0)" : plain(found)
            rest = rest[rest.index(close, offsetBy: 2)...]
        }
        return (out + rest).split(separator: "\\t", omittingEmptySubsequences: false).joined(separator: "\t").split(
            separator: "\\n", omittingEmptySubsequences: false
        ).joined(separator: "\n")
    }

    private static func path(_ text: String, _ value: JSON) -> JSON {
        text.split(separator: ".").reduce(value) { $0[String($1)] }
    }

    private static func plain(_ value: JSON) -> String {
        switch value {
        case .string(let text): text
        case .null: "<no value>"
        case .array(let items): "[" + items.map(plain).joined(separator: " ") + "]"
        case .object(let members): "map[" + members.map { "\($0.key):\(plain($0.value))" }.joined(separator: " ") + "]"
        default: value.text()
        }
    }
}

extension Substring {
    func firstRange(of text: String) -> Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index }
            index = self.index(after: index)
        }
        return nil
    }
}

/// `--filter key=value`, several times.
func filterQuery(_ filters: [String]) throws(RoostError) -> [(String, String)] {
    var values: [String: [String]] = [:]
    for text in filters {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw .invalid("invalid argument \"\(text)\" for --filter: write key=value") }
        values[parts[0], default: []].append(parts[1])
    }
    return values.isEmpty ? [] : [("filters", Filters(values).json.text())]
}

func ago(_ seconds: Int64) -> String {
    TimeSpan.words(seconds: max(0, Clocks.wallNanoseconds() / 1_000_000_000 - seconds)) + " ago"
}

struct Ps: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List containers; with compose, those of the project.")
    @Flag(name: [.short, .long], help: "Stopped ones too.") var all = false
    @Flag(name: [.short, .long], help: "Ids only.") var quiet = false
    @Flag(name: .long, help: "Nothing shortened.") var noTrunc = false
    @Flag(name: [.customShort("l"), .long], help: "The newest only.") var latest = false
    @Option(name: [.customShort("n"), .long], help: "So many of the newest.") var last: Int?
    @Option(name: [.short, .long], help: "key=value.") var filter: [String] = []
    @Option(name: .long, help: "json, or a template: {{.Names}}.") var format: String?
    @Flag(name: .long, help: "Names of the services (compose).") var services = false
    @Option(name: .long, help: "In this state only: running, exited, … (compose).") var status: [String] = []
    @Flag(name: .long, inversion: .prefixedNo, help: "Containers of services that the file has no more (compose).")
    var orphans = true
    @Argument(help: "Services (compose).") var names: [String] = []

    func run() throws {
        let list: [JSON]
        if Session.shared.isCompose {
            let states = status + filter.compactMap { $0.hasPrefix("status=") ? String($0.dropFirst(7)) : nil }
            list = try Session.shared.projectContainers(
                try Session.shared.projectNameOnly(), all: all || !states.isEmpty, services: names
            ).filter {
                (states.isEmpty || states.contains($0["State"].string ?? ""))
                    && (all || $0["Labels"]["com.docker.compose.oneoff"].string != "True")
            }
        } else {
            var query = [("all", all || latest || last != nil ? "1" : "0")] + (try filterQuery(filter))
            if latest { query.append(("limit", "1")) } else if let last { query.append(("limit", String(last))) }
            list = try Session.shared.client().call("GET", "containers/json", query).array ?? []
        }
        if quiet {
            return list.forEach {
                Output.line(
                    noTrunc || Session.shared.isCompose
                        ? $0["Id"].string ?? "" : String(($0["Id"].string ?? "").prefix(12)))
            }
        }
        if services {
            return Set(list.compactMap { $0["Labels"]["com.docker.compose.service"].string }).sorted().forEach {
                Output.line($0)
            }
        }
        let isCompose = Session.shared.isCompose
        let rows = list.map { isCompose ? ComposeViews.psRow($0, row($0)) : row($0) }
        if let format, format != "table" {
            return rows.forEach { Output.line(format == "json" ? $0.text() : Template.render(format, $0)) }
        }
        let compose = Session.shared.isCompose
        var table = Table(
            compose
                ? ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]
                : ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"])
        for row in rows {
            func text(_ key: String) -> String { row[key].string ?? "" }
            table.add(
                compose
                    ? [
                        text("Names"), text("Image"), text("Command"), text("Service"), text("RunningFor"),
                        text("Status"), text("Ports"),
                    ]
                    : [
                        text("ID"), text("Image"), text("Command"), text("CreatedSince"), text("Status"), text("Ports"),
                        text("Names"),
                    ])
        }
        Output.raw(table.text)
    }

    private func row(_ container: JSON) -> JSON {
        let id = container["Id"].string ?? ""
        let command = container["Command"].string ?? ""
        let labels = container["Labels"].stringMap ?? [:]
        return [
            "Command": .string("\"\(noTrunc ? command : shortened(command, 20))\""),
            "CreatedSince": .string(ago(container["Created"].int ?? 0)),
            "CreatedAt": .string(Timestamp.secondText(container["Created"].int ?? 0)),
            "ID": .string(noTrunc ? id : String(id.prefix(12))), "Image": .string(container["Image"].string ?? ""),
            "Labels": .string(labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
            "Names": .string(
                (container["Names"].array ?? []).compactMap { $0.string.map { String($0.dropFirst()) } }.joined(
                    separator: ",")),
            "Ports": .string(Self.ports(container["Ports"].array ?? [])),
            "Service": .string(labels["com.docker.compose.service"] ?? ""),
            "State": .string(container["State"].string ?? ""),
            "Status": .string(container["Status"].string ?? ""),
        ]
    }

    static func ports(_ ports: [JSON]) -> String {
        ports.map { port in
            let inside = "\(port["PrivatePort"].int ?? 0)/\(port["Type"].string ?? "tcp")"
            guard let number = port["PublicPort"].int, let address = port["IP"].string else { return inside }
            return "\(address.contains(":") ? "[\(address)]" : address):\(number)->\(inside)"
        }.joined(separator: ", ")
    }
}

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show everything about containers, images, networks, volumes.")
    @Option(name: [.short, .long], help: "A template: {{.State.Pid}}.") var format: String?
    @Option(name: .long, help: "container, image, network or volume.") var type: String?
    @Argument var names: [String]

    func run() throws {
        try Self.show(names, kinds: type.map { [$0 + "s"] } ?? ["containers", "images", "networks", "volumes"], format)
    }

    static func show(_ names: [String], kinds: [String], _ format: String?) throws {
        var found: [JSON] = []
        var missing = false
        for name in names {
            if let json = try find(name, kinds) {
                found.append(json)
            } else {
                let what = kinds.count == 1 ? String(kinds[0].dropLast()) : "object"
                Output.error("Error: No such \(what): \(name)")
                missing = true
            }
        }
        if let format {
            for json in found { Output.line(Template.render(format, json)) }
        } else {
            Output.line(JSON.array(found).text(indent: 4))
        }
        if missing { throw Leave(code: 1) }
    }

    private static func find(_ name: String, _ kinds: [String]) throws -> JSON? {
        for kind in kinds {
            let path =
                kind == "containers" || kind == "images"
                ? "\(kind)/\(EngineClient.encode(name))/json" : "\(kind)/\(EngineClient.encode(name))"
            do { return try Session.shared.client().call("GET", path) } catch let error as RoostError {
                guard error.kind == .notFound || (kinds.count > 1 && error.kind == .invalidArgument) else {
                    throw error
                }
            }
        }
        return nil
    }
}

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "events", abstract: "Show what happens as it happens.")
    @Option(name: .long, help: "From this time on.") var since: String?
    @Option(name: .long, help: "Until this time.") var until: String?
    @Option(name: [.short, .long], help: "key=value.") var filter: [String] = []
    @Option(name: .long, help: "json, or a template.") var format: String?
    @Flag(name: .long, help: "One JSON value per line (compose).") var json = false
    @Argument(help: "Only these services (compose).") var services: [String] = []
    func run() throws {
        if Session.shared.isCompose {
            var times: [(String, String)] = []
            if let since { times.append(("since", try Logs.time(since))) }
            if let until { times.append(("until", try Logs.time(until))) }
            return try ComposeViews.events(json: json || format == "json", services: services, query: times)
        }
        var query = try filterQuery(filter)
        if let since { query.append(("since", try Logs.time(since))) }
        if let until { query.append(("until", try Logs.time(until))) }
        let stream = try Session.shared.client().open("GET", "events", query)
        while let event = try stream.nextLine() {
            if let format {
                Output.line(format == "json" ? event.text() : Template.render(format, event))
                continue
            }
            let attributes = (event["Actor"]["Attributes"].stringMap ?? [:]).sorted { $0.key < $1.key }.map {
                "\($0.key)=\($0.value)"
            }.joined(separator: ", ")
            let time = Timestamp(nanoseconds: event["timeNano"].int ?? 0).rfc3339
            Output.line(
                "\(time) \(event["Type"].string ?? "") \(event["Action"].string ?? "") \(event["Actor"]["ID"].string ?? "") (\(attributes))"
            )
        }
    }
}

struct Images: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "List images.")
    @Flag(name: [.short, .long], help: "Ids only.") var quiet = false
    @Flag(name: [.short, .long], help: "Accepted; there are no intermediate images.") var all = false
    @Flag(name: .long, help: "Nothing shortened.") var noTrunc = false
    @Option(name: [.short, .long], help: "key=value.") var filter: [String] = []
    @Option(name: .long, help: "json, or a template: {{.Repository}}.") var format: String?
    @Argument(help: "Only this repository.") var name: String?

    func run() throws {
        if Session.shared.isCompose { return try ComposeViews.images(quiet: quiet, format: format) }
        let list =
            try Session.shared.client().call(
                "GET", "images/json", try filterQuery(filter + (name.map { ["reference=\($0)"] } ?? []))
            ).array ?? []
        var table = Table(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"])
        for image in list {
            let id = image["Id"].string ?? ""
            let short = noTrunc ? id : String(id.dropFirst(7).prefix(12))
            let names = image["RepoTags"].strings ?? []
            for name in names.isEmpty ? ["<none>:<none>"] : names {
                let cut = name.lastIndex(of: ":") ?? name.endIndex
                let row: JSON = [
                    "Repository": .string(String(name[..<cut])), "Tag": .string(String(name[cut...].dropFirst())),
                    "ID": .string(short), "CreatedSince": .string(ago(image["Created"].int ?? 0)),
                    "Size": .string(ByteSize.decimalText(image["Size"].int ?? 0)),
                ]
                if quiet {
                    Output.line(short)
                } else if let format, format != "table" {
                    Output.line(format == "json" ? row.text() : Template.render(format, row))
                } else {
                    table.add(["Repository", "Tag", "ID", "CreatedSince", "Size"].map { row[$0].string ?? "" })
                }
            }
        }
        if !quiet, format == nil || format == "table" { Output.raw(table.text) }
    }
}
