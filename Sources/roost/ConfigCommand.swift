import APIClient
import ArgumentParser
import ComposeFile
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Parse, resolve and render the Compose file in canonical format",
        discussion: "Example: roost config --origins", aliases: ["convert"])
    @Option(name: .long, help: ArgumentHelp("Format the output (yaml or json)", valueName: "string"))
    var format = "yaml"
    @Flag(name: .long, help: "Print the service names, one per line") var services = false
    @Flag(name: .long, help: "Print the volume names, one per line") var volumes = false
    @Flag(name: .long, help: "Print the network names, one per line") var networks = false
    @Flag(name: .long, help: "Print the image names, one per line") var images = false
    @Flag(name: .long, help: "Print the profile names, one per line") var profiles = false
    @Flag(name: .long, help: "Print the model names, one per line") var models = false
    @Option(
        name: .long,
        help: ArgumentHelp("Print the service config hash, one per line (service names or '*')", valueName: "string"))
    var hash: String?
    @Flag(name: .long, help: "Print environment used for interpolation") var environment = false
    @Flag(name: .long, help: "Print model variables and default values") var variables = false
    @Flag(name: .long, help: "Print the file and line of each value") var origins = false
    @Flag(name: .long, help: "Do not interpolate environment variables") var noInterpolate = false
    @Flag(name: .long, help: "Do not normalize the compose model") var noNormalize = false
    @Flag(name: .long, help: "Do not check model consistency") var noConsistency = false
    @Flag(name: .long, help: "Do not resolve file paths") var noPathResolution = false
    @Flag(name: .long, help: "Pin image tags to digests") var resolveImageDigests = false
    @Flag(name: .long, help: "Produce an override file with image digests") var lockImageDigests = false
    @Flag(name: .long, help: "No effect; this command changes nothing") var dryRun = false
    @Flag(name: [.short, .long], help: "Only validate the configuration, do not print anything") var quiet = false
    @Option(name: [.short, .long], help: ArgumentHelp("Save to a file instead of printing", valueName: "string"))
    var output: String?
    @Argument(help: ArgumentHelp("Services to render, with their dependencies", valueName: "service"))
    var names: [String] = []

    func run() throws {
        let text = try self.text()
        if quiet { return }
        if let output { try Files.write(CommandContext.shared.absolute(output), text) } else { Output.raw(text) }
    }

    private func text() throws -> String {
        let session = CommandContext.shared
        var passes = LoadPasses()
        passes.normalizes = !noNormalize
        passes.checksConsistency = !noConsistency
        passes.resolvesPaths = !noPathResolution
        passes.interpolates = !noInterpolate
        let request = try session.loadRequest(services: names, passes: passes)
        if variables { return Self.table(try ProjectLoader.variables(request)) }
        if environment {
            return Self.lines(
                try ProjectLoader.interpolationEnvironment(request).sorted { $0.key < $1.key }.map {
                    "\($0.key)=\($0.value)"
                })
        }
        var project = try chosen(try session.loadProject(request))
        if resolveImageDigests || lockImageDigests { project = try withDigests(project) }
        if lockImageDigests {
            let services: [(key: String, value: JSON)] = project.services.sorted { $0.key < $1.key }.compactMap {
                $0.value["image"].isNull ? nil : ($0.key, ["image": $0.value["image"]])
            }
            let override: JSON = ["name": .string(project.name), "services": .object(services)]
            return format == "json" ? override.text(indent: 2) + "\n" : YAMLWriter.text(override)
        }
        if services { return Self.lines(project.services.keys.sorted()) }
        if volumes { return Self.lines(project.volumes.keys.sorted()) }
        if networks { return Self.lines(project.networks.keys.sorted()) }
        if models { return Self.lines(project.models.keys.sorted()) }
        if images {
            return Self.lines(
                project.services.sorted { $0.key < $1.key }.map {
                    $0.value["image"].string ?? project.builtImageName($0.key)
                })
        }
        if profiles { return Self.lines(project.profiles) }
        if let hash { return Self.lines(try hashes(project, hash)) }
        if origins { return Self.lines(project.origins.sorted { $0.key < $1.key }.map { "\($0.key)  \($0.value)" }) }
        if noInterpolate {
            let model = RawModel.model(project)
            return format == "json" ? model.text(indent: 2) + "\n" : YAMLWriter.text(model)
        }
        return format == "json"
            ? Self.escaped(ConfigRenderer.json(project)).text(indent: 2) + "\n"
            : YAMLWriter.text(Self.escaped(ConfigRenderer.yaml(project)))
    }

    /// The project with image tags pinned to the digests that the registries report.
    private func withDigests(_ project: Project) throws -> Project {
        var result = project
        for name in project.services.keys {
            guard let image = try project.service(name)?.image, !image.contains("@") else { continue }
            let digest = try RemoteImage.describe(image).descriptor.digest
            if digest.isEmpty { continue }
            result.services[name]?.set("image", .string("\(TransferDisplay.full(image))@\(digest)"))
        }
        return result
    }

    /// The project reduced to the named services and their dependencies.
    private func chosen(_ project: Project) throws -> Project {
        guard !names.isEmpty else { return project }
        var kept: Set<String> = []
        var waiting = names
        while let name = waiting.popLast() {
            guard project.services[name] != nil, let service = try project.service(name) else {
                throw RoostError.missing("no such service: \(name)")
            }
            if kept.insert(name).inserted { waiting += service.dependsOn?.keys ?? [] }
        }
        var result = project
        result.services = project.services.filter { kept.contains($0.key) }
        let used = Set(try kept.flatMap { try project.service($0)?.networks?.keys ?? [] })
        result.networks = project.networks.filter { used.contains($0.key) }
        return result
    }

    private func hashes(_ project: Project, _ wanted: String) throws -> [String] {
        let session = CommandContext.shared
        let names = wanted == "*" ? project.services.keys.sorted() : wanted.split(separator: ",").map(String.init)
        let found: [String: String] = try session.client().post(
            "roost/v1/projects/hash", [], ProjectUpRequest(project, try session.contents(project)))
        return try names.map { name in
            guard let hash = found[name] else { throw RoostError.missing("no such service: \(name)") }
            return "\(name) \(hash)"
        }
    }

    private static func table(_ uses: [VariableUse]) -> String {
        let rows =
            [["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"]]
            + uses.map { [$0.name, String($0.isRequired), $0.defaultValue, $0.alternativeValue] }
        let widths = (0..<4).map { column in max(20, (rows.map { $0[column].count }.max() ?? 0) + 4) }
        return lines(
            rows.map { row in
                var text = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined()
                while text.last == " " { text.removeLast() }
                return text
            })
    }

    private static func lines(_ list: [String]) -> String { list.map { $0 + "\n" }.joined() }

    /// Doubles `$`, so that the output can be loaded again.
    private static func escaped(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): .string(escaped(text))
        case .array(let items): .array(items.map(escaped))
        case .object(let members):
            .object(
                members.map { (escaped($0.key), escaped($0.value)) })
        default: value
        }
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        // By scalars: a combining mark after the dollar sign makes both one Character.
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            escaped.append(scalar)
            if scalar == "$" { escaped.append(scalar) }
        }
        return String(escaped)
    }
}

