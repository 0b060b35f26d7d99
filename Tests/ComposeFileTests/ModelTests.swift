import ComposeFile
import ComposeModel
import EngineModel
import Testing

/// Several files: what they include, what they build on, how they come together.
@Suite struct ModelTests {
    @Test("extends: a chain through files, paths beside each of them, local values on top")
    func extends() throws {
        let project = try load([
            "/work/shop/compose.yaml": """
            services:
              web:
                extends: {file: base/common.yaml, service: app}
                environment: {B: own}
                command: mine
            """,
            "/work/shop/base/common.yaml": """
            services:
              app:
                extends: {file: ../deep/root.yaml, service: root}
                image: app
                volumes: ["./data:/data"]
                environment: {A: app, B: app}
            """,
            "/work/shop/deep/root.yaml": """
            services:
              root: {image: root, command: theirs, build: ./src, ports: ["80:80"], environment: [C=root]}
            """,
        ])
        let web = try #require(project.services["web"])
        #expect(web["image"] == "app")
        #expect(web["command"] == ["mine"])
        #expect(web["environment"] == ["A": "app", "B": "own", "C": "root"])
        #expect(web["volumes"].array?.first?["source"] == "/work/shop/base/data")
        #expect(web["build"]["context"] == "/work/shop/deep/src")
        #expect(web["extends"].isNull)
        #expect(project.origins["services.web.image"]?.hasPrefix("base/common.yaml:4:") == true)
    }

    @Test("extends: circles and missing services are refused with their location")
    func badExtends() throws {
        let circle = try #require(
            failure("services:\n  a: {image: x, extends: b}\n  b: {image: x, extends: a}\n"))
        #expect(circle.message.contains("Circular reference"))
        let missing = try #require(failure("services:\n  a: {image: x, extends: {service: nope}}\n"))
        #expect(missing.message.contains("service \"nope\" not found"))
        #expect(missing.location?.line == 2)
    }

    @Test("include: a project of its own, with its folder and its .env")
    func include() throws {
        let project = try load([
            "/work/shop/compose.yaml": """
            include: [db/compose.yaml]
            services:
              web: {image: web, depends_on: [db]}
            """,
            "/work/shop/compose.override.yaml": "services: {db: {environment: {EXTRA: '1'}}}",
            "/work/shop/db/compose.yaml": """
            services:
              db: {image: "pg:${TAG}", build: {}, volumes: ["./init:/init", "data:/d"]}
            volumes: {data: }
            """,
            "/work/shop/db/.env": "TAG=16\n",
        ])
        let database = try #require(project.services["db"])
        #expect(database["image"] == "pg:16")
        #expect(database["environment"] == ["EXTRA": "1"])
        #expect(database["volumes"].array?.first?["source"] == "/work/shop/db/init")
        #expect(database["build"]["context"] == "/work/shop/db")
        #expect(project.volumes["data"]?["name"] == "shop_data")
        let circle = ["/work/shop/compose.yaml": "include: [compose.yaml]\nservices: {a: {image: x}}"]
        #expect(throws: ComposeError.self) { try load(circle) }
    }

    @Test("!reset takes away, !override replaces, whole services too")
    func tags() throws {
        let base =
            "services: {a: {image: x, command: one, ports: ['80:80'], environment: {A: '1'}}, b: {image: y, ports: ['1:1']}, c: {image: z}}"
        func merged(_ text: String) throws -> Project {
            try load(["/work/shop/compose.yaml": base, "/work/shop/compose.override.yaml": text])
        }
        let reset = try merged("services: {a: {ports: !reset [], command: !reset {}}, c: !reset null}")
        #expect(reset.services["a"]?["ports"].isNull == true)
        #expect(reset.services["a"]?["command"].isNull == true)
        #expect(reset.services["c"] == nil)
        let override = try merged("services: {a: {ports: !override ['90:90']}, b: !override {image: new}}")
        #expect(override.services["a"]?["ports"].array?.count == 1)
        #expect(override.services["b"]?["image"] == "new")
        #expect(override.services["b"]?["ports"].isNull == true)
    }

    @Test("each attribute is merged by its own rule")
    func merging() throws {
        let project = try load([
            "/work/shop/compose.yaml": """
            services:
              a:
                image: x
                volumes: ["one:/d:ro", "./k:/k"]
                logging: {driver: json-file, options: {max-size: 1m}}
                ulimits: {nofile: {soft: 1, hard: 2}}
                healthcheck: {test: [CMD, old], interval: 5s}
                dns: 1.1.1.1
                networks: {n: {aliases: [x]}}
                labels: {k: "1"}
            volumes: {one: , two: }
            networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}
            """,
            "/work/shop/compose.override.yaml": """
            services:
              a:
                volumes: ["two:/d"]
                logging: {driver: local, options: {max-file: "2"}}
                ulimits: {nofile: 5}
                healthcheck: {test: new}
                dns: [1.1.1.1, 2.2.2.2]
                networks: {n: {aliases: [y]}}
                labels: [l=2]
                image:
            networks: {n: {ipam: {config: [{subnet: 10.9.0.0/24, gateway: 10.9.0.9}]}}}
            """,
        ])
        let service = try #require(project.services["a"])
        #expect(service["image"] == "x")
        #expect(service["volumes"].array?.map { $0["source"].string } == ["two", "/work/shop/k"])
        #expect(service["volumes"].array?.first?["read_only"].isNull == true)
        #expect(service["logging"] == ["driver": "local", "options": ["max-file": "2"]])
        #expect(service["ulimits"] == ["nofile": 5])
        #expect(service["healthcheck"] == ["test": ["CMD-SHELL", "new"], "interval": "5s"])
        #expect(service["dns"] == ["1.1.1.1", "2.2.2.2"])
        #expect(service["networks"]["n"]["aliases"] == ["x", "y"])
        #expect(service["labels"]["k"] == "1" && service["labels"]["l"] == "2")
        #expect(project.networks["n"]?["ipam"]["config"] == [["subnet": "10.9.0.0/24", "gateway": "10.9.0.9"]])
    }

    @Test("what is printed: nothing that is empty, but what Compose prints always")
    func printed() throws {
        let project = try load(
            """
            services:
              a: {image: x, init: false, tty: false, scale: 0, deploy: {}, environment: {}, cap_add: [], x-own: 1}
            x-top: {list: []}
            """)
        let json = ConfigRenderer.json(project)
        let service = json["services"]["a"]
        #expect(service["init"] == false && service["scale"] == 0)
        #expect(service.object?.contains { ["tty", "environment", "cap_add", "x-own"].contains($0.key) } == false)
        #expect(service["deploy"] == ["replicas": 0, "resources": .object([]), "placement": .object([])])
        #expect(json["x-top"]["list"].isNull)
        #expect(ConfigRenderer.yaml(project)["services"]["a"]["x-own"] == 1)
    }

    @Test("variables that files name, and files without interpolation")
    func uninterpolated() throws {
        var request = LoadRequest(workingDirectory: "/w", environment: [:]) {
            $0 == "/w/compose.yaml"
                ? Array("services: {a: {image: 'x:${TAG:-1}', command: '$HOME ${NEED:?why}'}}".utf8) : nil
        }
        request.projectName = "p"
        let uses = try ProjectLoader.variables(request)
        #expect(uses.map(\.name) == ["HOME", "NEED", "TAG"])
        #expect(uses[1].isRequired && uses[2].defaultValue == "1")
        #expect(throws: ComposeError.self) { try ProjectLoader.load(request) }
        request.passes.interpolates = false
        #expect(try ProjectLoader.load(request).services["a"]?["image"] == "x:${TAG:-1}")
    }
}
