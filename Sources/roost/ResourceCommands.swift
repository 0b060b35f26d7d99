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
            Ls.self, InspectImage.self, Rm.self, Build.self, History.self, Pull.self, Push.self, Tag.self, Import.self,
            Load.self, Save.self, Prune.self,
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
        @Flag(name: [.short, .long], help: "All that no container uses.") var all = false
        @OptionGroup var options: PruneOptions
        func run() throws {
            let what = all ? "all images without at least one container associated to them" : "all dangling images"
            guard try options.confirm("This will remove \(what).") else { return }
            let answer = try options.send("images/prune", [all ? "dangling=false" : "dangling=true"])
            options.show("Images", Image.removed(answer["ImagesDeleted"]))
            options.reclaimed(answer)
        }
    }

    /// `untagged: …`, `deleted: …`.
    static func removed(_ list: JSON) -> [String] {
        (list.array ?? []).flatMap { entry in
            (entry.object ?? []).map { "\($0.key.lowercased()): \($0.value.string ?? "")" }
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
    @Option(name: .long, help: .hidden) var platform: String?
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
        while let line = try answer.nextLine() {
            if let message = line["error"].string { throw RoostError.invalid(message) }
            // What was loaded is the result, not progress.
            let text = line["stream"].string ?? ""
            if !quiet || text.hasPrefix("Loaded image") { Output.raw(text) }
        }
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
            let rows =
                (try Session.shared.client().call("GET", "volumes", try filterQuery(filter))["Volumes"].array ?? [])
                .map { volume -> JSON in
                    let labels = volume["Labels"].stringMap ?? [:]
                    return [
                        "Driver": "local", "Name": .string(volume["Name"].string ?? ""), "Scope": "local",
                        "Mountpoint": .string(volume["Mountpoint"].string ?? ""),
                        "Labels": .string(
                            labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
                        "Links": "N/A", "Size": "N/A",
                    ]
                }
            try Listing.show(
                rows, format ?? (quiet ? nil : DockerConfiguration.preference("volumesFormat")),
                columns: [("Driver", "DRIVER"), ("Name", "VOLUME NAME")],
                more: [("Mountpoint", "MOUNTPOINT"), ("Labels", "LABELS")], quiet: quiet ? "Name" : nil)
        }
    }
    struct CreateVolume: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Create a volume.")
        @Option(name: [.short, .long]) var driver = "local"
        @Option(name: .long, help: "name=value.") var label: [String] = []
        @Option(name: [.short, .long], help: "An option of the driver: type=none, o=bind, device=/path.") var opt:
            [String] = []
        @Option(name: .customLong("name"), help: .hidden) var oldName: String?
        @Argument(help: "Its name; else it gets one.") var name: String?
        func run() throws {
            let name = name ?? oldName
            let labels = label.map { text -> (key: String, value: JSON) in
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                return (parts[0], .string(parts.count > 1 ? parts[1] : ""))
            }
            Output.line(
                try Session.shared.client().call(
                    "POST", "volumes/create",
                    body: [
                        "Name": .string(name ?? ""), "Driver": .string(driver), "Labels": .object(labels),
                        "DriverOpts": .object(opt.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) }),
                    ])["Name"]
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
        @Flag(name: [.short, .long], help: "Named ones too.") var all = false
        @OptionGroup var options: PruneOptions
        func run() throws {
            let what = all ? "all volumes" : "anonymous volumes"
            guard try options.confirm("This will remove \(what) not used by at least one container.") else { return }
            let answer = try options.send("volumes/prune", all ? ["all=true"] : [])
            options.show("Volumes", answer["VolumesDeleted"].strings ?? [])
            options.reclaimed(answer)
        }
    }
}

