import EngineModel
import Glibc
import LinuxKernel
import SystemLibraries

/// Work on bytes that nobody has checked, done in a process that cannot do harm: own mount namespace rooted at the target folder,
/// no network, few capabilities. The engine's own program runs it, started with the job's name as its first argument.
public enum ConfinedHelper {
    public enum Job: String, Sendable {
        /// Standard input: a plain tar stream. Descriptor 3: the folder to fill. Standard output: records with a NUL after
        /// each, `o` and an opaque folder, at last `s` and the sum of the sizes.
        case unpack = "helper-unpack"
        /// Standard input: compressed bytes. Standard output: plain ones.
        case decompress = "helper-decompress"
        /// Works in a root that it mounts itself: descriptor 3 holds a `RootRequest`, 4 perhaps a process.
        case root = "helper-root"
        /// The same in the caller's own files: for the command line.
        case local = "local-archive"
        /// Copies a folder's content into an empty one: descriptor 3 the source, 4 the target.
        case copy = "helper-copy"
    }

    /// Runs a job if the arguments name one; returns only if they do not.
    public static func runIfAsked(_ arguments: [String]) {
        guard arguments.count > 1, let job = Job(rawValue: arguments[1]) else { return }
        do {
            switch job {
            case .unpack: try LayerUnpacker.runConfined()
            case .decompress: try Decompressor.runConfined()
            case .copy: try FolderCopier.runConfined()
            case .root: try RootWorker.runConfined()
            case .local: try RootWorker.runLocally()
            }
            exit(0)
        } catch let error as RoostError {
            // With its kind, which the engine's answer needs.
            try? writeAll(2, Array("\(error.kind.rawValue)\u{0}\(error.message)".utf8))
            exit(1)
        } catch {
            try? writeAll(2, Array("\(error)".utf8))
            exit(1)
        }
    }

    /// In the helper: leaves every namespace of the host that matters and makes the folder the whole world.
    static func confine(to folder: Int32, capabilities: CapabilitySet) throws {
        try Processes.unshare([.mount, .network, .communication, .hostname])
        try Mounts.setPropagation("/", .isPrivate)
        // By path: the descriptor belongs to the mount namespace that was left, and only this one's mounts can be cloned.
        let path = try Files.readLink("/proc/self/fd/\(folder)")
        let tree = try Mounts.clone(path, recursive: false)
        try Mounts.attach(tree, at: path)
        let root = try Files.open(path, [.readOnly, .directory])
        try Mounts.pivot(to: root)
        try drop(to: capabilities)
    }

    /// RLIMIT_DATA (getrlimit(2)) of a helper: a crafted archive must not take the machine's memory.
    static let memoryLimit: UInt64 = 2 << 30

    static func drop(to capabilities: CapabilitySet) throws {
        let limit = min(memoryLimit, Processes.limit(2).hard)
        try Processes.setLimit(2, soft: limit, hard: limit)
        try capabilities.applyAsBound()
        let held = CapabilitySet.current().permitted.intersection(capabilities)
        try CapabilitySet.apply(effective: held, permitted: held, inheritable: [])
        try Processes.noNewPrivileges()
        try Processes.dieWithParent()
        try HelperSystemCalls.install()
    }

    /// In the engine: starts a job with these descriptors as 0, 1, 2, 3, …
    static func start(_ job: Job, descriptors: [Int32]) throws(SyscallError) -> Int32 {
        try Processes.spawn(
            "/proc/self/exe", arguments: ["roostd", job.rawValue], environment: ["LC_ALL=C.UTF-8"],
            descriptors: descriptors)
    }

}
