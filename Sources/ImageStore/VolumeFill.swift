import EngineModel
import LinuxKernel

/// Fills an empty volume with what the image has at the volume's place, owner and mode of the folder included.
public enum VolumeFill {
    /// `layers` are the image's folders, topmost first. Lower layers are copied first, so that upper ones win.
    public static func fill(_ folder: String, from path: String, layers: [String]) throws {
        for layer in layers.reversed() {
            let root = try RootedDirectory(path: layer)
            guard let source = try? root.open(path, [.readOnly, .directory]) else { continue }
            let errors = try Files.memory("errors", [])
            let null = try Files.open("/dev/null", .readWrite)
            let target = try Files.open(folder, [.readOnly, .directory])
            let pid = try ConfinedHelper.start(
                .copy, descriptors: [null.raw, null.raw, errors.raw, source.raw, target.raw])
            let ended = try Processes.collect(pid: pid, wait: true)
            if ended?.status.code != 0 {
                let reason = String(decoding: (try? readSome(errors.raw, at: 0, limit: 4096)) ?? [], as: UTF8.self)
                throw RoostError.failure("cannot copy \(path) of the image into its volume: \(reason)")
            }
        }
    }
}
