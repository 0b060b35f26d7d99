import APIClient
import ArgumentParser
import DockerAPI
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

    private func chosen() throws -> [ContainerSummary] {
        let session = CommandContext.shared
        if session.isCompose {
            return try session.projectContainers(try session.projectNameOnly(), all: all, services: names)
        }
        let list = try session.client().listContainers(all: all)
        guard !names.isEmpty else { return list }
        let wanted = try session.resolve(names).map(\.id)
        let complete = try session.client().listContainers(all: true)
        return wanted.compactMap { id in complete.first { $0.id == id } }
    }

    private func row(_ container: ContainerSummary) throws -> JSON {
        let id = container.id
        let stats: ContainerStats = try CommandContext.shared.client().get("containers/\(id)/stats", [("stream", "0")])
        let (usage, limit) = (stats.memory.usage ?? 0, stats.memory.limit ?? 0)
        let interfaces = stats.networks?.values ?? []
        let received = interfaces.reduce(0) { $0 + ($1["rx_bytes"] ?? 0) }
        let sent = interfaces.reduce(0) { $0 + ($1["tx_bytes"] ?? 0) }
        func blocks(_ operation: String) -> UInt64 {
            stats.blockIO.serviceBytes.filter { $0.operation.lowercased() == operation }.reduce(0) { $0 + $1.value }
        }
        func pair(_ one: UInt64, _ other: UInt64, _ text: (Int64) -> String) -> JSON {
            .string("\(text(Int64(clamping: one))) / \(text(Int64(clamping: other)))")
        }
        return [
            "BlockIO": pair(blocks("read"), blocks("write"), ByteSize.decimalText),
            "CPUPerc": .string(percent(Self.processorShare(stats))), "Container": .string(String(id.prefix(12))),
            "ID": .string(noTrunc ? id : String(id.prefix(12))),
            "MemPerc": .string(percent(limit > 0 ? Double(usage) / Double(limit) * 100 : 0)),
            "MemUsage": pair(usage, limit, ByteSize.binaryText), "Name": .string(container.name),
            "NetIO": pair(received, sent, ByteSize.decimalText),
            "PIDs": .string("\(stats.pids.current ?? 0)"),
        ]
    }

    /// The CPU time between the two samples in percent; 100 is one CPU.
    private static func processorShare(_ stats: ContainerStats) -> Double {
        let system = Double((stats.cpu.systemUsage ?? 0) - (stats.previousCPU.systemUsage ?? 0))
        guard system > 0 else { return 0 }
        let used = Double(stats.cpu.usage.total) - Double(stats.previousCPU.usage.total)
        return used / system * 100 * Double(stats.cpu.onlineCPUs ?? 1)
    }

    private func percent(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let rest = String(hundredths % 100)
        return "\(hundredths / 100).\(rest.count < 2 ? "0" + rest : rest)%"
    }
}
