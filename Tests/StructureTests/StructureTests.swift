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
        "Archives": ["LinuxKernel", "CArchive"], "SystemCallFilters": ["LinuxKernel", "CSeccomp"],
        "ComposeFile": ["CYAML", "ComposeModel", "EngineModel"],
        "Planning": ["ComposeModel", "EngineModel"],
        "ImageStore": ["HelperProtocol", "OCI", "LinuxKernel", "Archives", "EngineModel"],
        "HelperJobs": ["HelperProtocol", "OCI", "LinuxKernel", "Archives", "SystemCallFilters", "EngineModel"],
        "ImageBuild": ["OCI", "EngineModel"],
        "Registry": ["OCI", "EngineModel", "LinuxKernel"],
        "RemoteDial": ["EngineModel", "LinuxKernel"],
        "Networking": ["LinuxKernel", "SystemLibraries", "EngineModel"],
        "ContainerRuntime": [
            "ShimProtocol", "LinuxKernel", "SystemLibraries", "SystemCallFilters", "OCI", "EngineModel",
        ],
        "EngineCore": [
            "Planning", "ComposeModel", "ImageStore", "ImageBuild", "Registry", "Networking", "ContainerRuntime",
            "ShimProtocol", "HelperProtocol", "LinuxKernel", "OCI", "EngineModel",
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
            "SystemCallFilters", "OCI", "roost-helper",
        ])
    func shimIsSmall(module: String) throws {
        for (name, text) in try Self.files(module) {
            #expect(!text.contains("import Foundation") && !text.contains("import Dispatch"), "\(module)/\(name)")
        }
    }

    @Test("no external program is run on a container's way")
    func noPrograms() throws {
        for module in Self.arrows.keys {
            for (name, text) in try Self.files(module) {
                #expect(!text.contains("= Process()"), "\(module)/\(name) starts a program through Foundation")
            }
        }
    }
}
