import ComposeModel
import EngineModel

/// Parses files into nodes; each file is read once.
struct FileSource {
    private final class Known { var documents: [String: [Node]] = [:] }

    let request: LoadRequest
    private let known = Known()

    init(request: LoadRequest) { self.request = request }

    func documents(_ file: String) throws -> [Node] {
        if let read = known.documents[file] { return read }
        let shown = ProjectLoader.relative(file, to: request.workingDirectory)
        guard let bytes = try request.read(file) else {
            var error = ComposeError("open \(shown): no such file or directory")
            error.isMissingFile = true
            throw error
        }
        let found = try YAMLReader.documents(bytes, file: shown)
        for document in found {
            if case .mapping = document.kind { continue }
            throw ComposeError("top-level object must be a mapping", at: document.location)
        }
        known.documents[file] = found
        return found
    }
}

/// Loads the files of one project directory with everything that they include and extend. An included project is a separate model
/// with its own directory and environment.
struct ModelLoader {
    let source: FileSource
    let directory: String
    let variables: [String: String]
    /// The chain of including files, to detect cycles.
    let trail: [String]
    private(set) var warnings: [String] = []
    private(set) var unset: [UnsetVariable] = []
    private(set) var origins: [String: String] = [:]

    init(source: FileSource, directory: String, variables: [String: String], trail: [String]) {
        self.source = source
        self.directory = directory
        self.variables = variables
        self.trail = trail
    }

    mutating func load(_ files: [String]) throws -> DocumentParts {
        var merged = DocumentParts()
        // An override or an included file may be empty; a project may not.
        if trail.isEmpty, try files.allSatisfy({ try source.documents($0).isEmpty }), let first = files.first {
            let shown = ProjectLoader.relative(first, to: source.request.workingDirectory)
            throw ComposeError(
                "empty compose file: \(shown)", at: SourceLocation(file: shown, line: 1, column: 1),
                hint: "define at least one service: services: {web: {image: NAME}}")
        }
        for file in files {
            if trail.contains(file) {
                let circle = (trail + [file]).map { ProjectLoader.relative($0, to: source.request.workingDirectory) }
                throw ComposeError("include cycle detected:\n" + circle.joined(separator: "\n include "))
            }
            for document in try source.documents(file) { try add(document, file, to: &merged) }
        }
        // A build without a context uses the directory of its model.
        guard source.request.passes.resolvesPaths else { return merged }
        for (name, service) in merged.services where !service["build"].isNull && service["build"]["context"].isNull {
            var service = service
            var build = service["build"]
            build.set("context", .string(directory))
            service.set("build", build)
            merged.services[name] = service
        }
        return merged
    }

    private mutating func add(_ document: Node, _ file: String, to merged: inout DocumentParts) throws {
        var interpolation = Interpolation(variables: variables)
        let interpolates = source.request.passes.interpolates
        let node = interpolates ? try interpolation.apply(document, path: "") : document
        unset += interpolation.unset
        var reader = ValueReader(directory: directory, variables: variables)
        reader.keepsWritten = !interpolates
        reader.resolvesPaths = source.request.passes.resolvesPaths
        defer {
            warnings += reader.warnings
            if origins.isEmpty { origins = reader.origins } else { origins.merge(reader.origins) { $1 } }
        }
        var imported = DocumentParts()
        if case .mapping(let entries) = node.kind, let entry = entries.first(where: { $0.key == "include" }),
            !entry.value.isNothing
        {
            for item in try reader.items(entry.value, "include") {
                let found = try include(item, file, &reader)
                try imported.refuseConflict(with: found, at: item.location)
                imported.merge(found)
                // As in Compose.
                imported.extensions = []
            }
            merged.merge(imported)
        }
        var parts = try DocumentParts(node, &reader)
        parts.services = try services(node, parts, merged, file, &reader)
        try imported.refuseConflict(with: parts, at: nil, reader.origins)
        if !merged.services.isEmpty { warnings += PortTable.doubled(merged, parts, origins, reader.origins) }
        merged.merge(parts)
        try merged.checkWhole(reader)
    }

    // MARK: include

    private mutating func include(_ item: Node, _ file: String, _ reader: inout ValueReader) throws -> DocumentParts {
        var rule: JSON
        if case .mapping = item.kind {
            rule = try reader.object(
                item, "include",
                ["path": Fields.stringOrList, "project_directory": Fields.string, "env_file": Fields.stringOrList])
        } else {
            rule = ["path": [try reader.string(item, "include")]]
        }
        let paths = (rule["path"].strings ?? []).map { reader.resolved($0) }
        guard let first = paths.first else { throw ComposeError("include: path is required", at: item.location) }
        let folder = rule["project_directory"].string.map { reader.resolved($0) } ?? ProjectLoader.parent(first)
        var values: [String: String] = [:]
        let files = rule["env_file"].strings?.map { reader.resolved($0) } ?? [ProjectLoader.join(folder, ".env")]
        for path in files where path != "/dev/null" {
            guard let bytes = try source.request.read(path) else {
                if rule["env_file"].isNull { continue }
                throw ComposeError("env file \(path) not found", at: item.location)
            }
            let known = values.merging(variables) { $1 }
            for entry in try EnvironmentFile.parse(bytes, file: path, known: known) {
                values[entry.name] = entry.value
            }
        }
        for path in paths where try source.request.read(path) == nil {
            throw ComposeError("open \(path): no such file or directory", at: item.location)
        }
        var model = ModelLoader(
            source: source, directory: folder, variables: values.merging(variables) { $1 }, trail: trail + [file])
        let parts = try model.load(paths)
        warnings += model.warnings
        unset += model.unset
        origins.merge(model.origins) { $1 }
        return parts
    }

