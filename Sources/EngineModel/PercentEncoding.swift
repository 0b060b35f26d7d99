/// Percent-encoding (RFC 3986, section 2.1).
package enum PercentEncoding {
    /// Bytes that stay as they are.
    package enum Unescaped: Sendable {
        /// Letters, digits and `-._~`: for any component of a URL.
        case unreserved
        /// All printable ASCII except `%`: for gRPC's messages (gRPC over HTTP/2, "Percent-Encoded").
        case printable

        func holds(_ byte: UInt8) -> Bool {
            switch self {
            case .unreserved:
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "~"):
                    true
                default: false
                }
            case .printable: byte >= 0x20 && byte <= 0x7E && byte != UInt8(ascii: "%")
            }
        }
    }

    package static func encode(_ bytes: some Sequence<UInt8>, except unescaped: Unescaped = .unreserved) -> String {
        var out: [UInt8] = []
        for byte in bytes {
            if unescaped.holds(byte) {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(contentsOf: Identifiers.hex(CollectionOfOne(byte)).uppercased().utf8)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    package static func encode(_ text: String) -> String { encode(text.utf8) }

    /// `%20` is a space, and with `plusIsBlank`, as in queries, `+` is one, too. An incomplete escape stays as it is.
    package static func decode(_ text: some StringProtocol, plusIsBlank: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, rest.first != UInt8(ascii: "+"),
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsBlank && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return bytes
    }
}
