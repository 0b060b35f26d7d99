import APIClient
import ArgumentParser
import DockerAPI
import EngineModel

struct Manifest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Manifests in registries.", subcommands: [Inspect.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Show what a registry has under a name, without fetching it.",
            discussion: "Example: roost manifest inspect redis:7")
        @Flag(name: .long, help: "Accepted: which registries need no TLS is configured.") var insecure = false
        @Flag(name: [.short, .long], help: "Accepted.") var verbose = false
        @Argument(help: "The image.") var name: String

        func run() throws {
            let answer = try Session.shared.client().open(
                "GET", "roost/v1/manifests/\(name)", headers: try TransferDisplay.headers(TransferDisplay.domain(name)))
            let manifest = try JSON(parsing: try answer.readAll())
            // Indented as Docker does it, with tabs.
            for line in manifest.text(indent: 1).split(separator: "\n", omittingEmptySubsequences: false) {
                let depth = line.prefix { $0 == " " }.count
                Output.line(String(repeating: "\t", count: depth) + line.dropFirst(depth))
            }
        }
    }
}
