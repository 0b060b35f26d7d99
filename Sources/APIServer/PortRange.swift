import EngineModel

/// A port filter: `80`, `80/udp`, `80-90/tcp`.
struct PortRange {
    private let low: Int
    private let high: Int
    private let transport: String?

    init(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1).map(String.init)
        let ends = (parts.first ?? "").split(separator: "-").map { Int($0) ?? -1 }
        low = ends.first ?? -1
        high = ends.last ?? -1
        transport = parts.count > 1 ? parts[1] : nil
    }

    var isValid: Bool {
        (1...65535).contains(low) && (low...65535).contains(high)
            && (transport.map { TransportProtocol(rawValue: $0) != nil } ?? true)
    }

    func holds(_ port: ContainerPort) -> Bool {
        low <= Int(port.number) && Int(port.number) <= high
            && (transport == nil || transport == port.transport.rawValue)
    }
}
