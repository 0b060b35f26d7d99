import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// `roost context …`: named endpoints of local and remote engines.
struct ContextCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Manage contexts",
        discussion: """
            Examples:
              roost context create lab --docker host=ssh://me@lab.example
              roost context create far --docker host=tcp://far.example:2376,ca=ca.pem,cert=cert.pem,key=key.pem
              roost --context lab ps
              roost context use lab
            """, subcommands: [Create.self, Inspect.self, Ls.self, Remove.self, Show.self, Update.self, Use.self])

    /// The value of `--docker`: `host=…,ca=…,cert=…,key=…,skip-tls-verify=…`, or `from=NAME`.
    struct Endpoint {
        var host = ""
        var skipsVerification = false
        var files: [(String, [UInt8])]?

        init(_ text: String) throws {
            var certificates: [(String, [UInt8])] = []
            for part in text.split(separator: ",") {
                let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
                let value = pair.count > 1 ? pair[1] : ""
                switch pair[0] {
                case "host": host = value
                case "ca", "cert", "key":
                    certificates.append(("\(pair[0]).pem", try Files.read(CommandContext.shared.absolute(value))))
                case "skip-tls-verify": skipsVerification = value == "true" || value == "1"
                case "from":
                    let source = try ContextStore().find(value)
                    (host, skipsVerification) = (source.endpoint.host, source.endpoint.skipsVerification)
                    for file in ["ca.pem", "cert.pem", "key.pem"] {
                        guard let folder = source.endpoint.certificates, Files.exists("\(folder)/\(file)") else {
                            continue
                        }
                        certificates.append((file, try Files.read("\(folder)/\(file)")))
                    }
                default:
                    throw RoostError.invalid(
                        "--docker \(pair[0]): unrecognized config key; use host, ca, cert, key, skip-tls-verify or from"
                    )
                }
            }
            guard ["unix://", "ssh://", "tcp://"].contains(where: host.hasPrefix) else {
                throw RoostError.invalid(
                    "--docker host=\(host): expected unix:///path/to/socket, ssh://user@host or tcp://host:port")
            }
            files = certificates
        }
    }

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Create a context")
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Endpoint of the engine (host=...,ca=FILE,cert=FILE,key=FILE or from=NAME)", valueName: "string"))
        var docker: String
        @Option(name: .long, help: ArgumentHelp("Description of the context", valueName: "string")) var description = ""
        @Argument(help: ArgumentHelp("Name of the context", valueName: "context")) var name: String
        func run() throws {
            try ContextStore.check(name)
            let store = ContextStore()
            if try store.all().contains(where: { $0.name == name }) {
                throw RoostError.conflict("context \"\(name)\" already exists")
            }
            let endpoint = try Endpoint(docker)
            try store.save(
                name, description: description, host: endpoint.host, skipsVerification: endpoint.skipsVerification,
                files: endpoint.files)
            Output.line(name)
            Output.error("Successfully created context \"\(name)\"")
        }
    }

    struct Update: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "update", abstract: "Update a context")
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Endpoint of the engine (host=...,ca=FILE,cert=FILE,key=FILE or from=NAME)", valueName: "string"))
        var docker: String?
        @Option(name: .long, help: ArgumentHelp("Description of the context", valueName: "string"))
        var description: String?
        @Argument(help: ArgumentHelp("Name of the context", valueName: "context")) var name: String
        func run() throws {
            let store = ContextStore()
            let known = try store.find(name)
            let endpoint = try docker.map { try Endpoint($0) }
            try store.save(
                name, description: description ?? known.description, host: endpoint?.host ?? known.endpoint.host,
                skipsVerification: endpoint?.skipsVerification ?? known.endpoint.skipsVerification,
                files: endpoint?.files)
            Output.line(name)
            Output.error("Successfully updated context \"\(name)\"")
        }
    }

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Display detailed information on one or more contexts")
        @Option(
            name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
        var format: String?
        @Argument(help: ArgumentHelp("Contexts (default: the current context)", valueName: "context"))
        var names: [String] = []
        func run() throws {
            let store = ContextStore()
            let found = try (names.isEmpty ? [store.current()] : names).map { name -> JSON in
                if name == ContextStore.standard { return Ls.json(Ls.own, folder: "<IN MEMORY>") }
                let context = try store.find(name)
                return Ls.json(context, folder: context.folder)
            }
            if let format {
                for json in found { Output.line(try GoTemplate(format).render(json)) }
            } else {
                Output.line(JSON.array(found).text(indent: 4))
            }
        }
    }

    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List contexts", aliases: ["list"])
        @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
        var format: String?
        @Flag(name: [.short, .long], help: "Only show context names") var quiet = false

        static var own: ContextStore.Context {
            ContextStore.Context(
                name: ContextStore.standard, description: "Local Roost engine",
                endpoint: EndpointDescription(host: "unix:///run/roost/roost.sock"), folder: "")
        }

        static func json(_ context: ContextStore.Context, folder: String) -> JSON {
            [
                "Name": .string(context.name), "Metadata": ["Description": .string(context.description)],
                "Endpoints": [
                    "docker": [
                        "Host": .string(context.endpoint.host),
                        "SkipTLSVerify": .bool(context.endpoint.skipsVerification),
                    ]
                ],
                "TLSMaterial": context.endpoint.certificates == nil
                    ? .object([]) : ["docker": ["ca.pem", "cert.pem", "key.pem"]],
                "Storage": [
                    "MetadataPath": .string(folder), "TLSPath": .string(context.endpoint.certificates ?? "<IN MEMORY>"),
                ],
            ]
        }

        func run() throws {
            let store = ContextStore()
            let current = store.current()
            let rows = ([Self.own] + (try store.all())).map { context -> JSON in
                [
                    "Name": .string(context.name), "Description": .string(context.description),
                    "DockerEndpoint": .string(context.endpoint.host), "Current": .bool(context.name == current),
                    "Error": "", "ContextType": "moby",
                ]
            }
            if quiet { return rows.forEach { Output.line($0["Name"].string ?? "") } }
            guard format == nil || format == "table" else {
                return try Listing.show(
                    rows, format, columns: [],
                    more: [
                        ("Name", "NAME"), ("Description", "DESCRIPTION"), ("DockerEndpoint", "DOCKER ENDPOINT"),
                        ("Error", "ERROR"),
                    ])
            }
            var table = Table(["NAME", "DESCRIPTION", "DOCKER ENDPOINT", "ERROR"])
            for row in rows {
                table.add([
                    (row["Name"].string ?? "") + (row["Current"].bool == true ? " *" : ""),
                    row["Description"].string ?? "", row["DockerEndpoint"].string ?? "", row["Error"].string ?? "",
                ])
            }
            Output.raw(table.text)
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove one or more contexts", aliases: ["remove"])
        @Flag(name: [.short, .long], help: "Force the removal of a context in use") var force = false
        @Argument(help: ArgumentHelp("Contexts", valueName: "context")) var names: [String]
        func run() throws {
            let store = ContextStore()
            for name in names {
                if name == ContextStore.standard {
                    throw RoostError.invalid("context \"default\" cannot be removed: it is the local engine")
                }
                if name == store.current() {
                    guard force else {
                        throw RoostError.conflict("context \"\(name)\" is in use, set -f flag to force remove")
                    }
                    try store.use(ContextStore.standard)
                }
                try store.remove(name)
                Output.line(name)
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print the name of the current context")
        func run() { Output.line(ContextStore().current()) }
    }

    struct Use: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "use", abstract: "Set the current context")
        @Argument(help: ArgumentHelp("Name of the context", valueName: "context")) var name: String
        func run() throws {
            try ContextStore().use(name)
            Output.line(name)
            Output.error("Current context is now \"\(name)\"")
            if let host = environmentVariable("ROOST_HOST") ?? environmentVariable("DOCKER_HOST"), !host.isEmpty {
                Output.error("Warning: DOCKER_HOST environment variable overrides the active context.")
            }
        }
    }
}

