import APIClient
import ArgumentParser
import EngineModel
import Terminal

/// `completion SHELL`: the script that completes this command line in a shell.
struct Completion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print the completion script of a shell: bash, zsh or fish.",
        discussion: "Example: roost completion bash > /etc/bash_completion.d/roost")
    @Argument(help: "bash, zsh or fish.") var shell: String
    func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            throw RoostError.invalid("completion \(shell): there are scripts for bash, zsh and fish")
        }
        Output.line(Roost.completionScript(for: shell))
    }
}

/// `plugin ls`: this engine has none, and scripts that look are told so.
struct Plugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "List plugins: this engine has none.", subcommands: [Ls.self])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List plugins: there are none.", aliases: ["list"])
        @Flag(name: [.short, .long]) var quiet = false
        @Option(name: .long) var format: String?
        func run() throws {
            try Listing.show(
                try Session.shared.client().call("GET", "plugins").array ?? [], format,
                columns: [("Id", "ID"), ("Name", "NAME"), ("Description", "DESCRIPTION"), ("Enabled", "ENABLED")],
                quiet: quiet ? "Id" : nil)
        }
    }
}
