import EngineModel
import LinuxKernel
import ShimProtocol
import SystemLibraries

/// The effective security settings of a container, derived from its specification; shared by create, exec and health checks.
package struct SecurityDecision: Sendable, Equatable {
    package var capabilities: CapabilitySet
    package var filtersSystemCalls = true
    /// A user-defined seccomp profile as JSON, replacing the default one.
    package var seccompProfile: String?
    package var noNewPrivileges = false
    package var masksSystemPaths = true
    package var allowsAllDevices = false

    package init(_ spec: ContainerSpec) throws(RoostError) {
        let security = spec.security
        var set = security.privileged ? CapabilitySet.all : DefaultPolicy.capabilities
        for name in security.droppedCapabilities {
            set = name.uppercased() == "ALL" ? [] : set.subtracting(try Self.capability(name))
        }
        if security.addedCapabilities.contains(where: { $0.uppercased() == "ALL" }) {
            // As in Docker: ALL minus those dropped by name.
            set = .all
            for name in security.droppedCapabilities where name.uppercased() != "ALL" {
                set.subtract(try Self.capability(name))
            }
        }
        for name in security.addedCapabilities where name.uppercased() != "ALL" {
            set.formUnion(try Self.capability(name))
        }
        capabilities = set.intersection(.all)
        if security.privileged {
            filtersSystemCalls = false
            masksSystemPaths = false
            allowsAllDevices = true
        }
        for option in security.options { try apply(option) }
        if let seccompProfile { _ = try CustomSeccompProfile(seccompProfile) }
    }

    private static func capability(_ name: String) throws(RoostError) -> CapabilitySet {
        guard let set = CapabilitySet(named: name) else {
            throw .invalid(
                "unknown capability: \"\(name)\" (e.g. CAP_NET_ADMIN or NET_ADMIN)"
            )
        }
        return set
    }

    private mutating func apply(_ option: String) throws(RoostError) {
        if option.hasPrefix("seccomp="), option.dropFirst(8).drop(while: \.isWhitespace).hasPrefix("{") {
            seccompProfile = String(option.dropFirst(8))
            return
        }
        switch option.replacing(":", with: "=") {
        case "no-new-privileges", "no-new-privileges=true": noNewPrivileges = true
        case "no-new-privileges=false": noNewPrivileges = false
        case "seccomp=unconfined": filtersSystemCalls = false
        case "seccomp=builtin": break
        case "systempaths=unconfined": masksSystemPaths = false
        case let text where text.hasPrefix("apparmor=") || text.hasPrefix("label="):
            // AppArmor and SELinux are not used; Docker also accepts these options on hosts without them.
            break
        default:
            throw .invalid(
                "security option \"\(option)\" is not supported: use no-new-privileges, seccomp=unconfined, seccomp=PROFILE.json or systempaths=unconfined"
            )
        }
    }
}

extension String {
    func replacing(_ old: Character, with new: Character) -> String { String(map { $0 == old ? new : $0 }) }
}
