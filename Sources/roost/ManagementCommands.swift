import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// `roost container …`: the management form of the top-level commands.
struct Container: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "container", abstract: "Manage containers",
        subcommands: [
            Attach.self, Commit.self, Copy.self, Create.self, Diff.self, Exec.self, Export.self, InspectContainer.self,
            Kill.self, Logs.self, Ls.self, Pause.self, Port.self, Prune.self, Rename.self, Restart.self, Remove.self,
            Run.self, Start.self, Stats.self, Stop.self, Top.self, Unpause.self, Update.self, Wait.self,
        ])

    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List containers", aliases: ["list", "ps"])
        @OptionGroup var command: Ps
        func run() throws { try command.run() }
    }
    struct InspectContainer: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Display detailed information on one or more containers")
        @Option(
            name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
        var format: String?
        @Flag(name: [.short, .long], help: "Display total file sizes") var size = false
        @Argument(help: ArgumentHelp("Containers", valueName: "container")) var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["containers"], format, size: size) }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove all stopped containers")
        @OptionGroup var options: PruneOptions
        func run() throws {
            guard try options.confirm("This will remove all stopped containers.") else { return }
            let report: ContainersPruneReport = try options.send("containers/prune")
            options.show("Containers", report.containersDeleted ?? [])
            options.reclaimed(report.spaceReclaimed)
        }
    }
}

/// Options of all `prune` commands.
struct PruneOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Do not prompt for confirmation") var force = false
    @Option(
        name: .long, help: ArgumentHelp("Provide filter values (e.g. until=24h, label=key=value)", valueName: "filter"))
    var filter: [String] = []

    /// Prompts for confirmation unless `-f` is given.
    func confirm(_ warning: String) throws -> Bool { force || Self.ask(warning) }

    static func ask(_ warning: String) -> Bool {
        Output.raw("WARNING! \(warning)\nAre you sure you want to continue? [y/N] ")
        let answer = (readLine() ?? "").lowercased()
        return answer == "y" || answer == "yes"
    }

    func send<Report: Decodable>(_ path: String, _ more: [String] = []) throws -> Report {
        try CommandContext.shared.client().post(path, PruneFilters.parse(filter + more).query)
    }

    func show(_ what: String, _ names: [String]) {
        guard !names.isEmpty else { return }
        Output.line("Deleted \(what):")
        names.forEach(Output.line)
        Output.line("")
    }

    func reclaimed(_ bytes: Int64) {
        Output.line("Total reclaimed space: \(ByteSize.decimalText(bytes))")
    }
}

struct Update: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Update configuration of one or more containers",
        discussion: "Example: roost update --memory 512m --restart unless-stopped web")
    @Option(name: [.short, .long], help: ArgumentHelp("Memory limit (e.g. 512m)", valueName: "bytes"))
    var memory: String?
    @Option(name: .long, help: ArgumentHelp("Limit of memory plus swap (-1 for unlimited swap)", valueName: "bytes"))
    var memorySwap: String?
    @Option(name: .long, help: ArgumentHelp("Memory soft limit", valueName: "bytes")) var memoryReservation: String?
    @Option(name: .long, help: ArgumentHelp("Number of CPUs (e.g. 0.5)", valueName: "decimal")) var cpus: Double?
    @Option(name: [.customShort("c"), .long], help: ArgumentHelp("CPU shares (relative weight)", valueName: "int"))
    var cpuShares: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Limit CPU CFS (Completely Fair Scheduler) period, in microseconds", valueName: "int"))
    var cpuPeriod: Int?
    @Option(
        name: .long,
        help: ArgumentHelp("Limit CPU CFS (Completely Fair Scheduler) quota, in microseconds", valueName: "int"))
    var cpuQuota: Int?
    @Option(name: .long, help: ArgumentHelp("CPUs in which to allow execution (e.g. 0-1)", valueName: "string"))
    var cpusetCpus: String?
    @Option(name: .long, help: ArgumentHelp("MEMs in which to allow execution (e.g. 0-1)", valueName: "string"))
    var cpusetMems: String?
    @Option(name: .long, help: ArgumentHelp("Limit the number of processes", valueName: "int")) var pidsLimit: Int?
    @Option(name: .long, help: ArgumentHelp("Block IO (relative weight, 10 to 1000)", valueName: "uint16"))
    var blkioWeight: Int?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Restart policy (no, always, on-failure[:max-retries], unless-stopped)", valueName: "string"))
    var restart: String?
    @Argument(help: ArgumentHelp("Containers", valueName: "container")) var names: [String]

    func run() throws {
        var request = ContainerUpdateRequest()
        request.memory = try memory.map { try ContainerOptions.sizeOption("--memory", $0) }
        request.memorySwap = try memorySwap.map { try ContainerOptions.sizeOption("--memory-swap", $0) }
        request.memoryReservation = try memoryReservation.map {
            try ContainerOptions.sizeOption("--memory-reservation", $0)
        }
        request.nanoCPUs = cpus.map { Int64(($0 * 1e9).rounded()) }
        request.cpuShares = cpuShares.map(Int64.init)
        request.cpuPeriod = cpuPeriod.map(Int64.init)
        request.cpuQuota = cpuQuota.map(Int64.init)
        request.pidsLimit = pidsLimit.map(Int64.init)
        request.blkioWeight = blkioWeight.map(Int64.init)
        request.cpusetCPUs = cpusetCpus
        request.cpusetMems = cpusetMems
        request.restartPolicy = try restart.map { RestartPolicy(try RestartPolicySpec(parsing: $0)) }
        guard request != ContainerUpdateRequest() else {
            throw RoostError.invalid("you must provide one or more flags when using this command")
        }
        let body = try JSON(encoding: request)
        try forEachNamed(names) {
            try CommandContext.shared.client().call("POST", "containers/\($0)/update", body: body)
        }
    }
}