/// `roost socket …`: API sockets restricted to one project, for dashboards and proxies.
struct SocketCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "socket", abstract: "Create a restricted API socket for one project",
        discussion: """
            Permissions: read (lists, inspect, stats, top), logs, events,
            control (start, stop, restart, kill, pause), exec.
            The socket persists across engine restarts until it is removed.
            The read permission exposes the containers' environment variables.

            Examples:
              roost socket --project shop --allow read,logs,events
              roost run -v /run/roost/sockets:/sockets:ro -e DOCKER_HOST=unix:///sockets/shop.sock dashboard
              roost socket ls
              roost socket rm shop
            """, subcommands: [Create.self, Ls.self, Remove.self], defaultSubcommand: Create.self)

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Create a restricted API socket for one project")
        @Option(
            name: .long,
            help: ArgumentHelp("Project name (default: the project in the current directory)", valueName: "string"))
        var project: String?
        @Option(
            name: .long,
            help: ArgumentHelp("Comma-separated permissions (read, logs, events, control, exec)", valueName: "list"))
        var allow = "read,logs,events"
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Path of the socket (default: a file in sockets/ under the run root)", valueName: "string"))
        var path: String?
        @Option(name: .long, help: ArgumentHelp("File mode of the socket, in octal", valueName: "mode"))
        var mode = "660"
        func run() throws {
            guard let bits = Int64(mode, radix: 8), (0...0o777).contains(bits) else {
                throw RoostError.invalid("invalid --mode \(mode): expected octal digits (e.g. 660)")
            }
            var socket = SocketDescription()
            socket.project = try project ?? CommandContext.shared.projectNameOnly()
            socket.allow = allow
            socket.mode = bits
            socket.path = path.map(CommandContext.shared.absolute)
            let created: SocketDescription = try CommandContext.shared.client().post("roost/v1/sockets", [], socket)
            Output.line(created.path ?? "")
        }
    }

    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List restricted API sockets", aliases: ["list"])
        func run() throws {
            var table = Table(["PROJECT", "ALLOWS", "PATH"])
            let sockets: [SocketDescription] = try CommandContext.shared.client().get("roost/v1/sockets")
            for socket in sockets { table.add([socket.project ?? "", socket.allow ?? "", socket.path ?? ""]) }
            Output.raw(table.text)
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove sockets", aliases: ["remove"])
        @Argument(help: ArgumentHelp("Socket paths or project names", valueName: "socket")) var names: [String]
        func run() throws {
            for name in names {
                _ = try CommandContext.shared.client().call(
                    "DELETE", "roost/v1/sockets",
                    [("path", name.contains("/") ? CommandContext.shared.absolute(name) : name)])
                Output.line(name)
            }
        }
    }
}
