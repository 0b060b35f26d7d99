import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

extension Listing {
    /// Prints all rows.
    static func show(
        _ rows: [JSON], _ format: String?, columns: [Column], more: [Column] = [], quiet: String? = nil
    ) throws {
        var listing = try Listing(format, columns: columns, more: more, quiet: quiet)
        for row in rows { if let text = try listing.add(row) { Output.raw(text) } }
        Output.raw(listing.rest)
    }
}

/// The API query for repeated `--filter key=value` options.
func filterQuery(_ filters: [String]) throws(RoostError) -> [(String, String)] {
    var values: [String: [String]] = [:]
    for text in filters {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw .invalid("invalid argument \"\(text)\" for --filter: expected key=value") }
        values[parts[0], default: []].append(parts[1])
    }
    return Filters(values).query
}

/// Labels as tables show them, sorted.
func labelText(_ labels: [String: String], separator: String = ",") -> String {
    labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: separator)
}

func ago(_ seconds: Int64) -> String {
    TimeSpan.words(seconds: max(0, Clocks.wallNanoseconds() / 1_000_000_000 - seconds)) + " ago"
}

struct Ps: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List containers (compose: of the project)")
    @Flag(name: [.short, .long], help: "Show all containers (default shows just running)") var all = false
    @Flag(name: [.short, .long], help: "Only display container IDs") var quiet = false
    @Flag(name: .long, help: "Do not truncate output") var noTrunc = false
    @Flag(name: [.short, .long], help: "Display total file sizes") var size = false
    @Flag(name: [.customShort("l"), .long], help: "Show the latest created container (includes all states)")
    var latest = false
    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Show n last created containers (includes all states)", valueName: "int"))
    var last: Int?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Filter output based on conditions provided (key=value)", valueName: "filter"))
    var filter: [String] = []
    @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
    var format: String?
    @Flag(name: .long, help: "Display services (compose)") var services = false
    @Option(name: .long, help: ArgumentHelp("Filter services by status, e.g. running (compose)", valueName: "string"))
    var status: [String] = []
    @Flag(
        name: .long, inversion: .prefixedNo,
        help: "Include containers for services not defined in the Compose file (compose)")
    var orphans = true
    @Argument(help: ArgumentHelp("Services (compose)", valueName: "service")) var names: [String] = []

    func run() throws {
        let list: [ContainerSummary]
        guard CommandContext.shared.isCompose || names.isEmpty else {
            throw ValidationError("\"roost ps\" accepts no arguments.")
        }
        if CommandContext.shared.isCompose {
            if !names.isEmpty, CommandContext.shared.projectName == nil {
                let known = try CommandContext.shared.loadProject()
                for name in names where known.services[name] == nil && !known.disabledServices.contains(name) {
                    throw RoostError.missing("no such service: \(name)")
                }
            }
            let states = status + filter.compactMap { $0.hasPrefix("status=") ? String($0.dropFirst(7)) : nil }
            list = try CommandContext.shared.projectContainers(
                try CommandContext.shared.projectNameOnly(), all: all || !states.isEmpty, services: names
            ).filter { states.isEmpty || states.contains($0.state) }
        } else {
            var query = [("all", all || latest || (last ?? 0) > 0 ? "1" : "0")] + (try filterQuery(filter))
            // Request sizes only if they are shown, as they are expensive.
            if size || format.map({ $0 == "json" || $0.contains(".Size") || $0.contains("json .") }) == true {
                query.append(("size", "1"))
            }
            if latest {
                query.append(("limit", "1"))
            } else if let last, last > 0 {
                query.append(("limit", String(last)))
            }
            list = try CommandContext.shared.client().get("containers/json", query)
        }
        if services {
            return Set(list.map(\.service)).filter { !$0.isEmpty }.sorted().forEach {
                Output.line($0)
            }
        }
        let isCompose = CommandContext.shared.isCompose
        if isCompose {
            return try Listing.show(
                list.map { ComposeViews.psRow($0, row($0, details: true)) }, format,
                columns: [
                    ("Names", "NAME"), ("Image", "IMAGE"), ("Command", "COMMAND"), ("Service", "SERVICE"),
                    ("RunningFor", "CREATED"), ("Status", "STATUS"), ("Ports", "PORTS"),
                ], quiet: quiet ? "ID" : nil)
        }
        var columns: [Listing.Column] = [
            ("ID", "CONTAINER ID"), ("Image", "IMAGE"), ("Command", "COMMAND"), ("RunningFor", "CREATED"),
            ("Status", "STATUS"), ("Ports", "PORTS"), ("Names", "NAMES"),
        ]
        if size { columns.append(("Size", "SIZE")) }
        let format = format ?? (quiet ? nil : DockerConfiguration.preference("psFormat"))
        // Fields that are not shown are not made: there may be a thousand containers.
        try Listing.show(
            list.map { row($0, details: size || format.map { $0 != "table" } ?? false) }, format, columns: columns,
            more: [
                ("CreatedAt", "CREATED AT"), ("Labels", "LABELS"), ("Mounts", "MOUNTS"), ("Networks", "NETWORKS"),
                ("State", "STATE"), ("Size", "SIZE"), ("LocalVolumes", "LOCAL VOLUMES"), ("Platform", "PLATFORM"),
            ], quiet: quiet ? "ID" : nil)
    }

    /// The fields of a container: those of the default table, and with `details` all others.
    private func row(_ container: ContainerSummary, details: Bool) -> JSON {
        let isWhole = noTrunc || CommandContext.shared.isCompose && quiet
        let fields: [(key: String, value: JSON)] = [
            ("ID", .string(isWhole ? container.id : String(container.id.prefix(12)))),
            ("Image", .string(Self.image(container, noTrunc: noTrunc))),
            ("Command", .string("\"\(noTrunc ? container.command : shortened(container.command, 20))\"")),
            ("RunningFor", .string(ago(container.created))), ("Status", .string(container.status)),
            ("Ports", .string(Self.ports(container.ports))),
            ("Names", .string(container.names.map { String($0.dropFirst()) }.joined(separator: ","))),
        ]
        return .object(details ? fields + Self.details(container) : fields)
    }

    private static func details(_ container: ContainerSummary) -> [(key: String, value: JSON)] {
        let mounts = container.mounts.map { $0.name.flatMap { $0.isEmpty ? nil : $0 } ?? $0.source }
        let virtual = container.sizeRootFS.map { " (virtual \(ByteSize.decimalText($0)))" } ?? ""
        return [
            ("CreatedAt", .string(Timestamp.dockerText(container.created))),
            ("Mounts", .string(mounts.joined(separator: ","))),
            ("LocalVolumes", .string(String(container.mounts.count { $0.type == "volume" }))),
            ("Networks", .string(container.networkSettings.networks.keys.sorted().joined(separator: ","))),
            ("Size", .string(ByteSize.decimalText(container.sizeRW ?? 0) + virtual)),
            ("Labels", .string(labelText(container.labels))), ("Service", .string(container.service)),
            ("State", .string(container.state)),
        ]
    }

    /// The image as Docker prints it: a 12-digit ID, or the name without its digest.
    static func image(_ container: ContainerSummary, noTrunc: Bool) -> String {
        let name = container.image
        if name.isEmpty { return "<no image>" }
        if noTrunc { return name }
        let id = container.imageID
        let bare = name.hasPrefix("sha256:") ? String(name.dropFirst(7)) : name
        if id.hasPrefix("sha256:"), bare.utf8.count >= 12, id.dropFirst(7).hasPrefix(bare.prefix(12)) {
            return String(bare.prefix(12))
        }
        return String(name.prefix { $0 != "@" })
    }

    static func ports(_ ports: [ContainerSummary.Port]) -> String {
        ports.map { port in
            let inside = "\(port.privatePort)/\(port.type)"
            guard let number = port.publicPort, let address = port.address else { return inside }
            return "\(address.contains(":") ? "[\(address)]" : address):\(number)->\(inside)"
        }.joined(separator: ", ")
    }
}

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Return low-level information on containers, images, networks and volumes")
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Format output using a Go template (e.g. {{.State.Pid}})", valueName: "string"))
    var format: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Only inspect objects of the given type (container, image, network, volume)", valueName: "string"))
    var type: String?
    @Flag(name: [.short, .long], help: "Display total file sizes if the type is container") var size = false
    @Argument(help: ArgumentHelp("Names or IDs", valueName: "name")) var names: [String]

    func run() throws {
        if let type, !["container", "image", "network", "volume"].contains(type) {
            throw RoostError.invalid("\"\(type)\" is not a valid value for --type")
        }
        try Self.show(
            names, kinds: type.map { [$0 + "s"] } ?? ["containers", "images", "networks", "volumes"], format,
            size: size)
    }

    static func show(_ names: [String], kinds: [String], _ format: String?, size: Bool = false) throws {
        var found: [JSON] = []
        var missing = false
        for name in names {
            do {
                if let json = try find(name, kinds, size: size) {
                    found.append(json)
                    continue
                }
                Output.error("Error: No such object: \(name)")
            } catch let error as RoostError where error.kind == .notFound {
                Output.error(CommandContext.shared.message(error))
            }
            missing = true
        }
        if format == "json" {
            Output.line(JSON.array(found).text())
        } else if let format {
            for json in found { Output.line(try Listing.one(format, json)) }
        } else {
            Output.line(JSON.array(found).text(indent: 4))
        }
        if missing { throw ExitCode(1) }
    }

    private static func find(_ name: String, _ kinds: [String], size: Bool) throws -> JSON? {
        for kind in kinds {
            let path =
                kind == "containers" || kind == "images"
                ? "\(kind)/\(EngineClient.encode(name))/json" : "\(kind)/\(EngineClient.encode(name))"
            let query = size && kind == "containers" ? [("size", "1")] : []
            do { return try CommandContext.shared.client().call("GET", path, query) } catch let error as RoostError {
                // With a single type, the engine's own message names what is missing.
                if kinds.count == 1 { throw error }
                guard error.kind == .notFound || (kinds.count > 1 && error.kind == .invalidArgument) else {
                    throw error
                }
            }
        }
        return nil
    }
}

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Get real-time events from the engine")
    @Option(name: .long, help: ArgumentHelp("Show all events created since timestamp", valueName: "string"))
    var since: String?
    @Option(name: .long, help: ArgumentHelp("Stream events until this timestamp", valueName: "string"))
    var until: String?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Filter output based on conditions provided (key=value)", valueName: "filter"))
    var filter: [String] = []
    @Option(name: .long, help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
    var format: String?
    @Flag(name: .long, help: "Output events as a stream of JSON objects (compose)") var json = false
    @Argument(help: ArgumentHelp("Services (compose)", valueName: "service")) var services: [String] = []
    func run() throws {
        if CommandContext.shared.isCompose {
            var times: [(String, String)] = []
            if let since { times.append(("since", try Logs.time(since))) }
            if let until { times.append(("until", try Logs.time(until))) }
            return try ComposeViews.events(json: json || format == "json", services: services, query: times)
        }
        var query = try filterQuery(filter)
        if let since { query.append(("since", try Logs.time(since))) }
        if let until { query.append(("until", try Logs.time(until))) }
        let stream = try CommandContext.shared.client().open("GET", "events", query)
        while let line = try stream.nextLine() {
            if let format {
                Output.line(try Listing.one(format, line))
                continue
            }
            let event = try line.decode(EventMessage.self, zeroIfAbsent: true)
            let time = Timestamp(nanoseconds: event.timeNano).rfc3339
            let attributes = labelText(event.actor.attributes, separator: ", ")
            Output.line("\(time) \(event.type) \(event.action) \(event.actor.id) (\(attributes))")
        }
    }
}

