import ComposeFile
import ComposeModel
import EngineModel
import Testing

/// Loads a project out of texts, without a disk.
func load(
    _ files: [String: String], environment: [String: String] = [:], change: (inout LoadRequest) -> Void = { _ in }
) throws -> Project {
    var request = LoadRequest(workingDirectory: "/work/shop", environment: environment) { path in
        files[path].map { Array($0.utf8) }
    }
    change(&request)
    return try ProjectLoader.load(request)
}

func load(_ text: String, environment: [String: String] = [:]) throws -> Project {
    try load(["/work/shop/compose.yaml": text], environment: environment)
}

func failure(_ text: String, environment: [String: String] = [:]) -> ComposeError? {
    do {
        _ = try load(text, environment: environment)
        return nil
    } catch { return error as? ComposeError }
}

@Suite struct LoaderTests {
    @Test("without interpolation values stay as they are written, in long forms where the text allows it")
    func written() throws {
        let project = try load([
            "/work/shop/base.yaml": "services: {base: {image: \"b:${TAG}\", privileged: \"${P}\"}}",
            "/work/shop/compose.yaml": """
            services:
              web:
                extends: {file: base.yaml, service: base}
                build: .
                command: run ${X}
                ports: ["80:8080"]
                volumes: ["./a:/b", "data:/d:${MODE}"]
                depends_on: [db]
                environment: {A: "${A:-1}", B: }
              db: {image: db, ports: ["${P}:90"]}
            volumes: {data: }
            """,
            "/work/shop/compose.override.yaml": "services: {web: {environment: [\"A=${C}\"]}}",
        ]) { $0.passes.interpolates = false }
        let model = RawModel.model(project)
        let web = model["services"]["web"]
        #expect(web["image"].string == "b:${TAG}" && web["privileged"].string == "${P}")
        #expect(web["command"].string == "run ${X}" && web["build"]["context"].string == "/work/shop")
        #expect(web["ports"].array?.first?["target"].int == 8080)
        #expect(web["volumes"].array?.compactMap { $0["source"].string } == ["/work/shop/a", "data"])
        #expect(web["environment"].strings == ["B", "A=${C}"])
        #expect(web["depends_on"]["db"]["required"].bool == true)
        #expect(model["services"]["db"]["ports"].strings == ["${P}:90"])
        #expect(model["volumes"]["data"]["name"].string == "shop_data")
    }

