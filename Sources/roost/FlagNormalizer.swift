import ArgumentParser
import EngineModel

/// Rewrites option spellings that Docker's CLI accepts and ArgumentParser does not: `--rm=true`, `-p8080:80`, `--stop-timeout -1`. Other
/// arguments are left unchanged.
struct FlagNormalizer {
    private struct Option {
        var isFlag: Bool
        var long: String?
        /// The name that turns a flag off, if it has one.
        var off: String?
    }

    private let options: [String: Option]
    /// Commands whose words from the first positional on belong to the container.
    private static let passing: Set<String> = ["run", "create", "exec", "top"]

    static func normalized(_ arguments: [String]) -> [String] {
        guard let verb = arguments.first, !verb.hasPrefix("-"), needsWork(arguments.dropFirst()) else {
            return arguments
        }
        let (spelling, depth) = lookUp(arguments)
        guard let spelling else { return arguments }
        let passes = passing.contains(arguments[depth - 1])
        return Array(arguments[..<depth]) + spelling.rewrite(arguments[depth...], stopsAtWord: passes)
    }

    /// A cheap check first: most command lines need no rewriting.
    private static func needsWork(_ words: ArraySlice<String>) -> Bool {
        words.contains { word in
            guard word.hasPrefix("-"), word.count > 2 else {
                return word.count == 2 && word.hasPrefix("-") && word.last?.isNumber == true
            }
            if word.hasPrefix("--") {
                return word.contains("=") && truth(String(word.split(separator: "=", maxSplits: 1).last ?? "")) != nil
            }
            return !word.dropFirst().allSatisfy { "itd".contains($0) }
        }
    }

    private static func truth(_ text: String) -> Bool? {
        switch text {
        case "true", "True", "TRUE", "t", "T", "1": true
        case "false", "False", "FALSE", "f", "F", "0": false
        default: nil
        }
    }

    /// The options of the command that the arguments start with, and the number of words that name it.
    private static func lookUp(_ arguments: [String]) -> (FlagNormalizer?, depth: Int) {
        guard var node = try? JSON(parsing: Array(Roost._dumpHelp().utf8))["command"] else { return (nil, 0) }
        var depth = 0
        while depth < arguments.count,
            let next = (node["subcommands"].array ?? []).first(where: {
                $0["commandName"].string == arguments[depth]
                    || $0["aliases"].strings?.contains(arguments[depth]) == true
            })
        {
            node = next
            depth += 1
        }
        return depth == 0 ? (nil, 0) : (FlagNormalizer(node), depth)
    }

    private init(_ command: JSON) {
        var table: [String: Option] = [:]
        for argument in command["arguments"].array ?? [] where argument["kind"].string != "positional" {
            let names = (argument["names"].array ?? []).compactMap { name -> String? in
                guard let text = name["name"].string else { return nil }
                return (name["kind"].string == "long" ? "--" : "-") + text
            }
            let long = names.first { $0.hasPrefix("--") }
            let option = Option(isFlag: argument["kind"].string == "flag", long: long, off: nil)
            for name in names { table[name] = option }
        }
        // `--sig-proxy` and `--no-sig-proxy` are one flag.
        for (name, option) in table where option.isFlag && name.hasPrefix("--") && !name.hasPrefix("--no-") {
            let off = "--no-" + name.dropFirst(2)
            if table[off] != nil { table[name]?.off = off }
        }
        options = table
    }

    private func rewrite(_ words: ArraySlice<String>, stopsAtWord: Bool) -> [String] {
        var out: [String] = []
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" || (stopsAtWord && !word.hasPrefix("-")) { return out + [word] + rest }
            guard word.hasPrefix("-"), word.count > 1 else {
                out.append(word)
                continue
            }
            if word.hasPrefix("--") { rewriteLong(word, &rest, &out) } else { rewriteShort(word, &rest, &out) }
        }
        return out
    }

    private func rewriteLong(_ word: String, _ rest: inout ArraySlice<String>, _ out: inout [String]) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let option = options[parts[0]] else { return out.append(word) }
        guard option.isFlag else {
            if parts.count > 1 { return out.append(word) }
            return take(word, &rest, &out)
        }
        guard parts.count > 1, let value = Self.truth(parts[1]) else { return out.append(word) }
        if value { out.append(parts[0]) } else if let off = option.off { out.append(off) }
    }

    /// Takes the next word as the value of the option, even if it starts with a minus.
    private func take(_ name: String, _ rest: inout ArraySlice<String>, _ out: inout [String]) {
        guard let value = rest.popFirst() else { return out.append(name) }
        if value.hasPrefix("-"), let long = options[name]?.long {
            out.append("\(long)=\(value)")
        } else {
            out += [name, value]
        }
    }

    private func rewriteShort(_ word: String, _ rest: inout ArraySlice<String>, _ out: inout [String]) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            let name = "-\(letter)"
            guard let option = options[name] else { return out.append("-\(letter)\(letters)") }
            if option.isFlag {
                if letters.first == "=", let value = Self.truth(String(letters.dropFirst())) {
                    if value {
                        out.append(name)
                    } else if let off = option.long.flatMap({ options[$0]?.off }) {
                        out.append(off)
                    }
                    return
                }
                out.append(name)
                continue
            }
            if letters.isEmpty { return take(name, &rest, &out) }
            let value = letters.hasPrefix("=") ? String(letters.dropFirst()) : String(letters)
            if let long = option.long { out.append("\(long)=\(value)") } else { out += [name, value] }
            return
        }
    }
}
