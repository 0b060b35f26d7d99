/// The options of a bridge network (Docker, "Bridge network driver", "Options"), validated when the network is created.
package struct BridgeSettings: Sendable, Equatable {
    /// nil means the default of 1500.
    package var mtu: UInt32?
    /// Whether containers of the network can reach each other (`enable_icc`).
    package var connects = true
    /// Whether outgoing traffic is masqueraded with the host's address (`enable_ip_masquerade`).
    package var masquerades = true
    /// The host address of published ports without one (`host_binding_ipv4`).
    package var publishAddress: IPAddress?
    /// The prefix of interface names in containers, followed by a number.
    package var interfacePrefix = "eth"

    package init(_ options: [String: String]) throws(RoostError) {
        func truth(_ key: String) throws(RoostError) -> Bool? {
            guard let text = options[key], !text.isEmpty else { return nil }
            switch text.lowercased() {
            case "true", "1", "t": return true
            case "false", "0", "f": return false
            default: throw .invalid("invalid value for \(key): \"\(text)\" (expected true or false)")
            }
        }
        if let text = options["com.docker.network.driver.mtu"], !text.isEmpty {
            guard let number = UInt32(text), number == 0 || (68...65535).contains(number) else {
                throw .invalid(
                    "invalid value for com.docker.network.driver.mtu: \"\(text)\" (expected 68 to 65535)")
            }
            mtu = number == 0 ? nil : number
        }
        connects = try truth("com.docker.network.bridge.enable_icc") ?? true
        masquerades = try truth("com.docker.network.bridge.enable_ip_masquerade") ?? true
        for family in ["ipv4", "ipv6"] {
            let key = "com.docker.network.bridge.gateway_mode_\(family)"
            guard let mode = options[key] else { continue }
            guard ["nat", "routed", "isolated", "nat-unprotected"].contains(mode) else {
                throw .invalid("unknown gateway mode \(mode) for \(key)")
            }
            if family == "ipv4", mode == "routed" { masquerades = false }
        }
        if let text = options["com.docker.network.bridge.host_binding_ipv4"], !text.isEmpty {
            guard let address = IPAddress(text) else {
                throw .invalid(
                    "invalid value for com.docker.network.bridge.host_binding_ipv4: \"\(text)\" is not an IP address")
            }
            publishAddress = address.isUnspecified ? nil : address
        }
        if let text = options["com.docker.network.container_iface_prefix"], !text.isEmpty {
            guard text.utf8.count <= 12, text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
            else {
                throw .invalid("invalid value for com.docker.network.container_iface_prefix: \"\(text)\"")
            }
            interfacePrefix = text
        }
    }

    private init() {}

    /// The settings of an existing network, whose options were validated when it was created.
    package static func of(_ record: NetworkRecord) -> BridgeSettings {
        do { return try BridgeSettings(record.options) } catch { return BridgeSettings() }
    }
}
