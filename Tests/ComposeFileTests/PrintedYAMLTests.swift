import ComposeFile
import ComposeModel
import EngineModel
import Testing

/// What `config` prints can be compared line by line with the reference tool's output: the expected texts are that tool's.
@Suite struct PrintedYAMLTests {
    @Test(
        "texts are written as the reference tool's library writes them",
        arguments: [
            ("x", "x"), ("-x", "-x"), ("- x", "'- x'"), ("#x", "'#x'"), ("a#b", "a#b"), ("a #b", "'a #b'"),
            ("x: y", "'x: y'"),
            ("a:", "'a:'"), (":a", ":a"), ("yes", "\"yes\""), ("null", "\"null\""), ("~", "\"~\""), ("", "\"\""),
            ("012", "\"012\""),
            ("08", "\"08\""), ("1e3", "\"1e3\""), ("1e", "1e"), ("1_000", "\"1_000\""), (".5", "\".5\""),
            ("1.5.2", "1.5.2"),
            ("0x1F", "\"0x1F\""), ("10:20", "\"10:20\""), ("80:80", "80:80"), ("2001-01-01", "\"2001-01-01\""),
            ("2001-1-1", "\"2001-1-1\""), (" lead", "' lead'"), ("it's", "it's"), ("@x", "'@x'"), ("a\"b", "a\"b"),
            ("a\tb", "\"a\\tb\""), ("\u{7}", "\"\\a\""), ("😀", "\"\\U0001F600\""), ("<<", "<<"), ("*a", "'*a'"),
            ("---", "'---'"),
        ])
    func scalars(text: String, written: String) {
        #expect(YAMLWriter.text(["k": .string(text)]) == "k: \(written)\n")
    }

    @Test("several lines are a block, as far as one can hold them")
    func blocks() {
        #expect(YAMLWriter.text(["k": "a\nb"]) == "k: |-\n  a\n  b\n")
        #expect(YAMLWriter.text(["k": "a\nb\n"]) == "k: |\n  a\n  b\n")
        #expect(YAMLWriter.text(["k": "a\n\n"]) == "k: |+\n  a\n\n")
        #expect(YAMLWriter.text(["k": "  a\nb"]) == "k: |2-\n    a\n  b\n")
        #expect(YAMLWriter.text(["k": "a \nb"]) == "k: \"a \\nb\"\n")
    }

    @Test("members come in the reference tool's order, and what says nothing is left out")
    func order() throws {
        let text = """
            services:
              web10: {image: a}
              web2:
                deploy: {replicas: 2}
                healthcheck: {retries: 3, interval: 1s, timeout: 2s, test: [CMD, x]}
                image: a
                build: {target: t, context: ., dockerfile: D}
                environment: {B10: "1", B9: "2"}
                depends_on: {web10: {condition: service_started, required: false, restart: true}}
            """
        let request = LoadRequest(workingDirectory: "/w", environment: [:]) { path in
            path == "/w/compose.yaml" ? Array(text.utf8) : nil
        }
        let printed = YAMLWriter.text(ConfigRenderer.yaml(try ProjectLoader.load(request)))
        #expect(
            printed == """
                name: w
                services:
                  web2:
                    build:
                      context: /w
                      dockerfile: D
                      target: t
                    depends_on:
                      web10:
                        condition: service_started
                        restart: true
                        required: false
                    deploy:
                      replicas: 2
                    environment:
                      B9: "2"
                      B10: "1"
                    healthcheck:
                      test:
                        - CMD
                        - x
                      timeout: 2s
                      interval: 1s
                      retries: 3
                    image: a
                    networks:
                      default: null
                  web10:
                    image: a
                    networks:
                      default: null
                networks:
                  default:
                    name: w_default

                """)
    }
}
