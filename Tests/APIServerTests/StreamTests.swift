import BuildSession
import DockerAPI
import EngineModel
import OCI
import Testing

@testable import APIServer

@Suite struct StreamTests {
    @Test(
        "detach keys",
        arguments: [
            (nil, [16, 17]), ("", [16, 17]), ("a", [97]), ("ctrl-a", [1]), ("ctrl-@,ctrl-[", [0, 27]),
            ("ctrl-p,q", [16, 113]), ("ctrl-_", [31]),
        ] as [(String?, [UInt8])])
    func detachKeys(text: String?, keys: [UInt8]) throws { #expect(try DetachKeys(text).keys == keys) }

    @Test("unknown detach keys are refused", arguments: ["nosuch", "ctrl-", "ctrl-ab", "a,", "é"])
    func wrongDetachKeys(text: String) { #expect(throws: RoostError.self) { try DetachKeys(text) } }

    @Test("keys are found over the borders of chunks, and a partial match is passed on")
    func scanner() throws {
        var scanner = DetachScanner(try DetachKeys("ctrl-p,ctrl-q"))
        #expect(scanner.scan([97, 16]) == ([97], false))
        #expect(scanner.scan([98, 16]) == ([16, 98], false))
        #expect(scanner.scan([16, 17, 99]) == ([16], true))
    }

    @Test(
        "port filters",
        arguments: [
            ("80", true, true), ("80/tcp", true, true), ("79-81", true, true), ("80/udp", true, false),
            ("81", true, false), ("0", false, false), ("90-80", false, false), ("x", false, false),
            ("80/nosuch", false, false), ("65536", false, false),
        ])
    func portFilters(text: String, isValid: Bool, holds: Bool) {
        let range = PortRange(text)
        #expect(range.isValid == isValid)
        if isValid { #expect(range.holds(ContainerPort(80, .tcp)) == holds) }
    }

    @Test(
        "name filters are expressions, or text where they are none",
        arguments: [
            ("web", "shop-web-1", true), ("^shop", "shop-web-1", true), ("^web", "shop-web-1", false),
            ("^/shop", "shop-web-1", true), ("web-[0-9]$", "shop-web-1", true), ("w.b", "shop-web-1", true),
            ("[", "a[b", true), ("[", "ab", false),
        ])
    func nameFilters(pattern: String, name: String, fits: Bool) { #expect(NamePattern(pattern).fits(name) == fits) }

    @Test("an image travels through a client as a graph of operations")
    func resultReference() throws {
        let image = Digest(of: Array("image".utf8))
        #expect(try ResultReference.image(in: ResultReference.definition(of: image)) == image)
        var foreign = ProtobufWriter()
        foreign.data(1, [])
        let bytes = foreign.bytes
        #expect(throws: RoostError.self) { try ResultReference.image(in: bytes) }
    }

    @Test("prune filters: labels that must, and must not be there")
    func pruneLabels() throws {
        func matches(_ filters: [String: [String]], _ labels: [String: String]) throws -> Bool {
            try PruneFilter(Filters(filters), now: 0).matches(labels)
        }
        #expect(try matches(["label": ["a"]], ["a": "1"]) && !matches(["label": ["a=2"]], ["a": "1"]))
        #expect(try !matches(["label!": ["a"]], ["a": "1"]) && matches(["label!": ["a=2"]], ["a": "1"]))
        #expect(try matches(["label!": ["a"]], [:]) && matches([:], ["a": "1"]))
    }

    @Test("prune ages and times")
    func pruneTimes() throws {
        #expect(try PruneFilter.time(nil, now: 0) == nil && PruneFilter.time("", now: 0) == nil)
        #expect(try PruneFilter.time("2024-01-01T00:00:00Z", now: 0) == 1_704_067_200_000_000_000)
        #expect(try PruneFilter.time("1h", now: 3_600_000_000_001) == 1)
        #expect(throws: RoostError.self) { try PruneFilter.time("yesterday", now: 0) }
    }
}