struct Images: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "images", abstract: "List images")
    @Flag(name: [.short, .long], help: "Only show image IDs") var quiet = false
    @Flag(name: [.short, .long], help: "No effect; there are no intermediate images") var all = false
    @Flag(name: .long, help: "Show digests") var digests = false
    @Flag(name: .long, help: "Do not truncate output") var noTrunc = false
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Filter output based on conditions provided (key=value)", valueName: "filter"))
    var filter: [String] = []
    @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
    var format: String?
    @Argument(help: ArgumentHelp("Repository (compose: services)", valueName: "repository")) var names: [String] = []

    func run() throws {
        if CommandContext.shared.isCompose { return try ComposeViews.images(names, quiet: quiet, format: format) }
        guard names.count < 2 else { throw ValidationError("\"roost images\" requires at most 1 argument.") }
        let name = names.first
        let list: [ImageListEntry] = try CommandContext.shared.client().get(
            "images/json", try filterQuery(filter + (name.map { ["reference=\($0)"] } ?? [])))
        let rows = list.flatMap(rows)
        var columns: [Listing.Column] = [("Repository", "REPOSITORY"), ("Tag", "TAG")]
        if digests { columns.append(("Digest", "DIGEST")) }
        columns += [("ID", "IMAGE ID"), ("CreatedSince", "CREATED"), ("Size", "SIZE")]
        try Listing.show(
            rows, format ?? (quiet || digests ? nil : DockerConfiguration.preference("imagesFormat")), columns: columns,
            more: [("Digest", "DIGEST"), ("CreatedAt", "CREATED AT")], quiet: quiet ? "ID" : nil)
    }

    private func rows(_ image: ImageListEntry) -> [JSON] {
        let short = noTrunc ? image.id : String(image.id.dropFirst(7).prefix(12))
        let wantsDigests = digests || format?.contains(".Digest") == true
        return Self.names(image.repositoryTags, image.repositoryDigests, digests: wantsDigests).map {
            name, tag, digest in
            [
                "Repository": .string(name), "Tag": .string(tag), "Digest": .string(digest), "ID": .string(short),
                "CreatedSince": .string(ago(image.created)),
                "CreatedAt": .string(Timestamp.dockerText(image.created)),
                "Size": .string(ByteSize.decimalText(image.size)),
                "VirtualSize": .string(ByteSize.decimalText(image.size)), "SharedSize": "N/A", "UniqueSize": "N/A",
                "Containers": .string(image.containers < 0 ? "N/A" : "\(image.containers)"),
            ]
        }
    }

    /// One row per name; an image known only by its digest has no tag.
    static func names(_ tags: [String], _ digests: [String], digests shows: Bool) -> [(String, String, String)] {
        func split(_ name: String) -> (String, String) {
            let cut = name.lastIndex(of: ":") ?? name.endIndex
            return (String(name[..<cut]), String(name[cut...].dropFirst()))
        }
        let known = digests.map { text -> (String, String) in
            let parts = text.split(separator: "@", maxSplits: 1).map(String.init)
            return (parts[0], parts.count > 1 ? parts[1] : "<none>")
        }
        var rows: [(String, String, String)] = []
        for tag in tags {
            let (name, word) = split(tag)
            let fitting = known.filter { $0.0 == name }.map(\.1)
            if shows, !fitting.isEmpty {
                rows += fitting.map { (name, word, $0) }
            } else {
                rows.append((name, word, "<none>"))
            }
        }
        if tags.isEmpty { rows = known.map { ($0.0, "<none>", $0.1) } }
        return rows.isEmpty ? [("<none>", "<none>", "<none>")] : rows
    }
}