    // MARK: extends

    private func services(
        _ node: Node, _ parts: DocumentParts, _ earlier: DocumentParts, _ file: String, _ reader: inout ValueReader
    ) throws -> [String: JSON] {
        guard case .mapping(let entries) = node.kind, let section = entries.first(where: { $0.key == "services" })
        else { return [:] }
        guard section.value.tag != "!reset" else { return [:] }
        guard case .mapping = section.value.kind else { throw reader.wrong("services", "a mapping", section.value) }
        var found: [String: JSON] = [:]
        for entry in try reader.entries(section.value, "services") {
            try DocumentParts.checkName(entry, "services")
            if entry.value.tag == "!reset" { continue }
            // An override with an empty service changes nothing.
            if entry.value.isNothing, earlier.services[entry.key] != nil { continue }
            guard case .mapping = entry.value.kind else {
                throw reader.wrong("services.\(entry.key)", "a mapping", entry.value)
            }
            found[entry.key] = try service(
                entry.value, entry.key,
                ServiceContext(file: file, name: entry.key, section: section.value, parts: parts),
                trail: [], &reader)
            reader.note("services.\(entry.key)", Node(kind: entry.value.kind, location: entry.location, tag: ""))
        }
        return found
    }

    /// Where a service that another one extends is defined.
    private struct ServiceContext {
        let file: String
        let name: String
        /// The `services` section of its document.
        let section: Node
        let parts: DocumentParts
    }

    /// A service in canonical form, merged onto those that it extends. `shown` is the name under which origins are recorded.
    private func service(
        _ node: Node, _ shown: String, _ here: ServiceContext, trail: [(file: String, name: String)],
        _ reader: inout ValueReader
    ) throws -> JSON {
        let path = "services.\(shown)"
        guard case .mapping(let entries) = node.kind,
            let reference = entries.first(where: { $0.key == "extends" && $0.value.tag != "!reset" })
        else { return without("extends", MergeRule.unique(try reader.object(node, path, reader.serviceTable))) }
        let chain = trail + [(here.file, here.name)]
        let extends = try reader.serviceTable["extends"]?(&reader, reference.value, path + ".extends") ?? .null
        guard let name = extends["service"].string else {
            throw ComposeError("\(path).extends: service is required", at: reference.location)
        }
        var base = try base(name, extends["file"].string, reference, here, shown, chain, &reader)
        var own = without("extends", MergeRule.unique(try reader.object(node, path, reader.serviceTable)))
        // The reference tool keeps `extends` if the base service is empty.
        if base.isNull {
            base = .object([])
            own.set(
                "extends",
                extends["file"].string.map { ["file": .string(reader.resolved($0)), "service": .string(name)] }
                    ?? extends)
        }
        for gone in here.parts.reset(here.name) { base = DocumentParts.removing(gone[...], from: base) }
        return MergeRule(overrides: here.parts.overridden("services", here.name)).service(base, own)
    }

    private func base(
        _ name: String, _ file: String?, _ reference: Node.Entry, _ here: ServiceContext, _ shown: String,
        _ chain: [(file: String, name: String)], _ reader: inout ValueReader
    ) throws -> JSON {
        let directory = reader.directory
        defer { reader.directory = directory }
        var there = here
        if let file {
            let path = reader.resolved(file)
            guard try source.request.read(path) != nil else {
                throw ComposeError(
                    "cannot extend service \"\(here.name)\": no such file: \(file)", at: reference.value.location)
            }
            for document in try source.documents(path) {
                var interpolation = Interpolation(variables: variables)
                let node = reader.keepsWritten ? document : try interpolation.apply(document, path: "")
                guard case .mapping(let entries) = node.kind,
                    let section = entries.first(where: { $0.key == "services" })?.value
                else { continue }
                var parts = DocumentParts()
                parts.collectTags(node, [])
                there = ServiceContext(file: path, name: name, section: section, parts: parts)
            }
            reader.directory = ProjectLoader.parent(path)
        }
        there = ServiceContext(file: there.file, name: name, section: there.section, parts: there.parts)
        if let start = chain.firstIndex(where: { $0.file == there.file && $0.name == name }) {
            let links = (chain[start...] + [(there.file, name)]).map {
                "\($0.name) in \(ProjectLoader.relative($0.file, to: source.request.workingDirectory))"
            }
            throw ComposeError(
                "Circular reference:\n  " + links.joined(separator: "\n  extends "), at: reference.location)
        }
        guard case .mapping(let entries) = there.section.kind, let entry = entries.first(where: { $0.key == name })
        else {
            let file = ProjectLoader.relative(there.file, to: source.request.workingDirectory)
            throw ComposeError(
                "cannot extend service \"\(here.name)\" in \(file): service \"\(name)\" not found",
                at: reference.value.location)
        }
        if entry.value.isNothing { return .null }
        return try service(entry.value, shown, there, trail: chain, &reader)
    }

    private func without(_ key: String, _ value: JSON) -> JSON {
        .object((value.object ?? []).filter { $0.key != key })
    }
}
