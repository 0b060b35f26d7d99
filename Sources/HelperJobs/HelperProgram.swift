import EngineModel
import Glibc
import HelperProtocol
import LinuxKernel

/// Work on bytes that nobody has checked, done in a process that cannot do harm: own mount namespace rooted at the target folder,
/// no network, few capabilities.
public enum HelperProgram {
    /// Does the job that the arguments name, and ends.
    public static func run(_ arguments: [String]) -> Never {
        // It is started by the number of a descriptor, which says nothing in a list of processes.
        Processes.setName("roost-helper")
        guard arguments.count > 1, let job = HelperJob(rawValue: arguments[1]) else {
            try? writeAll(2, Array("roost-helper is started by roostd and roost, not by hand\n".utf8))
            exit(2)
        }
        do {
            switch job {
            case .unpack: try LayerUnpacker.runConfined()
            case .decompress: try LayerDecompressor.runConfined()
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
}

enum Confinement {
    /// Leaves every namespace of the host that matters and makes the folder the whole world.
    static func enter(_ folder: Int32, capabilities: CapabilitySet) throws {
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
}
