import EngineModel
import HelperProtocol
import LinuxKernel

/// The engine's way to `roost-helper`, which works on bytes that nobody has checked. It is a program of its own, small and linked
/// statically, because it is started for every layer, copy and step of a build.
public enum ConfinedHelper {
    /// The program beside the engine's own. It is opened once: an update does not change what a running engine starts.
    private static let program = Result {
        let path = try Processes.beside("roost-helper")
        do { return try Files.open(path, [.readOnly]) } catch {
            throw RoostError.failure("cannot open the helper \(path): \(error); it is installed beside roostd")
        }
    }

    /// Throws what is wrong with the installation; an engine asks before it serves.
    public static func prepare() throws { _ = try program.get() }

    /// Starts a job with these descriptors as 0, 1, 2, 3, …
    static func start(_ job: HelperJob, descriptors: [Int32]) throws -> Int32 {
        try Processes.spawn(
            "/proc/\(Processes.currentPID)/fd/\(try program.get().raw)", arguments: ["roost-helper", job.rawValue],
            environment: ["LC_ALL=C.UTF-8"], descriptors: descriptors)
    }
}
