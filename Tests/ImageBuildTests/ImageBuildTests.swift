import EngineModel
import Foundation
import ImageBuild
import OCI
import Testing

/// The language of Dockerfiles: every form of it, and what is said of mistakes.
@Suite struct DockerfileTests {
    private static func instructions(_ text: String) throws -> [Instruction] {
        try Dockerfile(parsing: "FROM scratch\n" + text).stages[0].instructions
    }

    @Test("continuations, comments between them, escapes of one's own, here-documents")
    func lines() throws {
        let file = try Dockerfile(
            parsing: """
                # syntax=docker/dockerfile:1
                # escape=`
                ARG V=1
                from --platform=linux/amd64 base:$V as One
                RUN a `
                  # in between
                    b `

                  c
                RUN <<EOF
                first
                  # not a comment
                EOF
                COPY <<-"A" <<B /to/
                \tone $X
                \tA
                two
                B
                """)
        #expect(file.escape == "`" && file.directives["syntax"] == "docker/dockerfile:1")
        #expect(file.globalArguments.first?.name == "V" && file.globalArguments.first?.value == "1")
        let stage = file.stages[0]
        #expect(stage.base == "base:$V" && stage.name == "one" && stage.platform == "linux/amd64")
        guard case .run(.shell(let joined), _, _, _) = stage.instructions[0].kind,
            case .run(_, _, _, let documents) = stage.instructions[1].kind,
            case .copy(let copy) = stage.instructions[2].kind
        else {
            Issue.record("\(stage.instructions)")
            return
        }
        #expect(joined.split(whereSeparator: \.isWhitespace) == ["a", "b", "c"])
        #expect(documents.first?.content == "first\n  # not a comment\n")
        #expect(copy.documents.map(\.content) == ["one $X\n", "two\n"] && copy.target == "/to/")
        #expect(copy.documents.map(\.expands) == [false, true])
        #expect(stage.instructions[2].line == 14)
        #expect(file.warnings.contains { $0.message.contains("Empty continuation line") })
    }

