import EngineModel
import OCI

/// The instructions that change an image's settings and nothing else: a build, `commit --change` and `import --change` carry them out
/// alike.
extension ImageConfiguration.Runtime {
    /// Carries out an instruction that changes settings alone; answers false for every other one. `hasCommand`: whether CMD has been said.
    public mutating func apply(
        _ kind: InstructionKind, _ expansion: WordExpansion, hasCommand: inout Bool
    ) throws(RoostError) -> Bool {
        switch kind {
        case .env(let pairs):
            for (name, value) in pairs { set(try expansion.word(name), try expansion.word(value)) }
        case .label(let pairs):
            for (name, value) in pairs {
                labels = (labels ?? [:]).merging([try expansion.word(name): try expansion.word(value)]) { $1 }
            }
        case .user(let name): user = try expansion.word(name)
        case .expose(let texts):
            for text in texts {
                for word in try expansion.words(text) {
                    for port in try Self.ports(word) {
                        exposedPorts = (exposedPorts ?? [:]).merging([port: .init()]) { $1 }
                    }
                }
            }
        case .volume(let paths):
            for path in paths { volumes = (volumes ?? [:]).merging([try expansion.word(path): .init()]) { $1 } }
        case .workdir(let path):
            var whole = absolute(try expansion.word(path))
            if whole.utf8.count > 1, whole.hasSuffix("/") { whole.removeLast() }
            workingDir = whole
        case .command(let form):
            cmd = program(form)
            hasCommand = true
        case .entrypoint(let form):
            entrypoint = form == .shell("") ? nil : program(form)
            // A command of the base means nothing to another program.
            if !hasCommand { cmd = nil }
        case .shell(let words): shell = words
        case .stopSignal(let signal):
            let name = try expansion.word(signal)
            _ = try Signals.number(name)
            stopSignal = name
        case .healthcheck(let flags, let test): healthcheck = try Self.healthcheck(flags, test)
        case .onBuild(let text): onBuild = (onBuild ?? []) + [text]
        case .run, .copy, .arg, .maintainer: return false
        }
        return true
    }

    private mutating func set(_ name: String, _ value: String) {
        let entry = "\(name)=\(value)"
        var list = env ?? []
        if let index = list.firstIndex(where: { $0.hasPrefix(name + "=") }) {
            list[index] = entry
        } else {
            list.append(entry)
        }
        env = list
    }

    private func program(_ form: CommandForm) -> [String] {
        let shell = shell ?? ["/bin/sh", "-c"]
        return switch form {
        case .exec(let words): words
        case .shell(let text): text.isEmpty ? shell : shell + [text]
        }
    }

    /// A path made absolute, its dots and double slashes gone; a slash at its end stays.
    public func absolute(_ path: String) -> String {
        let directory = (workingDir ?? "").isEmpty ? "/" : workingDir ?? "/"
        let whole = path.hasPrefix("/") ? path : directory + "/" + path
        var parts: [Substring] = []
        for part in whole.pathParts where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let clean = "/" + parts.joined(separator: "/")
        return path.hasSuffix("/") || path.hasSuffix("/.") || path == "." ? (clean == "/" ? "/" : clean + "/") : clean
    }

    /// `80`, `80/udp`, `8000-8010`.
    private static func ports(_ text: String) throws(RoostError) -> [String] {
        // `80:80` names a port of the host too, which means nothing here.
        let inside = text.lastIndex(of: ":").map { String(text[text.index(after: $0)...]) } ?? text
        let parts = inside.split(separator: "/", maxSplits: 1).map(String.init)
        let ends = (parts.first ?? "").split(separator: "-").map(String.init)
        guard let first = ends.first.flatMap({ UInt16($0) }), let last = ends.last.flatMap({ UInt16($0) }),
            first <= last, ends.count <= 2
        else { throw .invalid("Invalid containerPort: \(text)") }
        let transport = parts.count > 1 ? parts[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(transport) else { throw .invalid("Invalid proto: \(transport)") }
        return (first...last).map { "\($0)/\(transport)" }
    }

    private static func healthcheck(
        _ flags: [(String, String)], _ test: CommandForm?
    ) throws(RoostError) -> ImageConfiguration.Healthcheck {
        var check = ImageConfiguration.Healthcheck()
        switch test {
        case nil: check.test = ["NONE"]
        case .exec(let words): check.test = ["CMD"] + words
        case .shell(let text): check.test = ["CMD-SHELL", text]
        }
        for (name, value) in flags {
            if name == "retries" {
                guard let count = Int(value), count >= 0 else {
                    throw .invalid("--retries: \"\(value)\" is not a number")
                }
                check.retries = count
                continue
            }
            guard let span = TimeSpan.parse(value), span == 0 || span >= 1_000_000 else {
                throw .invalid("--\(name): \"\(value)\" is not a time of at least 1ms, as 30s or 1m")
            }
            switch name {
            case "interval": check.interval = span
            case "timeout": check.timeout = span
            case "start-period": check.startPeriod = span
            default: check.startInterval = span
            }
        }
        return check
    }

    /// What `commit` and `import` may say (moby, builder/dockerfile, `validCommitCommands`).
    private static let changes: Set<String> = [
        "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME",
        "WORKDIR",
    ]

    /// Applies what `--change` says: a piece of a Dockerfile, one line or several. Nothing is applied if any of it is wrong.
    public mutating func apply(changes: [String]) throws(RoostError) {
        if changes.isEmpty { return }
        let lines: DockerfileLines
        var instructions: [Instruction] = []
        do throws(DockerfileError) {
            lines = try DockerfileLines(parsing: changes.joined(separator: "\n"))
            if lines.instructions.isEmpty { throw DockerfileError(1, "file with no instructions") }
            for source in lines.instructions {
                guard Self.changes.contains(source.word) else {
                    throw DockerfileError(source.line, "\(source.word) is not a valid change command")
                }
                // As Docker: `CMD` alone leaves the command as it is.
                if source.word == "CMD", source.rest.isEmpty { continue }
                instructions.append(try InstructionParser(source: source, escape: lines.escape).instruction())
            }
        } catch { throw .invalid(error.message) }
        var changed = self
        var hasCommand = false
        for instruction in instructions {
            let environment = changed.env ?? []
            let expansion = WordExpansion(escape: lines.escape) { name in
                environment.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
            }
            _ = try changed.apply(instruction.kind, expansion, hasCommand: &hasCommand)
        }
        self = changed
    }
}
