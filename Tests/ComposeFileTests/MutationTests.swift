import ComposeFile
import ComposeModel
import EngineModel
import Foundation
import TestSupport
import Testing

/// Files that are broken at random: the loader answers or refuses, and never crashes or hangs. `ROOST_FUZZ_SEEDS` names a folder with
/// more files to begin with, `ROOST_FUZZ_ROUNDS` how many are tried.
@Suite struct MutationTests {
    static let seed = """
        include: [{path: ./other.yaml, env_file: .env}]
        services:
          web: &x
            image: "a${B:-c}"
            ports: ["80-81:80-81", {target: 5, published: "1-3"}]
            volumes: [a:/b, ./c:/d:ro, {type: bind, source: ., target: /x}]
            build: {context: ., args: [A=1], ssh: [default]}
            extends: {service: base}
            deploy: {resources: {limits: {cpus: "0.5", memory: 1g}}, replicas: 2}
            healthcheck: {test: [CMD, x], interval: 1m30s}
            environment: {A: 1.50, B: ~, C: "${D?e}"}
            command: sh -c 'a "b" \\c'
          base: {<<: *x, extends: !reset null, ports: !override []}
        volumes: {a: }
        networks: {default: {ipam: {config: [{subnet: 10.0.0.0/8}]}}}
        """

    static var seeds: [[UInt8]] {
        var found = [Array(seed.utf8)]
        if let folder = ProcessInfo.processInfo.environment["ROOST_FUZZ_SEEDS"],
            let names = FileManager.default.enumerator(atPath: folder)
        {
            for case let name as String in names where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
                if let data = FileManager.default.contents(atPath: folder + "/" + name), data.count < 20_000 {
                    found.append(Array(data))
                }
            }
        }
        return found
    }

    /// Parts that mean something to YAML or to the loader.
    static let words = [
        "!reset ", "!override ", "&a ", "*a", "<<: ", "${", "}", "$$", "${A:-", "- ", ": ", "[", "]", "{", "}", "\n",
        "  ", "|\n",
        ">-\n", "'", "\"", "#", "null", "true", "-1", "99999999999999999999", "0x", "1e999", ".inf", "~", "\u{0}",
        "\u{feff}",
        "services:", "extends:", "include:", "build:", "---\n", "...\n", "?", "@", "`", "\t", "é", "\u{1F600}",
    ]

    static func mutate(_ seed: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let location = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0 where location < bytes.count: bytes[location] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.insert(contentsOf: Array((words.randomElement(using: &generator) ?? "").utf8), at: location)
            case 2:
                let end = min(bytes.count, location + Int.random(in: 0...40, using: &generator))
                bytes.removeSubrange(location..<end)
            case 3:
                let end = min(bytes.count, location + Int.random(in: 0...200, using: &generator))
                bytes.insert(contentsOf: bytes[location..<end], at: Int.random(in: 0...bytes.count, using: &generator))
            default: bytes.insert(UInt8.random(in: 0...127, using: &generator), at: location)
            }
        }
        return bytes
    }

    @Test("random changes to a file never end the program")
    func mutations() {
        let seeds = Self.seeds
        let rounds = Int(ProcessInfo.processInfo.environment["ROOST_FUZZ_ROUNDS"] ?? "") ?? 3000
        var generator = SeededGenerator("mutations")
        for _ in 0..<rounds {
            let bytes = Self.mutate(seeds.randomElement(using: &generator) ?? [], &generator)
            if let path = ProcessInfo.processInfo.environment["ROOST_FUZZ_LAST"] {
                _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
            }
            let seed = seeds[0]
            var request = LoadRequest(workingDirectory: "/w", environment: ["D": "d"]) { path in
                path == "/w/compose.yaml" ? bytes : path == "/w/other.yaml" ? seed : nil
            }
            request.projectName = "p"
            if let project = try? ProjectLoader.load(request) {
                _ = YAMLWriter.text(ConfigRenderer.yaml(project))
                _ = ConfigRenderer.json(project).text()
            }
            _ = try? ProjectLoader.variables(request)
            request.passes.interpolates = false
            if let project = try? ProjectLoader.load(request) { _ = YAMLWriter.text(RawModel.model(project)) }
        }
    }
}
