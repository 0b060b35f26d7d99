extension Dockerfile {
    /// The secrets that steps ask for, each once: the ids of `--mount=type=secret`, or the last part of its target.
    public var secretNames: [String] {
        var found: [String] = []
        for instruction in stages.flatMap(\.instructions) {
            guard case .run(_, let mounts, _, _) = instruction.kind else { continue }
            for mount in mounts {
                var values: [Substring: Substring] = [:]
                for part in mount.split(separator: ",") {
                    let pair = part.split(separator: "=", maxSplits: 1)
                    if pair.count == 2 { values[pair[0]] = pair[1] }
                }
                guard values["type"] == "secret" else { continue }
                let target = values["target"] ?? values["dst"] ?? values["destination"] ?? ""
                let name = values["id"] ?? target.split(separator: "/").last ?? ""
                if !name.isEmpty, !found.contains(String(name)) { found.append(String(name)) }
            }
        }
        return found
    }
}
