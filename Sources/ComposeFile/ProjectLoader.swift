import ComposeModel
import EngineModel

/// The input of the loader. It accesses files only through `read`, so that tests need no file system.
package struct LoadRequest: Sendable {
    package var files: [String] = []
    package var projectName: String?
    package var projectDirectory: String?
    package var profiles: [String] = []
    package var environmentFiles: [String] = []
    package var workingDirectory: String
    package var environment: [String: String]
    /// Services named by the user; their profiles are enabled.
    package var services: [String] = []
    package var passes = LoadPasses()
    /// The content of a file; nil if it does not exist.
    package var read: @Sendable (String) throws -> [UInt8]?

    package init(
        workingDirectory: String, environment: [String: String], read: @escaping @Sendable (String) throws -> [UInt8]?
    ) {
        self.workingDirectory = workingDirectory
        self.environment = environment
        self.read = read
    }
}

/// The passes of a load. `config` has options that disable some of them.
package struct LoadPasses: Sendable {
    /// Adds the default network and sets the names of resources.
    package var normalizes = true
    package var resolvesPaths = true
    /// Checks that referenced resources are defined.
    package var checksConsistency = true
    /// Interpolates variables; false keeps values as written.
    package var interpolates = true
    package init() {}
}

/// Text → nodes with locations → passes → `Project`.
package struct ProjectLoader {
    private let request: LoadRequest
    private var warnings: [String] = []

    package static func load(_ request: LoadRequest) throws -> Project {
        var loader = ProjectLoader(request: request)
        return try loader.run()
    }

    private init(request: LoadRequest) { self.request = request }

    /// The variables that the files use.
    package static func variables(_ request: LoadRequest) throws -> [VariableUse] {
        var loader = ProjectLoader(request: request)
        let source = FileSource(request: request)
        var found: [String: VariableUse] = [:]
        for document in try loader.findFiles().flatMap({ try source.documents($0) }) {
            for use in try VariableUse.all(document) where found[use.name] == nil || use.isRequired {
                found[use.name] = use
            }
        }
        return found.values.sorted { $0.name < $1.name }
    }

    /// All variables that are available to interpolation.
    package static func interpolationEnvironment(_ request: LoadRequest) throws -> [String: String] {
        var loader = ProjectLoader(request: request)
        let files = try loader.findFiles()
        let directory = loader.directory(files)
        var all = try loader.environment(directory)
        let documents = try files.flatMap { try FileSource(request: request).documents($0) }
        all["COMPOSE_PROJECT_NAME"] = try loader.projectName(documents, directory, all)
        return all
    }

    private func directory(_ files: [String]) -> String {
        request.projectDirectory.map { PathRules.resolve($0, in: request.workingDirectory, home: nil) }
            ?? (files[0] == "/dev/stdin" ? request.workingDirectory : Self.parent(files[0]))
    }

    static let names = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"]
    static let overrides = [
        "compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml",
    ]

    private mutating func run() throws -> Project {
        let files = try findFiles()
        let directory = directory(files)
        let source = FileSource(request: request)
        let variables = try environment(directory)
        let documents = try files.flatMap { try source.documents($0) }
        let name = try projectName(documents, directory, variables)
        var all = variables
        all["COMPOSE_PROJECT_NAME"] = name
        var model = ModelLoader(source: source, directory: directory, variables: all, trail: [])
        let merged: DocumentParts
        do { merged = try model.load(files) } catch let error as ComposeError {
            throw UnsetVariable.explain(error, model.unset)
        }
        warnings += model.warnings + merged.warnings
        var project = Project(name: name, workingDirectory: directory, files: files)
        project.origins = model.origins
        if request.passes.interpolates {
            try Normalization(request: request, variables: all).apply(merged, to: &project)
        } else {
            RawModel(passes: request.passes).apply(merged, to: &project)
        }
        project.warnings = UnsetVariable.warnings(model.unset, services: project.services) + warnings
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
        if given.isEmpty {
            let known = try environment(
                request.projectDirectory.map { PathRules.resolve($0, in: request.workingDirectory, home: nil) }
                    ?? request.workingDirectory)
            let separator = known["COMPOSE_PATH_SEPARATOR"]?.first ?? ":"
            given = (known["COMPOSE_FILE"] ?? "").split(separator: separator).map(String.init)
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
        var error = ComposeError(
            "no configuration file provided: not found", hint: "create a compose.yaml here, or select a file with -f")
        error.isMissingFile = true
        throw error
    }

    static func join(_ folder: String, _ name: String) -> String {
        folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }

    // MARK: Environment and name

    /// Shell variables take precedence over those of environment files.
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
        for entry in try EnvironmentFile.parse(bytes, file: file, known: known) {
            variables[entry.name] = entry.value
        }
    }

    private func projectName(_ documents: [Node], _ directory: String, _ variables: [String: String])
        throws(ComposeError) -> String
    {
        if let given = request.projectName ?? variables["COMPOSE_PROJECT_NAME"], !given.isEmpty {
            guard ProjectName.isValid(given) else {
                throw ComposeError(
                    "invalid project name \"\(given)\": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number"
                )
            }
            return given
        }
        var chosen = directory.pathParts.last.map(String.init) ?? ""
        var location: SourceLocation?
        for document in documents {
            guard case .mapping(let entries) = document.kind, let entry = entries.last(where: { $0.key == "name" }),
                case .scalar(let text, _) = entry.value.kind
            else { continue }
            location = entry.value.location
            var interpolation = Interpolation(variables: variables)
            chosen =
                request.passes.interpolates ? try interpolation.substitute(text, entry.value.location, "name") : text
        }
        let normal = ProjectName.normalized(chosen)
        if normal.isEmpty {
            throw ComposeError(
                "project name must not be empty", at: location,
                hint: "set one with -p, or with name: in the Compose file")
        }
        return normal
    }
}
