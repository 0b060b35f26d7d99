/// The transport protocol of a port.
package enum TransportProtocol: String, Sendable, Codable, Hashable, Comparable {
    case tcp, udp, sctp
    package static func < (one: TransportProtocol, other: TransportProtocol) -> Bool { one.rawValue < other.rawValue }
}

extension UInt16 {
    /// Parses a port of digits only, unlike `UInt16("+80")`.
    package init?(port text: some StringProtocol) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = UInt16(text) else {
            return nil
        }
        self = number
    }
}

/// A port of a container: `80/tcp`.
package struct ContainerPort: Sendable, Hashable, Codable, CustomStringConvertible, Comparable {
    package let number: UInt16
    package let transport: TransportProtocol

    package init(_ number: UInt16, _ transport: TransportProtocol = .tcp) {
        self.number = number
        self.transport = transport
    }

    /// `80`, `80/udp`.
    package init(parsing text: some StringProtocol) throws(RoostError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let number = UInt16(port: first), number > 0 else {
            throw .invalid("invalid port \"\(text)\": expected a port from 1 to 65535 (e.g. 80 or 80/udp)")
        }
        let name = parts.count > 1 ? parts[1].lowercased() : "tcp"
        guard let transport = TransportProtocol(rawValue: name) else {
            throw .invalid("invalid port \"\(text)\": unknown protocol \"\(name)\", use tcp, udp or sctp")
        }
        self.init(number, transport)
    }

    /// `80`, `80/udp`, `8000-8010/tcp`.
    package static func range(parsing text: String) throws(RoostError) -> [ContainerPort] {
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        let ends = (parts.first ?? "").split(separator: "-").map(String.init)
        let suffix = parts.count > 1 ? "/\(parts[1])" : ""
        let low = try ContainerPort(parsing: (ends.first ?? "") + suffix)
        let high = try ContainerPort(parsing: (ends.last ?? "") + suffix)
        guard low.number <= high.number else { throw .invalid("invalid port range \"\(text)\"") }
        return (low.number...high.number).map { ContainerPort($0, low.transport) }
    }

    package var description: String { "\(number)/\(transport.rawValue)" }
    package static func < (one: ContainerPort, other: ContainerPort) -> Bool {
        (one.number, one.transport) < (other.number, other.transport)
    }
}

/// The request to publish a container port on the host.
package struct PortBinding: Sendable, Hashable, Codable {
    package var container: ContainerPort
    /// nil means all host addresses, IPv4 and IPv6.
    package var hostAddress: IPAddress?
    /// The host ports to choose from; 0 means an ephemeral port.
    package var hostPorts: ClosedRange<UInt16>

    package init(container: ContainerPort, hostAddress: IPAddress?, hostPorts: ClosedRange<UInt16>) {
        self.container = container
        self.hostAddress = hostAddress
        self.hostPorts = hostPorts
    }

    /// Docker's short form: `[[address:][host ports]:]container ports[/protocol]`. Ranges of equal length are paired; a range of host
    /// ports for one container port means one free port of the range.
    package static func parse(_ text: String) throws(RoostError) -> [PortBinding] {
        let (address, rest) = try splitAddress(text)
        let slash = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let transportName = slash.count > 1 ? slash[1].lowercased() : "tcp"
        guard let transport = TransportProtocol(rawValue: transportName) else {
            throw .invalid("invalid port \"\(text)\": invalid proto: \(transportName); use tcp, udp or sctp")
        }
        let parts = (slash.first ?? "").split(separator: ":", omittingEmptySubsequences: false)
        guard let last = parts.last, parts.count <= 2 else {
            throw .invalid("invalid port \"\(text)\": expected [[address:]host:]container")
        }
        let inside = try range(last, "containerPort", text)
        guard parts.count == 2, !parts[0].isEmpty else {
            return inside.map {
                PortBinding(container: ContainerPort($0, transport), hostAddress: address, hostPorts: 0...0)
            }
        }
        // 0 means an ephemeral port, like an omitted one.
        let outside = parts[0] == "0" ? 0...0 : try range(parts[0], "hostPort", text)
        if inside.count == 1 {
            return [
                PortBinding(
                    container: ContainerPort(inside.lowerBound, transport), hostAddress: address, hostPorts: outside)
            ]
        }
        guard inside.count == outside.count else {
            throw .invalid(
                "invalid port \"\(text)\": invalid ranges specified for container and host ports: \(last) and \(parts[0]); both must have the same length"
            )
        }
        return zip(inside, outside).map {
            PortBinding(container: ContainerPort($0, transport), hostAddress: address, hostPorts: $1...$1)
        }
    }

    private static func splitAddress(_ text: String) throws(RoostError) -> (IPAddress?, Substring) {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            guard let address = IPAddress(text[text.index(after: text.startIndex)..<end]) else {
                throw .invalid("invalid port \"\(text)\": invalid IP address")
            }
            return (address, text[text.index(after: end)...].drop { $0 == ":" })
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        // An IPv6 address without brackets: all but the last two parts.
        if parts.count > 3 {
            let rest = parts[parts.count - 2].startIndex
            if let address = IPAddress(text[..<rest].dropLast()) { return (address, text[rest...]) }
        }
        guard parts.count == 3 else { return (nil, text[...]) }
        // An empty address, e.g. from an unset variable.
        if parts[0].isEmpty { return (nil, text.dropFirst()) }
        guard let address = IPAddress(parts[0]) else {
            throw .invalid("invalid port \"\(text)\": invalid IP address: \(parts[0])")
        }
        return (address, text[parts[1].startIndex...])
    }

    private static func range(_ text: Substring, _ what: String, _ whole: String) throws(RoostError) -> ClosedRange<
        UInt16
    > {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
        guard let low = ends.first ?? nil, let high = ends.last ?? nil, low > 0, low <= high else {
            throw .invalid(
                "invalid port \"\(whole)\": invalid \(what): \(text); use a port from 1 to 65535 or a range (e.g. 8000-8010)"
            )
        }
        return low...high
    }
}

/// A published port with its actual host address and port.
package struct PublishedPort: Sendable, Hashable, Codable {
    package var container: ContainerPort
    package var hostAddress: IPAddress
    package var hostPort: UInt16

    package init(container: ContainerPort, hostAddress: IPAddress, hostPort: UInt16) {
        self.container = container
        self.hostAddress = hostAddress
        self.hostPort = hostPort
    }
}
