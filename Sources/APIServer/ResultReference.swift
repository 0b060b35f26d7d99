import BuildSession
import EngineModel
import OCI

/// The result of one build as a context of another (`target:` of bake files). Clients carry it from the answer to the next request as a
/// graph of operations (BuildKit, solver/pb/ops.proto), of which they understand no more than its shape; here it names an image.
enum ResultReference {
    private static let scheme = "roost-image://"

    /// `pb.Definition`: an operation with the name, and one that points at it.
    static func definition(of image: Digest) -> [UInt8] {
        var source = MessageWriter()
        source.message(3) { $0.text(1, scheme + image.description) }
        var last = MessageWriter()
        last.message(1) { $0.text(1, Digest(of: source.bytes).description) }
        var definition = MessageWriter()
        for operation in [source.bytes, last.bytes] { definition.data(1, operation) }
        for operation in [source.bytes, last.bytes] {
            definition.message(2) { entry in
                entry.text(1, Digest(of: operation).description)
                entry.message(2) { _ in }
            }
        }
        return definition.bytes
    }

    /// The image that a definition of ours names.
    static func image(in definition: [UInt8]) throws(RoostError) -> Digest {
        for operation in try MessageReader(definition).all(1) {
            let name = try MessageReader(try MessageReader(operation).data(3)).text(1)
            if name.hasPrefix(scheme) { return try Digest(parsing: name.dropFirst(scheme.count)) }
        }
        throw .invalid(
            "a context of the build is a graph of operations that this engine has not made: it builds Dockerfiles")
    }
}
