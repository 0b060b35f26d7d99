import Foundation
import Testing

/// The engine is killed at any moment: nothing is lost, and nothing is left.
@Suite struct KillTests {
    static let project = """
        name: torture
        services:
          db:
            image: busybox
            command: ["sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"]
            healthcheck: {test: ["CMD", "true"], interval: 200ms}
            volumes: ["data:/data"]
          web:
            image: busybox
            command: ["sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"]
            ports: ["127.0.0.1::80"]
            restart: always
            depends_on: {db: {condition: service_healthy}}
          app:
            image: busybox
            command: ["sh", "-c", "trap exit TERM; while :; do sleep 3600 & wait; done"]
            scale: 2
            depends_on: [db]
        volumes: {data: }
        """

    /// Moments and operations by a fixed row of numbers, so that a failure can be looked at again.
    struct Dice {
        var state: UInt64
        mutating func roll(_ sides: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % sides
        }
    }

    @Test(arguments: [1, 2]) func killedAtAnyMoment(seed: UInt64) throws {
        try withEngine { engine in
            let folder = try engine.writeProject(Self.project)
            var dice = Dice(state: seed)
            for round in 0..<25 {
                let operation = ["up", "down", "restart", "recreate", "run", "flood"][Int(dice.roll(6))]
                let moment = dice.roll(300)
                let words =
                    switch operation {
                    case "up": ["up", "-d"]
                    case "down": ["down"]
                    case "restart": ["compose", "restart"]
                    case "recreate": ["up", "-d", "--force-recreate"]
                    case "run": ["run", "--rm", "busybox", "seq", "1", "3000"]
                    default:
                        [
                            "run", "-d", "--name", "flood\(round)", "busybox", "sh", "-c",
                            "seq 1 30000; exit 7",
                        ]
                    }
                let outcome = try interrupted(engine, words, in: folder, afterMilliseconds: moment)
                try settle(engine, operation, outcome, round, in: folder)
            }
            try engine.must("down", "-v", in: folder)
            _ = try? engine.eventually("nothing is left", seconds: 10) { try engine.must("ps", "-aq").isEmpty }
            let left = try engine.must("ps", "-a", "--no-trunc")
            #expect(left.split(separator: "\n").count == 1, "left after the rounds:\n\(left)")
        }
    }

    /// Runs a command and kills the engine meanwhile.
    private func interrupted(_ engine: TestEngine, _ words: [String], in folder: String, afterMilliseconds: UInt64)
        throws -> Outcome
    {
        let victims = engine.enginePIDs
        let killer = Thread {
            usleep(UInt32(afterMilliseconds * 1000))
            for pid in Set(victims + engine.enginePIDs) where pid > 1 { kill(pid, SIGKILL) }
        }
        killer.start()
        let outcome = try engine.roost(words, in: folder)
        while !killer.isFinished { usleep(1000) }
        return outcome
    }

    /// What must be true however far the operation came.
    private func settle(_ engine: TestEngine, _ operation: String, _ outcome: Outcome, _ round: Int, in folder: String)
        throws
    {
        switch operation {
        case "up", "restart", "recreate":
            try engine.must("up", "-d", in: folder)
            try engine.eventually("round \(round): everything runs after \(operation)") {
                try engine.must("ps", "-q", "--filter", "label=com.docker.compose.project=torture").split(
                    separator: "\n"
                ).count == 4
            }
        case "down":
            try engine.must("down", in: folder)
            #expect(try engine.must("ps", "-aq", "--filter", "label=com.docker.compose.project=torture").isEmpty)
            #expect(try !engine.must("network", "ls").contains("torture_default"))
        case "run":
            if outcome.code == 0 { #expect(outcome.output == (1...3000).map { "\($0)\n" }.joined()) }
        default:
            let name = "flood\(round)"
            guard try engine.roost("inspect", name).code == 0 else {
                #expect(outcome.code != 0, "\(name) was promised and is lost")
                return
            }
            _ = try engine.roost("start", name)
            let code = try engine.must("wait", name)
            let state = try engine.must("inspect", "-f", "{{json .State}}", name)
            #expect(code == "7", "round \(round), \(outcome.errors): \(state)")
            let all = (1...30000).map { "\($0)\n" }.joined()
            #expect(try engine.must("logs", name).hasSuffix(all.dropLast()), "\(name) has lost lines")
            try engine.must("rm", "-f", name)
        }
    }
}
