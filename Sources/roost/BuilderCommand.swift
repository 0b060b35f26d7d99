import APIClient
import ArgumentParser
import EngineModel

struct Builder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "builder", abstract: "Work with the build cache.", subcommands: [Prune.self, Build.self])
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "prune", abstract: "Forget finished steps of builds, and the cache mounts.")
        @Flag(name: [.short, .long], help: "Accepted: all that no image needs goes anyway.") var all = false
        @Flag(name: [.short, .long], help: "Do not ask.") var force = false
        @Option(name: .long, help: "until=24h.") var filter: [String] = []
        @Option(name: .long, help: "Keep so many bytes.") var keepStorage: String?
        func run() throws {
            guard
                force
                    || PruneOptions.ask(
                        all
                            ? "This will remove all build cache."
                            : "This will remove all dangling build cache.")
            else { return }
            var query: [(String, String)] = []
            if let keepStorage { query.append(("keep-storage", "\(try ContainerOptions.size(keepStorage))")) }
            if !filter.isEmpty { query.append(("filters", PruneFilters.json(filter))) }
            let answer = try Session.shared.client().call("POST", "build/prune", query)
            for id in answer["CachesDeleted"].strings ?? [] { Output.line(id) }
            Output.line("Total reclaimed space: \(ByteSize.decimalText(answer["SpaceReclaimed"].int ?? 0))")
        }
    }
}

enum PruneFilters {
    /// `until=24h`, `label=a=b` as the API's filters.
    static func json(_ list: [String]) -> String {
        var values: [String: [String]] = [:]
        for text in list {
            let (key, value) = ContainerOptions.pair(text)
            values[key, default: []].append(value)
        }
        return JSON.object(values.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) }).text()
    }
}
