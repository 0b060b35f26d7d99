import EngineModel

extension ImageConfiguration.Runtime {
    /// Applies one instruction as `import --change` and `commit --change` take it: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER,
    /// VOLUME, WORKDIR, STOPSIGNAL, HEALTHCHECK, ONBUILD.
    public mutating func apply(change line: String) throws(RoostError) {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = parts.count > 1 ? parts[1].trimmed : ""
        guard let word = parts.first?.uppercased(), !argument.isEmpty else {
            throw .invalid("change \"\(line)\" has no argument")
        }
        switch word {
        case "CMD": cmd = Self.program(argument)
        case "ENTRYPOINT": entrypoint = Self.program(argument)
        case "ENV":
            for (name, value) in Self.pairs(argument) {
                env = (env ?? []).filter { !$0.hasPrefix(name + "=") } + ["\(name)=\(value)"]
            }
        case "LABEL":
            for (name, value) in Self.pairs(argument) { labels = (labels ?? [:]).merging([name: value]) { $1 } }
        case "EXPOSE":
            for port in argument.split(separator: " ") {
                exposedPorts = (exposedPorts ?? [:]).merging([try ContainerPort(parsing: port).description: .init()]) {
                    $1
                }
            }
        case "USER": user = argument
        case "VOLUME":
            for path in Self.jsonArray(argument) ?? argument.split(separator: " ").map(String.init) {
                volumes = (volumes ?? [:]).merging([path: .init()]) { $1 }
            }
        case "WORKDIR": workingDir = argument
        case "STOPSIGNAL":
            _ = try Signals.number(argument)
            stopSignal = argument
        case "ONBUILD": onBuild = (onBuild ?? []) + [argument]
        case "HEALTHCHECK": healthcheck = try Self.healthcheck(argument)
        default:
            throw .invalid(
                "\(word) is not a valid change command: use CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME or WORKDIR"
            )
        }
    }

    /// `[--interval=… …] CMD command`, or `NONE`.
    private static func healthcheck(_ text: String) throws(RoostError) -> ImageConfiguration.Healthcheck {
        var check = ImageConfiguration.Healthcheck()
        var rest = text[...].trimmedSubstring
        while rest.hasPrefix("--") {
            let flag = rest.prefix { $0 != " " }
            rest = rest.dropFirst(flag.count).drop { $0 == " " }
            let parts = flag.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count > 1 ? parts[1] : ""
            guard let number = parts.first == "retries" ? Int64(value) : TimeSpan.parse(value), number >= 0 else {
                throw .invalid("HEALTHCHECK \(flag): \"\(value)\" is no value for it")
            }
            switch parts.first {
            case "interval": check.interval = number
            case "timeout": check.timeout = number
            case "start-period": check.startPeriod = number
            case "start-interval": check.startInterval = number
            case "retries": check.retries = Int(clamping: number)
            default: throw .invalid("HEALTHCHECK: unknown flag \(flag)")
            }
        }
        if rest.uppercased() == "NONE" {
            check.test = ["NONE"]
            return check
        }
        guard rest.uppercased().hasPrefix("CMD ") else {
            throw .invalid("HEALTHCHECK \(text): write CMD and a command, or NONE")
        }
        let command = rest.dropFirst(4).trimmedSubstring
        check.test = jsonArray(String(command)).map { ["CMD"] + $0 } ?? ["CMD-SHELL", String(command)]
        return check
    }

    private static func program(_ text: String) -> [String] { jsonArray(text) ?? ["/bin/sh", "-c", text] }

    /// The exec form: a JSON array of strings, nothing else.
    static func jsonArray(_ text: String) -> [String]? {
        guard text.hasPrefix("["), text.hasSuffix("]") else { return nil }
        var result: [String] = []
        var rest = text.dropFirst().dropLast().trimmedSubstring
        while !rest.isEmpty {
            guard rest.first == "\"" else { return nil }
            rest = rest.dropFirst()
            var word = ""
            while let character = rest.first, character != "\"" {
                rest = rest.dropFirst()
                guard character == "\\" else {
                    word.append(character)
                    continue
                }
                guard let escaped = rest.first else { return nil }
                rest = rest.dropFirst()
                word.append(["n": "\n", "t": "\t", "r": "\r"][escaped] ?? escaped)
            }
            guard rest.first == "\"" else { return nil }
            rest = rest.dropFirst().trimmedSubstring
            result.append(word)
            if rest.first == "," { rest = rest.dropFirst().trimmedSubstring } else if !rest.isEmpty { return nil }
        }
        return result
    }

    /// `A=1 B="two words"`, or the old form `A one value`.
    private static func pairs(_ text: String) -> [(String, String)] {
        guard let first = text.split(separator: " ").first, first.contains("=") else {
            let parts = text.split(separator: " ", maxSplits: 1).map(String.init)
            return [(parts[0], parts.count > 1 ? parts[1] : "")]
        }
        var result: [(String, String)] = []
        var word = ""
        var quote: Character?
        for character in text + " " {
            if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
            } else if character == "\"" || character == "'" {
                quote = character
            } else if character == " " {
                if let cut = word.firstIndex(of: "=") {
                    result.append((String(word[..<cut]), String(word[word.index(after: cut)...])))
                }
                word = ""
            } else {
                word.append(character)
            }
        }
        return result
    }
}

extension String {
    var trimmed: String { String(self[...].trimmedSubstring) }
}

extension Substring {
    var trimmedSubstring: Substring {
        var text = self
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return text
    }
}