    @Test("what surprises is told: doubled ports, variables that are for the container alone, dollars that were meant")
    func warnings() throws {
        let project = try load([
            "/work/shop/compose.yaml": """
            services:
              web: {image: x, ports: ["8080:80"], env_file: a.env, environment: {PASS: "a$word", HOST: "${SHOP_HOST}"}}
            """,
            "/work/shop/compose.override.yaml": "services: {web: {ports: [\"9090:80\"]}}",
            "/work/shop/a.env": "SHOP_HOST=here\n",
        ])
        let told = project.warnings.joined(separator: "\n")
        #expect(
            told.contains("port 80 is published as 8080 (compose.yaml:2:26) and as 9090 (compose.override.yaml:1:25)"),
            "\(told)")
        #expect(told.contains("!override"))
        #expect(told.contains("\"word\" variable is not set") && told.contains("use $$word"))
        #expect(
            told.contains("\"SHOP_HOST\" variable is not set")
                && told.contains("Service web sets it in environment or env_file"))
    }

    @Test("a small project in canonical form")
    func small() throws {
        let project = try load(
            """
            services:
              web:
                image: nginx
                command: echo "two words" $$HOME
                ports: ["8080:80"]
                environment: [A=1, B]
                volumes: ["data:/data:ro", "./src:/src"]
            volumes: {data: }
            """, environment: ["B": "b"])
        let web = try #require(project.services["web"])
        #expect(project.name == "shop")
        #expect(web["command"] == ["echo", "two words", "$HOME"])
        #expect(web["ports"] == [["mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"]])
        #expect(web["environment"] == ["A": "1", "B": "b"])
        #expect(web["volumes"].array?.last?["source"] == "/work/shop/src")
        #expect(web["networks"] == ["default": .null])
        #expect(project.networks["default"]?["name"] == "shop_default")
        #expect(project.volumes["data"]?["name"] == "shop_data")
        #expect(project.origins["services.web.image"] == "compose.yaml:3:12")
    }

    @Test("an unknown key names its location and the nearest one")
    func unknownKey() throws {
        let error = try #require(failure("services:\n  web:\n    image: a\n    comand: x\n"))
        #expect(error.location == ComposeModel.SourceLocation(file: "compose.yaml", line: 4, column: 5))
        #expect(error.hint == "did you mean command?")
        let text = error.rendered { _ in "services:\n  web:\n    image: a\n    comand: x\n" }
        #expect(text.contains("4 |     comand: x"))
        #expect(text.contains("|     ^"))
    }

    @Test(
        "mistakes are refused with line and column",
        arguments: [
            ("services:\n  web:\n    image: [a]\n", 3, 12), ("services:\n  web:\n    image: 5\n", 3, 12),
            ("services:\n  web: 5\n", 2, 8), ("services: [a]\n", 1, 11),
            ("services:\n  web:\n    image: a\n    ports: ['99999:80']\n", 4, 13),
            ("services:\n\tweb: {}\n", 2, 1), ("services:\n  web:\n    image: a\n    image: b\n", 4, 5),
            ("services:\n  web:\n    image: *nope\n", 3, 12),
            ("services:\n  web:\n    image: ${A\n", 3, 12), ("services:\n  web:\n    image: ${A:?say it}\n", 3, 12),
            ("services:\n  web:\n    image: a\n    stop_grace_period: 10\n", 4, 24),
            ("services:\n  web:\n    image: a\n    healthcheck: {test: [curl]}\n", 4, 25),
            ("services:\n  web:\n    image: a\n    mem_limit: lots\n", 4, 16),
        ] as [(String, Int, Int)])
    func places(text: String, line: Int, column: Int) throws {
        let error = try #require(failure(text))
        #expect(error.location.map { [$0.line, $0.column] } == [line, column], "\(error)")
    }

    @Test(
        "what does not fit together is refused",
        arguments: [
            (
                "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
                "dependency cycle detected: a -> b -> a"
            ),
            ("services: {a: {image: x, depends_on: [c]}}", "depends on undefined service \"c\""),
            ("services: {a: {image: x, networks: [n]}}", "undefined network n"),
            ("services: {a: {image: x, volumes: ['v1:/d']}}", "undefined volume v1"),
            ("services: {a: {image: x, secrets: [s]}}", "undefined secret s"),
            ("services: {a: {command: x}}", "neither an image nor a build context"),
            ("services: {a: {image: x, network_mode: host, networks: [default]}}", "mutually exclusive"),
            ("services: {a: {image: x, env_file: nope.env}}", "env file /work/shop/nope.env not found"),
            ("services: {a: {image: x, scale: 2, container_name: c}}", "container_name"),
            (
                "services: {a: {image: x, profiles: [dev]}, b: {image: x, depends_on: [a]}}",
                "enable one of its profiles (dev)"
            ),
            ("secrets: {s: {}}\nservices: {a: {image: x, secrets: [s]}}", "one of file"),
        ])
    func misfits(text: String, words: String) throws { #expect(try #require(failure(text)).message.contains(words)) }

    @Test(
        "interpolation in every form",
        arguments: [
            ("$A", "1"), ("${A}", "1"), ("${N:-d}", "d"), ("${E:-d}", "d"), ("${E-d}", ""), ("${A:+yes}", "yes"),
            ("${N+yes}", ""), ("$$A", "$A"), ("${N:-${M:-deep}}", "deep"), ("a$", "a$"), ("$1", "$1"),
            ("x${A}y", "x1y"),
        ])
    func interpolation(text: String, value: String) throws {
        let project = try load(
            "services: {a: {image: x, environment: {V: '\(text)'}}}", environment: ["A": "1", "E": ""])
        #expect(project.services["a"]?["environment"]["V"] == .string(value))
    }

    @Test("merge keys, anchors and extensions")
    func anchors() throws {
        let project = try load(
            "x-base: &base {image: one, init: true}\nservices:\n  a:\n    <<: *base\n    image: two\n")
        #expect(project.services["a"]?["image"] == "two")
        #expect(project.services["a"]?["init"] == true)
    }

    @Test("a file that multiplies itself is refused")
    func bomb() throws {
        var text = "x-a: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            text +=
                "x-a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
                + "]\n"
        }
        #expect(try #require(failure(text + "services: {}\n")).message.contains("grows beyond"))
        #expect(failure("a: " + String(repeating: "[", count: 5000)) != nil)
    }

    @Test("override files, .env and env_file come together by their rules")
    func layers() throws {
        let project = try load([
            "/work/shop/compose.yaml":
                "services: {a: {image: 'x:${TAG}', environment: {A: base, B: base}, env_file: a.env, ports: ['80:80'], command: one}}",
            "/work/shop/compose.override.yml":
                "services: {a: {environment: [A=over], ports: ['81:81'], command: [two]}}",
            "/work/shop/.env": "TAG=7\n",
            "/work/shop/a.env": "B=file\nC='it\\'s'\nD=\"line\\n$TAG\" # note\nexport E=x\n",
        ])
        let service = try #require(project.services["a"])
        #expect(service["image"] == "x:7")
        #expect(service["environment"]["A"] == "over")
        #expect(service["environment"]["B"] == "base")
        #expect(service["environment"]["D"] == "line\n7")
        #expect(service["ports"].array?.count == 2)
        #expect(service["command"] == ["two"])
    }

    @Test("profiles switch services on")
    func profiles() throws {
        let text = ["/work/shop/compose.yaml": "services: {a: {image: x}, b: {image: x, profiles: [dev]}}"]
        #expect(try load(text).services.keys.sorted() == ["a"])
        #expect(try load(text) { $0.profiles = ["dev"] }.services.keys.sorted() == ["a", "b"])
        #expect(try load(text) { $0.services = ["b"] }.services.keys.sorted() == ["a", "b"])
    }

    @Test("what config prints loads as the same project")
    func roundTrip() throws {
        let first = try load(
            "services: {a: {image: x, ports: ['80:80'], volumes: ['v1:/d'], healthcheck: {test: 'true', interval: 90s}, environment: {N: '007', T: 'yes'}}}\nvolumes: {v1: {}}"
        )
        let second = try load(YAMLWriter.text(ConfigRenderer.yaml(first)))
        #expect(first.services == second.services)
    }
}
