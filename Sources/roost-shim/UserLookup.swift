import LinuxKernel
import ShimProtocol

/// Who the process is, looked up in the container's own files from inside the container.
struct Identity: Equatable {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var groups: [UInt32] = []
    var home = "/"
}

/// Parses passwd(5) and group(5) as far as needed; lines that make no sense are passed over as glibc does.
struct UserLookup {
    /// Bound for either file: both are the image's, and so not to be trusted.
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

    /// The highest id, as in Docker. The highest number of 32 bits means "unchanged" to setresuid(2), and those above half of them are
    /// negative for many programs.
    private static let highestID: Int64 = 2_147_483_647

    /// Nil if the text is not a number; throws if it is one that no user or group may have.
    private static func number(_ text: some StringProtocol) throws(ChildFailure) -> UInt32? {
        guard let value = Int64(text) else { return nil }
        guard (0...highestID).contains(value) else {
            throw ChildFailure(
                step: "look up the user", reason: "uids and gids must be in range 0-\(highestID)", exitCode: 126)
        }
        return UInt32(value)
    }

    /// Resolves `user[:group]`, each a name or a number, and the additional groups.
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
        // As Docker has it: a group that is only the primary one could be given up by a process, and with it what it forbids.
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
            // An entry out of range is ignored.
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
