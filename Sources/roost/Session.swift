import APIClient
import ComposeFile
import ComposeModel
import EngineModel
import LinuxKernel
import Terminal

/// Ends the program with a code and no more words.
struct Leave: Error { let code: Int32 }

enum Output {
    static func line(_ text: String) { try? writeAll(1, Array((text + "\n").utf8)) }
    static func raw(_ text: String) { try? writeAll(1, Array(text.utf8)) }
    static func error(_ text: String) { try? writeAll(2, Array((text + "\n").utf8)) }
}

/// What was said before the verb, and what follows from it. One per run of the program.
///
/// Unchecked, because the program has one thread.
final class Session: @unchecked Sendable {
    static let shared = Session()

    /// Connections whose answers nobody waits for; kept until the program ends.
    var unanswered: [OwnedFD] = []

    var host: String?
    /// `--context NAME`, before the verb.
    var context: String?
    var runRoot: String?
    var dataRoot: String?
    var files: [String] = []
    var projectName: String?
    var projectDirectory: String?
    var profiles: [String] = []
    var environmentFiles: [String] = []
    /// Nothing is changed; what would be is told.
    var isDryRun = false
    var security = TransportSecurity()
    /// Names with `_` between their parts, as the first Compose had them.
    var isCompatible = ["1", "true"].contains(Processes.environment["COMPOSE_COMPATIBILITY"] ?? "")
    /// How many images are fetched at a time.
    var parallel = 8
    /// `roost compose …`: names are services, as in `docker compose`.
    var isCompose = false
    /// The command and what follows it.
    private var words: [String] = []
    /// What stands before the command.
    private(set) var globalWords: [String] = []

    /// Takes the words before the verb, in any order; `compose` may stand between them.
    func takeGlobals(_ arguments: inout [String]) throws(RoostError) {
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-") || word == "compose" {
            if ["-h", "--help", "--version", "-v", "--help-hidden"].contains(word) { break }
            // Completion scripts are asked for, and ask, by words of the parser's own.
            if word.hasPrefix("--generate-completion-script") || word.hasPrefix("---") { break }
            // Nothing behind it: its own page.
            if word == "compose", rest.dropFirst().first.map({ ["-h", "--help"].contains($0) }) ?? true { break }
            rest = rest.dropFirst()
            if word == "compose" {
                isCompose = true
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            func value() throws(RoostError) -> String {
                if parts.count > 1, word.hasPrefix("--") { return parts[1] }
                guard let next = rest.popFirst() else { throw .invalid("\(word) needs a value") }
                return next
            }
            switch parts[0] {
            case "-H", "--host": host = try value()
            case "--run-root": runRoot = try value()
            case "--data-root": dataRoot = try value()
            case "-f", "--file": files.append(try value())
            case "-p", "--project-name": projectName = try value()
            case "--project-directory": projectDirectory = try value()
            case "--profile": profiles.append(try value())
            case "--env-file": environmentFiles.append(try value())
            case "-c", "--context": context = try value()
            case "--parallel":
                let text = try value()
                guard let number = Int(text) else { throw .invalid("--parallel \(text): write a number") }
                parallel = number > 0 ? number : 8
            case "--dry-run": isDryRun = true
            case "--ansi":
                let text = try value()
                guard let ansi = Presentation.ANSI(rawValue: text) else {
                    throw .invalid("unsupported --ansi value \"\(text)\": use never, always or auto")
                }
                Presentation.current.withLock { $0.ansi = ansi }
            case "--progress":
                let text = try value()
                guard let progress = Presentation.Progress(rawValue: text) else {
                    throw .invalid("unsupported --progress value \"\(text)\": use auto, tty, plain, json or quiet")
                }
                Presentation.current.withLock { $0.progress = progress }
            case "--config", "-l", "--log-level":
                _ = try value()
            case "--tls", "--tlsverify":
                let isOn = parts.count < 2 || ["1", "t", "true"].contains(parts[1].lowercased())
                security.isWanted = security.isWanted || isOn
                if word.hasPrefix("--tlsverify") { security.verifies = isOn }
            case "--tlscacert": security.files[0] = absolute(try value())
            case "--tlscert": security.files[1] = absolute(try value())
            case "--tlskey": security.files[2] = absolute(try value())
            case "-D", "--debug": break
            case "--compatibility": isCompatible = true
            default: throw .invalid("unknown option \(word) before the command; see roost --help")
            }
        }
        arguments = Array(rest)
        words = arguments
        globalWords = CommandLine.arguments.dropFirst().dropLast(words.count)
        try chooseScope(arguments.first)
        takeDryRun(&arguments)
    }

