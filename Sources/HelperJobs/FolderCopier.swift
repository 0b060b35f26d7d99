import Archives
import EngineModel
import LinuxKernel

/// The helper that fills a new volume with what the image has at the volume's place: through a tar stream between a reader and an
/// extractor, so that owners, times, links and attributes come along.
enum FolderCopier {
    static func runConfined() throws {
        // Both folders must be seen, so the confinement is the capabilities and the missing network; paths are resolved by descriptor.
        try Processes.unshare([.network, .communication])
        try Confinement.drop(to: [.changeOwner, .overrideAccess, .owner, .setID, .makeNode, .setFileCapabilities])
        Processes.setFileMask(0)
        try TreeCopy.copy(from: 3, to: 4)
    }
}
