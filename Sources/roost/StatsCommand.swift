import APIClient
import ArgumentParser
import EngineModel
import LinuxKernel
import Terminal

/// Resource usage of containers, as a live stream.
struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Display a live stream of container(s) resource usage statistics",
        discussion: "Example: roost stats --no-stream")
    @Flag(name: [.short, .long], help: "Show all containers (default shows just running)") var all = false
    @Flag(name: .long, help: "Disable streaming stats and only print the first result") var noStream = false
    @Flag(name: .long, help: "Do not truncate output") var noTrunc = false
    @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
    var format: String?
    @Argument(help: ArgumentHelp("Containers or services", valueName: "container")) var names: [String] = []

    func run() throws {
        let terminal = Presentation.redraws(1)
        repeat {
            let rows = try chosen().map(row)
            var text = ""
            var listing = try Listing(
                format,
                columns: [
                    ("ID", "CONTAINER ID"), ("Name", "NAME"), ("CPUPerc", "CPU %"), ("MemUsage", "MEM USAGE / LIMIT"),
                    ("MemPerc", "MEM %"), ("NetIO", "NET I/O"), ("BlockIO", "BLOCK I/O"), ("PIDs", "PIDS"),
                ], more: [("Container", "CONTAINER")])
            for row in rows { if let line = try listing.add(row) { text += line } }
            text += listing.rest
            // On a terminal the table is redrawn in place; otherwise one table follows the other.
            Output.raw((terminal && !noStream ? "\u{1b}[H\u{1b}[J" : "") + text)
        } while !noStream
    }

    private func chosen() throws -> [JSON] {
        let session = Session.shared
        if session.isCompose {
            return try session.projectContainers(try session.projectNameOnly(), all: all, services: names)
        }
        let list = try session.client().call("GET", "containers/json", [("all", all ? "1" : "0")]).array ?? []
        guard !names.isEmpty else { return list }
        let wanted = try session.resolve(names).map(\.id)
        let complete = try session.client().call("GET", "containers/json", [("all", "1")]).array ?? []
        return wanted.compactMap { id in complete.first { $0["Id"].string == id } }
    }

    private func row(_ container: JSON) throws -> JSON {
        let id = container["Id"].string ?? ""
        let stats = try Session.shared.client().call("GET", "containers/\(id)/stats", [("stream", "0")])
        let usage = stats["memory_stats"]["usage"].int ?? 0
        let limit = stats["memory_stats"]["limit"].int ?? 0
        func delta(_ path: (JSON) -> JSON) -> Double {
            Double((path(stats["cpu_stats"]).int ?? 0) - (path(stats["precpu_stats"]).int ?? 0))
        }
        let system = delta { $0["system_cpu_usage"] }
        let share =
            system > 0
            ? delta { $0["cpu_usage"]["total_usage"] } / system * 100
                * Double(stats["cpu_stats"]["online_cpus"].int ?? 1)
            : 0
        var received: Int64 = 0
        var sent: Int64 = 0
        for (_, interface) in stats["networks"].object ?? [] {
            received += interface["rx_bytes"].int ?? 0
            sent += interface["tx_bytes"].int ?? 0
        }
        func blocks(_ operation: String) -> Int64 {
            (stats["blkio_stats"]["io_service_bytes_recursive"].array ?? []).reduce(0) {
                $0 + (($1["op"].string ?? "").lowercased() == operation ? $1["value"].int ?? 0 : 0)
            }
        }
        return [
            "BlockIO": .string("\(ByteSize.decimalText(blocks("read"))) / \(ByteSize.decimalText(blocks("write")))"),
            "CPUPerc": .string(percent(share)), "Container": .string(String(id.prefix(12))),
            "ID": .string(noTrunc ? id : String(id.prefix(12))),
            "MemPerc": .string(percent(limit > 0 ? Double(usage) / Double(limit) * 100 : 0)),
            "MemUsage": .string("\(ByteSize.binaryText(usage)) / \(ByteSize.binaryText(limit))"),
            "Name": .string(ComposeViews.name(container)),
            "NetIO": .string("\(ByteSize.decimalText(received)) / \(ByteSize.decimalText(sent))"),
            "PIDs": .string("\(stats["pids_stats"]["current"].int ?? 0)"),
        ]
    }

    private func percent(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = String(hundredths % 100)
        return "\(hundredths / 100).\(rest.count < 2 ? "0" + rest : rest)%"
    }
}
