import ShimProtocol
import Testing

/// Logs continue in new files between lines.
@Suite struct LogRotationTests {
    @Test("a new file begins with a whole line")
    func wholeLines() {
        var rotation = LogRotation(limit: 100)
        let parts = [(60, false), (30, true), (30, false), (30, false)]
        // The rest of a line that has begun stays with it, beyond the limit.
        let begins = parts.map { rotation.beginsFile($0.0, of: .output, isPart: $0.1) }
        #expect(begins == [false, false, false, true])
    }

    @Test("a line that is longer than a file and the grace is cut")
    func longLine() {
        var rotation = LogRotation(limit: 100)
        var files = 0
        for _ in 0..<10 where rotation.beginsFile(50, of: .error, isPart: true) { files += 1 }
        #expect(files > 0)
    }

    @Test("a file that was there already counts; a first record never begins one")
    func opened() {
        var rotation = LogRotation(limit: 100)
        let first = rotation.beginsFile(500, of: .output, isPart: false)
        rotation.opened(size: 90)
        let second = rotation.beginsFile(20, of: .output, isPart: false)
        #expect(!first && second)
    }
}
