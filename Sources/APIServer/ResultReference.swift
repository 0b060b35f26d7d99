import BuildSession
import EngineModel
import OCI

/// The result of one build as a context of another (`target:` of bake files). Clients pass it from a response to the next request as a
/// graph of operations (BuildKit, solver/pb/ops.proto), of which they know only the shape; here it names an image.
enum ResultReference {
    private static let scheme = "roost-image://"

    /// `pb.Definition`: an operation with the name, and one that refers to it.
    static func definition(of image: Digest) -> [UInt8] {
        var source = ProtobufWriter()
        source.message(3) { $0.text(1, scheme + image.description) }
        var last = ProtobufWriter()
        last.message(1) { $0.text(1, Digest(of: source.bytes).description) }
        var definition = ProtobufWriter()
        for operation in [source.bytes, last.bytes] { definition.data(1, operation) }
        for operation in [source.bytes, last.bytes] {
            definition.message(2) { entry in
                entry.text(1, Digest(of: operation).description)
                entry.message(2) { _ in }
            }
        }
        return definition.bytes
    }

    /// The image named by one of our own definitions.
    static func image(in definition: [UInt8]) throws(RoostError) -> Digest {
        for operation in try ProtobufReader(definition).all(1) {
            let name = try ProtobufReader(try ProtobufReader(operation).data(3)).text(1)
            if name.hasPrefix(scheme) { return try Digest(parsing: name.dropFirst(scheme.count)) }
        }
        throw .invalid(
            "unsupported build context: its graph of operations is not a result of this engine")
    }
}
