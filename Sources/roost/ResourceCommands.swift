import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Image: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Work with images.",
        subcommands: [
            Ls.self, InspectImage.self, Rm.self, Pull.self, Push.self, Tag.self, Import.self, Load.self, Save.self, Prune.self,
        ])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List images.", aliases: ["list"])
        @OptionGroup var images: Images
        func run() throws { try images.run() }
    }
    struct InspectImage: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about images.")
        @Option(name: [.short, .long]) var format: String?
        @Argument var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["images"], format) }
    }
    struct Rm: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove images.", aliases: ["remove"])
        @OptionGroup var command: ImageRemove
        func run() throws { try command.run() }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove images that have no name; with -a all that no container uses.")
        @Flag(name: [.short, .long]) var all = false
        @Flag(name: [.short, .long], help: "Accepted for scripts; nothing is asked.") var force = false
        func run() throws {
            let answer = try Session.shared.client().call(
                "POST", "images/prune", [("filters", "{\"dangling\":[\"\(all ? "false" : "true")\"]}")])
            for entry in answer["ImagesDeleted"].array ?? [] {
                for (key, value) in entry.object ?? [] { Output.line("\(key.lowercased()): \(value.string ?? "")") }
            }
            Output.line("Total reclaimed space: \(ByteSize.decimalText(answer["SpaceReclaimed"].int ?? 0))")
        }
    }
}

struct ImageRemove: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Remove images.")
    @Flag(name: [.short, .long], help: "Although stopped containers use it.") var force = false
    @Flag(name: .long, help: "Accepted; there are no untagged parents.") var noPrune = false
    @Argument var names: [String]
    func run() throws {
        var failed = false
        for name in names {
            do {
                for entry in try Session.shared.client().call(
                    "DELETE", "images/\(name)", [("force", force ? "1" : "0")]
                ).array ?? [] {
                    for (key, value) in entry.object ?? [] { Output.line("\(key): \(value.string ?? "")") }
                }
            } catch let error as RoostError {
                Output.error(Session.shared.prefixed(error.message))
                failed = true
            }
        }
        if failed { throw Leave(code: 1) }
    }
}

struct Tag: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tag", abstract: "Give an image one more name.")
    @Argument var source: String
    @Argument var target: String
    func run() throws { try Session.shared.client().call("POST", "images/\(source)/tag", [("repo", target)]) }
}

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make an image of a root file system's archive.",
        discussion: "Example: tar -C root -c . | roost import --change 'CMD [\"sh\"]' - busybox")
    @Option(name: [.short, .long], help: "An instruction: CMD [\"sh\"], ENV A=1, ….") var change: [String] = []
    @Option(name: [.short, .long], help: "A comment for the history.") var message: String?
    @Argument(help: "A tar file, plain or compressed; - is standard input.") var file: String
    @Argument(help: "The image's name.") var name: String?
    func run() throws {
        var query = [("fromSrc", "-")] + change.map { ("changes", $0) }
        if let name { query.append(("repo", name)) }
        if let message { query.append(("message", message)) }
        let input = try openInput(file)
        Output.line(
            try Session.shared.client().upload("images/create", query, file: input.raw).nextLine()?["status"].string
                ?? "")
    }
}

func openInput(_ file: String) throws -> OwnedFD {
    if file == "-" {
        guard !Terminals.isTerminal(0) else {
            throw RoostError.invalid("standard input is a terminal: give a file, or pipe an archive in")
        }
        return try Files.open("/proc/self/fd/0", .readOnly)
    }
    do throws(SyscallError) { return try Files.open(Session.shared.absolute(file), .readOnly) } catch {
        throw RoostError.missing("open \(file): \(error.reason)")
    }
}

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Load images from an archive (docker or OCI, plain, gzip or zstd).")
    @Option(name: [.short, .long], help: "The file; else standard input.") var input: String?
    @Flag(name: [.short, .long]) var quiet = false
    func run() throws {
        let file = try openInput(input ?? "-")
        let answer = try Session.shared.client().upload("images/load", [], file: file.raw)
        while let line = try answer.nextLine() { Output.raw(line["stream"].string ?? "") }
    }
}

struct Save: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Write images to an archive that docker and OCI tools read.")
    @Option(name: [.short, .long], help: "The file; else standard output.") var output: String?
    @Argument var names: [String]
    func run() throws {
        if output == nil, Terminals.isTerminal(1) {
            throw RoostError.invalid("cowardly refusing to save to a terminal: use -o, or redirect")
        }
        let answer = try Session.shared.client().open("GET", "images/get", names.map { ("names", $0) })
        try download(answer, to: output)
    }
}