struct Network: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Work with networks.",
        subcommands: [
            Ls.self, CreateNetwork.self, InspectNetwork.self, RemoveNetwork.self, Prune.self, Connect.self,
            Disconnect.self,
        ])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List networks.", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Ids only.") var quiet = false
        @Flag(name: .long, help: "Nothing shortened.") var noTrunc = false
        @Option(name: [.short, .long], help: "key=value.") var filter: [String] = []
        @Option(name: .long, help: "json, or a template.") var format: String?
        func run() throws {
            let rows = (try Session.shared.client().call("GET", "networks", try filterQuery(filter)).array ?? []).map {
                network -> JSON in
                let id = network["Id"].string ?? ""
                let labels = network["Labels"].stringMap ?? [:]
                return [
                    "ID": .string(noTrunc ? id : String(id.prefix(12))), "Name": .string(network["Name"].string ?? ""),
                    "Driver": .string(network["Driver"].string ?? ""), "Scope": "local",
                    "IPv4": "true", "IPv6": .string(network["EnableIPv6"].bool == true ? "true" : "false"),
                    "Internal": .string(network["Internal"].bool == true ? "true" : "false"),
                    "Labels": .string(
                        labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")),
                    "CreatedAt": .string(network["Created"].string ?? ""),
                ]
            }
            try Listing.show(
                rows, format ?? (quiet ? nil : DockerConfiguration.preference("networksFormat")),
                columns: [("ID", "NETWORK ID"), ("Name", "NAME"), ("Driver", "DRIVER"), ("Scope", "SCOPE")],
                more: [("IPv6", "IPV6"), ("Internal", "INTERNAL"), ("Labels", "LABELS")], quiet: quiet ? "ID" : nil)
        }
    }
    struct CreateNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Create a network.",
            discussion: "Example: roost network create --subnet 172.30.0.0/16 --gateway 172.30.0.1 backend")
        @Option(name: [.short, .long], help: "bridge.") var driver = "bridge"
        @Option(name: .long, help: "A range of addresses: 172.30.0.0/16.") var subnet: [String] = []
        @Option(name: .long, help: "The bridge's own address.") var gateway: [String] = []
        @Option(name: .long, help: "Lease addresses from this part of the subnet only.") var ipRange: [String] = []
        @Option(name: .long, help: "Addresses that are not leased: name=address.") var auxAddress: [String] = []
        @Option(name: .long, help: "default.") var ipamDriver = "default"
        @Option(name: .long, help: "Accepted: name=value.") var ipamOpt: [String] = []
        @Option(name: [.short, .long], help: "An option of the driver: name=value.") var opt: [String] = []
        @Option(name: .long, help: "name=value.") var label: [String] = []
        @Flag(name: .customLong("internal"), help: "No way out.") var isInternal = false
        @Flag(name: .long, help: "Accepted; every network is.") var attachable = false
        @Flag(name: .long, help: "IPv6 addresses too.") var ipv6 = false
        @Flag(name: .long, inversion: .prefixedNo, help: "IPv4 addresses; every network has them.") var ipv4 = true
        @Option(name: .long, help: "local.") var scope: String?
        @Flag(name: .long, help: .hidden) var configOnly = false
        @Option(name: .long, help: .hidden) var configFrom: String?
        @Flag(name: .long, help: .hidden) var ingress = false
        @Argument var name: String
        func run() throws {
            if configOnly || configFrom != nil || ingress || scope.map({ $0 != "local" }) == true {
                throw RoostError(.unsupported, "networks of a swarm are not for this engine: it has one host")
            }
            if !ipv4 { throw RoostError(.unsupported, "every network of this engine has IPv4 addresses") }
            guard gateway.count <= subnet.count, ipRange.count <= subnet.count else {
                throw RoostError.invalid("every --gateway and --ip-range needs a --subnet of its own")
            }
            let pools = subnet.enumerated().map { index, text -> JSON in
                var pool: JSON = ["Subnet": .string(text)]
                if index < gateway.count { pool.set("Gateway", .string(gateway[index])) }
                if index < ipRange.count { pool.set("IPRange", .string(ipRange[index])) }
                if index == 0, !auxAddress.isEmpty {
                    pool.set(
                        "AuxiliaryAddresses",
                        .object(auxAddress.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) }))
                }
                return pool
            }
            func map(_ list: [String]) -> JSON {
                .object(list.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) })
            }
            Output.line(
                try Session.shared.client().call(
                    "POST", "networks/create",
                    body: [
                        "Name": .string(name), "Driver": .string(driver), "Internal": .bool(isInternal),
                        "EnableIPv6": .bool(ipv6), "Options": map(opt), "Labels": map(label),
                        "IPAM": ["Driver": .string(ipamDriver), "Config": .array(pools)],
                    ])["Id"].string ?? "")
        }
    }
    struct Connect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "connect", abstract: "Join a container to one more network, also while it runs.")
        @Option(name: .long, help: "Another name on that network.") var alias: [String] = []
        @Option(name: .long, help: "Its address.") var ip: String?
        @Option(name: .long, help: "Its IPv6 address.") var ip6: String?
        @Option(name: .long, help: "A name for another container: target:alias.") var link: [String] = []
        @Option(name: .long, help: "An option of its endpoint: name=value.") var driverOpt: [String] = []
        @Option(name: .long, help: "The highest leads to the world.") var gwPriority: Int?
        @Option(name: .customLong("link-local-ip"), help: "A link-local address.") var linkLocalIP: [String] = []
        @Argument var network: String
        @Argument var container: String
        func run() throws {
            var addresses: JSON = .object([])
            if let ip { addresses.set("IPv4Address", .string(ip)) }
            if let ip6 { addresses.set("IPv6Address", .string(ip6)) }
            if !linkLocalIP.isEmpty { addresses.set("LinkLocalIPs", JSON(linkLocalIP)) }
            var endpoint: JSON = ["Aliases": JSON(alias), "Links": JSON(link), "IPAMConfig": addresses]
            if !driverOpt.isEmpty {
                endpoint.set(
                    "DriverOpts", .object(driverOpt.map(ContainerOptions.pair).map { ($0.0, .string($0.1)) }))
            }
            if let gwPriority { endpoint.set("GwPriority", JSON(gwPriority)) }
            try Session.shared.client().call(
                "POST", "networks/\(EngineClient.encode(network))/connect",
                body: ["Container": .string(container), "EndpointConfig": endpoint])
        }
    }
    struct Disconnect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "disconnect", abstract: "Take a container off a network.")
        @Flag(name: [.short, .long], help: "Although the container is gone.") var force = false
        @Argument var network: String
        @Argument var container: String
        func run() throws {
            try Session.shared.client().call(
                "POST", "networks/\(EngineClient.encode(network))/disconnect",
                body: ["Container": .string(container), "Force": .bool(force)])
        }
    }
    struct InspectNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show everything about networks.")
        @Option(name: [.short, .long]) var format: String?
        @Flag(name: [.short, .long], help: .hidden) var verbose = false
        @Argument var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["networks"], format) }
    }
    struct RemoveNetwork: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove networks.", aliases: ["remove"])
        @Flag(name: [.short, .long], help: "One that is not there is no failure.") var force = false
        @Argument var names: [String]
        func run() throws {
            try forEach(names.map { ($0, $0) }) {
                do { try Session.shared.client().call("DELETE", "networks/\(EngineClient.encode($0))") } catch let error
                    as RoostError
                {
                    guard force, error.kind == .notFound else { throw error }
                }
            }
        }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove networks that no container uses.")
        @OptionGroup var options: PruneOptions
        func run() throws {
            guard try options.confirm("This will remove all custom networks not used by at least one container.") else {
                return
            }
            options.show("Networks", try options.send("networks/prune")["NetworksDeleted"].strings ?? [])
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
        #if arch(arm64)
            let arch = "arm64"
        #else
            let arch = "amd64"
        #endif
        let client: JSON = [
            "Platform": ["Name": "Roost"], "Version": .string(APIVersion.product),
            "ApiVersion": .string(APIVersion.current), "DefaultAPIVersion": .string(APIVersion.current),
            "GitCommit": "",
            "GoVersion": "", "Os": "linux", "Arch": .string(arch), "BuildTime": "",
            "Context": .string(Session.shared.context ?? ContextStore().current()),
        ]
        // The client is shown whether there is an engine or not.
        if format == nil {
            Output.line(
                "Client: Roost\n Version:           \(APIVersion.product)\n API version:       \(APIVersion.current)\n OS/Arch:           linux/\(arch)\n Context:           \(client["Context"].string ?? "")\n"
            )
        } else if let format, format.contains(".Client"), !format.contains(".Server") {
            return Output.line(try Listing.one(format, ["Client": client]))
        }
        let server = try Session.shared.client().call("GET", "version")
        let both: JSON = ["Client": client, "Server": server]
        if let format { return Output.line(try Listing.one(format, both)) }
        Output.line(
            "Server:\n Engine:\n  Version:          \(server["Version"].string ?? "")\n  API version:      \(server["ApiVersion"].string ?? "") (minimum version \(server["MinAPIVersion"].string ?? ""))\n  OS/Arch:          linux/\(server["Arch"].string ?? "")\n  Kernel:           \(server["KernelVersion"].string ?? "")"
        )
    }
}

struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show what the engine knows about itself and its host.")
    @Option(name: [.short, .long], help: "A template, or json.") var format: String?
    func run() throws {
        var info = try Session.shared.client().call("GET", "info")
        info.set(
            "ClientInfo",
            [
                "Version": .string(APIVersion.product),
                "Context": .string(Session.shared.context ?? ContextStore().current()),
                "Debug": false, "Plugins": [], "Warnings": .null,
            ])
        if let format { return Output.line(try Listing.one(format, info)) }
        Output.line(
            "Client: Roost\n Version:    \(APIVersion.product)\n Context:    \(info["ClientInfo"]["Context"].string ?? "")\n Debug Mode: false\n\nServer:"
        )
        func text(_ key: String) -> String { info[key].string ?? info[key].text() }
        func list(_ value: JSON) -> String { (value.strings ?? []).joined(separator: " ") }
        Output.line(
            """
             Containers: \(text("Containers"))
              Running: \(text("ContainersRunning"))
              Paused: \(text("ContainersPaused"))
              Stopped: \(text("ContainersStopped"))
             Images: \(text("Images"))
             Server Version: \(text("ServerVersion"))
             Storage Driver: \(text("Driver"))
             Logging Driver: \(text("LoggingDriver"))
             Cgroup Driver: \(text("CgroupDriver"))
             Cgroup Version: \(text("CgroupVersion"))
             Plugins:
              Volume: \(list(info["Plugins"]["Volume"]))
              Network: \(list(info["Plugins"]["Network"]))
              Log: \(list(info["Plugins"]["Log"]))
             Swarm: inactive
             Runtimes: \((info["Runtimes"].object ?? []).map(\.key).joined(separator: " "))
             Default Runtime: \(text("DefaultRuntime"))
             Init Binary: \(text("InitBinary"))
             Security Options:
              \((info["SecurityOptions"].strings ?? []).map { $0.split(separator: ",")[0].dropFirst(5).description }.joined(separator: "\n  "))
             Kernel Version: \(text("KernelVersion"))
             Operating System: \(text("OperatingSystem"))
             OSType: \(text("OSType"))
             Architecture: \(text("Architecture"))
             CPUs: \(text("NCPU"))
             Total Memory: \(ByteSize.binaryText(info["MemTotal"].int ?? 0))
             Name: \(text("Name"))
             ID: \(text("ID"))
             Docker Root Dir: \(text("DockerRootDir"))
             Debug Mode: \(text("Debug"))
             Experimental: \(text("ExperimentalBuild"))
             Insecure Registries:
              127.0.0.0/8
             Live Restore Enabled: \(text("LiveRestoreEnabled"))
            """)
    }
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