struct History: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show the history of an image")
    @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
    var format: String?
    @Flag(
        name: [.customShort("H"), .long], inversion: .prefixedNo,
        help: "Print sizes and dates in human readable format")
    var human = true
    @Flag(name: .long, help: "Do not truncate output") var noTrunc = false
    @Flag(name: [.short, .long], help: "Only show image IDs") var quiet = false
    @Argument(help: ArgumentHelp("Image", valueName: "image")) var image: String

    func run() throws {
        let history: [ImageHistoryEntry] = try CommandContext.shared.client().get("images/\(image)/history")
        let rows = history.map { entry -> JSON in
            let isShort = entry.id.hasPrefix("sha256:") && !noTrunc
            let created = Timestamp.secondText(entry.created) + "Z"
            return [
                "ID": .string(isShort ? String(entry.id.dropFirst(7).prefix(12)) : entry.id),
                "CreatedSince": .string(human ? ago(entry.created) : created), "CreatedAt": .string(created),
                "CreatedBy": .string(noTrunc ? entry.createdBy : shortened(entry.createdBy, 45)),
                "Size": .string(human ? ByteSize.decimalText(entry.size) : "\(entry.size)"),
                "Comment": .string(entry.comment),
            ]
        }
        try Listing.show(
            rows, format,
            columns: [
                ("ID", "IMAGE"), ("CreatedSince", "CREATED"), ("CreatedBy", "CREATED BY"), ("Size", "SIZE"),
                ("Comment", "COMMENT"),
            ], more: [("CreatedAt", "CREATED AT")], quiet: quiet ? "ID" : nil)
    }
}

