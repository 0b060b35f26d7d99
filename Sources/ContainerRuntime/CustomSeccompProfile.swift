import EngineModel
import LinuxKernel
import Seccomp
import SystemLibraries

/// A user-defined seccomp profile in Docker's format: a default action, and lists of system calls with other actions, with conditions on
/// arguments, capabilities and architectures (Docker, "Seccomp security profiles for Docker").
struct CustomSeccompProfile {
    let otherwise: SeccompFilter.Action
    private let entries: [Entry]

    /// The form of the document. Members that are not known have no effect, as in runc.
    private struct Document: Decodable {
        var defaultAction: String?
        var defaultErrnoRet: Int64?
        var syscalls: [Entry]?
    }

    private struct Entry: Decodable {
        var names: [String]?
        /// The old form of `names`.
        var name: String?
        var action: String?
        var errnoRet: Int64?
        var args: [Argument]?
        var includes: Conditions?
        var excludes: Conditions?
    }

    private struct Conditions: Decodable {
        var caps: [String]?
        var arches: [String]?
    }

    private struct Argument: Decodable {
        var index: Int64?
        var value: JSON?
        var valueTwo: JSON?
        var op: String?
    }

    init(_ text: String) throws(RoostError) {
        let document: Document
        do { document = try JSON(parsing: text).decode() } catch {
            throw .invalid("Decoding seccomp profile failed: \(error)")
        }
        otherwise = try Self.action(document.defaultAction ?? "", document.defaultErrnoRet)
        entries = document.syscalls ?? []
        for entry in entries { _ = try Self.rules(entry) }
    }

    func rules(for capabilities: CapabilitySet) throws(RoostError) -> [SeccompFilter.Rule] {
        var rules: [SeccompFilter.Rule] = []
        for entry in entries where Self.applies(entry, capabilities) { rules += try Self.rules(entry) }
        return rules
    }

    private static func applies(_ entry: Entry, _ capabilities: CapabilitySet) -> Bool {
        func has(_ name: String) -> Bool {
            CapabilitySet(named: name).map { !capabilities.intersection($0).isEmpty } ?? false
        }
        #if arch(x86_64)
            let architectures: Set<String> = ["amd64", "x86", "x32"]
        #else
            let architectures: Set<String> = ["arm64", "arm"]
        #endif
        if let wanted = entry.includes?.caps, !wanted.isEmpty, !wanted.allSatisfy(has) { return false }
        if let unwanted = entry.excludes?.caps, unwanted.contains(where: has) { return false }
        if let wanted = entry.includes?.arches, !wanted.isEmpty, architectures.isDisjoint(with: wanted) {
            return false
        }
        if let unwanted = entry.excludes?.arches, !architectures.isDisjoint(with: unwanted) { return false }
        return true
    }

    /// Several conditions on the same argument are alternatives, as in runc; conditions on different arguments must all hold.
    private static func rules(_ entry: Entry) throws(RoostError) -> [SeccompFilter.Rule] {
        let names = entry.names ?? entry.name.map { [$0] } ?? []
        guard !names.isEmpty else { throw .invalid("seccomp profile: an entry of syscalls has no names") }
        let action = try action(entry.action ?? "", entry.errnoRet)
        var conditions: [SeccompFilter.Condition] = []
        for argument in entry.args ?? [] {
            let index = argument.index ?? 0
            guard (0...5).contains(index) else {
                throw .invalid("seccomp profile: \(names[0]) has no argument \(index)")
            }
            conditions.append(
                .init(
                    UInt32(index), try comparison(argument.op ?? ""), UInt64(bitPattern: argument.value?.int ?? 0),
                    UInt64(bitPattern: argument.valueTwo?.int ?? 0)))
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
