import EngineModel

/// Supported versions of the Docker Engine API.
package enum APIVersion {
    package static let current = "1.51"
    package static let minimum = "1.24"
    /// The version of this product.
    package static let product = "0.1.0"

    /// `1.45` as a comparable number, major * 1000 + minor; nil if the text is not a version.
    package static func number(_ text: some StringProtocol) -> Int? {
        let parts = text.split(separator: ".").map { Int($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1], (0..<1000).contains(minor), major >= 0,
            text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return major * 1000 + minor
    }
}

/// The HTTP status of an error kind.
package func httpStatus(for kind: RoostError.Kind) -> Int {
    switch kind {
    case .notModified: 304
    case .invalidArgument: 400
    case .unauthorized: 401
    case .forbidden: 403
    case .notFound: 404
    case .conflict: 409
    case .failure: 500
    case .unsupported: 501
    case .unavailable: 503
    }
}

/// The error kind of an HTTP status, for clients.
package func errorKind(forStatus status: Int) -> RoostError.Kind {
    switch status {
    case 304: .notModified
    case 400: .invalidArgument
    case 401: .unauthorized
    case 403: .forbidden
    case 404: .notFound
    case 409: .conflict
    case 501: .unsupported
    case 503: .unavailable
    default: .failure
    }
}

/// Our own headers, in addition to Docker's.
package enum RoostHeader {
    /// Different for every run of an engine: tells a client whether two connections reach the same one. Lower case, like all header
    /// lookups.
    package static let instance = "x-roost-instance"
}