struct System: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "system", abstract: "Manage Roost",
        subcommands: [Info.self, Events.self, DiskUsage.self, Prune.self, Check.self, DialStandardIO.self])

    struct DiskUsage: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "df", abstract: "Show disk usage")
        @Flag(name: [.short, .long], help: "Show detailed information on space usage") var verbose = false
        @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
        var format: String?

        func run() throws {
            let usage: DockerAPI.DiskUsage = try CommandContext.shared.client().get("system/df")
            let trash = Trash.known()
            if verbose { return try showAll(usage, trash) }
            var rows = rows(usage)
            if !trash.isEmpty {
                let size = Trash.size(trash)
                rows.append(row("Trash", trash.count, 0, size, size, share: true))
            }
            try Listing.show(
                rows, format,
                columns: [
                    ("Type", "TYPE"), ("TotalCount", "TOTAL"), ("Active", "ACTIVE"), ("Size", "SIZE"),
                    ("Reclaimable", "RECLAIMABLE"),
                ])
        }

        private func row(_ type: String, _ total: Int, _ active: Int, _ size: Int64, _ free: Int64, share: Bool) -> JSON
        {
            let percent = size > 0 ? Int(free * 100 / size) : 0
            return [
                "Type": .string(type), "TotalCount": .string("\(total)"), "Active": .string("\(active)"),
                "Size": .string(ByteSize.decimalText(size)),
                "Reclaimable": .string(ByteSize.decimalText(free) + (share && size > 0 ? " (\(percent)%)" : "")),
            ]
        }

        private func rows(_ usage: DockerAPI.DiskUsage) -> [JSON] {
            let (images, containers) = (usage.images ?? [], usage.containers ?? [])
            let (volumes, steps) = (usage.volumes ?? [], usage.buildCache ?? [])
            let usedImages = images.filter { $0.containers > 0 }
            let running = containers.filter { ["running", "paused", "restarting"].contains($0.state) }
            let used = volumes.filter { ($0.usageData?.referenceCount ?? 0) > 0 }
            func size(_ list: [ContainerSummary]) -> Int64 { list.reduce(0) { $0 + ($1.sizeRW ?? 0) } }
            func size(_ list: [VolumeInspect]) -> Int64 { list.reduce(0) { $0 + ($1.usageData?.size ?? 0) } }
            func size(_ list: [BuildCacheRecord]) -> Int64 { list.reduce(0) { $0 + $1.size } }
            let layers = usage.layersSize
            let kept = usedImages.reduce(0) { $0 + $1.size }
            return [
                row("Images", images.count, usedImages.count, layers, max(0, layers - kept), share: true),
                row(
                    "Containers", containers.count, running.count, size(containers), size(containers) - size(running),
                    share: true),
                row(
                    "Local Volumes", volumes.count, used.count, size(volumes), size(volumes) - size(used), share: true),
                row(
                    "Build Cache", steps.count, steps.count { $0.inUse }, size(steps), size(steps.filter { !$0.inUse }),
                    share: false),
            ]
        }

        private func showAll(_ usage: DockerAPI.DiskUsage, _ trash: [TrashEntry]) throws {
            defer {
                if !trash.isEmpty {
                    Output.line("\nTrash space usage:\n")
                    try? Trash.show(trash)
                }
            }
            Output.line("Images space usage:\n")
            try show(usage.images ?? [])
            Output.line("\nContainers space usage:\n")
            try show(usage.containers ?? [])
            Output.line("\nLocal Volumes space usage:\n")
            try show(usage.volumes ?? [])
            Output.line("\nBuild cache usage:\n")
            try show(usage.buildCache ?? [])
        }

        private func show(_ images: [ImageListEntry]) throws {
            let rows = images.map { image -> JSON in
                let name = image.repositoryTags.first ?? "<none>:<none>"
                let cut = name.lastIndex(of: ":") ?? name.endIndex
                let shared = max(0, image.sharedSize)
                return [
                    "Repository": .string(String(name[..<cut])), "Tag": .string(String(name[cut...].dropFirst())),
                    "ID": .string(String(image.id.dropFirst(7).prefix(12))), "Created": .string(ago(image.created)),
                    "Size": .string(ByteSize.decimalText(image.size)),
                    "Shared": .string(ByteSize.decimalText(shared)),
                    "Unique": .string(ByteSize.decimalText(image.size - shared)),
                    "Containers": .string("\(image.containers)"),
                ]
            }
            try Listing.show(
                rows, nil,
                columns: [
                    ("Repository", "REPOSITORY"), ("Tag", "TAG"), ("ID", "IMAGE ID"), ("Created", "CREATED"),
                    ("Size", "SIZE"), ("Shared", "SHARED SIZE"), ("Unique", "UNIQUE SIZE"),
                    ("Containers", "CONTAINERS"),
                ])
        }

        private func show(_ containers: [ContainerSummary]) throws {
            let rows = containers.map { container -> JSON in
                [
                    "ID": .string(String(container.id.prefix(12))),
                    "Image": .string(Ps.image(container, noTrunc: false)),
                    "Command": .string("\"\(shortened(container.command, 20))\""),
                    "Volumes": .string("\(container.mounts.count { $0.type == "volume" })"),
                    "Size": .string(ByteSize.decimalText(container.sizeRW ?? 0)),
                    "Created": .string(ago(container.created)), "Status": .string(container.status),
                    "Names": .string(container.name),
                ]
            }
            try Listing.show(
                rows, nil,
                columns: [
                    ("ID", "CONTAINER ID"), ("Image", "IMAGE"), ("Command", "COMMAND"), ("Volumes", "LOCAL VOLUMES"),
                    ("Size", "SIZE"), ("Created", "CREATED"), ("Status", "STATUS"), ("Names", "NAMES"),
                ])
        }

        private func show(_ volumes: [VolumeInspect]) throws {
            let rows = volumes.map { volume -> JSON in
                [
                    "Name": .string(volume.name), "Links": .string("\(volume.usageData?.referenceCount ?? 0)"),
                    "Size": .string(ByteSize.decimalText(volume.usageData?.size ?? 0)),
                ]
            }
            try Listing.show(rows, nil, columns: [("Name", "VOLUME NAME"), ("Links", "LINKS"), ("Size", "SIZE")])
        }

        private func show(_ steps: [BuildCacheRecord]) throws {
            let rows = steps.map { step -> JSON in
                [
                    "ID": .string(String(step.id.prefix(12))), "Type": "regular",
                    "Size": .string(ByteSize.decimalText(step.size)), "Usage": .string("\(step.usageCount)"),
                    "Shared": .string(step.inUse ? "true" : "false"),
                    "Description": .string(shortened(step.description, 50)),
                ]
            }
            try Listing.show(
                rows, nil,
                columns: [
                    ("ID", "CACHE ID"), ("Type", "CACHE TYPE"), ("Size", "SIZE"), ("Usage", "USAGE"),
                    ("Shared", "SHARED"), ("Description", "DESCRIPTION"),
                ])
        }
    }

    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune",
            abstract: "Remove unused data")
        @Flag(name: [.short, .long], help: "Remove all unused images, not just dangling ones") var all = false
        @Flag(name: .long, help: "Prune anonymous volumes") var volumes = false
        @OptionGroup var options: PruneOptions

        func run() throws {
            var lines = ["  - all stopped containers", "  - all networks not used by at least one container"]
            if volumes { lines.append("  - all anonymous volumes not used by at least one container") }
            lines.append(
                all ? "  - all images without at least one container associated to them" : "  - all dangling images")
            lines.append(all ? "  - all build cache" : "  - unused build cache")
            guard try options.confirm("This will remove:\n" + lines.joined(separator: "\n") + "\n") else { return }
            var bytes: Int64 = 0
            let containers: ContainersPruneReport = try options.send("containers/prune")
            options.show("Containers", containers.containersDeleted ?? [])
            bytes += containers.spaceReclaimed
            let networks: NetworksPruneReport = try options.send("networks/prune")
            options.show("Networks", networks.networksDeleted ?? [])
            if volumes {
                // Volumes do not support the `until` filter.
                let filters = PruneFilters.parse(options.filter.filter { !$0.hasPrefix("until") })
                let report: VolumesPruneReport = try CommandContext.shared.client().post("volumes/prune", filters.query)
                options.show("Volumes", report.volumesDeleted)
                bytes += report.spaceReclaimed
            }
            let images: ImagesPruneReport = try options.send("images/prune", [all ? "dangling=false" : "dangling=true"])
            options.show("Images", Image.removed(images.imagesDeleted))
            bytes += images.spaceReclaimed
            let steps: BuildCachePruneReport = try options.send("build/prune")
            options.show("build cache objects", steps.cachesDeleted ?? [])
            bytes += steps.spaceReclaimed
            Output.line("Total reclaimed space: \(ByteSize.decimalText(bytes))")
            let trash = Trash.known()
            if !trash.isEmpty {
                let what = trash.count == 1 ? "1 removed volume is" : "\(trash.count) removed volumes are"
                Output.error(
                    "note: \(what) in the trash (\(ByteSize.decimalText(Trash.size(trash)))); "
                        + "to free the space, run: roost trash empty")
            }
        }
    }

    /// The remote end of `DOCKER_HOST=ssh://…`: connects standard input and output to the engine's socket.
    struct DialStandardIO: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dial-stdio", abstract: "Proxy the stdio stream to the engine connection",
            shouldDisplay: false)
        func run() throws {
            let socket = try CommandContext.shared.address.get().connect()
            try StreamPair.join(input: 0, output: 1, socket: socket)
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check", abstract: "Check the image store for corruption and repair it",
            discussion: "Exits with 0 if there is no damage or it was repaired, 1 if images are damaged.")
        @Flag(name: .long, help: "Also read every blob and verify its digest, which takes as long as reading the disk")
        var deep = false
        func run() throws {
            let report: StoreCheckReport = try CommandContext.shared.client().post(
                "roost/v1/check", [("deep", deep ? "1" : "0")], repeatable: true)
            for line in report.mended { Output.line("repaired: \(line)") }
            for line in report.damaged { Output.line("damaged: \(line)") }
            let damaged = report.damaged.count
            let result = damaged == 0 ? "no damage found" : "\(damaged) damaged"
            Output.line("\(report.images) images, \(report.layers) layers, \(report.blobs) blobs checked: \(result)")
            if damaged > 0 { throw ExitCode(1) }
        }
    }
}

/// Copies bytes in both directions until the peer closes the socket. Each direction has its own thread, so that neither blocks the other.
enum StreamPair {
    static func join(input: Int32, output: Int32, socket: OwnedFD) throws {
        try Threads.detach { AttachedStream.send(input, to: socket) }
        while true {
            let bytes = try readSome(socket.raw, limit: 1 << 16)
            if bytes.isEmpty { return }
            try writeAll(output, bytes)
        }
    }
}
