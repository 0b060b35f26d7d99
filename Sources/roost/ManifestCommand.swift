import APIClient
import ArgumentParser
import DockerAPI
import EngineModel

struct Manifest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Manage image manifests", subcommands: [Inspect.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Display an image manifest from a registry, without pulling the image",
            discussion: "Example: roost manifest inspect redis:7")
        @Flag(name: .long, help: "No effect; the engine configuration lists insecure registries") var insecure = false
        @Flag(name: [.short, .long], help: "No effect; accepted for compatibility") var verbose = false
        @Argument(help: ArgumentHelp("Image", valueName: "image")) var name: String

        func run() throws {
            let answer = try CommandContext.shared.client().open(
                "GET", "roost/v1/manifests/\(name)", headers: try TransferDisplay.headers(TransferDisplay.domain(name)))
            let manifest = try JSON(parsing: try answer.readAll())
            // Indent with tabs, as Docker does.
            for line in manifest.text(indent: 1).split(separator: "\n", omittingEmptySubsequences: false) {
                let depth = line.prefix { $0 == " " }.count
                Output.line(String(repeating: "\t", count: depth) + line.dropFirst(depth))
            }
        }
    }
}
