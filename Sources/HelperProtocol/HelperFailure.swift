import EngineModel

/// An error on a helper's standard error: kind, code (empty if there is none) and message, separated by NUL.
package enum HelperFailure {
    package static func encode(_ error: RoostError) -> [UInt8] {
        Array("\(error.kind.rawValue)\u{0}\(error.code?.rawValue ?? "")\u{0}\(error.message)".utf8)
    }

    /// nil if the bytes are not from `encode`: the helper was killed, or a library wrote to its standard error.
    package static func decode(_ bytes: some Collection<UInt8>) -> RoostError? {
        let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard parts.count == 3, let kind = RoostError.Kind(rawValue: parts[0]) else { return nil }
        return RoostError(kind, parts[2], code: RoostError.Code(rawValue: parts[1]))
    }
}
