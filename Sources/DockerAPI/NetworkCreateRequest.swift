import EngineModel

/// The body of `POST /networks/create`.
package struct NetworkCreateRequest: Codable, Sendable, Equatable {
    package var name: String?
    package var driver: String?
    package var scope: String?
    package var isInternal: Bool?
    package var attachable: Bool?
    package var ingress: Bool?
    package var configFrom: ConfigReference?
    package var enableIPv4: Bool?
    package var enableIPv6: Bool?
    package var options: [String: String]?
    package var labels: [String: String]?
    package var ipam: IPAM?

    enum CodingKeys: String, CodingKey {
        case name = "Name"
        case driver = "Driver"
        case scope = "Scope"
        case isInternal = "Internal"
        case attachable = "Attachable"
        case ingress = "Ingress"
        case configFrom = "ConfigFrom"
        case enableIPv4 = "EnableIPv4"
        case enableIPv6 = "EnableIPv6"
        case options = "Options"
        case labels = "Labels"
        case ipam = "IPAM"
    }

    package init(name: String) { self.name = name }

    /// Another network whose configuration is used; swarm only.
    package struct ConfigReference: Codable, Sendable, Equatable {
        package var network: String?
        enum CodingKeys: String, CodingKey { case network = "Network" }
    }

    /// How addresses are managed.
    package struct IPAM: Codable, Sendable, Equatable {
        package var driver: String?
        package var options: [String: String]?
        package var config: [Pool]?

        enum CodingKeys: String, CodingKey {
            case driver = "Driver"
            case options = "Options"
            case config = "Config"
        }

        package init(driver: String?, config: [Pool]) {
            self.driver = driver
            self.config = config
        }
    }

    /// A subnet and what is allocated from it.
    package struct Pool: Codable, Sendable, Equatable {
        package var subnet: String?
        package var ipRange: String?
        package var gateway: String?
        package var auxiliaryAddresses: [String: String]?

        enum CodingKeys: String, CodingKey {
            case subnet = "Subnet"
            case ipRange = "IPRange"
            case gateway = "Gateway"
            case auxiliaryAddresses = "AuxiliaryAddresses"
        }

        package init(subnet: String) { self.subnet = subnet }
    }
}

extension NetworkSpec {
    /// Throws for what only a swarm has, and for subnets, ranges and addresses that do not fit together.
    package init(_ request: NetworkCreateRequest) throws(RoostError) {
        try Self.refuseSwarm(request)
        self.init(name: request.name ?? "")
        driver = request.driver ?? "bridge"
        isAttachable = request.attachable ?? false
        isInternal = request.isInternal ?? false
        enableVersion4 = request.enableIPv4 ?? true
        enableVersion6 = request.enableIPv6 ?? false
        labels = request.labels ?? [:]
        options = request.options ?? [:]
        addressOptions = request.ipam?.options
        for pool in request.ipam?.config ?? [] { try add(pool) }
    }

    private static func refuseSwarm(_ request: NetworkCreateRequest) throws(RoostError) {
        let driver = request.ipam?.driver ?? ""
        guard ["", "default"].contains(driver) else {
            throw .missing("could not find IPAM driver \(driver): only the default driver is supported")
        }
        if request.ingress == true || request.scope == "swarm" {
            throw RoostError(.forbidden, "This node is not a swarm manager: swarm networks are not supported")
        }
        if let from = request.configFrom?.network, !from.isEmpty { throw .missing("network \(from) not found") }
    }

    private mutating func add(_ pool: NetworkCreateRequest.Pool) throws(RoostError) {
        guard let text = pool.subnet, !text.isEmpty else {
            throw .invalid(
                "invalid network config:\ninvalid subnet : invalid CIDR block notation: every pool needs a subnet")
        }
        guard let subnet = Subnet(text) else {
            throw .invalid("invalid subnet \"\(text)\": expected an address and a prefix length (e.g. 172.28.0.0/16)")
        }
        guard Self.address(of: text) == subnet.base else {
            throw .invalid("invalid network config:\ninvalid subnet \(text): it should be \(subnet)")
        }
        guard !subnets.contains(where: { $0.base.isVersion6 == subnet.base.isVersion6 }) else {
            throw RoostError(.forbidden, "bridge driver doesn't support multiple subnets")
        }
        subnets.append(subnet)
        if let range = pool.ipRange, !range.isEmpty {
            guard let parsed = Subnet(range), subnet.contains(parsed.base) else {
                throw .invalid("invalid ip-range \"\(range)\": it must be within \(text)")
            }
            guard Self.address(of: range) == parsed.base else {
                throw .invalid("invalid network config:\ninvalid ip-range \(range): it should be \(parsed)")
            }
            ranges.append(parsed)
        }
        for (name, value) in pool.auxiliaryAddresses ?? [:] {
            guard let address = IPAddress(value), subnet.contains(address) else {
                throw .invalid("invalid auxiliary address \(name)=\(value): it must be in \(text)")
            }
            auxiliary[name] = address
        }
        if let gateway = pool.gateway, !gateway.isEmpty {
            guard let address = IPAddress(gateway) else { throw .invalid("invalid gateway address \"\(gateway)\"") }
            gateways.append(address)
        }
    }

    /// The address as written, before the bits after the prefix are cleared.
    private static func address(of subnet: String) -> IPAddress? {
        subnet.split(separator: "/").first.flatMap { IPAddress($0) }
    }
}
