extension Dockerfile {
    /// The unique names of the secrets that steps use: the IDs of `--mount=type=secret`, or the last component of the target.
    package var secretNames: [String] {
        mounts("secret") { values in
            let target = values["target"] ?? values["dst"] ?? values["destination"] ?? ""
            return values["id"] ?? target.split(separator: "/").last ?? ""
        }
    }

    /// The unique names of the SSH agents that steps use: the IDs of `--mount=type=ssh`.
    package var agentNames: [String] { mounts("ssh") { $0["id"] ?? BuildMount.firstAgent[...] } }

    private func mounts(_ type: Substring, _ name: ([Substring: Substring]) -> Substring) -> [String] {
        var found: [String] = []
        for instruction in stages.flatMap(\.instructions) {
            guard case .run(_, let mounts, _, _) = instruction.kind else { continue }
            for mount in mounts {
                var values: [Substring: Substring] = [:]
                for part in mount.split(separator: ",") {
                    let pair = part.split(separator: "=", maxSplits: 1)
                    if pair.count == 2 { values[pair[0]] = pair[1] }
                }
                guard values["type"] == type else { continue }
                let name = String(name(values))
                if !name.isEmpty, !found.contains(name) { found.append(name) }
            }
        }
        return found
    }
}
