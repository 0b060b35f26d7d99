import APIClient
import ArgumentParser
import EngineModel
import Terminal

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
