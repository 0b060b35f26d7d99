/// IDs and names of the engine's objects.
package enum Identifiers {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Lower-case hexadecimal text of bytes.
    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A new ID of 64 hexadecimal digits, as in Docker. The first twelve are never all decimal, so that no tool parses the short form
    /// as a number.
    package static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        while true {
            let text = hex((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
            if text.prefix(12).contains(where: { $0 > "9" }) { return text }
        }
    }

    package static func isHexadecimal(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) }
    }

    /// Whether a name is valid for a container, volume or network: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`, at most 255 bytes.
    package static func isValidName(_ name: some StringProtocol) -> Bool {
        guard let first = name.utf8.first, isAlphanumeric(first), name.utf8.count >= 2, name.utf8.count <= 255 else {
            return false
        }
        return name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 95 || $0 == 46 || $0 == 45 }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
    }

    /// A generated container name: an adjective and a person from the history of computing.
    package static func generatedName(taken: (String) -> Bool) -> String {
        var generator = SystemRandomNumberGenerator()
        for attempt in 0..<64 {
            let first = adjectives.randomElement(using: &generator) ?? "quiet"
            let second = people.randomElement(using: &generator) ?? "hopper"
            let name = "\(first)_\(second)" + (attempt < 32 ? "" : String(Int.random(in: 0..<1000, using: &generator)))
            if !taken(name) { return name }
        }
        return "container_" + random().prefix(12)
    }

    private static let adjectives = [
        "agile", "amber", "bold", "brave", "bright", "calm", "clever", "cosy", "crisp", "deft", "eager", "fair", "fond",
        "gentle",
        "glad", "grand", "happy", "hardy", "keen", "kind", "lively", "lucid", "merry", "mild", "neat", "nimble",
        "patient", "plain",
        "proud", "quick", "quiet", "ready", "robust", "serene", "sharp", "sleek", "smart", "snug", "solid", "spry",
        "steady",
        "sunny", "swift", "tidy", "vivid", "warm", "wise", "witty", "zesty",
    ]
    private static let people = [
        "allen", "babbage", "backus", "bartik", "borg", "boole", "cerf", "clarke", "conway", "dijkstra", "engelbart",
        "euler",
        "feynman", "floyd", "gauss", "goldberg", "hamilton", "hamming", "hoare", "holberton", "hopper", "kahn", "kay",
        "keller",
        "kernighan", "knuth", "lamarr", "lamport", "liskov", "lovelace", "mcbride", "meitner", "milner", "moore",
        "naur", "noether",
        "perlman", "pike", "ritchie", "sammet", "shannon", "stallman", "tarjan", "thompson", "torvalds", "turing",
        "wilkes",
        "wirth", "zuse",
    ]
}
