import ComposeFile
import ComposeModel
import EngineModel
import Testing

@Suite struct CompatibilityTests {
    @Test("an empty name in profiles is on unless profiles are given")
    func profiles() throws {
        let text = "services: {a: {image: x, profiles: ['']}, c: {image: c}, d: {image: d, profiles: [dev]}}"
        #expect(try load(text).services.keys.sorted() == ["a", "c"])
        #expect(try load(text, environment: ["COMPOSE_PROFILES": "dev,"]).services.keys.sorted() == ["a", "c", "d"])
        #expect(try load(text, environment: ["COMPOSE_PROFILES": "dev"]).services.keys.sorted() == ["c", "d"])
    }

    @Test(
        "items with the same key within one file: the last one counts",
        arguments: [
            (#"ports: ["80:80", "0.0.0.0:80:80"]"#, "ports", 1),
            (#"ports: ["8080:80", {target: 80, published: "8080", mode: host}]"#, "ports", 1),
            (#"ports: ["80:80", "127.0.0.1:80:80"]"#, "ports", 2), (#"devices: ["/a:/b", "/c:/b"]"#, "devices", 1),
            (#"tmpfs: ["/a:size=1", "/a:size=2"]"#, "tmpfs", 1), (#"devices: ["/a:"]"#, "devices", 1),
        ])
    func uniqueItems(attribute: String, name: String, count: Int) throws {
        let items = try load("services: {a: {image: x, \(attribute)}}").services["a"]?[name].array
        #expect(items?.count == count)
        if name == "devices" { #expect(items?.first?["target"].string?.isEmpty == false) }
    }

    @Test("sections are overridden as a whole, extensions merged, models reset")
    func sections() throws {
        func merged(_ one: String, _ other: String) throws -> Project {
            try load(["/work/shop/compose.yaml": one, "/work/shop/compose.override.yaml": other])
        }
        let base =
            "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {driver: bridge, internal: true}}\nx-a: {a: 1, l: [1]}\n"
        let networks = try merged(base, "networks: !override {n: {name: z}}\nx-a: {b: 2, l: [2]}")
        #expect(networks.networks["n"]?["internal"].isNull == true && networks.networks["n"]?["name"].string == "z")
        #expect(networks.extensions.first?.value.text() == #"{"a":1,"l":[1,2],"b":2}"#)
        let models = try merged(base + "models: {k: {model: m}}", "models: {k: !reset null}")
        #expect(models.models.isEmpty)
    }

    @Test("numbers have YAML's value, and hooks keep bare variables for the container")
    func numbers() throws {
        let text =
            "services: {a: {image: x, mem_limit: 010, shm_size: 0x10, pre_stop: [{command: a, environment: [A]}]}}"
        let service = try load(text, environment: ["A": "secret"]).services["a"] ?? .null
        #expect(service["mem_limit"].string == "8" && service["shm_size"].string == "16")
        #expect(service["pre_stop"].array?.first?["environment"].text() == #"{"A":null}"#)
    }

    @Test("a network mode with no networks, and container names that are taken")
    func names() throws {
        #expect(failure("services: {a: {image: x, network_mode: host, networks: []}}") == nil)
        #expect(
            failure("services: {a: {image: x, container_name: web}, b: {image: x, container_name: web}}")?.message
                .contains("already in use by service \"a\"") == true)
    }

    @Test("many ports, variables and volumes are read in linear time")
    func manyItems() throws {
        let variables = (0..<20_000).map { "A\($0)=1" }.joined(separator: ",")
        let text = "services: {a: {image: x, ports: ['1-20000:1-20000'], environment: [\(variables)]}}"
        let service = try load(text).services["a"] ?? .null
        #expect(service["ports"].array?.count == 20_000 && service["environment"].object?.count == 20_000)
    }

    @Test("the later file's pools are the pools")
    func pools() throws {
        func merged(_ one: String, _ other: String) throws -> [JSON] {
            try load([
                "/work/shop/compose.yaml": "services: {a: {image: x}}\nnetworks: {default: {ipam: {config: \(one)}}}",
                "/work/shop/compose.override.yaml": "networks: {default: {ipam: {config: \(other)}}}",
            ]).networks["default"]?["ipam"]["config"].array ?? []
        }
        #expect(try merged("[{subnet: 10.0.0.0/24}]", "[{subnet: 10.0.1.0/24}]") == [["subnet": "10.0.1.0/24"]])
        #expect(
            try merged("[{subnet: 10.0.0.0/24}, {subnet: 10.0.1.0/24}]", "[{subnet: 10.0.1.0/24, gateway: 10.0.1.9}]")
                == [["subnet": "10.0.1.0/24", "gateway": "10.0.1.9"]])
        #expect(try merged("[{subnet: 10.0.0.0/24}]", "[]").isEmpty)
    }

    @Test(
        "external with other keys",
        arguments: [
            ("secrets: {s: {external: {name: real}}}", true), ("secrets: {s: {external: true, file: ./f}}", true),
            ("networks: {s: {external: true, labels: {a: b}}}", true),
            ("volumes: {s: {external: true, driver: d}}", false),
            ("networks: {s: {external: {name: a}, name: b}}", false), ("secrets: {s: {external: false}}", false),
            ("configs: {s: {external: false}}", true), ("secrets: {s: {file: a, environment: b}}", false),
        ])
    func external(_ section: String, _ isAccepted: Bool) {
        #expect((failure("services: {a: {image: x}}\n\(section)") == nil) == isAccepted)
    }

    @Test(
        "refused",
        arguments: [
            "secrets: [{target: /t}]", "build: {secrets: [nope]}", "models: [llm]", "container_name: ''", "scale: -1",
            "deploy: {resources: {reservations: {devices: [{driver: nvidia}]}}}", "environment: ['A =1']",
            "ports: [{target: 80, host_ip: abc}]", "pull_policy: every_x",
            "cpu_percent: 50.5",
            "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 0.5}}]", "logging: {options: {a: true}}",
            "expose: [1.5]",
            "build: {additional_contexts: {b: 'service:nope'}}", "group_add: [100, 100]", "mem_limit: 512mbb",
            "develop: {watch: [{path: '', action: rebuild}]}",
        ])
    func refused(_ attribute: String) { #expect(failure("services: {a: {image: x, \(attribute)}}")?.location != nil) }

    @Test(
        "accepted",
        arguments: [
            "group_add: [100, '100']", "mem_limit: 1e3", "cpu_shares: 1e3", "scale: 1.0",
            "extra_hosts: ['h=1.1.1.1,2.2.2.2']",
            "networks: {default: {priority: 0.5}}",
        ])
    func accepted(_ attribute: String) { #expect(failure("services: {a: {image: x, \(attribute)}}") == nil) }

    @Test(
        "an override may name a service and say nothing; an included file may be empty, and what it defines is not defined beside it"
    )
    func nothing() throws {
        let files = [
            "/work/shop/compose.yaml": "services: {a: {image: x}}",
            "/work/shop/compose.override.yaml": "services: {a: }",
        ]
        #expect(try load(files).services["a"]?["image"].string == "x")
        #expect(failure("services: {a: }") != nil)
        let included = ["/work/shop/compose.yaml": "include: [b.yaml]\nservices: {a: {image: x}}"]
        #expect(try load(included.merging(["/work/shop/b.yaml": "# nothing\n"]) { $1 }).services.count == 1)
        #expect(throws: ComposeError.self) {
            try load(included.merging(["/work/shop/b.yaml": "services: {a: {image: other}}"]) { $1 })
        }
    }

    @Test("a provider has no network, its options are lists; models that nobody uses are dropped")
    func providers() throws {
        let project = try load(
            "services: {a: {provider: {type: t, options: {n: 1, flag: true, l: [x, 2.5]}}}, b: {image: b, models: [llm]}}\nmodels: {llm: {model: m}, o: {model: p}}"
        )
        let options = project.services["a"]?["provider"]["options"]
        #expect(
            options?["n"].strings == ["1"] && options?["flag"].strings == ["true"]
                && options?["l"].strings == ["x", "2.5"])
        #expect(project.services["a"]?["networks"].isNull == true)
        #expect(
            project.services["b"]?["models"].object?.map(\.key) == ["llm"] && project.models.keys.sorted() == ["llm"])
    }

    @Test(
        "mistakes are placed where they begin, with what was meant",
        arguments: [
            ("services:\n  a:\n    image: \"x\n    command: b\n", "compose.yaml:3:12", "quote that opens here"),
            ("services:\n  a:\n    image: \"x\n    command: \"b\"\n", "compose.yaml:3:12", "quote that opens here"),
            (
                "services:\n  a:\n<<<<<<< HEAD\n    image: x\n=======\n    image: y\n>>>>>>> b\n", "compose.yaml:3:1",
                "merge conflict"
            ),
            (
                "services: {a: {image: x, volumes: [dta:/v]}}\nvolumes: {data: }", "compose.yaml:1:36",
                "did you mean data?"
            ),
            (
                "services: {a: {image: x, networks: [frnt]}}\nnetworks: {front: }", "compose.yaml:1:37",
                "did you mean front?"
            ),
            (
                "services: {a: {image: x, secrets: [tokn]}}\nsecrets: {token: {file: f}}", "compose.yaml:1:36",
                "did you mean token?"
            ),
            ("services: {a: {image: x, mem_limit: 512mbb}}", "compose.yaml:1:37", "invalid size \"512mbb\""),
        ])
    func mistakes(_ text: String, _ location: String, _ words: String) {
        let error = failure(text)
        #expect(error?.location?.description == location && error?.description.contains(words) == true)
    }
}
