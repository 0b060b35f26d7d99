import ComposeModel
import EngineModel
import NIOHTTP1
import Testing

@testable import APIServer

@Suite struct RoutingTests {
    private func request(_ method: HTTPMethod, _ uri: String) -> Request {
        Request(HTTPRequestHead(version: .http1_1, method: method, uri: uri))
    }

    @Test(
        "a target is a version, a path and a query",
        arguments: [
            ("/v1.41/containers/json?all=1", 1041, ["containers", "json"]), ("/_ping", 1051, ["_ping"]),
            ("/v1.24/images/a/b:c/json", 1024, ["images", "a", "b:c", "json"]),
            ("/v-1.1/version", 1051, ["v-1.1", "version"]), ("/v1/version", 1051, ["v1", "version"]),
        ])
    func targets(uri: String, version: Int, path: [String]) throws {
        let found = request(.GET, uri)
        #expect(found.version == version && found.path == path)
    }

    @Test("a query's first value counts, with plus signs and escapes decoded")
    func query() throws {
        let found = request(.GET, "/x?a=1+2%2B&a=3&b&c=")
        #expect(found["a"] == "1 2+" && found.query["a"] == ["1 2+", "3"] && found["b"] == "" && found["d"] == nil)
    }

    @Test(
        "flags as Go's servers read them",
        arguments: [
            ("1", true), ("true", true), ("yes", true), ("", false), ("0", false), ("False", false), ("no", false),
            ("none", false),
        ])
    func flags(value: String, isSet: Bool) throws {
        #expect(request(.GET, "/x?f=\(value)").flag("f") == isSet)
    }

    @Test(
        "names may hold slashes, encoded or not",
        arguments: [
            (HTTPMethod.GET, "/containers/a/b/json", ["containers", "a/b", "json"]),
            (.GET, "/containers/a%2Fb/json", ["containers", "a/b", "json"]),
            (.POST, "/containers/create", ["containers", "create"]),
            (.GET, "/containers/x/json", ["containers", "x", "json"]),
            (.DELETE, "/containers/a/b", ["containers", "a", "b"]),
            (.DELETE, "/containers/a/b/c", ["containers", "a/b/c"]),
            (.DELETE, "/containers/a/archive", ["containers", "a", "archive"]),
            (.POST, "/exec/../etc/start", ["exec", "../etc", "start"]),
            (.GET, "/networks/a/b", ["networks", "a/b"]),
            (.POST, "/networks/a/b/connect", ["networks", "a/b", "connect"]),
            (.DELETE, "/volumes/a/b/c", ["volumes", "a/b/c"]),
            (.POST, "/volumes/create", ["volumes", "create"]),
        ])
    func namesWithSlashes(method: HTTPMethod, uri: String, path: [String]) throws {
        #expect(request(method, uri).path == path)
    }

    @Test(
        "patterns: * is one component, ** any number but none",
        arguments: [
            ("images/**/json", "images/a/json", true), ("images/**/json", "images/a/b/c/json", true),
            ("images/**/json", "images/json", false), ("images/**", "images/a/b", true), ("images/**", "images", false),
            ("containers/*/start", "containers/x/start", true), ("containers/*/start", "containers/start", false),
            ("containers/*", "containers/x/start", false), ("_ping", "_ping", true),
        ])
    func patterns(pattern: String, path: String, matches: Bool) {
        func parts(_ text: String) -> [String] { text.split(separator: "/").map(String.init) }
        #expect(RouteTable.matches(parts(pattern), parts(path)) == matches)
    }
}

@Suite struct ScopeTests {
    private let reader = RequestScope(project: "shop", allowed: [.read, .logs])
    private let runner = RequestScope(project: "shop", allowed: [.exec, .control])

    @Test(
        "what a reading socket lets through",
        arguments: [
            (HTTPMethod.GET, ["containers", "json"], RequestScope.Decision.filtered),
            (.GET, ["containers", "a", "json"], .container), (.GET, ["containers", "a", "logs"], .container),
            (.HEAD, ["_ping"], .pass), (.GET, ["networks"], .filtered), (.GET, ["networks", "n"], .network),
            (.GET, ["volumes", "v"], .volume), (.GET, ["images", "a", "b", "json"], .image),
        ])
    func reading(method: HTTPMethod, path: [String], decision: RequestScope.Decision) {
        #expect(reader.decide(method, path) == decision)
    }

    @Test(
        "what a reading socket refuses",
        arguments: [
            (HTTPMethod.POST, ["containers", "create"]), (.POST, ["containers", "a", "start"]),
            (.POST, ["containers", "a", "exec"]), (.DELETE, ["containers", "a"]), (.GET, ["events"]),
            (.POST, ["build"]), (.GET, ["containers", "a", "archive"]), (.GET, ["roost", "v1", "sockets"]),
            (.POST, ["roost", "v1", "projects", "up"]), (.GET, ["images", "json"]), (.GET, ["secrets"]),
        ])
    func refusing(method: HTTPMethod, path: [String]) {
        guard case .refused(let reason) = reader.decide(method, path) else {
            Issue.record("\(method) \(path) is let through")
            return
        }
        #expect(reason.contains("shop"))
    }

    @Test("control and exec are apart from reading")
    func control() {
        #expect(runner.decide(.POST, ["containers", "a", "restart"]) == .container)
        #expect(runner.decide(.POST, ["containers", "a", "exec"]) == .container)
        #expect(runner.decide(.POST, ["exec", "e", "start"]) == .exec)
        if case .refused = runner.decide(.GET, ["containers", "json"]) {
        } else {
            Issue.record("reading is let through")
        }
    }

    @Test(
        "a project's name becomes part of a path",
        arguments: [
            ("shop", true), ("shop-2_x", true), ("2shop", true), ("../x", false), ("a/b", false), ("", false),
            ("Shop", false), ("-a", false), ("a.b", false), ("a\u{301}", false),
        ])
    func projectNames(name: String, isValid: Bool) { #expect(ProjectName.isValid(name) == isValid) }

    @Test("permissions are named, and at least one")
    func permissions() throws {
        #expect(try RequestScope.permissions("read,exec") == [.read, .exec])
        #expect(throws: RoostError.self) { try RequestScope.permissions("root") }
        #expect(throws: RoostError.self) { try RequestScope.permissions("") }
    }
}
