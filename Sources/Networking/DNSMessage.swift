import EngineModel

/// A parsed DNS query, and the responses that the embedded resolver builds itself (RFC 1035). All other queries are forwarded unchanged.
struct DNSQuery: Equatable {
    static let typeA: UInt16 = 1
    static let typePTR: UInt16 = 12
    static let typeAAAA: UInt16 = 28
    static let messageLimit = 65535

    let id: UInt16
    let flags: UInt16
    /// In lower case, without the trailing dot.
    let name: String
    let type: UInt16
    let isInternet: Bool
    /// The raw question section, which the response repeats.
    let question: [UInt8]

    /// nil if the bytes are not a query with exactly one question.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 17, bytes.count <= Self.messageLimit else { return nil }
        func word(_ index: Int) -> UInt16 { UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]) }
        id = word(0)
        flags = word(2)
        // Reject responses, opcodes other than QUERY, and multiple questions.
        guard flags & 0x8000 == 0, flags & 0x7800 == 0, word(4) == 1 else { return nil }
        var labels: [String] = []
        var position = 12
        var total = 0
        while true {
            guard position < bytes.count else { return nil }
            let length = Int(bytes[position])
            if length == 0 { break }
            // Compression pointers are not valid in a single question.
            guard length < 64, position + 1 + length < bytes.count else { return nil }
            total += length + 1
            guard total < 255 else { return nil }
            labels.append(String(decoding: bytes[(position + 1)...(position + length)], as: UTF8.self).lowercased())
            position += length + 1
        }
        guard position + 5 <= bytes.count else { return nil }
        name = labels.joined(separator: ".")
        type = word(position + 1)
        isInternet = word(position + 3) == 1
        question = Array(bytes[12..<(position + 5)])
    }

    enum Answer: Equatable {
        case addresses([IPAddress])
        case pointer(String)
    }

    /// TTL of our own answers, in seconds; short because container addresses change.
    static let timeToLive: UInt32 = 2

    func response(_ answers: [Answer], code: UInt8 = 0) -> [UInt8] {
        var records: [UInt8] = []
        var count: UInt16 = 0
        for answer in answers {
            switch answer {
            case .addresses(let list):
                for address in list {
                    records += record(address.isVersion6 ? Self.typeAAAA : Self.typeA, address.bytes)
                    count += 1
                }
            case .pointer(let name):
                var data: [UInt8] = []
                for label in name.split(separator: ".") {
                    data += [UInt8(min(63, label.utf8.count))] + label.utf8.prefix(63)
                }
                records += record(Self.typePTR, data + [0])
                count += 1
            }
        }
        // QR and RA, the query's RD bit, and the response code.
        let answerFlags = 0x8080 | flags & 0x0100 | UInt16(code)
        var message: [UInt8] = []
        for word in [id, answerFlags, 1, count, 0, 0] { message += [UInt8(word >> 8), UInt8(word & 255)] }
        return message + question + records
    }

    private func record(_ type: UInt16, _ data: [UInt8]) -> [UInt8] {
        let time = Self.timeToLive
        return [0xc0, 12, UInt8(type >> 8), UInt8(type & 255), 0, 1]
            + [UInt8(time >> 24), UInt8(time >> 16 & 255), UInt8(time >> 8 & 255), UInt8(time & 255)]
            + [UInt8(data.count >> 8), UInt8(data.count & 255)] + data
    }

    /// The address of a reverse lookup name, e.g. `5.0.20.172.in-addr.arpa`.
    var reverseAddress: IPAddress? {
        if name.hasSuffix(".in-addr.arpa") {
            return IPAddress(name.dropLast(13).split(separator: ".").reversed().joined(separator: "."))
        }
        guard name.hasSuffix(".ip6.arpa") else { return nil }
        let digits = name.dropLast(9).split(separator: ".").reversed().joined()
        guard digits.count == 32 else { return nil }
        let bytes = stride(from: 0, to: 32, by: 2).compactMap { index in
            UInt8(
                digits[
                    digits.index(
                        digits.startIndex, offsetBy: index)..<digits.index(digits.startIndex, offsetBy: index + 2)],
                radix: 16)
        }
        return bytes.count == 16 ? IPAddress(bytes: bytes) : nil
    }
}
