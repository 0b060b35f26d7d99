import Foundation
import Testing

/// The arrows between the modules, and rules that a compiler does not know.
@Suite struct StructureTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Which of our modules each one may import: docs/architecture.md, "Modules".
    static let arrows: [String: Set<String>] = [
        "EngineModel": [], "ComposeModel": ["EngineModel"], "OCI": ["EngineModel"], "DockerAPI": ["EngineModel"],
        "ShimProtocol": ["EngineModel"], "LinuxKernel": ["CLinux"],
        "HelperProtocol": ["EngineModel"],
        "SystemLibraries": ["LinuxKernel", "CCap", "CNetlink"],
        "Archives": ["LinuxKernel", "CArchive"], "Seccomp": ["LinuxKernel", "CSeccomp"],
        "ComposeFile": ["CYAML", "ComposeModel", "EngineModel"],
        "Planning": ["ComposeModel", "EngineModel"],
        "ImageStore": ["HelperProtocol", "OCI", "LinuxKernel", "Archives", "EngineModel"],
        "HelperJobs": ["HelperProtocol", "OCI", "LinuxKernel", "Archives", "Seccomp", "EngineModel"],
        "ImageBuild": ["OCI", "EngineModel"],
        "Registry": ["OCI", "EngineModel", "LinuxKernel"],
        "RemoteDial": ["EngineModel", "LinuxKernel"],
        "Networking": ["LinuxKernel", "SystemLibraries", "EngineModel"],
        "ContainerRuntime": [
            "ShimProtocol", "LinuxKernel", "SystemLibraries", "Seccomp", "OCI", "EngineModel",
        ],
        "EngineCore": [
            "Planning", "ComposeModel", "ImageStore", "ImageBuild", "Registry", "Networking", "ContainerRuntime",
            "ShimProtocol", "HelperProtocol", "LinuxKernel", "OCI", "EngineModel", "DockerAPI",
        ],
        "BuildSession": ["EngineModel", "LinuxKernel", "Archives"],
        "APIServer": [
            "BuildSession", "DockerAPI", "EngineCore", "ContainerRuntime", "ImageStore", "Registry", "EngineModel",
            "ComposeModel",
            "Planning",
            "OCI", "LinuxKernel",
        ],
        "APIClient": ["DockerAPI", "EngineModel", "LinuxKernel"],
        "Terminal": ["DockerAPI", "EngineModel", "LinuxKernel"],
        "roost": [
            "APIClient", "Terminal", "DockerAPI", "EngineModel", "ComposeModel", "ComposeFile", "HelperProtocol",
            "LinuxKernel",
        ],
        "roostd": ["APIServer", "EngineCore", "ImageStore", "LinuxKernel", "EngineModel", "RemoteDial"],
        "roost-shim": ["ShimProtocol", "LinuxKernel", "EngineModel"], "roost-helper": ["HelperJobs"],
    ]

    private static func files(_ module: String) throws -> [(name: String, text: String)] {
        let folder = root.appendingPathComponent("Sources/\(module)")
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }.map {
            ($0, try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8))
        }
    }

    @Test("every import goes along an arrow", arguments: arrows.keys.sorted())
    func imports(module: String) throws {
        let ours = Set(Self.arrows.keys).union([
            "CLinux", "CYAML", "CCap", "CNetlink", "CArchive", "CSeccomp",
        ])
        for (name, text) in try Self.files(module) {
            for line in text.split(separator: "\n") where line.hasPrefix("import ") {
                let imported = String(line.split(separator: " ").last?.split(separator: ".").first ?? "")
                guard ours.contains(imported) else { continue }
                #expect(
                    Self.arrows[module]?.contains(imported) == true, "\(module)/\(name) must not import \(imported)")
            }
        }
    }

    @Test("there is no module without arrows")
    func complete() throws {
        let folders = try FileManager.default.contentsOfDirectory(
            atPath: Self.root.appendingPathComponent("Sources").path)
        #expect(Set(folders.filter { !$0.hasPrefix("C") || $0.hasPrefix("Co") }) == Set(Self.arrows.keys))
    }

    @Test(
        "what the shim and the helper are made of knows no Foundation",
        arguments: [
            "EngineModel", "ShimProtocol", "LinuxKernel", "roost-shim", "HelperProtocol", "HelperJobs", "Archives",
            "Seccomp", "OCI", "roost-helper",
        ])
    func shimIsSmall(module: String) throws {
        for (name, text) in try Self.files(module) {
            #expect(!text.contains("import Foundation") && !text.contains("import Dispatch"), "\(module)/\(name)")
        }
    }

    /// What may start a process: the shim, its engine, helpers, and the host's own tools where Docker's behavior depends on them.
    private static let spawners: Set<String> = [
        "LinuxKernel/Processes.swift", "ContainerRuntime/ShimLauncher.swift", "ImageStore/ConfinedHelper.swift",
        "ImageStore/HelperProcess.swift", "roost-shim/EngineConnection.swift", "roost-shim/SocketKeeper.swift",
        "roostd/EngineMain.swift",
        // git for contexts, and ps for `docker top`.
        "EngineCore/Build/Engine+Build.swift", "EngineCore/Engine+Update.swift",
        // Becomes the container's process.
        "roost-shim/ProcessExec.swift",
    ]

    @Test("only known places start a process, and none of them is on a container's way")
    func noPrograms() throws {
        for module in Self.arrows.keys where !["roost", "RemoteDial", "APIClient", "Terminal"].contains(module) {
            for (name, text) in try Self.files(module) where !Self.spawners.contains("\(module)/\(name)") {
                for call in ["= Process()", "Processes.spawn(", "posix_spawn(", "Processes.execute("] {
                    #expect(!text.contains(call), "\(module)/\(name) starts a process: \(call)")
                }
            }
        }
    }

    // MARK: Size

    @Test("no file is longer than 500 lines", arguments: arrows.keys.sorted())
    func fileLength(module: String) throws {
        for (name, text) in try Self.files(module) {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
            #expect(lines <= 500, "\(module)/\(name) has \(lines) lines")
        }
    }

    /// Functions over 70 lines, with the reason.
    private static let longFunctions: Set<String> = [
        // One case per function of Go's templates.
        "Terminal/GoTemplate+Functions.swift call",
        // The event loop of `up`, whose steps share their state.
        "roost/LogFollower.swift attach",
        // Steps of one operation in their order; to be split when they are next changed.
        "BuildSession/FileSync.swift fetch", "EngineCore/Build/StageBuilder+Copy.swift perform",
        "EngineCore/Build/StageBuilder+Run.swift prepare",
    ]

    @Test("no function is longer than 70 lines", arguments: arrows.keys.sorted())
    func functionLength(module: String) throws {
        for (name, text) in try Self.files(module) {
            for (function, lines) in Self.functions(in: text)
            where lines > 70 && !Self.longFunctions.contains("\(module)/\(name) \(function)") {
                Issue.record("\(module)/\(name): \(function) has \(lines) lines")
            }
        }
    }

    /// Functions and initializers with their number of lines. The formatter puts the closing brace below the declaration's first column.
    private static func functions(in text: String) -> [(name: String, lines: Int)] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var found: [(String, Int)] = []
        for (start, line) in lines.enumerated() {
            let words = line.split(separator: " ")
            guard
                let keyword = words.firstIndex(where: {
                    $0 == "func" || $0.hasPrefix("init(") || $0.hasPrefix("init?(")
                }),
                words[..<keyword].allSatisfy({ $0.first?.isLowercase == true || $0.hasPrefix("@") })
            else { continue }
            let name = words[keyword] == "func" ? String(words[keyword + 1].prefix { $0 != "(" && $0 != "<" }) : "init"
            let indent = line.prefix { $0 == " " }
            let end = lines[(start + 1)...].firstIndex { $0 == indent + "}" }
            let next = lines[(start + 1)...].firstIndex {
                !$0.isEmpty && $0.prefix { $0 == " " }.count < indent.count
            }
            guard let end, end <= next ?? end else { continue }
            found.append((name, end - start + 1))
        }
        return found
    }

    /// Types with more than 15 stored properties, with the reason.
    private static let largeTypes: Set<String> = [
        // The options of a command, one property each.
        "ContainerOptions", "Run", "Up", "Build", "Exec", "Update", "CreateNetwork", "BuildOrder", "Ps",
        // Documents of the API and of the specification, member by member.
        "HostConfig", "ContainerConfig", "ContainerInspect", "NetworkSettings", "EndpointSettings", "SystemInfo",
        "ImageInspect", "NetworkInspect", "ProjectRunRequest", "Service", "Network",
        "ImageListEntry", "Build", "Project",
        // The specification and the record of a container, as they are stored.
        "ContainerSpec", "ContainerRecord", "ResourceSpec", "BuildRequest", "NetworkRecord", "LaunchPlan",
        // All state of an engine; to be taken apart by owners.
        "Engine",
        // The state of one operation; to be split when they are next changed.
        "CommandContext", "UpPlanner", "StageBuilder", "LaunchContext",
    ]

    @Test("no type has more than 15 stored properties", arguments: arrows.keys.sorted())
    func storedProperties(module: String) throws {
        for (name, text) in try Self.files(module) {
            for (type, count) in Self.types(in: text) where count > 15 && !Self.largeTypes.contains(type) {
                Issue.record("\(module)/\(name): \(type) has \(count) stored properties")
            }
        }
    }

    /// Structures, classes and actors with the number of their stored properties.
    private static func types(in text: String) -> [(name: String, properties: Int)] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var found: [(String, Int)] = []
        for (start, line) in lines.enumerated() {
            let words = line.split(separator: " ").map(String.init)
            guard let keyword = words.firstIndex(where: { ["struct", "class", "actor"].contains($0) }),
                keyword + 1 < words.count, line.hasSuffix("{"),
                words[..<keyword].allSatisfy({ $0.first?.isLowercase == true || $0.hasPrefix("@") })
            else { continue }
            let indent = line.prefix { $0 == " " }.count
            var count = 0
            for next in lines[(start + 1)...] {
                let depth = next.prefix { $0 == " " }.count
                if depth == indent, next.dropFirst(depth) == "}" { break }
                guard depth == indent + 4 else { continue }
                // A computed property ends with its getter's brace; one with a default value may end with that of a closure.
                let isStored = !next.hasSuffix("{") && !next.hasSuffix("}") || next.contains(" = ")
                let declaration = next.dropFirst(depth).split(separator: " ").map(String.init)
                guard let binding = declaration.firstIndex(where: { $0 == "let" || $0 == "var" }), isStored,
                    declaration[..<binding].allSatisfy({
                        $0.hasPrefix("@")
                            || ["package", "private", "private(set)", "nonisolated", "fileprivate"].contains($0)
                    })
                else { continue }
                count += 1
            }
            found.append((words[keyword + 1].filter { $0.isLetter || $0.isNumber }, count))
        }
        return found
    }

    // MARK: JSON

    /// Modules that read documents by their keys: the Compose file, and files and answers of Docker's registries and clients. Everything
    /// else has types.
    private static let documentReaders: Set<String> = [
        "ComposeFile", "ComposeModel", "EngineModel", "Registry", "Terminal",
    ]
    /// Files elsewhere that read documents by their keys.
    private static let documentFiles: Set<String> = [
        // Docker's own configuration files, whose other members are kept.
        "roost/DockerConfiguration.swift", "roost/ContextStore.swift", "roost/ContextCommand.swift",
        // The argument parser's description of the commands.
        "roost/FlagNormalizer.swift",
        // The canonical form of a project, which these change or hash.
        "roost/ProjectBuilds.swift", "roost/ConfigCommand.swift", "roost/RegistryCommands.swift",
        "Planning/ServiceHash.swift", "Planning/Difference.swift", "Planning/ServiceTranslation.swift",
        "EngineCore/Engine+Projects.swift",
        // A version number that decides how the rest is read.
        "roost/LockCommand.swift", "OCI/Manifests.swift",
        // An error's body may be anyone's.
        "APIClient/HTTPClient.swift",
    ]

    @Test("no module but those that read documents looks into JSON", arguments: arrows.keys.sorted())
    func jsonSubscripts(module: String) throws {
        guard !Self.documentReaders.contains(module) else { return }
        let pattern = try NSRegularExpression(
            pattern: #"\["[^"\\]+"\][).?]*\.(string|int|bool|double|array|object|strings|stringMap|isNull)\b"#)
        for (name, text) in try Self.files(module) where !Self.documentFiles.contains("\(module)/\(name)") {
            let range = NSRange(text.startIndex..., in: text)
            #expect(pattern.numberOfMatches(in: text, range: range) == 0, "\(module)/\(name): decode a type instead")
        }
    }

    // MARK: Errors

    @Test("no decision hangs on the text of an error", arguments: arrows.keys.sorted())
    func errorTexts(module: String) throws {
        let pattern = try NSRegularExpression(
            pattern:
                #"(error|known|failure)\.(message|description)\.(contains|hasPrefix|hasSuffix)\(|"\\\((error|failure)\)"\)?\.(contains|hasPrefix)"#
        )
        for (name, text) in try Self.files(module) {
            let range = NSRange(text.startIndex..., in: text)
            #expect(pattern.numberOfMatches(in: text, range: range) == 0, "\(module)/\(name): give the error a code")
        }
    }
}
