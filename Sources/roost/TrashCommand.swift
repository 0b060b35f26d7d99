import APIClient
import ArgumentParser
import EngineModel
import LinuxKernel
import Terminal

/// What `down -v` and `up -V` have taken away.
struct Trash: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trash", abstract: "Volumes that down -v has taken away: see them, have them back, remove them.",
        discussion: """
            A volume stays in the trash for a day (roostd --trash-hours), shorter if the disk is nearly full.

            Examples:
              roost trash                         what is there
              roost trash restore shop_data       have it back
              roost trash restore shop_data --name shop_data_old
              roost trash empty                   remove everything in it for good
            """,
        subcommands: [Ls.self, Restore.self, Empty.self], defaultSubcommand: Ls.self)

    static func contents() throws -> [JSON] {
        try Session.shared.client().call("GET", "roost/v1/trash").array ?? []
    }

    /// What is there, for commands that only mention it: other engines have no trash.
    static func known() -> [JSON] { (try? contents()) ?? [] }

    /// Bytes that emptying it would free.
    static func size(_ records: [JSON]) -> Int64 { records.reduce(0) { $0 + ($1["Size"].int ?? 0) } }

    static func show(_ records: [JSON], _ format: String? = nil, quiet: Bool = false) throws {
        let now = Clocks.wallNanoseconds()
        let rows = records.map { record -> JSON in
            let removed = Timestamp(parsing: record["RemovedAt"].string ?? "")?.nanoseconds ?? 0
            let expires = Timestamp(parsing: record["ExpiresAt"].string ?? "")?.nanoseconds ?? 0
            return [
                "ID": .string(record["Id"].string ?? ""), "Name": .string(record["Name"].string ?? ""),
                "Size": .string(ByteSize.decimalText(record["Size"].int ?? 0)),
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
            commandName: "ls", abstract: "List what is in the trash.", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Only ids.") var quiet = false
        @Option(name: .long, help: "table, json, or a template.") var format: String?

        func run() throws { try Trash.show(try Trash.contents(), format, quiet: quiet) }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Bring volumes back, under their own names or another.")
        @Option(name: .long, help: "The name that it gets.") var name: String?
        @Argument(help: "A volume's name (the one removed last), or an id of the trash.") var volumes: [String]

        func validate() throws {
            if name != nil, volumes.count > 1 { throw ValidationError("--name goes with one volume") }
        }

        func run() throws {
            for volume in volumes {
                let answer = try Session.shared.client().call(
                    "POST", "roost/v1/trash/\(EngineClient.encode(volume))/restore", name.map { [("name", $0)] } ?? [])
                Output.line(answer["Name"].string ?? volume)
            }
        }
    }

    struct Empty: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "empty", abstract: "Remove what is in the trash for good: all of it, or what is named.",
            aliases: ["rm"])
        @Argument(help: "Names or ids; none is everything.") var volumes: [String] = []

        func run() throws {
            let client = try Session.shared.client()
            var bytes: Int64 = 0
            for path in volumes.isEmpty ? [""] : volumes.map({ "/" + EngineClient.encode($0) }) {
                let answer = try client.call("DELETE", "roost/v1/trash" + path)
                for name in answer["VolumesDeleted"].strings ?? [] { Output.line(name) }
                bytes += answer["SpaceReclaimed"].int ?? 0
            }
            Output.line("Total reclaimed space: \(ByteSize.decimalText(bytes))")
        }
    }
}
