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

    @Test("changes of import do what the instruction says")
    func changes() throws {
        var runtime = ImageConfiguration.Runtime()
        for line in [
            #"CMD ["redis-server","--port","1"]"#, "ENV A=1 B=\"two words\"", "ENV C three words", "EXPOSE 80 53/udp",
            "WORKDIR /srv", "USER 1000:50", "LABEL a=b", "VOLUME /data",
        ] {
            try runtime.apply(change: line)
        }
        #expect(runtime.cmd == ["redis-server", "--port", "1"])
        #expect(runtime.env == ["A=1", "B=two words", "C=three words"])
        #expect(runtime.exposedPorts?.keys.sorted() == ["53/udp", "80/tcp"])
        #expect(runtime.user == "1000:50")
        #expect(runtime.volumes?.keys.sorted() == ["/data"])
        #expect(throws: RoostError.self) { try runtime.apply(change: "FROM x") }
        #expect(throws: RoostError.self) { try runtime.apply(change: "CMD") }
    }
}
