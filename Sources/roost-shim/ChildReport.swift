import LinuxKernel
import ShimProtocol

/// Why the child could not execute the command: the stage, the reason, and Docker's exit code for it.
struct ChildFailure: Error, Equatable {
    let step: String
    let reason: String
    let exitCode: Int32

    init(step: String, reason: String, exitCode: Int32 = 125) {
        self.step = step
        self.reason = reason
        self.exitCode = exitCode
    }
}

/// Runs one stage of a start; errors are tagged with the stage's name.
func stage<Result>(_ step: String, _ body: () throws -> Result) throws(ChildFailure) -> Result {
    do { return try body() } catch let failure as ChildFailure { throw failure } catch let failure as SyscallError {
        throw ChildFailure(step: step, reason: failure.description)
    } catch { throw ChildFailure(step: step, reason: "\(error)") }
}

/// The close-on-exec pipe over which the child reports a failure. End of file without data means that exec succeeded.
struct ChildReport {
    let pipe: Pipe

    init() throws(SyscallError) { pipe = try Pipe() }

    /// In the child: reports the failure and exits.
    func fail(_ failure: ChildFailure) -> Never {
        var writer = BinaryWriter()
        writer.write(failure.step)
        writer.write(failure.reason)
        writer.write(failure.exitCode)
        try? writeAll(pipe.writing.raw, writer.bytes)
        Processes.exit(failure.exitCode)
    }

    /// In the parent: reads to end of file; nil means that exec succeeded.
    static func read(_ fd: Int32) -> ChildFailure? {
        guard let bytes = try? readAll(fd, limit: 1 << 20), !bytes.isEmpty else { return nil }
        var reader = BinaryReader(bytes)
        guard let step = try? reader.string(), let reason = try? reader.string(), let code = try? reader.int32() else {
            return ChildFailure(step: "start the process", reason: "the child exited while reporting a failure")
        }
        return ChildFailure(step: step, reason: reason, exitCode: code)
    }
}
