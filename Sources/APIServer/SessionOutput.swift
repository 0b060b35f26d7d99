import BuildSession
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

/// Where the result of a client's build goes: the engine's store, or a directory or file of the client.
struct SessionOutput: Sendable {
    let exports: [SolveRequest.Export]

    /// Rejects unsupported outputs before anything is built.
    init(_ exports: [SolveRequest.Export]) throws(GRPCStatus) {
        for export in exports where !["moby", "image", "local", "tar"].contains(export.type) {
            throw GRPCStatus(
                GRPCStatus.unimplemented,
                "unsupported output type \"\(export.type)\": build without it and export the image with save"
            )
        }
        self.exports = exports
    }

    /// The tags of the image in the store.
    func tags() throws(RoostError) -> [ImageReference] {
        var tags: [ImageReference] = []
        for export in exports where ["moby", "image"].contains(export.type) {
            for name in (export.attributes["name"] ?? "").split(separator: ",") {
                tags.append(try ImageReference(parsing: String(name)))
            }
        }
        return tags
    }

    var keepsImage: Bool { exports.contains { ["moby", "image"].contains($0.type) } }
    var names: String { exports.compactMap { $0.attributes["name"] }.joined(separator: ",") }

    /// Sends the client's outputs. `folder`: the build's working directory.
    func send(
        _ image: StoredImage, of engine: Engine, to peer: GRPC.Peer, folder: String, _ progress: BuildProgress
    ) async throws {
        let places = exports.filter { ["local", "tar"].contains($0.type) }
        guard !places.isEmpty else { return }
        let path = folder + "/result.tar"
        let archive = try Files.open(path, [.readWrite, .create, .exclusive])
        try Files.remove(path)
        try await engine.export(image, to: try archive.duplicate())
        for place in places {
            try Files.rewind(archive.raw)
            try await progress.during("exporting to client \(place.type == "tar" ? "tarball" : "directory")") { log in
                let bytes: Int64
                if place.type == "tar" {
                    bytes = try await FileSend.archive(archive.raw, to: peer, exporter: place.id)
                } else {
                    let tree = "\(folder)/result-\(Identifiers.random().prefix(12))"
                    try Files.makeDirectories(tree)
                    try await engine.unpackContext(try archive.duplicate(), into: tree)
                    bytes = try await FileSend.folder(tree, to: peer, exporter: place.id)
                }
                log("sending: \(ByteSize.decimalText(bytes))")
            }
        }
    }
}