    /// Words that choose a project make the command the project's; a command that has no project says so instead of ignoring them.
    private func chooseScope(_ command: String?) throws(RoostError) {
        let given = [
            projectName.map { _ in "-p" }, files.isEmpty ? nil : "-f",
            projectDirectory.map { _ in "--project-directory" }, profiles.isEmpty ? nil : "--profile",
            environmentFiles.isEmpty ? nil : "--env-file",
        ].compactMap { $0 }
        guard let first = given.first, let command, !command.hasPrefix("-"), Roost.knows(command) else { return }
        guard Self.projectCommands.contains(command) else {
            throw .invalid(
                "\(first) chooses a project, and \"roost \(command)\" is about the whole engine: leave \(first) out")
        }
        isCompose = true
    }

    /// The commands that a project has: Compose's and our own.
    private static let projectCommands = DryRun.verbs.union([
        "plan", "drift", "lock", "remove", "env", "help", "system", "socket",
    ])

    /// `--dry-run` may stand behind every command of a project, as in Compose; behind run and exec only before the service.
    private func takeDryRun(_ arguments: inout [String]) {
        guard let verb = arguments.first, DryRun.verbs.contains(verb) else { return }
        let last = ["run", "exec"].contains(verb) ? 2 : arguments.firstIndex(of: "--") ?? arguments.count
        guard let index = arguments.prefix(last).firstIndex(of: "--dry-run") else { return }
        isDryRun = true
        arguments.remove(at: index)
    }

    lazy var address: Result<EngineAddress, RoostError> = {
        do throws(RoostError) {
            return .success(
                try EngineAddress.choose(
                    host: host, context: context, runRoot: runRoot, dataRoot: dataRoot, security: security
                ) {
                    (name: String?) throws(RoostError) in try ContextStore().endpoint(name)
                })
        } catch { return .failure(error) }
    }()

    func client() throws -> EngineClient {
        EngineClient(address: try address.get(), insteadOfWriting: isDryRun ? DryRun.tell : nil)
    }

    /// Whether the project in this folder has a service of the name: then it is no image that somebody forgot to fetch.
    func isService(_ name: String) -> Bool { folderProject?.services[name] != nil }

    /// The project in this folder, if there is one that can be read; nothing is said of it.
    private var folderProject: Project? { try? ProjectLoader.load(loadRequest()) }

    /// Docker's words in front of what the engine says; and a hint where a service's name stands for a container's.
    func told(_ error: RoostError) -> String {
        let text =
            error.isEngines && error.kind != .unavailable
            ? "Error response from daemon: \(error.message)" : error.message
        guard error.kind == .notFound, !isCompose, let command = words.first, Self.projectCommands.contains(command),
            let project = folderProject,
            let name = words.dropFirst().first(where: { project.services[$0] != nil })
        else { return text }
        return text
            + "\nHint: \(name) is a service of the project \(project.name): roost compose \(command) … \(name)"
            + (command == "run" ? "" : ", or roost up -d \(name) if nothing of it runs")
    }

    func absolute(_ path: String) -> String {
        PathRules.resolve(path, in: (try? Processes.currentDirectory()) ?? "/", home: nil)
    }

    // MARK: The project

    func loadProject(services: [String] = []) throws -> Project {
        try loadProject(try loadRequest(services: services)).withImageNames().withSecurityProfiles()
    }

    func loadProject(_ request: LoadRequest) throws -> Project {
        var project = try ProjectLoader.load(request)
        if isCompatible { project.separator = "_" }
        for warning in project.warnings { Output.error("warning: \(warning)") }
        return project
    }

    /// Standard input as a project file: it can be read only once.
    private lazy var standardInput = Result { try readAll(0, limit: 64 << 20) }

    func loadRequest(services: [String] = [], passes: LoadPasses = LoadPasses()) throws -> LoadRequest {
        let usesInput = files.contains("-")
        var request = LoadRequest(
            workingDirectory: try Processes.currentDirectory(), environment: Processes.environment
        ) { path in
            if usesInput, path == "/dev/stdin" { return try Session.shared.standardInput.get() }
            guard path == "/dev/stdin" || (try? Files.status(path).isDirectory) == false else { return nil }
            return try Files.read(path)
        }
        request.files = files
        request.projectName = projectName
        request.projectDirectory = projectDirectory
        request.profiles = profiles
        request.environmentFiles = environmentFiles
        request.services = services
        request.passes = passes
        return request
    }

    /// The project's name without the whole file being right: for commands that work on what runs.
    func projectNameOnly() throws -> String {
        if let projectName { return projectName }
        return try loadProject(services: []).name
    }

