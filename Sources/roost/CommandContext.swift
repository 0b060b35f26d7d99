import APIClient
import ComposeFile
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Synchronization
import Terminal

/// The global options and the state derived from them. One per process.
///
/// Unchecked: commands run on one thread.
final class CommandContext: @unchecked Sendable {
    static let shared = CommandContext()

    /// Connections of requests whose responses are not read; kept open until the process exits.
    var unanswered: [OwnedFD] = []

    var host: String?
    /// `--context NAME`, before the command.
    var context: String?
    var runRoot: String?
    var dataRoot: String?
    var files: [String] = []
    var projectName: String?
    var projectDirectory: String?
    var profiles: [String] = []
    var environmentFiles: [String] = []
    /// `--dry-run`: changes are printed instead of made.
    var isDryRun = false
    var security = TransportSecurity()
    /// `--compatibility`: names have `_` between their parts, as in Compose v1.
    var isCompatible = ["1", "true"].contains(Processes.environment["COMPOSE_COMPATIBILITY"] ?? "")
    /// The number of images to pull in parallel.
    var parallel = 8
    /// `roost compose …`: names are services, as in `docker compose`.
    var isCompose = false
    /// The command and its arguments.
    private var words: [String] = []
    /// The global options before the command.
    private(set) var globalWords: [String] = []

    /// Parses and removes the global options before the command, in any order; `compose` may be among them.
    func takeGlobals(_ arguments: inout [String]) throws(RoostError) {
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-") || word == "compose" {
            if ["-h", "--help", "--version", "-v", "--help-hidden"].contains(word) { break }
            // ArgumentParser's own options, for and from completion scripts.
            if word.hasPrefix("--generate-completion-script") || word.hasPrefix("---") { break }
            // Without a command: its own help page.
            if word == "compose", rest.dropFirst().first.map({ ["-h", "--help"].contains($0) }) ?? true { break }
            rest = rest.dropFirst()
            if word == "compose" {
                isCompose = true
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            func value() throws(RoostError) -> String {
                if parts.count > 1, word.hasPrefix("--") { return parts[1] }
                guard let next = rest.popFirst() else { throw .invalid("flag needs an argument: \(word)") }
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
                guard let number = Int(text) else { throw .invalid("invalid --parallel \(text): expected a number") }
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
            default: throw .invalid("unknown flag: \(word)\n\nRun 'roost --help' for more information")
            }
        }
        arguments = Array(rest)
        words = arguments
        globalWords = CommandLine.arguments.dropFirst().dropLast(words.count)
        try chooseScope(arguments.first)
        takeDryRun(&arguments)
    }

    /// Options that select a project make the command a compose command; a command without one rejects them instead of ignoring them.
    private func chooseScope(_ command: String?) throws(RoostError) {
        let given = [
            projectName.map { _ in "-p" }, files.isEmpty ? nil : "-f",
            projectDirectory.map { _ in "--project-directory" }, profiles.isEmpty ? nil : "--profile",
            environmentFiles.isEmpty ? nil : "--env-file",
        ].compactMap { $0 }
        guard let first = given.first, let command, !command.hasPrefix("-"), Roost.knows(command) else { return }
        guard Self.projectCommands.contains(command) else {
            throw .invalid(
                "\(first) selects a project, but \"roost \(command)\" applies to the whole engine; remove \(first)")
        }
        isCompose = true
    }

    /// The commands that work on a project: Compose's and Roost's own.
    private static let projectCommands = DryRun.verbs.union([
        "plan", "drift", "lock", "remove", "env", "help", "system", "socket",
    ])