/// Shows where the value of a container's environment variable comes from.
struct EnvironmentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Show the environment variables of services and where they come from",
        discussion: "Example: roost env --explain web.LOG_LEVEL")
    @Option(name: .long, help: ArgumentHelp("Explain one variable (SERVICE.NAME)", valueName: "string"))
    var explain: String?
    @Argument(help: ArgumentHelp("Services to show", valueName: "service")) var services: [String] = []

    func run() throws {
        let project = try CommandContext.shared.loadProject(services: services)
        if let explain { return try tell(explain, project) }
        for name in services.isEmpty ? project.services.keys.sorted() : services {
            guard let service = project.services[name] else { throw RoostError.missing("no such service: \(name)") }
            for (key, value) in service["environment"].object ?? [] {
                Output.line(
                    "\(name).\(key)=\(value.string ?? "(not set)")\(place("\(name).environment.\(key)", project))")
            }
        }
    }

    private func place(_ path: String, _ project: Project) -> String {
        project.origins["services.\(path)"].map { "  (\($0))" } ?? ""
    }

    private func tell(_ text: String, _ project: Project) throws {
        let parts = text.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw RoostError.invalid("invalid --explain \(text): expected SERVICE.VARIABLE") }
        guard let service = project.services[parts[0]] else { throw RoostError.missing("no such service: \(parts[0])") }
        guard let entry = (service["environment"].object ?? []).first(where: { $0.key == parts[1] }) else {
            throw RoostError.missing(
                "\(text) is not set by environment or env_file; the image may set it")
        }
        guard let value = entry.value.string else {
            return Output.line(
                "\(text) is not set: it has no value in the Compose file or in the shell\(place("\(parts[0]).environment.\(parts[1])", project))"
            )
        }
        Output.line("\(text)=\(value)\(place("\(parts[0]).environment.\(parts[1])", project))")
    }
}
