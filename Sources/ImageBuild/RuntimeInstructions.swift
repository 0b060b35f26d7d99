import EngineModel
import OCI

/// Instructions that change only the image configuration; shared by builds, `commit --change` and `import --change`.
extension ImageConfiguration.Runtime {
    /// Applies an instruction that changes only the configuration; returns false for others. `hasCommand`: whether CMD was applied.
    package mutating func apply(
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
            // The base image's command does not fit another entrypoint.
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

    /// The absolute path without dots and double slashes; a trailing slash is kept.
    package func absolute(_ path: String) -> String {
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
        // The host port of `80:80` is ignored.
        let inside = text.lastIndex(of: ":").map { String(text[text.index(after: $0)...]) } ?? text
        let parts = inside.split(separator: "/", maxSplits: 1).map(String.init)
        let ends = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false).map(String.init)
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
                    throw .invalid("invalid --retries \"\(value)\" (e.g. 3)")
                }
                check.retries = count
                continue
            }
            guard let span = TimeSpan.parse(value), span == 0 || span >= 1_000_000 else {
                throw .invalid("invalid --\(name) \"\(value)\": expected at least 1ms (e.g. 30s or 1m)")
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

    /// The instructions that `commit` and `import` accept (moby, builder/dockerfile, `validCommitCommands`).
    private static let changes: Set<String> = [
        "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME",
        "WORKDIR",
    ]

    /// Applies `--change` values, each one or more lines of a Dockerfile. Applies nothing if any of them is invalid.
    package mutating func apply(changes: [String]) throws(RoostError) {
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
                // As in Docker: `CMD` without arguments keeps the command.
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
