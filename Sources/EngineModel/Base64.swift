/// Base64 (RFC 4648) without Foundation, which the CLI does not load.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Encodes with padding; `urlSafe` uses `-` and `_` (section 5).
    package static func encode(_ bytes: [UInt8], urlSafe: Bool = false) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = (0..<3).map { start + $0 < bytes.count ? Int(bytes[start + $0]) : 0 }
            let bits = group[0] << 16 | group[1] << 8 | group[2]
            for place in 0..<4 {
                let isPadding = start + place > bytes.count
                out.append(isPadding ? 61 : alphabet[bits >> (18 - 6 * place) & 63])
            }
        }
        let text = String(decoding: out, as: UTF8.self)
        return urlSafe ? String(text.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }) : text
    }

    /// Decodes either alphabet, with or without padding; nil for other characters.
    package static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits = 0
        var count = 0
        for byte in text.utf8 where byte != 61 && byte != 10 && byte != 13 {
            let value: Int
            switch byte {
            case 65...90: value = Int(byte) - 65
            case 97...122: value = Int(byte) - 71
            case 48...57: value = Int(byte) + 4
            case 43, 45: value = 62
            case 47, 95: value = 63
            default: return nil
            }
            bits = (bits << 6 | value) & 0xffffff
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return bytes
    }
}
