import EngineModel
import HelperProtocol
import LinuxKernel

/// Starts `roost-helper`, which processes untrusted input. It is a separate executable, small and statically linked, because it is started
/// for every layer, copy and build step.
package enum ConfinedHelper {
    /// The executable next to the engine's. Opened once: an update does not change what a running engine starts.
    private static let program = Result {
        let path = try Processes.siblingExecutable("roost-helper")
        do { return try Files.open(path, [.readOnly]) } catch {
            throw RoostError.failure("cannot open the helper \(path): \(error); it must be installed next to roostd")
        }
    }

    /// Checks the installation; the engine calls this before it serves requests.
    package static func prepare() throws { _ = try program.get() }

    /// Starts a job with these descriptors as 0, 1, 2, 3, …
    static func start(_ job: HelperJob, descriptors: [Int32]) throws -> Int32 {
        try Processes.spawn(
            "/proc/\(Processes.currentPID)/fd/\(try program.get().raw)", arguments: ["roost-helper", job.rawValue],
            environment: ["LC_ALL=C.UTF-8"], descriptors: descriptors)
    }
}
