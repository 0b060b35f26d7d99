import ComposeFile
import ComposeModel
import EngineModel
import Testing

/// Text as other systems and editors write it.
@Suite struct ForeignTextTests {
    private func environment(_ file: String, shell: [String: String] = [:], format: String = "") throws -> [String:
        String]
    {
        let entry = format.isEmpty ? "e" : "{path: e, format: \(format)}"
        let project = try load(
            ["/work/shop/compose.yaml": "services: {a: {image: x, env_file: [\(entry)]}}", "/work/shop/e": file],
            environment: shell)
        return project.services["a"]?["environment"].stringMap ?? [:]
    }

    @Test("lines end in \\n or \\r\\n in every kind of environment file")
    func lineEnds() throws {
        let file = "A=1\r\nB=two\r\nC\r\n#x\r\nD='q'\r\nF=a b # c\r\n\r\nG=\"m1\r\nm2\"\r\n"
        #expect(
            try environment(file, shell: ["C": "cc"]) == [
                "A": "1", "B": "two", "C": "cc", "D": "q", "F": "a b", "G": "m1\r\nm2",
            ])
        #expect(
            try environment("A=1\r\nB= two \r\nC\r\n", shell: ["C": "cc"], format: "raw") == [
                "A": "1", "B": " two ", "C": "cc",
            ])
        let project = try load([
            "/work/shop/compose.yaml": "services: {a: {image: 'x:${A}', label_file: l}}",
            "/work/shop/.env": "A=1\r\nB=2\r\n",
            "/work/shop/l": "L=1\r\nM=${L}\r\n",
        ])
        #expect(project.services["a"]?["image"].string == "x:1")
        #expect(project.services["a"]?["labels"].stringMap == ["L": "1", "M": "1"])
    }

    @Test(
        "an accent behind a separator does not hide it",
        arguments: [
            ("environment: [\"A=\u{301}b\"]", ["environment", "A"], "\u{301}b"),
            ("environment: [\"F=${V}\u{301}\"]", ["environment", "F"], "vv\u{301}"),
            ("environment: [\"F=$V\u{301}\"]", ["environment", "F"], "vv\u{301}"),
            ("environment: [\"k=\u{200d}v\"]", ["environment", "k"], "\u{200d}v"),
            ("labels: [\"A=\u{301}b\"]", ["labels", "A"], "\u{301}b"),
            ("sysctls: [\"a=\u{301}b\"]", ["sysctls", "a"], "\u{301}b"),
        ])
    func accents(_ line: String, _ path: [String], _ value: String) throws {
        let project = try load("services: {a: {image: x, \(line)}}", environment: ["V": "vv"])
        let found = path.reduce(project.services["a"] ?? .null) { $0[$1] }
        #expect(found.string.map { Array($0.utf8) } == Array(value.utf8))
    }

    @Test("paths and commands are parted at their signs")
    func paths() throws {
        let service = try load("services: {a: {image: x, volumes: [\"./a:/\u{301}x\"], command: \"echo 'q'\u{301}\"}}")
            .services["a"]
        #expect(service?["volumes"].array?.first?["target"].string.map { Array($0.utf8) } == Array("/\u{301}x".utf8))
        #expect(service?["command"].strings?.last.map { Array($0.utf8) } == Array("q\u{301}".utf8))
    }

    @Test("two spellings of a letter are two names")
    func spellings() throws {
        let labels = try load("services: {a: {image: x, labels: {\"\\u00e9\": 1, \"e\\u0301\": 2}}}").services["a"]?[
            "labels"]
        #expect(labels?.object?.count == 2 && labels?["\u{e9}"].string == "1" && labels?["e\u{301}"].string == "2")
    }

    @Test(
        "a name is checked, and what is wrong is placed",
        arguments: [
            ("A!=2\n", "unexpected character"), ("A=1\n/a\n", "unexpected character"),
            ("A B=2\n", "cannot contain a space"),
            ("A=\"x\n", "unterminated"),
        ])
    func names(_ file: String, _ message: String) throws {
        let error = #expect(throws: ComposeError.self) { _ = try self.environment(file) }
        #expect(error?.message.contains(message) == true && error?.location?.file == "/work/shop/e")
    }

    @Test(
        "the raw format refuses what docker run refuses",
        arguments: [
            ("=1\n", "no variable name"), ("A B=1\n", "contains whitespaces"),
        ])
    func raw(_ file: String, _ message: String) {
        let error = #expect(throws: ComposeError.self) { _ = try self.environment(file, format: "raw") }
        #expect(error?.message.contains(message) == true)
    }

    @Test("bytes that are not UTF-8: refused raw, replaced else; a mark in front is skipped")
    func bytes() throws {
        #expect(throws: ComposeError.self) { try EnvironmentFile.parseRaw([65, 61, 255], file: "e", known: [:]) }
        let found = try EnvironmentFile.parse([0xEF, 0xBB, 0xBF, 65, 61, 255, 10], file: "e", known: [:])
        #expect(found.map(\.name) == ["A"] && found[0].value == "\u{fffd}")
    }

    @Test("a file sees the values of the files before it and of the service")
    func chain() throws {
        let project = try load([
            "/work/shop/compose.yaml": "services: {a: {image: x, env_file: [p, q], environment: {O: own}}}",
            "/work/shop/p": "B=two\n", "/work/shop/q": "Z=${B}${O}\n",
        ])
        #expect(project.services["a"]?["environment"]["Z"].string == "twoown")
    }
}
