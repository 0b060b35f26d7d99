import ArgumentParser
import EngineModel

/// The arguments of `run`, `create` and `exec` after their options: from the first one on they belong to the container.
enum PassthroughArguments {
    /// Drops a leading `--`. A first word that still looks like an option is an unknown flag: prints the usage and exits with 125.
    static func checked(_ words: [String], of command: String) throws(ExitCode) -> [String] {
        guard let first = words.first, first.hasPrefix("-"), first.count > 1 else { return words }
        if first == "--" { return Array(words.dropFirst()) }
        let isShort = !first.hasPrefix("--")
        let name =
            isShort
            ? "shorthand flag: '\(first.dropFirst().prefix(1))' in \(first)" : "flag: \(first.prefix { $0 != "=" })"
        Output.error(
            "unknown \(name)\n\nUsage:  roost \(command) [OPTIONS] \(operands(of: command))\n\n"
                + "Run 'roost \(command) --help' for more information")
        throw ExitCode(125)
    }

    /// The arguments after the options, as Docker's usage lines name them.
    private static func operands(of command: String) -> String {
        switch command {
        case "exec": "CONTAINER COMMAND [ARG...]"
        case "compose exec": "SERVICE COMMAND [ARGS...]"
        case "compose run": "SERVICE [COMMAND] [ARGS...]"
        default: "IMAGE [COMMAND] [ARG...]"
        }
    }
}
