import EngineModel
import HelperProtocol
import Testing

@testable import HelperJobs

@Suite struct HelperJobsTests {
    @Test("a path of an archive is parted where the kernel parts it, and never leads out")
    func paths() throws {
        #expect(throws: (any Error).self) { try EntryPath("a/../\u{301}x") }
        #expect(throws: (any Error).self) { try EntryPath("../\u{301}x") }
        #expect(try EntryPath("a/\u{301}x").parent == "/a")
    }

    @Test("modes as Go writes them")
    func modes() {
        #expect(GoFileMode.value(0o100644) == 0o644)
        #expect(GoFileMode.value(0o040755) == 0o755 | 1 << 31)
        #expect(GoFileMode.value(0o120777) == 0o777 | 1 << 27)
        #expect(GoFileMode.value(0o104755) == 0o755 | 1 << 23)
        #expect(GoFileMode.value(0o041777) == 0o777 | 1 << 31 | 1 << 20)
    }

    /// Every member differs from what it is without being said.
    private static var selection: RootRequest.Selection {
        var selection = RootRequest.Selection(sources: ["a", "b c"], target: "/t\u{301}", targetIsFolder: true)
        selection.makesTarget = true
        selection.owner = .init(user: 4_294_967_295, group: 7)
        selection.mode = 0o4755
        selection.keepsParents = true
        selection.ignored = ["*.o", "!x\"\n"]
        selection.excluded = ["e"]
        selection.unpacksArchives = true
        selection.changesOwner = true
        return selection
    }

    private static var options: RootRequest.ExtractOptions {
        var options = RootRequest.ExtractOptions(folder: "/f")
        options.makesFolder = true
        options.owner = .init(user: 1, group: 2)
        options.refusesKindChange = true
        options.replacesKinds = false
        options.keepsOwners = false
        options.rebase = "r"
        options.refusesLinks = true
        return options
    }

    @Test(
        "a request comes to the helper as it was asked",
        arguments: [
            .stat(path: "/a", followsLinks: true), .archive(path: "/a", name: ""), .extract(options),
            .extract(.init(folder: "/")), .select(selection),
            .digest(.init(sources: [], target: "/", targetIsFolder: false)),
            .layer(clamp: nil), .layer(clamp: -1), .changes, .write(path: "/p", text: "\u{0}\u{1F600}"),
            .read(path: "/p", limit: .max), .copy(source: "/s", target: "/t"),
            .remove(paths: ["/a", "/b\n"]),
        ] as [RootRequest.Job])
    func requests(job: RootRequest.Job) throws {
        let views: [RootRequest.View] = [
            .folder("/x"), .process, .layers(["/a", "/b"], upper: nil, work: nil),
            .layers([], upper: "/u", work: "/w"), .comparison(lower: ["/l"], upper: "/u"),
        ]
        for view in views {
            var request = RootRequest(
                view: view, binds: [.init(source: "/s", target: "/t", readOnly: true)], mountPoint: "/m", job: job)
            request.hasDigestCache = job == .changes
            #expect(try JSON(parsing: JSON(encoding: request).bytes()).decode() == request)
        }
    }

    @Test(
        "what is no request is refused",
        arguments: ["{}", "[]", #"{"view":{"kind":"folder"}}"#, #"{"view":{"kind":"x"}}"#])
    func malformed(text: String) {
        #expect(throws: RoostError.self) { try JSON(parsing: text).decode(RootRequest.self) }
    }
}

@Suite struct HelperFailureTests {
    @Test(
        "an error of a helper arrives with its kind, code and message",
        arguments: [
            RoostError.failure("write /a: no space left on device", code: .noSpace), .invalid("a\nb \u{301}"),
            .missing(""),
        ])
    func roundTrip(error: RoostError) { #expect(HelperFailure.decode(HelperFailure.encode(error)) == error) }

    @Test("what no helper of ours has written is no error of ours", arguments: ["", "text", "failure", "nosuch\0\0a"])
    func foreign(text: String) { #expect(HelperFailure.decode(Array(text.utf8)) == nil) }
}
