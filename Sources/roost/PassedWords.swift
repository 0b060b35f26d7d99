import EngineModel

/// The words of `run`, `create` and `exec` behind their options: from the first of them on they are the container's.
enum PassedWords {
    /// Without `--`, which ends the options. What still looks like an option is one that there is not.
    static func checked(_ words: [String], of command: String) throws(Leave) -> [String] {
        guard let first = words.first, first.hasPrefix("-"), first.count > 1 else { return words }
        if first == "--" { return Array(words.dropFirst()) }
        let isShort = !first.hasPrefix("--")
        let name =
            isShort
            ? "shorthand flag: '\(first.dropFirst().prefix(1))' in \(first)" : "flag: \(first.prefix { $0 != "=" })"
        Output.error("unknown \(name)\n\nUsage:  roost \(command) [OPTIONS] …\n\nSee 'roost \(command) --help'.")
        throw Leave(code: 125)
    }
}
