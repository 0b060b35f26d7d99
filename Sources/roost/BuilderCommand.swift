import APIClient
import ArgumentParser
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
            if !filter.isEmpty { query.append(("filters", PruneFilters.json(filter))) }
            let answer = try Session.shared.client().call("POST", "build/prune", query)
            for id in answer["CachesDeleted"].strings ?? [] { Output.line(id) }
            Output.line("Total reclaimed space: \(ByteSize.decimalText(answer["SpaceReclaimed"].int ?? 0))")
        }
    }
}

enum PruneFilters {
    /// Encodes `until=24h`, `label=a=b` as the API's JSON filters.
    static func json(_ list: [String]) -> String {
        var values: [String: [String]] = [:]
        for text in list {
            let (key, value) = ContainerOptions.pair(text)
            values[key, default: []].append(value)
        }
        return JSON.object(values.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) }).text()
    }
}
