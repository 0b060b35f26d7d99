import LinuxKernel
import ShimProtocol

/// The process's user, groups and home directory.
struct Identity: Equatable {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var groups: [UInt32] = []
    var home = "/"
}

/// Parses the container's passwd(5) and group(5) as far as needed; malformed lines are skipped, as in glibc.
struct UserLookup {
    /// Size limit of either file in bytes: both come from the image and are untrusted.
    static let fileLimit = 8 << 20
    let passwd: [[Substring]]
    let group: [[Substring]]

    init(passwd: String, group: String) {
        self.passwd = Self.records(passwd)
        self.group = Self.records(group)
    }

    static func fromFiles() -> UserLookup {
        UserLookup(
            passwd: (try? Files.readText("/etc/passwd", limit: fileLimit)) ?? "",
            group: (try? Files.readText("/etc/group", limit: fileLimit)) ?? "")
    }

    private static func records(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    /// The highest id, as in Docker. setresuid(2) takes the highest 32-bit number as "unchanged", and numbers above 2^31 - 1 are negative
    /// in many programs.
    private static let highestID: Int64 = 2_147_483_647

    /// nil if the text is not a number; throws if the number is out of range.
    private static func number(_ text: some StringProtocol) throws(ChildFailure) -> UInt32? {
        guard let value = Int64(text) else { return nil }
        guard (0...highestID).contains(value) else {
            throw ChildFailure(
                step: "look up the user", reason: "uids and gids must be in range 0-\(highestID)", exitCode: 126)
        }
        return UInt32(value)
    }

    /// Resolves `user[:group]`, each a name or an id, and the additional groups.
    func identity(_ spec: String, additionalGroups: [String]) throws(ChildFailure) -> Identity {
        let parts = spec.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.first.map(String.init) ?? ""
        var identity = Identity()
        let entry = passwdEntry(name.isEmpty ? "0" : name)
        if let entry, entry.count >= 6, let user = try Self.number(entry[2]), let group = try Self.number(entry[3]) {
            identity.user = user
            identity.group = group
            identity.home = entry[5].isEmpty ? "/" : String(entry[5])
            identity.groups = memberships(of: String(entry[0]))
        } else if let number = try Self.number(name.isEmpty ? "0" : name) {
            identity.user = number
        } else {
            throw ChildFailure(
                step: "look up the user", reason: "unable to find user \(name): no matching entries in passwd file",
                exitCode: 126)
        }
        if parts.count == 2, !parts[1].isEmpty {
            identity.group = try groupNumber(String(parts[1]))
            identity.groups = []
        }
        for extra in additionalGroups { identity.groups.append(try groupNumber(extra)) }
        // As in Docker, the primary group is also a supplementary group: otherwise a process could drop it to evade permissions denied to that group.
        let own = identity.group
        identity.groups = [own] + identity.groups.filter { $0 != own }
        return identity
    }

    private func passwdEntry(_ name: String) -> [Substring]? {
        passwd.first { $0.count >= 6 && $0[0] == name }
            ?? (Int64(name) != nil ? passwd.first { $0.count >= 6 && $0[2] == name } : nil)
    }

    private func memberships(of user: String) -> [UInt32] {
        group.compactMap { entry in
            guard entry.count >= 4, entry[3].split(separator: ",").contains(where: { $0 == user }) else { return nil }
            // An id out of range is ignored.
            return (try? Self.number(entry[2])) ?? nil
        }
    }

    private func groupNumber(_ name: String) throws(ChildFailure) -> UInt32 {
        if let entry = group.first(where: { $0.count >= 3 && $0[0] == name }), let number = try Self.number(entry[2]) {
            return number
        }
        if let number = try Self.number(name) { return number }
        throw ChildFailure(
            step: "look up the group", reason: "unable to find group \(name): no matching entries in group file",
            exitCode: 126)
    }
}
