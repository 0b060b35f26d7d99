import ComposeModel
import EngineModel

/// What the loader is asked for. It touches the disk only through `read`, so that tests need none.
public struct LoadRequest: Sendable {
    public var files: [String] = []
    public var projectName: String?
    public var projectDirectory: String?
    public var profiles: [String] = []
    public var environmentFiles: [String] = []
    public var workingDirectory: String
    public var environment: [String: String]
    /// Services that the user has named: their profiles are on.
    public var services: [String] = []
    /// The text of a file; nil if there is none.
    public var read: @Sendable (String) throws -> [UInt8]?

    public init(
        workingDirectory: String, environment: [String: String], read: @escaping @Sendable (String) throws -> [UInt8]?
    ) {
        self.workingDirectory = workingDirectory
        self.environment = environment
        self.read = read
    }
}

/// Text → nodes with places → passes → `Project`.
public struct ProjectLoader {
    private let request: LoadRequest
    private var warnings: [String] = []

    public static func load(_ request: LoadRequest) throws -> Project {
        var loader = ProjectLoader(request: request)
        return try loader.run()
    }

    private init(request: LoadRequest) { self.request = request }

    static let names = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"]
    static let overrides = [
        "compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
    ]

    private mutating func run() throws -> Project {
        let files = try findFiles()
        let directory =
            request.projectDirectory.map { PathRules.resolve($0, in: request.workingDirectory, home: nil) }
            ?? Self.parent(files[0])
        let variables = try environment(directory)
        var documents: [Node] = []
        for file in files {
            let shown = Self.relative(file, to: request.workingDirectory)
            guard let bytes = try request.read(file) else {
                throw ComposeError("open \(shown): no such file or directory")
            }
            let found = try YAMLReader.documents(bytes, file: shown)
            if found.isEmpty { throw ComposeError("empty compose file: \(shown)") }
            documents += found
        }
        let name = try projectName(documents, directory, variables)
        var all = variables
        all["COMPOSE_PROJECT_NAME"] = name
        var interpolation = Interpolation(variables: all)
        var parts: [DocumentParts] = []
        var reader = ValueReader(directory: directory, variables: all)
        for document in documents {
            let replaced = try interpolation.apply(document, path: "")
            parts.append(try DocumentParts(replaced, &reader))
        }
        guard var merged = parts.first else { throw ComposeError("empty compose file") }
        for part in parts.dropFirst() { merged.merge(part) }
        warnings += interpolation.warnings + reader.warnings + merged.warnings
        var project = Project(name: name, workingDirectory: directory, files: files)
        project.origins = reader.origins
        try Normalization(request: request, variables: all).apply(merged, to: &project)
        project.warnings = warnings
        return project
    }

    static func parent(_ path: String) -> String {
        let cut = path.lastIndex(of: "/") ?? path.startIndex
        return cut == path.startIndex ? "/" : String(path[..<cut])
    }

    static func relative(_ path: String, to folder: String) -> String {
        path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
    }

    // MARK: Files

    private mutating func findFiles() throws -> [String] {
        var given = request.files
        if given.isEmpty, let list = request.environment["COMPOSE_FILE"], !list.isEmpty {
            let separator = request.environment["COMPOSE_PATH_SEPARATOR"]?.first ?? ":"
            given = list.split(separator: separator).map(String.init)
        }
        if !given.isEmpty {
            return given.map {
                $0 == "-"
                    ? "/dev/stdin"
                    : PathRules.resolve($0, in: request.workingDirectory, home: request.environment["HOME"])
            }
        }
        var folder =
            request.projectDirectory.map { PathRules.resolve($0, in: request.workingDirectory, home: nil) }
            ?? request.workingDirectory
        while true {
            let found = try Self.names.filter { try request.read(Self.join(folder, $0)) != nil }
            if let main = found.first {
                if found.count > 1 {
                    warnings.append(
                        "Found multiple config files with supported names: \(found.joined(separator: ", ")). Using \(main)"
                    )
                }
                let override = try Self.overrides.first { try request.read(Self.join(folder, $0)) != nil }
                return ([main] + (override.map { [$0] } ?? [])).map { Self.join(folder, $0) }
            }
            if folder == "/" { break }
            folder = Self.parent(folder)
        }
        throw ComposeError(
            "no configuration file provided: not found", hint: "make a compose.yaml here, or name the file with -f")
    }

    private static func join(_ folder: String, _ name: String) -> String {
        folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }

    // MARK: Environment and name

