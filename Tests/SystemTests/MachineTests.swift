import Foundation
import Testing

/// What needs another machine than this one: it is emulated.
@Suite struct MachineTests {
    @Test("control groups of version 2, and packet rules of another engine")
    func controlGroups2() throws {
        try TestEngine.makeImages()
        let outcome = try TestEngine.run(
            TestEngine.root + "/scripts/virtual-machine",
            [TestEngine.programs, TestEngine.root + "/Tests/SystemTests/Machine/checks.sh"])
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.contains("ok: no group is left"))
    }
}
