import EngineModel
import HelperProtocol
import LinuxKernel

/// Populates an empty volume with the image's content at the mount point, including owner and mode of the directory.
package enum VolumeFill {
    /// Mount point of the volume while it is populated: a directory that exists in every root and is never copied.
    private static let volumeTarget = "/proc"

    /// `layers` are the image's directories, topmost first, mounted as an overlay so that files removed by upper layers are not copied.
    /// `mountPoint` is an engine directory for the helper's root.
    package static func fill(_ folder: String, from path: String, layers: [String], mountPoint: String) throws {
        let request = RootRequest(
            view: .layers(layers, upper: nil, work: nil),
            binds: [RootRequest.Bind(source: folder, target: volumeTarget, readOnly: false)], mountPoint: mountPoint,
            job: .copy(source: path, target: volumeTarget))
        do { _ = try HelperProcess(request).answer() } catch let error as RoostError {
            throw RoostError(error.kind, "cannot copy \(path) of the image into the volume: \(error.message)")
        }
    }
}
