/// The groups listed in the host's /etc/group (group(5)).
package enum GroupFile {
    /// Group names and ids; empty if the file cannot be read.
    package static func groups() -> [(name: String, number: UInt32)] {
        let lines = ((try? Files.readText("/etc/group", limit: 1 << 20)) ?? "").split(separator: "\n")
        return lines.compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count > 2, let number = UInt32(fields[2]) else { return nil }
            return (String(fields[0]), number)
        }
    }
}