struct Volume: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volume", abstract: "Work with volumes.",
        subcommands: [Ls.self, CreateVolume.self, InspectVolume.self, RemoveVolume.self, Prune.self])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List volumes.", aliases: ["list"])
        @Flag(name: [.short, .long]) var quiet = false
        @Option(name: [.short, .long]) var filter: [String] = []
        @Option(name: .long) var format: String?
        func run() throws {
            var table = Table(["DRIVER", "VOLUME NAME"])
            for volume in try Session.shared.client().call("GET", "volumes", try filterQuery(filter))["Volumes"].array
                ?? []
            {
                if quiet {
                    Output.line(volume["Name"].string ?? "")
                } else if let format {
                    Output.line(try Listing.one(format, volume))
                } else {
                    table.add(["local", volume["Name"].string ?? ""])
                }
            }
            if !quiet, format == nil { Output.raw(table.text) }
        }
    }
    struct CreateVolume: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Create a volume.")
        @Option(name: [.short, .long]) var driver = "local"
        @Option(name: .long) var label: [String] = []
        @Argument var name: String?
        func run() throws {
            let labels = label.map { text -> (key: String, value: JSON) in
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                return (parts[0], .string(parts.count > 1 ? parts[1] : ""))
            }
            Output.line(
                try Session.shared.client().call(
                    "POST", "volumes/create",
                    body: ["Name": .string(name ?? ""), "Driver": .string(driver), "Labels": .object(labels)])["Name"]
                    .string ?? "")
        }
    }
    struct InspectVolume: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about volumes.")
        @Option(name: [.short, .long]) var format: String?
        @Argument var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["volumes"], format) }
    }
    struct RemoveVolume: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove volumes and their data.", aliases: ["remove"])
        @Flag(name: [.short, .long]) var force = false
        @Argument var names: [String]
        func run() throws {
            try forEach(names.map { ($0, $0) }) {
                try Session.shared.client().call(
                    "DELETE", "volumes/\(EngineClient.encode($0))", [("force", force ? "1" : "0")])
            }
        }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove anonymous volumes that no container uses; with -a named ones too.")
        @Flag(name: [.short, .long]) var all = false
        @Flag(name: [.short, .long], help: "Accepted for scripts; nothing is asked.") var force = false
        func run() throws {
            let answer = try Session.shared.client().call(
                "POST", "volumes/prune", all ? [("filters", "{\"all\":[\"true\"]}")] : [])
            for name in answer["VolumesDeleted"].strings ?? [] { Output.line(name) }
        }
    }
}