    @Test(
        "variables, with every modifier",
        arguments: [
            ("$A", "one"), ("${A}x", "onex"), ("$Ax", ""), (#"\$A"#, "$A"), ("'$A'", "$A"), (#""$A""#, "one"),
            ("${U:-d}", "d"), ("${A:-d}", "one"), ("${E:-d}", "d"), ("${E-d}", ""), ("${U-d}", "d"), ("${A:+d}", "d"),
            ("${U:+d}", ""), ("${E+d}", "d"), ("${U:-$A}", "one"), ("${U:-${E:-x}}", "x"), ("${F#*/}", "b/c.tar.gz"),
            ("${F##*/}", "c.tar.gz"), ("${F%.*}", "a/b/c.tar"), ("${F%%.*}", "a/b/c"), ("${F/b/X}", "a/X/c.tar.gz"),
            ("${F//[ac]/X}", "a/b/c.tar.gz"), ("${F//./-}", "a/b/c-tar-gz"), ("a\"b c\"'d e'", "ab cd e"), ("$", "$"),
            ("$1x", "x"), (#""\a""#, #"\a"#),
        ] as [(String, String)])
    func expansion(text: String, result: String) throws {
        let values = ["A": "one", "E": "", "F": "a/b/c.tar.gz"]
        #expect(try WordExpansion { values[$0] }.word(text) == result)
    }

    @Test("a variable that must be set, and brackets that do not close")
    func expansionMistakes() {
        for text in ["${U:?needed}", "${A", "'open", "\"open", "${}", "${A:*}", "${A^}"] {
            #expect(throws: RoostError.self, "\(text)") { try WordExpansion { $0 == "A" ? "1" : nil }.word(text) }
        }
    }

    @Test(
        "mistakes name their line and what to do",
        arguments: [
            ("FORM x", 1, "did you mean FROM?"), ("RUN x", 1, "no build stage"), ("", 1, "file with no instructions"),
            ("FROM a b", 1, "either one or three arguments"), ("FROM a AS 1x", 1, "invalid name for build stage"),
            ("FROM a\n\n\nCOPY x", 4, "at least two arguments"), ("FROM a\nENV", 2, "at least one argument"),
            ("FROM a\nENV A=1 B", 2, "can't find = in \"B\""), ("FROM a\nSHELL sh", 2, "JSON form"),
            ("FROM a\nRUN <<X\nx", 2, "unterminated heredoc"), ("FROM a\nRUN --security=insecure x", 2, "not allowed"),
            ("FROM a\nCOPY --form=b x y", 2, "unknown flag: form"), ("FROM a\nHEALTHCHECK FOO", 2, "try CMD"),
            ("FROM a\nONBUILD ONBUILD RUN x", 2, "isn't allowed"), ("FROM a\nONBUILD FROM x", 2, "isn't allowed"),
            ("FROM a AS b\nFROM c AS b", 2, "duplicate name"), ("# escape=x\nFROM a", 1, "invalid escape token"),
            ("FROM a\nCOPY --parents=maybe x y", 2, "boolean"), ("FROM a\nVOLUME [\"\"]", 2, "empty string"),
        ] as [(String, Int, String)])
    func mistakes(text: String, line: Int, message: String) {
        do throws(DockerfileError) {
            _ = try Dockerfile(parsing: text)
            Issue.record("no error for \(text)")
        } catch {
            #expect(error.line == line && error.message.contains(message), "\(error)")
        }
    }

    @Test("exec and shell form; flags; lists")
    func forms() throws {
        let list = try Self.instructions(
            """
            CMD ["a", "b c"]
            CMD [a, b]
            ENTRYPOINT exec top -b
            EXPOSE 80 90/udp
            VOLUME /a /b
            VOLUME ["/c d"]
            HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost
            ENV old form value
            LABEL a=1 "b c"="d e"
            COPY --from=x --chown=1:2 ["a b", "c/"]
            ONBUILD RUN x
            """)
        #expect(list[0].kind == .command(.exec(["a", "b c"])))
        #expect(list[1].kind == .command(.shell("[a, b]")))
        #expect(list[2].kind == .entrypoint(.shell("exec top -b")))
        #expect(list[3].kind == .expose(["80", "90/udp"]))
        #expect(list[4].kind == .volume(["/a", "/b"]) && list[5].kind == .volume(["/c d"]))
        #expect(
            list[6].kind
                == .healthcheck(flags: [("interval", "5s"), ("retries", "2")], test: .shell("curl -f localhost")))
        #expect(list[7].kind == .env([("old", "form value")]))
        #expect(list[8].kind == .label([("a", "1"), ("\"b c\"", "\"d e\"")]))
        guard case .copy(let copy) = list[9].kind else {
            Issue.record("\(list[9])")
            return
        }
        #expect(copy.sources == ["a b"] && copy.target == "c/" && copy.from == "x" && copy.owner == "1:2")
        #expect(list[10].kind == .onBuild("RUN x"))
    }

    @Test("an array counts to its end, whatever stands behind it; one of anything but strings is a mistake")
    func arrays() throws {
        guard case .command(.exec(let words)) = try Self.instructions(#"CMD ["a", "b]"] # c"#)[0].kind else {
            Issue.record("no array")
            return
        }
        #expect(words == ["a", "b]"])
        guard case .command(.shell) = try Self.instructions("CMD [a, b]")[0].kind else {
            Issue.record("what is no JSON is a command line")
            return
        }
        for text in ["CMD [\"a\", 1]", "ENTRYPOINT [true]", "RUN [null]", "VOLUME []"] {
            #expect(throws: DockerfileError.self) { try Self.instructions(text) }
        }
    }

    @Test("what is legal but probably not meant is told")
    func checks() throws {
        let file = try Dockerfile(
            parsing: "FROM a\nMAINTAINER me\nCMD x\nCMD [\"y\"]\nWORKDIR sub\nENV API_TOKEN=1\nENV a b\n")
        for name in [
            "MaintainerDeprecated", "JSONArgsRecommended", "MultipleInstructionsDisallowed", "WorkdirRelativePath",
            "SecretsUsedInArgOrEnv", "LegacyKeyValueFormat",
        ] { #expect(file.warnings.contains { $0.message.hasPrefix(name) }, "\(name)") }
    }

    /// Pieces of Dockerfiles in every disorder: an error or a result, never a crash and never a hang. `ROOST_FUZZ_ROUNDS` makes it
    /// as long as one likes.
    @Test("no text breaks the parser")
    func mutations() throws {
        let seeds = [
            "# escape=`\nARG A=1\nFROM a AS b\nRUN --mount=type=cache,target=/x <<EOF\nq\nEOF\n",
            "FROM scratch\nCOPY --chown=1:2 <<\"X\" <<-Y /d/\na\nX\n\tb\nY\nENV A=\"b c\" D='e' F=${G:-h}\n",
            "FROM x\nRUN [\"a\", \"b\"]\nHEALTHCHECK --interval=1s CMD [\"c\"]\nONBUILD COPY a b\nSHELL [\"x\"]\nCMD a \\\n # c\n b\n",
        ].map { Array($0.utf8) }
        let alphabet = Array("\\`<>-=\"'${}#[]:,\n\r\t A0/FROMRUNCOPYEOF\u{0}".utf8) + [0xff, 0xef, 0xbb, 0xbf]
        let rounds = ProcessInfo.processInfo.environment["ROOST_FUZZ_ROUNDS"].flatMap { Int($0) } ?? 3000
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func next(_ limit: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(limit))
        }
        for round in 0..<rounds {
            var bytes = seeds[round % seeds.count]
            for _ in 0...next(8) {
                switch next(4) {
                case 0: bytes.insert(alphabet[next(alphabet.count)], at: next(bytes.count + 1))
                case 1: if !bytes.isEmpty { bytes.remove(at: next(bytes.count)) }
                case 2: if !bytes.isEmpty { bytes[next(bytes.count)] = alphabet[next(alphabet.count)] }
                default:
                    let other = seeds[next(seeds.count)]
                    let from = next(other.count)
                    bytes.insert(contentsOf: other[from..<min(other.count, from + next(30))], at: next(bytes.count + 1))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let file = try? Dockerfile(parsing: text) else { continue }
            let expansion = WordExpansion(escape: file.escape) { $0.count > 1 ? $0 : nil }
            for stage in file.stages {
                _ = try? expansion.word(stage.base)
                for instruction in stage.instructions { _ = try? expansion.words(instruction.text) }
            }
        }
    }
}

/// `commit --change` and `import --change` speak a Dockerfile's language.
@Suite struct ChangeTests {
    private func changed(_ lines: [String], _ start: ImageConfiguration.Runtime = .init()) throws
        -> ImageConfiguration.Runtime
    {
        var runtime = start
        try runtime.apply(changes: lines)
        return runtime
    }

    @Test("each does what the instruction does in a build")
    func instructions() throws {
        let runtime = try changed([
            #"CMD ["redis-server","--port","1"]"#, "ENV A=1 B=\"two words\"", "ENV C three words", "ENV D=$A-$B",
            "EXPOSE 80 53/udp", "WORKDIR /srv", "WORKDIR sub", "USER 1000:50", "LABEL a=b", "VOLUME /data",
            "onbuild run x",
        ])
        #expect(runtime.cmd == ["redis-server", "--port", "1"])
        #expect(runtime.env == ["A=1", "B=two words", "C=three words", "D=1-two words"])
        #expect(runtime.exposedPorts?.keys.sorted() == ["53/udp", "80/tcp"])
        #expect(runtime.workingDir == "/srv/sub" && runtime.user == "1000:50" && runtime.labels == ["a": "b"])
        #expect(runtime.volumes?.keys.sorted() == ["/data"] && runtime.onBuild == ["run x"])
    }

    @Test("another entrypoint drops the command, unless one is given with it")
    func entrypoint() throws {
        var base = ImageConfiguration.Runtime()
        base.cmd = ["old"]
        #expect(try changed(["ENTRYPOINT [\"/e\"]"], base).cmd == nil)
        #expect(try changed(["CMD [\"new\"]", "ENTRYPOINT [\"/e\"]"], base).cmd == ["new"])
        #expect(try changed(["CMD"], base).cmd == ["old"])
    }

    @Test(
        "mistakes are told in Docker's words, and nothing is applied",
        arguments: [
            ("ENV A=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value"),
            ("ENV A", "ENV must have two arguments"), ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
            ("RUN true", "RUN is not a valid change command"), ("EXPOSE x", "Invalid containerPort: x"),
            ("# x", "file with no instructions"),
        ])
    func mistakes(line: String, message: String) {
        let error = #expect(throws: RoostError.self) { try changed([line]) }
        #expect(error?.message == message)
        var runtime = ImageConfiguration.Runtime()
        runtime.user = "before"
        try? runtime.apply(changes: ["USER after", line, "FROM x"])
        #expect(runtime.user == "before")
    }
}