    /// As in Compose, every project command accepts `--dry-run`; run and exec only as their first argument.
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
        EngineClient(address: try address.get(), writeInterceptor: isDryRun ? DryRun.tell : nil)
    }

    /// Whether the project in the current directory has a service with this name: then it is not an image to pull.
    func isService(_ name: String) -> Bool { folderProject?.services[name] != nil }

    /// The project in the current directory, if it can be loaded; errors are ignored.
    private var folderProject: Project? { try? ProjectLoader.load(loadRequest()) }

    /// The error message, with Docker's prefix if it is the engine's, and a hint if a service name was used as a container name.
    func message(_ error: RoostError) -> String {
        let text =
            error.isEngines && error.kind != .unavailable
            ? "Error response from daemon: \(error.message)" : error.message
        guard error.kind == .notFound, !isCompose, let command = words.first, Self.projectCommands.contains(command),
            let project = folderProject,
            let name = words.dropFirst().first(where: { project.services[$0] != nil })
        else { return text }
        return text
            + "\nHint: \(name) is a service of the project \(project.name); use: roost compose \(command) … \(name)"
            + (command == "run" ? "" : ", or roost up -d \(name) if it is not running")
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

    /// Standard input as a Compose file (`-f -`), kept because it can be read only once.
    private lazy var standardInput = Result { try readAll(0, limit: 64 << 20) }

    func loadRequest(services: [String] = [], passes: LoadPasses = LoadPasses()) throws -> LoadRequest {
        let usesInput = files.contains("-")
        var request = LoadRequest(
            workingDirectory: try Processes.currentDirectory(), environment: Processes.environment
        ) { path in
            if usesInput, path == "/dev/stdin" { return try CommandContext.shared.standardInput.get() }
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

    /// The project name: `--project-name`, or that of the Compose file, which is then loaded.
    func projectNameOnly() throws -> String {
        if let projectName { return projectName }
        return try loadProject(services: []).name
    }

    /// The contents of secrets and configs, which are sent along since the engine may be remote.
    func contents(_ project: Project) throws -> [String: String] {
        var found: [String: String] = [:]
        for (kind, map) in [("secrets", project.secrets), ("configs", project.configs)] {
            for (name, json) in map.sorted(by: { $0.key < $1.key }) {
                let key = "\(kind).\(name)"
                let origin = project.origins[key].map { " (\($0))" } ?? ""
                let source = try project.fileSource(json, key)
                if let path = source.file {
                    do throws(SyscallError) { found[key] = try Files.readText(path) } catch {
                        throw RoostError.missing(
                            "\(kind.dropLast()) \(name): cannot read \(path): \(error.reason)\(origin)")
                    }
                } else if let variable = source.environment {
                    guard let value = environmentVariable(variable) else {
                        throw RoostError.missing(
                            "environment variable \"\(variable)\" required by \(kind.dropLast()) \"\(name)\" is not set\(origin)"
                        )
                    }
                    found[key] = value
                } else if let text = source.content {
                    found[key] = text
                } else {
                    throw RoostError(.unsupported, "unsupported external \(kind.dropLast()) \(name)\(origin)")
                }
            }
        }
        return found
    }

    /// The project of the Compose file; nil if a name is given and no file: then the project is what the engine's labels say.
    func fileProject(services: [String] = []) throws -> Project? {
        projectName != nil && files.isEmpty ? nil : try loadProject(services: services)
    }

    /// The containers of a project; without one-off containers if `services` is not empty.
    func projectContainers(_ name: String, all: Bool = true, services: [String] = []) throws -> [ContainerSummary] {
        try client().listContainers(all: all, .project(name))
            .filter { services.isEmpty || services.contains($0.service) && !$0.isOneOff }
            .sorted { $0.name < $1.name }
    }

    /// Resolves names to containers: container names, or services of the project in the current directory.
    /// Without names: the containers of the Compose file's services, except services of inactive profiles and undefined ones.
    func resolve(
        _ names: [String], all: Bool = true, index: Int? = nil, includesOneOffs: Bool = false,
        includesOrphans: Bool = false
    ) throws -> [(id: String, shown: String)] {
        if isCompose || names.isEmpty {
            let file = names.isEmpty ? try fileProject() : nil
            let project = try file?.name ?? projectNameOnly()
            let found = try projectContainers(project, all: all, services: names).filter { container in
                guard includesOrphans || file.map({ $0.services[container.service] != nil }) ?? true else {
                    return false
                }
                // A one-off container is not a replica.
                return (includesOneOffs || !container.isOneOff) && index.map { "\($0)" == container.replica } ?? true
            }
            for name in names
            where !found.contains(where: { $0.service == name }) {
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
            return found.map { ($0.id, $0.name) }
        }
        return try names.flatMap { name -> [(id: String, shown: String)] in
            do {
                return [(try client().inspectContainer(name).id, name)]
            } catch let error as RoostError {
                guard error.kind == .notFound, let project = try? loadProject(), project.services[name] != nil else {
                    throw error
                }
                let found = try projectContainers(project.name, all: all, services: [name])
                guard !found.isEmpty else { throw error }
                return found.map { ($0.id, $0.name) }
            }
        }
    }
}
