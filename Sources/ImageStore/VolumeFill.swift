import EngineModel
import HelperProtocol
import LinuxKernel

/// Fills an empty volume with what the image has at the volume's mount point, owner and mode of the directory included.
public enum VolumeFill {
    /// A directory that every root has and that nothing is copied from: the volume is mounted there while it is filled.
    private static let volumeTarget = "/proc"

    /// `layers` are the image's directories, topmost first; what counts is what they look like together, without the files that upper layers
    /// have removed. `mountPoint` is a directory of the engine's for the helper's root.
    public static func fill(_ folder: String, from path: String, layers: [String], mountPoint: String) throws {
        let request = RootRequest(
            view: .layers(layers, upper: nil, work: nil),
            binds: [RootRequest.Bind(source: folder, target: volumeTarget, readOnly: false)], mountPoint: mountPoint,
            job: .copy(source: path, target: volumeTarget))
        do { _ = try RootRunner(request).answer() } catch let error as RoostError {
            throw RoostError(error.kind, "cannot copy \(path) of the image into its volume: \(error.message)")
        }
    }
}