    /// Texts of secrets and configs: the engine may be elsewhere, so they travel.
    func contents(_ project: Project) throws -> JSON {
        var found: [(key: String, value: JSON)] = []
        for (kind, map) in [("secrets", project.secrets), ("configs", project.configs)] {
            for (name, json) in map.sorted(by: { $0.key < $1.key }) {
                let key = "\(kind).\(name)"
                let place = project.origins[key].map { " (\($0))" } ?? ""
                if let path = json["file"].string {
                    do throws(SyscallError) { found.append((key, .string(try Files.readText(path)))) } catch {
                        throw RoostError.missing(
                            "\(kind.dropLast()) \(name): cannot read \(path): \(error.reason)\(place)")
                    }
                } else if let variable = json["environment"].string {
                    guard let value = environmentVariable(variable) else {
                        throw RoostError.missing(
                            "environment variable \"\(variable)\" required by \(kind.dropLast()) \"\(name)\" is not set\(place)"
                        )
                    }
                    found.append((key, .string(value)))
                } else if let text = json["content"].string {
                    found.append((key, .string(text)))
                } else {
                    throw RoostError(.unsupported, "unsupported external \(kind.dropLast()) \(name)\(place)")
                }
            }
        }
        return .object(found)
    }

    /// The project of the file; nil if a name is given and no file: then the project is what the engine has of it.
    func fileProject(services: [String] = []) throws -> Project? {
        projectName != nil && files.isEmpty ? nil : try loadProject(services: services)
    }

    /// Containers of a project, as the list endpoint gives them.
    func projectContainers(_ name: String, all: Bool = true, services: [String] = []) throws -> [JSON] {
        let filters = "{\"label\":[\"com.docker.compose.project=\(name)\"]}"
        let list =
            try client().call("GET", "containers/json", [("all", all ? "1" : "0"), ("filters", filters)]).array ?? []
        return list.filter {
            services.isEmpty || services.contains($0["Labels"][ComposeLabel.service].string ?? "")
        }
        .filter { $0["Labels"][ComposeLabel.oneOff].string != "True" || services.isEmpty }
        .sorted { ($0["Names"].array?.first?.string ?? "") < ($1["Names"].array?.first?.string ?? "") }
    }

    /// Turns names into containers: of the engine, or services of this folder's project.
    /// Without names those of the file's services are meant; services of inactive profiles and others that the file does not define are not.
    func resolve(
        _ names: [String], all: Bool = true, index: Int? = nil, includesOneOffs: Bool = false,
        includesOrphans: Bool = false
    ) throws -> [(id: String, shown: String)] {
        if isCompose || names.isEmpty {
            let file = names.isEmpty ? try fileProject() : nil
            let project = try file?.name ?? projectNameOnly()
            let found = try projectContainers(project, all: all, services: names).filter { container in
                let service = container["Labels"][ComposeLabel.service].string ?? ""
                guard includesOrphans || file.map({ $0.services[service] != nil }) ?? true else { return false }
                // A container of `run` is not a replica.
                return (includesOneOffs || container["Labels"][ComposeLabel.oneOff].string != "True")
                    && index.map { "\($0)" == container["Labels"]["com.docker.compose.container-number"].string }
                        ?? true
            }
            for name in names
            where !found.contains(where: { $0["Labels"][ComposeLabel.service].string == name }) {
                let exists = try !projectContainers(project, services: [name]).isEmpty
                if !exists, let known = try? loadProject(), known.services[name] == nil,
                    !known.disabledServices.contains(name)
                {
                    throw RoostError.missing("no such service: \(name)")
                }
                if !all, exists { throw RoostError.missing("service \"\(name)\" is not running") }
                throw RoostError.missing(
                    "service \"\(name)\" has no container in project \(project); see roost compose ps -a")
            }
            return found.map { ($0["Id"].string ?? "", String(($0["Names"].array?.first?.string ?? "").dropFirst())) }
        }
        return try names.flatMap { name -> [(id: String, shown: String)] in
            do {
                return [
                    (
                        try client().call("GET", "containers/\(EngineClient.encode(name))/json")["Id"].string ?? name,
                        name
                    )
                ]
            } catch let error as RoostError {
                guard error.kind == .notFound, let project = try? loadProject(), project.services[name] != nil else {
                    throw error
                }
                let found = try projectContainers(project.name, all: all, services: [name])
                guard !found.isEmpty else { throw error }
                return found.map {
                    ($0["Id"].string ?? "", String(($0["Names"].array?.first?.string ?? "").dropFirst()))
                }
            }
        }
    }
}
