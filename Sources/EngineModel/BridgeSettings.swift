/// What the options of a bridge network say (Docker, "Bridge network driver", "Options"); what is wrong is refused when it is made.
public struct BridgeSettings: Sendable, Equatable {
    /// nil is the host's usual 1500.
    public var mtu: UInt32?
    /// Whether containers of the network may talk to each other (`enable_icc`).
    public var connects = true
    /// Whether they reach the world under the host's address (`enable_ip_masquerade`).
    public var masquerades = true
    /// Where ports are published that name no address (`host_binding_ipv4`).
    public var publishAddress: IPAddress?
    /// What containers call their interfaces, before the number.
    public var interfacePrefix = "eth"

    public init(_ options: [String: String]) throws(RoostError) {
        func truth(_ key: String) throws(RoostError) -> Bool? {
            guard let text = options[key], !text.isEmpty else { return nil }
            switch text.lowercased() {
            case "true", "1", "t": return true
            case "false", "0", "f": return false
            default: throw .invalid("invalid value for \(key): \"\(text)\" is neither true nor false")
            }
        }
        if let text = options["com.docker.network.driver.mtu"], !text.isEmpty {
            guard let number = UInt32(text), number == 0 || (68...65535).contains(number) else {
                throw .invalid(
                    "invalid value for com.docker.network.driver.mtu: \"\(text)\" must be a number of 68 to 65535")
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
                    "invalid value for com.docker.network.bridge.host_binding_ipv4: \"\(text)\" is no address")
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

    /// Of a network that is there: its options were checked when it was made.
    public static func of(_ record: NetworkRecord) -> BridgeSettings {
        do { return try BridgeSettings(record.options) } catch { return BridgeSettings() }
    }
}
