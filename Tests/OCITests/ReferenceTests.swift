import EngineModel
import OCI
import Testing

@Suite struct ReferenceTests {
    @Test(
        "names are completed as Docker completes them",
        arguments: [
            ("redis", "docker.io/library/redis:latest", "redis:latest"),
            ("user/app:1.2", "docker.io/user/app:1.2", "user/app:1.2"),
            ("localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1"),
            ("docker.io/library/redis", "docker.io/library/redis:latest", "redis:latest"),
        ])
    func completes(text: String, full: String, familiar: String) throws {
        let reference = try ImageReference(parsing: text)
        #expect(reference.description == full)
        #expect(reference.familiar == familiar)
    }

    @Test(
        "what is no name is refused",
        arguments: [
            "", "Redis", "a b", "redis:", "redis:-x", "a//b", "-a", "a@sha256:12", String(repeating: "a", count: 64),
        ])
    func refuses(text: String) { #expect(throws: RoostError.self) { try ImageReference(parsing: text) } }
}