struct Network: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Work with networks.",
        subcommands: [Ls.self, CreateNetwork.self, InspectNetwork.self, RemoveNetwork.self, Prune.self])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List networks.", aliases: ["list"])
        @Flag(name: [.short, .long]) var quiet = false
        @Option(name: [.short, .long]) var filter: [String] = []
        func run() throws {
            var table = Table(["NETWORK ID", "NAME", "DRIVER", "SCOPE"])
            for network in try Session.shared.client().call("GET", "networks", try filterQuery(filter)).array ?? [] {
                let id = String((network["Id"].string ?? "").prefix(12))
                if quiet {
                    Output.line(id)
                } else {
                    table.add([id, network["Name"].string ?? "", network["Driver"].string ?? "", "local"])
                }
            }
            if !quiet { Output.raw(table.text) }
        }
    }
    struct CreateNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Create a network.")
        @Option(name: [.short, .long]) var driver = "bridge"
        @Option(name: .long) var subnet: [String] = []
        @Option(name: .long) var gateway: [String] = []
        @Flag(name: .customLong("internal"), help: "No way out.") var isInternal = false
        @Flag(name: .long) var ipv6 = false
        @Argument var name: String
        func run() throws {
            let pools = subnet.enumerated().map { index, text -> JSON in
                var pool: JSON = ["Subnet": .string(text)]
                if index < gateway.count { pool.set("Gateway", .string(gateway[index])) }
                return pool
            }
            Output.line(
                try Session.shared.client().call(
                    "POST", "networks/create",
                    body: [
                        "Name": .string(name), "Driver": .string(driver), "Internal": .bool(isInternal),
                        "EnableIPv6": .bool(ipv6), "IPAM": ["Config": .array(pools)],
                    ])["Id"].string ?? "")
        }
    }
    struct InspectNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about networks.")
        @Option(name: [.short, .long]) var format: String?
        @Argument var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["networks"], format) }
    }
    struct RemoveNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove networks.", aliases: ["remove"])
        @Argument var names: [String]
        func run() throws {
            try forEach(names.map { ($0, $0) }) {
                try Session.shared.client().call("DELETE", "networks/\(EngineClient.encode($0))")
            }
        }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove networks that no container uses.")
        @Flag(name: [.short, .long], help: "Accepted for scripts; nothing is asked.") var force = false
        func run() throws {
            for name in try Session.shared.client().call("POST", "networks/prune")["NetworksDeleted"].strings ?? [] {
                Output.line(name)
            }
        }
    }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the versions of client and engine.")
    @Option(name: [.short, .long], help: "A template, or json.") var format: String?
    @Flag(name: .long, help: "The number only (compose).") var short = false
    func run() throws {
        if Session.shared.isCompose {
            if short { return Output.line(APIVersion.product) }
            let value: JSON = ["version": .string("v" + APIVersion.product)]
            return Output.line(format == "json" ? value.text() : "Roost Compose version v\(APIVersion.product)")
        }
        let server = try Session.shared.client().call("GET", "version")
        let both: JSON = [
            "Client": ["Version": .string(APIVersion.product), "ApiVersion": .string(APIVersion.current)],
            "Server": server,
        ]
        if let format { return Output.line(try Listing.one(format, both)) }
        Output.line("Client:\n Version:      \(APIVersion.product)\n API version:  \(APIVersion.current)\n")
        Output.line(
            "Server:\n Version:      \(server["Version"].string ?? "")\n API version:  \(server["ApiVersion"].string ?? "") (minimum version \(server["MinAPIVersion"].string ?? ""))\n OS/Arch:      linux/\(server["Arch"].string ?? "")\n Kernel:       \(server["KernelVersion"].string ?? "")"
        )
    }
}

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what the engine knows about itself and its host.")
    @Option(name: [.short, .long], help: "A template, or json.") var format: String?
    func run() throws {
        let info = try Session.shared.client().call("GET", "info")
        if let format { return Output.line(try Listing.one(format, info)) }
        for (title, key) in [
            ("Containers", "Containers"), (" Running", "ContainersRunning"), (" Paused", "ContainersPaused"),
            (" Stopped", "ContainersStopped"), ("Images", "Images"), ("Server Version", "ServerVersion"),
            ("Storage Driver", "Driver"), ("Cgroup Version", "CgroupVersion"), ("Kernel Version", "KernelVersion"),
            ("Operating System", "OperatingSystem"), ("Architecture", "Architecture"), ("CPUs", "NCPU"),
            ("Name", "Name"), ("ID", "ID"), ("Root Dir", "DockerRootDir"),
        ] {
            Output.line("\(title): \(info[key].string ?? info[key].text())")
        }
    }
}

struct System: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system", abstract: "The engine as a whole.", subcommands: [Info.self, Events.self])
}

struct EngineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Start, stop or look at the engine itself.",
        subcommands: [StartEngine.self, StopEngine.self, Status.self])
    struct StartEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Start the engine now; other commands do it by themselves.")
        func run() throws {
            Output.line(
                "engine \(try Session.shared.client().call("GET", "roost/v1/engine")["pid"].int ?? 0) serves \(try Session.shared.address.get().socket)"
            )
        }
    }
    struct StopEngine: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop",
            abstract: "Stop the engine; containers that run go on, and nothing brings it back but the next command.")
        func run() throws {
            let address = try Session.shared.address.get()
            do {
                _ = try EngineClient(address: address).open("POST", "roost/v1/engine/stop", starting: false)
            } catch let error as RoostError where error.kind == .unavailable {
                return Output.line("the engine does not run")
            }
            let deadline = Clocks.monotonicNanoseconds() + 10_000_000_000
            while Files.exists(address.socket), Clocks.monotonicNanoseconds() < deadline { Processes.pauseBriefly() }
            // The lock goes with the process: nothing of it holds the data root any more.
            while let root = address.start?.runRoot, (try? Files.isLocked(root + "/engine.lock")) == true,
                Clocks.monotonicNanoseconds() < deadline
            {
                Processes.pauseBriefly()
            }
            Output.line("the engine has stopped")
        }
    }
    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Show whether the engine runs. Ends with 3 if it does not.")
        func run() throws {
            let address = try Session.shared.address.get()
            do {
                let bytes = try EngineClient(address: address).open("GET", "roost/v1/engine", starting: false).readAll()
                for (key, value) in try JSON(parsing: bytes).object ?? [] {
                    Output.line("\(key): \(value.string ?? value.text())")
                }
            } catch let error as RoostError where error.kind == .unavailable {
                Output.line("the engine does not run")
                throw Leave(code: 3)
            }
        }
    }
}
