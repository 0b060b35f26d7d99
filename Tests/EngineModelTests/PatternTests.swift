import EngineModel
import Testing

/// File patterns, and what a build context leaves out.
@Suite struct PatternTests {
    @Test(
        "patterns match as Go's do",
        arguments: [
            ("*.go", "a.go", true), ("*.go", "d/a.go", false), ("d/*", "d/a", true), ("d/*", "d/a/b", false),
            ("a?c", "abc", true), ("a?c", "ac", false), ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false),
            ("**/x", "x", true), ("**/x", "a/b/x", true), ("a/**", "a/b/c", true), ("a/**", "a", false),
            ("**", "a/b", true), ("**foo", "x/yfoo", true), ("**foo", "foo", true), ("**foo", "foo/x", false),
            ("a/**/z", "a/z", true), ("a/**/z", "a/b/c/z", true), (#"\*"#, "*", true),
            (#"\*"#, "a", false), ("*a*b*c*", "xxaxxbxxcxx", true), ("a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaac", false),
        ] as [(String, String, Bool)])
    func patterns(pattern: String, path: String, fits: Bool) throws {
        #expect(try PathPattern(pattern).matches(path.split(separator: "/")) == fits)
    }

    @Test("broken patterns are refused", arguments: ["[a", "[b-a]", "a\\", "[]"])
    func broken(pattern: String) { #expect(throws: RoostError.self) { try PathPattern(pattern) } }

    @Test("the last rule that fits decides, and folders take what is in them along")
    func ignoring() throws {
        let rules = try IgnoreRules(lines: [
            "# comment", "", "  node_modules  ", "*.log", "!keep.log", "/docs", "!docs/README.md", "**/*.tmp",
            "./x/../y",
        ])
        for (path, excluded) in [
            ("node_modules", true), ("node_modules/a/b", true), ("a.log", true), ("keep.log", false),
            ("d/a.log", false),
            ("docs", true), ("docs/a", true), ("docs/README.md", false), ("a/b/c.tmp", true), ("y", true), ("x", false),
        ] as [(String, Bool)] { #expect(rules.excludes(path.split(separator: "/")) == excluded, "\(path)") }
        #expect(rules.mayKeepBelow(["docs"]) && !rules.mayKeepBelow(["node_modules"]))
        #expect(throws: RoostError.self) { try IgnoreRules(lines: ["!"]) }
    }

    @Test("base64 there and back", arguments: ["", "a", "ab", "abc", "abcd", "\u{ff}\u{fe}?>"])
    func base64(text: String) {
        let bytes = Array(text.utf8)
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        #expect(Base64.decode(Base64.encode(bytes, urlSafe: true)) == bytes)
        #expect(Base64.decode("a*") == nil)
    }
}
