import ArgumentParser
import ComposeFile
import ComposeModel
import EngineModel
import LinuxKernel
import Terminal

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print the project as Roost understands it.",
        discussion: "Example: roost config --origins", aliases: ["convert"])
    @Option(name: .long, help: "yaml or json.") var format = "yaml"
    @Flag(name: .long, help: "Names of the services only.") var services = false
    @Flag(name: .long, help: "Names of the volumes only.") var volumes = false
    @Flag(name: .long, help: "Names of the networks only.") var networks = false
    @Flag(name: .long, help: "Images only.") var images = false
    @Flag(name: .long, help: "Profiles only.") var profiles = false
    @Flag(name: .long, help: "Names of the models only.") var models = false
    @Option(name: .long, help: "The hash of these services, or of all: '*'.") var hash: String?
    @Flag(name: .long, help: "The variables that interpolation knows.") var environment = false
    @Flag(name: .long, help: "The variables that the files name.") var variables = false
    @Flag(name: .long, help: "Where each value comes from.") var origins = false
    @Flag(name: .long, help: "The files as they are written, merged.") var noInterpolate = false
    @Flag(name: .long, help: "Without the default network and names of resources.") var noNormalize = false
    @Flag(name: .long, help: "Do not look whether everything that is named is there.") var noConsistency = false
    @Flag(name: .long, help: "Paths as they are written.") var noPathResolution = false
    @Flag(name: .long, help: "Images by the digests that their registries give them.") var resolveImageDigests = false
    @Flag(name: .long, help: "An override file with the images' digests.") var lockImageDigests =
        false
    @Flag(name: .long, help: "Accepted: this prints and changes nothing anyway.") var dryRun = false
    @Flag(name: [.short, .long], help: "Only check.") var quiet = false
    @Option(name: [.short, .long], help: "Write to a file.") var output: String?
    @Argument(help: "Only these services, and what they depend on.") var names: [String] = []

    func run() throws {
        let text = try self.text()
        if quiet { return }
        if let output { try Files.write(Session.shared.absolute(output), text) } else { Output.raw(text) }
    }

    private func text() throws -> String {
        let session = Session.shared
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
            let model = WrittenForm.model(project)
            return format == "json" ? model.text(indent: 2) + "\n" : YAMLWriter.text(model)
        }
        return format == "json"
            ? Self.escaped(PrintedForm.json(project)).text(indent: 2) + "\n"
            : YAMLWriter.text(Self.escaped(PrintedForm.yaml(project)))
    }

    /// Images with the digests that their registries give them.
    private func withDigests(_ project: Project) throws -> Project {
        var result = project
        for (name, service) in project.services {
            guard let image = service["image"].string, !image.contains("@") else { continue }
            let answer = try Session.shared.client().open(
                "GET", "distribution/\(image)/json",
                headers: try TransferDisplay.headers(TransferDisplay.domain(image))
            ).readAll()
            guard let digest = try JSON(parsing: answer)["Descriptor"]["digest"].string else { continue }
            result.services[name]?.set("image", .string("\(TransferDisplay.full(image))@\(digest)"))
        }
        return result
    }

    /// The named services with what they depend on.
    private func chosen(_ project: Project) throws -> Project {
        guard !names.isEmpty else { return project }
        var kept: Set<String> = []
        var waiting = names
        while let name = waiting.popLast() {
            guard let service = project.services[name] else { throw RoostError.missing("no such service: \(name)") }
            if kept.insert(name).inserted { waiting += (service["depends_on"].object ?? []).map(\.key) }
        }
        var result = project
        result.services = project.services.filter { kept.contains($0.key) }
        result.networks = project.networks.filter { key, _ in
            result.services.values.contains { ($0["networks"].object ?? []).contains { $0.key == key } }
        }
        return result
    }

    private func hashes(_ project: Project, _ wanted: String) throws -> [String] {
        let session = Session.shared
        let names = wanted == "*" ? project.services.keys.sorted() : wanted.split(separator: ",").map(String.init)
        let found = try session.client().call(
            "POST", "roost/v1/projects/hash",
            body: ["project": project.wire, "contents": try session.contents(project)])
        return try names.map { name in
            guard let hash = found[name].string else { throw RoostError.missing("no such service: \(name)") }
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

    /// `$` doubled, so that the output can be loaded again.
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
        guard text.utf8.contains(36) else { return text }
        return text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
    }
}

/// Why a variable in a container has the value that it has.
struct EnvironmentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "env", abstract: "Show the variables of services, and where they come from.",
        discussion: "Example: roost env --explain web.LOG_LEVEL")
    @Option(name: .long, help: "One variable: SERVICE.NAME.") var explain: String?
    @Argument(help: "Only these services.") var services: [String] = []

    func run() throws {
        let project = try Session.shared.loadProject(services: services)
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
        guard parts.count == 2 else { throw RoostError.invalid("--explain \(text): write SERVICE.VARIABLE") }
        guard let service = project.services[parts[0]] else { throw RoostError.missing("no such service: \(parts[0])") }
        guard let entry = (service["environment"].object ?? []).first(where: { $0.key == parts[1] }) else {
            throw RoostError.missing(
                "\(text) is set neither in environment nor in an env_file; the image may set it")
        }
        guard let value = entry.value.string else {
            return Output.line(
                "\(text) is not set: the file names it without a value, and the shell has none\(place("\(parts[0]).environment.\(parts[1])", project))"
            )
        }
        Output.line("\(text)=\(value)\(place("\(parts[0]).environment.\(parts[1])", project))")
    }
}
