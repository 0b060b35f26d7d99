import EngineModel
import LinuxKernel
import SystemCallFilters
import SystemLibraries

/// A user-defined seccomp profile in Docker's format: a default action, and lists of system calls with other actions, with conditions on
/// arguments, capabilities and architectures (Docker, "Seccomp security profiles for Docker").
struct CustomSeccompProfile {
    let otherwise: SeccompFilter.Action
    private let entries: [JSON]

    init(_ text: String) throws(RoostError) {
        let json: JSON
        do { json = try JSON(parsing: text) } catch {
            throw .invalid("Decoding seccomp profile failed: \(error)")
        }
        otherwise = try Self.action(json["defaultAction"].string ?? "", json["defaultErrnoRet"].int)
        entries = json["syscalls"].array ?? []
        for entry in entries { _ = try Self.rules(entry) }
    }

    func rules(for capabilities: CapabilitySet) throws(RoostError) -> [SeccompFilter.Rule] {
        var rules: [SeccompFilter.Rule] = []
        for entry in entries where try Self.applies(entry, capabilities) { rules += try Self.rules(entry) }
        return rules
    }

    private static func applies(_ entry: JSON, _ capabilities: CapabilitySet) throws(RoostError) -> Bool {
        func has(_ name: String) -> Bool {
            CapabilitySet(named: name).map { !capabilities.intersection($0).isEmpty } ?? false
        }
        #if arch(x86_64)
            let architectures: Set<String> = ["amd64", "x86", "x32"]
        #else
            let architectures: Set<String> = ["arm64", "arm"]
        #endif
        let includes = entry["includes"]
        let excludes = entry["excludes"]
        if let wanted = includes["caps"].strings, !wanted.isEmpty, !wanted.allSatisfy(has) { return false }
        if let unwanted = excludes["caps"].strings, unwanted.contains(where: has) { return false }
        if let wanted = includes["arches"].strings, !wanted.isEmpty, architectures.isDisjoint(with: wanted) {
            return false
        }
        if let unwanted = excludes["arches"].strings, !architectures.isDisjoint(with: unwanted) { return false }
        return true
    }

    /// Several conditions on the same argument are alternatives, as in runc; conditions on different arguments must all hold.
    private static func rules(_ entry: JSON) throws(RoostError) -> [SeccompFilter.Rule] {
        let names = entry["names"].strings ?? entry["name"].string.map { [$0] } ?? []
        guard !names.isEmpty else { throw .invalid("seccomp profile: an entry of syscalls has no names") }
        let action = try action(entry["action"].string ?? "", entry["errnoRet"].int)
        var conditions: [SeccompFilter.Condition] = []
        for argument in entry["args"].array ?? [] {
            let index = argument["index"].int ?? 0
            guard (0...5).contains(index) else {
                throw .invalid("seccomp profile: \(names[0]) has no argument \(index)")
            }
            conditions.append(
                .init(
                    UInt32(index), try comparison(argument["op"].string ?? ""),
                    UInt64(bitPattern: argument["value"].int ?? 0), UInt64(bitPattern: argument["valueTwo"].int ?? 0)))
        }
        let isRow = Set(conditions.map(\.argument)).count == conditions.count
        return isRow
            ? [SeccompFilter.Rule(names, conditions, action)]
            : conditions.map { SeccompFilter.Rule(names, [$0], action) }
    }

    private static func action(_ name: String, _ number: Int64?) throws(RoostError) -> SeccompFilter.Action {
        switch name {
        case "SCMP_ACT_ALLOW": .allow
        case "SCMP_ACT_ERRNO": .fail(errno: Int32(truncatingIfNeeded: number ?? 1))
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": .killThread
        case "SCMP_ACT_KILL_PROCESS": .killProcess
        case "SCMP_ACT_TRAP": .trap
        case "SCMP_ACT_LOG": .log
        case "SCMP_ACT_TRACE": .trace(UInt16(truncatingIfNeeded: number ?? 1))
        default: throw .invalid("seccomp profile: unknown action \"\(name)\"")
        }
    }

    private static func comparison(_ name: String) throws(RoostError) -> SeccompFilter.Condition.Comparison {
        switch name {
        case "SCMP_CMP_NE": .differs
        case "SCMP_CMP_LT": .less
        case "SCMP_CMP_LE": .atMost
        case "SCMP_CMP_EQ": .equals
        case "SCMP_CMP_GE": .atLeast
        case "SCMP_CMP_GT": .greater
        case "SCMP_CMP_MASKED_EQ": .masked
        default: throw .invalid("seccomp profile: unknown comparison \"\(name)\"")
        }
    }
}
