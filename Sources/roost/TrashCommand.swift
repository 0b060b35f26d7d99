import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

/// Volumes that `down -v` and `up -V` have removed.
struct Trash: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash", abstract: "Manage volumes removed by \"down -v\" (list, restore, empty)",
        discussion: """
            A volume is kept for 24 hours (roostd --trash-hours), or less if the disk is
            nearly full.

            Examples:
              roost trash                         list the volumes in the trash
              roost trash restore shop_data       restore a volume
              roost trash restore shop_data --name shop_data_old
              roost trash empty                   delete all of them permanently
            """,
        subcommands: [Ls.self, Restore.self, Empty.self], defaultSubcommand: Ls.self)

    static func contents() throws -> [TrashEntry] { try CommandContext.shared.client().get("roost/v1/trash") }

    /// The contents, for commands that only mention them; empty on errors, since other engines have no trash.
    static func known() -> [TrashEntry] { (try? contents()) ?? [] }

    /// The bytes that deleting these volumes frees.
    static func size(_ records: [TrashEntry]) -> Int64 { records.reduce(0) { $0 + $1.size } }

    static func show(_ records: [TrashEntry], _ format: String? = nil, quiet: Bool = false) throws {
        let now = Clocks.wallNanoseconds()
        let rows = records.map { record -> JSON in
            let removed = Timestamp(parsing: record.removedAt)?.nanoseconds ?? 0
            let expires = Timestamp(parsing: record.expiresAt)?.nanoseconds ?? 0
            return [
                "ID": .string(record.id), "Name": .string(record.name),
                "Size": .string(ByteSize.decimalText(record.size)),
                "Removed": .string(ago(removed / 1_000_000_000)),
                "Expires": .string("in " + TimeSpan.words(seconds: max(0, expires - now) / 1_000_000_000)),
            ]
        }
        try Listing.show(
            rows, format,
            columns: [
                ("ID", "TRASH ID"), ("Name", "VOLUME NAME"), ("Size", "SIZE"), ("Removed", "REMOVED"),
                ("Expires", "EXPIRES"),
            ], quiet: quiet ? "ID" : nil)
    }

    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List volumes in the trash", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Only display trash IDs") var quiet = false
        @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
        var format: String?

        func run() throws { try Trash.show(try Trash.contents(), format, quiet: quiet) }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Restore volumes from the trash")
        @Option(
            name: .long, help: ArgumentHelp("Name of the restored volume (default: its old name)", valueName: "string"))
        var name: String?
        @Argument(help: ArgumentHelp("Volume name (the most recently removed one) or trash ID", valueName: "volume"))
        var volumes: [String]

        func validate() throws {
            if name != nil, volumes.count > 1 { throw ValidationError("--name requires exactly one volume") }
        }

        func run() throws {
            for volume in volumes {
                let restored: VolumeInspect = try CommandContext.shared.client().post(
                    "roost/v1/trash/\(EngineClient.encode(volume))/restore", name.map { [("name", $0)] } ?? [])
                Output.line(restored.name)
            }
        }
    }

    struct Empty: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "empty", abstract: "Permanently delete volumes in the trash",
            aliases: ["rm"])
        @Argument(help: ArgumentHelp("Volume names or trash IDs (default: all)", valueName: "volume"))
        var volumes: [String] = []

        func run() throws {
            let client = try CommandContext.shared.client()
            var bytes: Int64 = 0
            for path in volumes.isEmpty ? [""] : volumes.map({ "/" + EngineClient.encode($0) }) {
                let report: VolumesPruneReport = try client.delete("roost/v1/trash" + path)
                report.volumesDeleted.forEach(Output.line)
                bytes += report.spaceReclaimed
            }
            Output.line("Total reclaimed space: \(ByteSize.decimalText(bytes))")
        }
    }
}
