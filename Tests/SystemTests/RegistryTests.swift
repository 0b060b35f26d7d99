import Foundation
import Testing

/// Images between this engine and registries, good ones and bad ones.
@Suite(.serialized) struct RegistrySystemTests {
    /// A layer with one file of a size, as a tar stream.
    private func layer(_ engine: TestEngine, bytes: Int = 300_000) throws -> Data {
        let folder = engine.folder + "/layer"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data((0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 7) }).write(to: URL(fileURLWithPath: folder + "/f"))
        _ = try TestEngine.run("/bin/tar", ["-C", folder, "-cf", folder + ".tar", "f"])
        return try Data(contentsOf: URL(fileURLWithPath: folder + ".tar"))
    }

    private func pull(_ engine: TestEngine, _ mode: FakeRegistry.Mode, login: Bool = false) throws -> (
        Outcome, FakeRegistry
    ) {
        let registry = try FakeRegistry(mode, layer: try layer(engine))
        defer { registry.close() }
        let configuration = engine.folder + "/docker"
        if login {
            try FileManager.default.createDirectory(atPath: configuration, withIntermediateDirectories: true)
            try #"{"auths":{"127.0.0.1:\#(registry.port)":{"auth":"bWU6c2VjcmV0"}}}"#.write(
                toFile: configuration + "/config.json", atomically: true, encoding: .utf8)
        }
        let outcome = try engine.roost(
            ["pull", "127.0.0.1:\(registry.port)/team/app:1"], environment: ["DOCKER_CONFIG": configuration])
        return (outcome, registry)
    }

    @Test(
        "what breaks off goes on, what is busy is asked again",
        arguments: [FakeRegistry.Mode.good, .breaksOff, .breaksOffWithoutRange, .busy])
    func succeeds(mode: FakeRegistry.Mode) throws {
        try withEngine(images: []) { engine in
            let (outcome, _) = try pull(engine, mode)
            #expect(outcome.code == 0, "\(outcome.errors)")
            let id = try engine.must("images", "-q")
            #expect(!id.isEmpty && outcome.output.contains("Digest: sha256:"))
            try engine.must("create", "--name", "made", id, "x")
            try engine.must("cp", "made:/f", "got")
            let expected = try Data(contentsOf: URL(fileURLWithPath: engine.folder + "/layer/f"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: engine.folder + "/got")) == expected)
        }
    }

    @Test(
        "what is not what it should be is refused, and nothing of it stays",
        arguments: [
            (.wrongBytes, "digest"), (.longer, "longer than"), (.shorter, "ended early"),
            (.challengesForever, "no basic auth credentials"),
            (.redirectsInCircle, "too many"), (.manifestOfNowhere, "not found"), (.nonsense, "not a valid document"),
            (.schema1, "schema 1"),
        ] as [(FakeRegistry.Mode, String)])
    func refuses(mode: FakeRegistry.Mode, words: String) throws {
        try withEngine(images: []) { engine in
            let (outcome, _) = try pull(engine, mode)
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
            #expect(try engine.must("images", "-q").isEmpty)
            let manager = FileManager.default
            for folder in ["content/arriving", "layers/arriving"] {
                try engine.eventually("nothing half-made is left in \(folder)") {
                    try manager.contentsOfDirectory(atPath: engine.dataRoot + "/" + folder).isEmpty
                }
            }
            #expect(try engine.must("system", "check").contains("no damage found"))
        }
    }

    @Test("credentials stay with the registry that they are for")
    func secrets() throws {
        try withEngine(images: []) { engine in
            let (outcome, registry) = try pull(engine, .redirectsElsewhere, login: true)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(registry.leaked.isEmpty)
        }
    }

    @Test("pushing and pulling with a real registry, and with skopeo: the digests are the same everywhere")
    func exchange() throws {
        try withEngine { engine in
            let registry = try RealRegistry(engine.folder + "/registry")
            defer { registry.close() }
            let name = "127.0.0.1:\(registry.port)/team/app"
            try engine.must("tag", "busybox", name + ":1")
            try engine.eventually("the registry answers") { try engine.roost("push", name + ":1").code == 0 }
            let again = try engine.must("push", name + ":1")
            #expect(again.contains("Layer already exists"))
            try engine.must("tag", "busybox", "127.0.0.1:\(registry.port)/other:1")
            #expect(try engine.must("push", "127.0.0.1:\(registry.port)/other:1").contains("Mounted from team/app"))
            let digest = try engine.must("images", "--digests", "--format", "{{.Digest}}", name)
            func skopeo(_ words: String...) throws -> Outcome { try TestEngine.run("/usr/bin/skopeo", words) }
            #expect(
                try skopeo("inspect", "--tls-verify=false", "--format", "{{.Digest}}", "docker://" + name + ":1").output
                    .trimmingCharacters(in: .whitespacesAndNewlines) == digest)
            let id = try engine.must("images", "-q", "--no-trunc", name)
            try engine.must("rmi", "-f", id)
            try engine.must("pull", name + "@" + digest)
            #expect(try engine.must("images", "-q", "--no-trunc") == id)
            #expect(try engine.must("run", "--rm", name + "@" + digest, "echo", "ran") == "ran")
            // Our archives are others' archives, in both forms and both directions.
            try engine.must("save", "-o", "ours.tar", name + "@" + digest)
            for form in ["docker-archive", "oci-archive"] {
                let copy = try skopeo(
                    "copy", "--insecure-policy", "--src-tls-verify=false", "docker://" + name + ":1",
                    "\(form):\(engine.folder)/\(form).tar:copied:\(form)")
                #expect(copy.code == 0, "\(copy.errors)")
                try engine.must("load", "-i", form + ".tar")
                #expect(try engine.must("run", "--rm", "copied:\(form)", "echo", "ran") == "ran")
            }
            let back = try skopeo(
                "copy", "--insecure-policy", "--dest-tls-verify=false", "docker-archive:\(engine.folder)/ours.tar",
                "docker://127.0.0.1:\(registry.port)/back:1")
            #expect(back.code == 0, "\(back.errors)")
            #expect(try engine.roost("pull", name + ":nosuch").errors.contains("not found"))
            try engine.must("pull", "-a", name)
            let manifest = try engine.must("manifest", "inspect", name + ":1")
            #expect(manifest.contains("\t\"schemaVersion\": 2") && manifest.contains("\"layers\""))
            // A project's images come by themselves, and its lock knows them by digest.
            let folder = try engine.writeProject(
                "services: {app: {image: '\(name):1', command: sleep 1000, init: true}}")
            try engine.must("up", "-d", in: folder)
            try engine.must("lock", in: folder)
            let lock = try String(contentsOfFile: folder + "/compose.lock.json", encoding: .utf8)
            #expect(lock.contains(digest) && lock.contains("\"registry\""))
            try engine.must("down", in: folder)
            try engine.must("up", "-d", "--locked", in: folder)
            #expect(try engine.must("config", "--resolve-image-digests", in: folder).contains(digest))
            try engine.must("down", in: folder)
        }
    }
}

/// Debian's registry on loopback.
final class RealRegistry {
    let port: UInt16
    private let process = Process()

    init(_ folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        port = UInt16.random(in: 20_000..<30_000)
        let path = folder + "/config.yml"
        try """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(folder)/data}}
        http: {addr: "127.0.0.1:\(port)"}
        """.write(toFile: path, atomically: true, encoding: .utf8)
        process.executableURL = URL(fileURLWithPath: "/usr/bin/docker-registry")
        process.arguments = ["serve", path]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
    }

    func close() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
