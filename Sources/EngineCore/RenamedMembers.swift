import EngineModel

/// A member of stored records that has got another name; rows of older engines are rewritten once, when their database is opened.
struct RenamedMember: Sendable {
    /// The keys of the objects around it. An array on the way stands for each of its elements.
    let path: [String]
    let old: String
    let new: String

    init(path: [String], old: String, new: String) {
        (self.path, self.old, self.new) = (path, old, new)
    }

    init(_ path: String..., from old: String, to new: String) {
        self.init(path: path, old: old, new: new)
    }

    static let ofContainers =
        [
            RenamedMember("spec", from: "controlGroupNamespace", to: "cgroupNamespace"),
            RenamedMember("spec", from: "controlGroupParent", to: "cgroupParent"),
            RenamedMember("spec", "resources", from: "outOfMemoryScore", to: "oomScoreAdj"),
            RenamedMember("spec", "mounts", from: "volumeWish", to: "volumeTemplate"),
            RenamedMember("spec", "mounts", from: "isReadOnlyAtTopAlone", to: "isReadOnlyNonRecursive"),
            RenamedMember("mounts", from: "isReadOnlyAtTopAlone", to: "isReadOnlyNonRecursive"),
            RenamedMember("endpoints", from: "wish", to: "requested"),
        ] + ofStatus

    static let ofStatus = [RenamedMember("status", from: "outOfMemoryKilled", to: "oomKilled")]

    static let ofNetworks = [
        RenamedMember(from: "askedSubnets", to: "requestedSubnets"),
        RenamedMember(from: "askedGateways", to: "requestedGateways"),
    ]

    func apply(to value: JSON) -> JSON { renamed(value, path[...]) }

    private func renamed(_ value: JSON, _ path: ArraySlice<String>) -> JSON {
        switch value {
        case .array(let items): .array(items.map { renamed($0, path) })
        case .object(let members):
            .object(
                members.map { key, member in
                    if let next = path.first { return (key, key == next ? renamed(member, path.dropFirst()) : member) }
                    return (key == old ? new : key, member)
                })
        default: value
        }
    }
}
