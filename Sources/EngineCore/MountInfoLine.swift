/// One line of mountinfo (proc_pid_mountinfo(5)).
struct MountInfoLine {
    let mountPoint: String
    /// `shared:7`, `master:3`: the propagation of mounts below it.
    let tags: [Substring]
    let type: String
    /// The device, or the file system's own name for its source.
    let source: String

    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count > 6, let end = fields.firstIndex(of: "-"), fields.count > end + 2 else { return nil }
        type = String(fields[end + 1])
        source = Self.unescaped(fields[end + 2])
        mountPoint = Self.unescaped(fields[4])
        tags = Array(fields[6..<end])
    }

    /// Spaces, tabs, newlines and backslashes are escaped as a backslash and three octal digits.
    private static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
