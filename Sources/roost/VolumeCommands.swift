import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import Terminal

struct Volume: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "volume", abstract: "Manage volumes",
        subcommands: [Ls.self, CreateVolume.self, InspectVolume.self, RemoveVolume.self, Prune.self])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ls", abstract: "List volumes", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Only display volume names") var quiet = false
        @Option(
            name: [.short, .long],
            help: ArgumentHelp("Provide filter values (e.g. dangling=true)", valueName: "filter"))
        var filter: [String] = []
        @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
        var format: String?
        func run() throws {
            let list: VolumeList = try CommandContext.shared.client().get("volumes", try filterQuery(filter))
            let rows = list.volumes.map { volume -> JSON in
                [
                    "Driver": "local", "Name": .string(volume.name), "Scope": "local",
                    "Mountpoint": .string(volume.mountpoint), "Labels": .string(labelText(volume.labels ?? [:])),
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
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Create a volume")
        @Option(name: [.short, .long], help: ArgumentHelp("Specify volume driver name", valueName: "string"))
        var driver = "local"
        @Option(name: .long, help: ArgumentHelp("Set metadata for the volume (name=value)", valueName: "list"))
        var label: [String] = []
        @Option(
            name: [.short, .long],
            help: ArgumentHelp("Set driver specific options (e.g. type=none, o=bind, device=/path)", valueName: "map"))
        var opt: [String] = []
        @Option(name: .customLong("name"), help: .hidden) var oldName: String?
        @Argument(help: ArgumentHelp("Name of the volume (default: generated)", valueName: "volume")) var name: String?
        func run() throws {
            let request = VolumeCreateRequest(
                name: name ?? oldName ?? "", driver: driver, driverOptions: ContainerOptions.map(opt),
                labels: ContainerOptions.map(label))
            Output.line(
                try CommandContext.shared.client().post("volumes/create", [], request, as: VolumeInspect.self).name)
        }
    }
    struct InspectVolume: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Display detailed information on one or more volumes")
        @Option(
            name: [.short, .long], help: ArgumentHelp("Format output (json or a Go template)", valueName: "string"))
        var format: String?
        @Argument(help: ArgumentHelp("Volumes", valueName: "volume")) var names: [String]
        func run() throws { try Inspect.show(names, kinds: ["volumes"], format) }
    }
    struct RemoveVolume: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rm", abstract: "Remove one or more volumes and their data", aliases: ["remove"])
        @Flag(name: [.short, .long], help: "Do not fail if the volume does not exist") var force = false
        @Argument(help: ArgumentHelp("Volumes", valueName: "volume")) var names: [String]
        func run() throws {
            try forEach(names.map { ($0, $0) }) {
                try CommandContext.shared.client().call(
                    "DELETE", "volumes/\(EngineClient.encode($0))", [("force", force ? "1" : "0")])
            }
        }
    }
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove unused anonymous volumes (with -a, named ones too)")
        @Flag(name: [.short, .long], help: "Remove all unused volumes, not just anonymous ones") var all = false
        @OptionGroup var options: PruneOptions
        func run() throws {
            let what = all ? "all volumes" : "anonymous volumes"
            guard try options.confirm("This will remove \(what) not used by at least one container.") else { return }
            let report: VolumesPruneReport = try options.send("volumes/prune", all ? ["all=true"] : [])
            options.show("Volumes", report.volumesDeleted)
            options.reclaimed(report.spaceReclaimed)
        }
    }
}
