import ArgumentParser
import EngineModel
import Terminal

/// Usage errors in the form of Docker's CLI: the error, the usage line, and a pointer to the help page.
enum UsageErrors {
    /// The error message if the arguments do not start with a known command; nil if they do.
    static func unknownCommand(_ arguments: [String]) -> String? {
        var node: any ParsableCommand.Type = Roost.self
        var path = "roost"
        for word in arguments {
            let children = node.configuration.subcommands
            guard !children.isEmpty else { return nil }
            if word.hasPrefix("-") || word == "help" { return nil }
            guard let child = children.first(where: { names($0).contains(word) }) else {
                if node.configuration.defaultSubcommand != nil { return nil }
                let near = SpellingSuggestion.of(word, in: children.flatMap(names))
                return "roost: unknown command: \(path) \(word)"
                    + (near.map { "\nDid you mean: \(path) \($0)?" } ?? "")
                    + "\n\nRun '\(path) --help' for more information"
            }
            node = child
            path += " \(word)"
        }
        return nil
    }

    static func names(_ command: any ParsableCommand.Type) -> [String] {
        [command.configuration.commandName ?? ""] + command.configuration.aliases
    }

    /// The parser's error in Docker's form, and the exit code: 125 for an invalid option, otherwise 1.
    static func message(_ message: String, _ arguments: [String]) -> (text: String, code: Int32) {
        let (path, command) = command(of: arguments)
        var first = message.split(separator: "\n").first.map(String.init) ?? message
        if first.hasPrefix("Error: ") { first = String(first.dropFirst(7)) }
        var isOption = first.hasPrefix("Invalid option") || first.contains("is invalid for '-")
        if first.hasPrefix("Unknown option '") {
            isOption = true
            let option = String(first.dropFirst(16).prefix { $0 != "'" })
            let near = SpellingSuggestion.of(option, in: options(command))
            first =
                (option.hasPrefix("--")
                    ? "unknown flag: \(option)"
                    : "unknown shorthand flag: '\(option.dropFirst().prefix(1))' in \(option)")
                + (near.map { "\nDid you mean \($0)?" } ?? "")
        } else if first.hasPrefix("Missing expected argument") {
            first = "roost: '\(path)' requires at least 1 argument"
        }
        return (
            "\(first)\n\nUsage:  \(usage(path, command))\n\nRun '\(path) --help' for more information",
            isOption ? 125 : 1
        )
    }

    /// The command that the arguments start with, and its full name.
    private static func command(of arguments: [String]) -> (path: String, command: any ParsableCommand.Type) {
        var node: any ParsableCommand.Type = Roost.self
        var path = CommandContext.shared.isCompose ? "roost compose" : "roost"
        for word in arguments {
            guard let child = node.configuration.subcommands.first(where: { names($0).contains(word) }) else { break }
            node = child
            path += " \(word)"
        }
        return (path, node)
    }

    /// `roost stop [OPTIONS] CONTAINER...`: the parser's usage line with its options reduced to one word, as Docker prints it.
    private static func usage(_ path: String, _ command: any ParsableCommand.Type) -> String {
        if let own = command.configuration.usage {
            let operands = own.split(separator: " ").drop { $0 != "[OPTIONS]" }.map(String.init)
            return ([path] + operands).joined(separator: " ")
        }
        let line =
            Roost.helpMessage(for: command, columns: 1000).split(separator: "\n").first { $0.hasPrefix("USAGE: ") }
            ?? ""
        var words: [String] = []
        var depth = 0
        // The value of an option is in the same brackets.
        for word in line.dropFirst(7).split(separator: " ") {
            let isOption = depth > 0 || word.hasPrefix("[-") || word.hasPrefix("-")
            if isOption {
                depth += word.utf8.count { $0 == UInt8(ascii: "[") } - word.utf8.count { $0 == UInt8(ascii: "]") }
                depth = max(0, depth)
            } else if word.hasPrefix("..."), let last = words.popLast() {
                words.append(last + word)
            } else if word.hasPrefix("<") || word.hasPrefix("[<"), !word.contains("<options>") {
                words.append(word.uppercased().filter { $0 != "<" && $0 != ">" })
            }
        }
        return ([path, "[OPTIONS]"] + words).joined(separator: " ")
    }

    /// The names of a command's options, with their dashes.
    private static func options(_ command: any ParsableCommand.Type) -> [String] {
        Roost.helpMessage(for: command, includeHidden: true, columns: 200)
            .split { $0 == " " || $0 == "\n" || $0 == "," || $0 == "/" }
            .map(String.init).filter { $0.hasPrefix("--") }
    }
}
