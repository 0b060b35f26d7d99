import EngineModel

import struct Crypto.SHA256

/// A SHA-256 digest, `sha256:` and 64 hexadecimal digits (OCI image specification, descriptor, "Digests").
package struct Digest: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The 64 digits.
    package let hex: String

    /// nil unless the text is exactly 64 lowercase hexadecimal digits.
    package init?(hex: some StringProtocol) {
        guard hex.utf8.count == 64, Identifiers.isHexadecimal(hex) else { return nil }
        self.hex = String(hex)
    }

    /// A digest from the bytes of a SHA-256 hash.
    package init(sha256 bytes: [UInt8]) { hex = Identifiers.hex(bytes) }

    /// Computes the digest of bytes.
    package init(of bytes: [UInt8]) { self.init(sha256: Array(SHA256.hash(data: bytes))) }

    package init(parsing text: some StringProtocol) throws(RoostError) {
        guard text.hasPrefix("sha256:"), let digest = Digest(hex: text.dropFirst(7)) else {
            throw .invalid("invalid digest \"\(text.prefix(100))\": expected sha256:<64 hexadecimal digits>")
        }
        self = digest
    }

    package var description: String { "sha256:\(hex)" }

    package init(from decoder: any Decoder) throws {
        self = try Digest(parsing: try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
