import APIClient
import ArgumentParser
import EngineModel
import Terminal

/// `completion SHELL`: prints the completion script for a shell.
struct Completion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Generate the completion script for a shell",
        discussion: "Example: roost completion bash > /etc/bash_completion.d/roost")
    @Argument(help: ArgumentHelp("Shell (bash, zsh or fish)", valueName: "shell")) var shell: String
    func run() throws {
        guard let shell = CompletionShell(rawValue: shell) else {
            throw RoostError.invalid("unsupported shell \"\(shell)\": use bash, zsh or fish")
        }
        Output.line(Roost.completionScript(for: shell))
    }
}

/// `plugin ls`: the engine has no plugins; scripts get an empty list.
struct Plugin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugin", abstract: "Manage plugins (not supported)", subcommands: [Ls.self])
    struct Ls: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "List plugins (always empty)", aliases: ["list"])
        @Flag(name: [.short, .long], help: "Only display plugin IDs") var quiet = false
        @Option(name: .long, help: ArgumentHelp("Format output (table, json or a Go template)", valueName: "string"))
        var format: String?
        func run() throws {
            try Listing.show(
                try CommandContext.shared.client().call("GET", "plugins").array ?? [], format,
                columns: [("Id", "ID"), ("Name", "NAME"), ("Description", "DESCRIPTION"), ("Enabled", "ENABLED")],
                quiet: quiet ? "Id" : nil)
        }
    }
}