    /// The shell's variables before those of the environment files.
    private func environment(_ directory: String) throws -> [String: String] {
        var variables: [String: String] = [:]
        let disabled = ["1", "true"].contains(request.environment["COMPOSE_DISABLE_ENV_FILE"] ?? "")
        let named =
            request.environmentFiles.isEmpty
            ? (request.environment["COMPOSE_ENV_FILES"] ?? "").split(separator: ",").map(String.init)
            : request.environmentFiles
        for file in named {
            let path = PathRules.resolve(file, in: request.workingDirectory, home: request.environment["HOME"])
            guard let bytes = try request.read(path) else { throw ComposeError("couldn't find env file: \(path)") }
            try add(bytes, file, &variables)
        }
        if named.isEmpty, !disabled, let bytes = try request.read(Self.join(directory, ".env")) {
            try add(bytes, ".env", &variables)
        }
        return variables.merging(request.environment) { $1 }
    }

    private func add(_ bytes: [UInt8], _ file: String, _ variables: inout [String: String]) throws {
        let known = variables.merging(request.environment) { $1 }
        for (name, value) in try EnvironmentFile.parse(String(decoding: bytes, as: UTF8.self), file: file, known: known)
        { variables[name] = value }
    }

    private func projectName(_ documents: [Node], _ directory: String, _ variables: [String: String])
        throws(ComposeError) -> String
    {
        if let given = request.projectName ?? variables["COMPOSE_PROJECT_NAME"], !given.isEmpty {
            guard Self.isValid(given) else {
                throw ComposeError(
                    "invalid project name \"\(given)\": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number"
                )
            }
            return given
        }
        var chosen = directory.split(separator: "/").last.map(String.init) ?? ""
        for document in documents {
            guard case .mapping(let entries) = document.kind, let entry = entries.last(where: { $0.key == "name" }),
                case .scalar(let text, _) = entry.value.kind
            else { continue }
            var interpolation = Interpolation(variables: variables)
            chosen = try interpolation.substitute(text, entry.value.place, "name")
        }
        let normal = Self.normalized(chosen)
        if normal.isEmpty {
            throw ComposeError(
                "project name must not be empty", hint: "give one with -p, or name: at the top of the file")
        }
        return normal
    }

    private static func isPart(_ character: Character) -> Bool {
        character.isASCII && (character.isLowercase || character.isNumber || character == "_" || character == "-")
    }
    static func isValid(_ name: String) -> Bool {
        name.allSatisfy(isPart) && name.first.map { $0 != "_" && $0 != "-" } == true
    }
    public static func normalized(_ name: String) -> String {
        String(name.lowercased().filter(isPart).drop { $0 == "_" || $0 == "-" })
    }
}

/// One document in canonical form, ready to be merged with the next.
struct DocumentParts {
    var services: [String: JSON] = [:]
    var networks: [String: JSON] = [:]
    var volumes: [String: JSON] = [:]
    var secrets: [String: JSON] = [:]
    var configs: [String: JSON] = [:]
    var extensions: [(key: String, value: JSON)] = []
    var warnings: [String] = []
    /// Services and attributes that `!reset` takes out of earlier documents, as paths.
    var resets: [[String]] = []
    var overrides: Set<[String]> = []

    init(_ node: Node, _ reader: inout ValueReader) throws(ComposeError) {
        collectTags(node, [])
        for entry in try reader.entries(node, "(root)") {
            switch entry.key {
            case "version":
                warnings.append(
                    "the attribute `version` is obsolete, it will be ignored, please remove it to avoid potential confusion"
                )
            case "name": break
            case "services": services = try Self.section(entry.value, "services", ServiceTable.attributes, &reader)
            case "networks": networks = try Self.section(entry.value, "networks", ResourceTable.network, &reader)
            case "volumes": volumes = try Self.section(entry.value, "volumes", ResourceTable.volume, &reader)
            case "secrets": secrets = try Self.section(entry.value, "secrets", ResourceTable.secret, &reader)
            case "configs": configs = try Self.section(entry.value, "configs", ResourceTable.config, &reader)
            case "include":
                throw ComposeError(
                    "include is not supported yet", at: entry.place, hint: "name the files with several -f instead")
            case "models":
                throw ComposeError("models are not supported: they need an external model runner", at: entry.place)
            case let key where key.hasPrefix("x-"): extensions.append((key, reader.any(entry.value)))
            default:
                throw ComposeError(
                    "(root) Additional property \(entry.key) is not allowed", at: entry.place,
                    hint: ValueReader.suggestion(
                        entry.key,
                        ["services", "networks", "volumes", "secrets", "configs", "name", "version", "include"]))
            }
        }
    }

