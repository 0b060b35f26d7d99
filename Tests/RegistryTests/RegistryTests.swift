import EngineModel
import OCI
import Testing

@testable import Registry

/// What registries say, and whom they are told what.
@Suite struct RegistryTests {
    @Test("challenges are read whatever stands in their quotes")
    func challenges() {
        #expect(
            AuthenticationChallenge(
                header: #"Bearer realm="https://auth.example/token",service="r, s",scope="repository:a/b:pull,push""#)
                == .bearer(realm: "https://auth.example/token", service: "r, s", scope: "repository:a/b:pull,push"))
        #expect(AuthenticationChallenge(header: #"Basic realm="x""#) == .basic)
        #expect(
            AuthenticationChallenge(header: #"bearer Realm="a\"b""#) == .bearer(realm: "a\"b", service: nil, scope: nil)
        )
        #expect(AuthenticationChallenge(header: "Bearer") == nil)
        #expect(AuthenticationChallenge(header: "Digest x=1") == nil)
    }

    @Test("credentials come in both alphabets of base64, with and without padding")
    func credentials() throws {
        let json = #"{"username":"me","password":"s?~>"}"#
        for urlSafe in [true, false] {
            let text = Base64.encode(Array(json.utf8), urlSafe: urlSafe)
            for header in [text, text.filter { $0 != "=" }] {
                #expect(try RegistryCredentials(header: header)?.password == "s?~>")
            }
        }
        #expect(try RegistryCredentials(header: "e30=") == nil)
        #expect(try RegistryCredentials(header: nil) == nil)
        #expect(throws: RoostError.self) { try RegistryCredentials(header: "!!") }
        let both = RegistryCredentials(json: ["auth": .string(Base64.encode(Array("a:b:c".utf8)))])
        #expect(both.username == "a" && both.password == "b:c")
    }

    @Test("plain text is spoken with loopback and listed registries alone")
    func insecure() {
        var configuration = RegistryConfiguration()
        configuration.insecure = ["old.example:5000", "10.1.0.0/16"]
        #expect(configuration.bases("127.0.0.1:5000") == ["https://127.0.0.1:5000", "http://127.0.0.1:5000"])
        #expect(configuration.isInsecure("localhost:80") && configuration.isInsecure("[::1]:80"))
        #expect(configuration.isInsecure("old.example:5000") && !configuration.isInsecure("old.example"))
        #expect(configuration.isInsecure("10.1.2.3:5000") && !configuration.isInsecure("10.2.0.1:5000"))
        #expect(configuration.bases("new.example") == ["https://new.example"])
        configuration.mirrors = ["https://mirror.example/"]
        #expect(configuration.bases(RegistryConfiguration.hub).first == "https://mirror.example")
        // What is pushed goes to no mirror, but to a registry that is one of them too.
        #expect(configuration.bases(RegistryConfiguration.hub, mirrored: false).count == 1)
        configuration.mirrors = ["http://127.0.0.1:5000"]
        #expect(
            configuration.bases("127.0.0.1:5000", mirrored: false) == [
                "https://127.0.0.1:5000", "http://127.0.0.1:5000",
            ])
        #expect(RegistryConfiguration.domain("https://index.docker.io/v1/") == RegistryConfiguration.hub)
        #expect(RegistryConfiguration.domain("http://a.example:5000/x") == "a.example:5000")
    }

    @Test("a registry's wish to be left alone is obeyed, within reason")
    func delays() {
        #expect(RegistrySession.retryDelay("3", attempt: 0) == 3)
        #expect(RegistrySession.retryDelay("100000", attempt: 0) == RegistrySession.patience)
        #expect(RegistrySession.retryDelay("-1", attempt: 0) == 0)
        #expect(RegistrySession.retryDelay("soon", attempt: 2) == 0.8)
        #expect(RegistrySession.retryDelay(nil, attempt: 50) == 8)
    }

    @Test("the proxy is left out where it should be")
    func proxies() {
        for (host, list, excepted) in [
            ("127.0.0.1:5000", "", true), ("a.example", "a.example", true), ("b.a.example:80", ".a.example", true),
            ("b.a.example", "a.example", true), ("ba.example", "a.example", false), ("10.0.0.7", "10.0.0.0/8", true),
            ("x.example", "*", true), ("x.example", "y.example, z.example", false),
        ] as [(String, String, Bool)] { #expect(ProxyRules.isExcepted(host, list) == excepted, "\(host) \(list)") }
    }

    @Test("pages of tags stay on the registry")
    func pages() {
        #expect(RegistrySession.nextPage(#"</v2/a/tags/list?last=b&n=2>; rel="next""#) == "/v2/a/tags/list?last=b&n=2")
        #expect(
            RegistrySession.nextPage(#"<https://evil.example/v2/a/tags/list?n=1>; rel="next""#) == "/v2/a/tags/list?n=1"
        )
        #expect(RegistrySession.nextPage("nothing") == nil)
    }

    @Test("platforms have many names")
    func platforms() throws {
        #expect(try Descriptor.Platform(parsing: "linux/arm64/v8").description == "linux/arm64/v8")
        #expect(try Descriptor.Platform(parsing: "x86_64").architecture == "amd64")
        #expect(try Descriptor.Platform(parsing: "linux/aarch64").architecture == "arm64")
        #expect(throws: RoostError.self) { try Descriptor.Platform(parsing: "windows/amd64") }
        #expect(throws: RoostError.self) { try Descriptor.Platform(parsing: "linux//") }
        let wanted = try Descriptor.Platform(parsing: "linux/arm/v7")
        #expect(wanted.accepts(.init(architecture: "arm", variant: "v7")))
        #expect(!wanted.accepts(.init(architecture: "arm", variant: "v6")))
        #expect(!wanted.accepts(.init(architecture: "arm64", variant: "v7")))
    }
}
