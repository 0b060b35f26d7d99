import APIClient
import ArgumentParser
import DockerAPI
import EngineModel

struct Builder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "builder", abstract: "Manage builds", subcommands: [Prune.self, Build.self])
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Remove build cache")
        @Flag(name: [.short, .long], help: "No effect; all build cache that no image needs is removed") var all = false
        @Flag(name: [.short, .long], help: "Do not prompt for confirmation") var force = false
        @Option(name: .long, help: ArgumentHelp("Provide filter values (e.g. until=24h)", valueName: "filter"))
        var filter: [String] = []
        @Option(name: .long, help: ArgumentHelp("Amount of disk space to keep for cache", valueName: "bytes"))
        var keepStorage: String?
        func run() throws {
            guard
                force
                    || PruneOptions.ask(
                        all
                            ? "This will remove all build cache."
                            : "This will remove all dangling build cache.")
            else { return }
            var query: [(String, String)] = []
            if let keepStorage {
                query.append(("keep-storage", "\(try ContainerOptions.sizeOption("--keep-storage", keepStorage))"))
            }
            query += PruneFilters.parse(filter).query
            let report: BuildCachePruneReport = try CommandContext.shared.client().post("build/prune", query)
            report.cachesDeleted?.forEach(Output.line)
            Output.line("Total reclaimed space: \(ByteSize.decimalText(report.spaceReclaimed))")
        }
    }
}

enum PruneFilters {
    /// Parses `until=24h`, `label=a=b`.
    static func parse(_ list: [String]) -> Filters {
        var values: [String: [String]] = [:]
        for text in list {
            let (key, value) = ContainerOptions.pair(text)
            values[key, default: []].append(value)
        }
        return Filters(values)
    }
}