    private mutating func collectTags(_ node: Node, _ path: [String]) {
        if node.tag == "!reset" { resets.append(path) }
        if node.tag == "!override" { overrides.insert(path) }
        if case .mapping(let entries) = node.kind {
            for entry in entries { collectTags(entry.value, path + [entry.key]) }
        }
    }

    private static func section(
        _ node: Node, _ name: String, _ table: [String: ValueReader.Field], _ reader: inout ValueReader
    ) throws(ComposeError) -> [String: JSON] {
        var found: [String: JSON] = [:]
        for entry in try reader.entries(node, name) {
            guard entry.key.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }),
                !entry.key.isEmpty
            else {
                throw ComposeError(
                    "\(name) Additional property \(entry.key) is not allowed", at: entry.place,
                    hint: "names have letters, digits, ., _ and -")
            }
            if entry.value.tag == "!reset" { continue }
            found[entry.key] = try reader.object(entry.value, "\(name).\(entry.key)", table)
            reader.note("\(name).\(entry.key)", Node(kind: entry.value.kind, place: entry.place, tag: ""))
        }
        return found
    }

    /// Puts a later document on top of this one, by each attribute's rule.
    mutating func merge(_ later: DocumentParts) {
        for path in later.resets { remove(path) }
        for name in later.services.keys {
            let rule = MergeRule(overrides: Set(later.overrides.filter { $0.count > 2 && $0[1] == name }.map { $0[2] }))
            services[name] =
                services[name].map { rule.service($0, later.services[name] ?? .null) } ?? later.services[name]
        }
        func merged(_ one: [String: JSON], _ other: [String: JSON]) -> [String: JSON] {
            one.merging(other) { MergeRule.deep($0, $1) }
        }
        networks = merged(networks, later.networks)
        volumes = merged(volumes, later.volumes)
        secrets = merged(secrets, later.secrets)
        configs = merged(configs, later.configs)
        for entry in later.extensions { extensions = extensions.filter { $0.key != entry.key } + [entry] }
        warnings += later.warnings
    }

    private mutating func remove(_ path: [String]) {
        guard path.count >= 2, path[0] == "services", let service = services[path[1]] else { return }
        services[path[1]] = path.count == 2 ? nil : Self.removing(path.dropFirst(2), from: service)
    }

    private static func removing(_ path: ArraySlice<String>, from value: JSON) -> JSON {
        guard let first = path.first, var members = value.object else { return value }
        if path.count == 1 {
            members.removeAll { $0.key == first }
        } else {
            for index in members.indices where members[index].key == first {
                members[index].value = removing(path.dropFirst(), from: members[index].value)
            }
        }
        return .object(members)
    }
}

/// How attributes of two files come together (specification, "Merge").
struct MergeRule {
    let overrides: Set<String>

    /// Replaced whole.
    private static let replaced: Set<String> = ["command", "entrypoint"]
    /// Lists whose items have a key: the later one replaces the earlier.
    private static let keyed: [String: String] = [
        "volumes": "target", "secrets": "target", "configs": "target", "devices": "target", "env_file": "path",
    ]

    func service(_ one: JSON, _ other: JSON) -> JSON {
        var result = one
        for (key, value) in other.object ?? [] {
            if overrides.contains(key) || Self.replaced.contains(key) {
                result.set(key, value)
            } else if key == "healthcheck" {
                var merged = Self.deep(one[key], value)
                if !value["test"].isNull { merged.set("test", value["test"]) }
                result.set(key, merged)
            } else {
                result.set(key, Self.combine(key, one[key], value))
            }
        }
        return result
    }

    private static func combine(_ key: String, _ one: JSON, _ other: JSON) -> JSON {
        guard let first = one.array, let second = other.array else { return deep(one, other) }
        var list = first
        for item in second {
            if let field = keyed[key],
                let same = list.firstIndex(where: { $0[field] == item[field] && !item[field].isNull })
            {
                list[same] = item
            } else if !list.contains(item) {
                list.append(item)
            }
        }
        return .array(list)
    }

    static func deep(_ one: JSON, _ other: JSON) -> JSON {
        switch (one, other) {
        case (_, .null): return one
        case (.object(let members), .object(let more)):
            var result = JSON.object(members)
            for (key, value) in more { result.set(key, deep(result[key], value)) }
            return result
        case (.array(let list), .array(let more)): return .array(list + more.filter { !list.contains($0) })
        default: return other
        }
    }
}
