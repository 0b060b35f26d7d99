import EngineModel
import Logging
import Networking

extension Engine {
    /// Recreates a network under its name: containers are disconnected, keep running without it for a moment, and are reconnected with
    /// their names and the addresses that were requested. If the new one cannot be created, the old one is restored.
    func replaceNetwork(_ spec: NetworkSpec) async throws {
        guard let old = networks.values.first(where: { $0.name == spec.name }) else {
            _ = try createNetwork(spec)
            return
        }
        let members = containers.values.compactMap { record in
            record.endpoints.first { $0.networkID == old.id }.map { (id: record.id, endpoint: $0) }
        }.sorted { $0.id < $1.id }
        for member in members { try await disconnect(member.id, from: old.id, force: true) }
        do {
            try await removeNetwork(old.id)
            _ = try createNetwork(spec)
        } catch {
            if !networks.values.contains(where: { $0.name == old.name }) {
                _ = try? createNetwork(Self.specification(old))
            }
            for member in members { try? await connect(member.id, to: old.name, Self.endpointSpec(member.endpoint)) }
            throw error
        }
        var failure: (any Error)?
        for member in members where containers[member.id] != nil {
            do { try await connect(member.id, to: spec.name, Self.endpointSpec(member.endpoint)) } catch {
                log.error("connecting \(containers[member.id]?.name ?? member.id) to network \(spec.name): \(error)")
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    private static func specification(_ record: NetworkRecord) -> NetworkSpec {
        var spec = NetworkSpec(name: record.name)
        spec.driver = record.driver
        spec.subnets = [record.subnet4, record.subnet6].compactMap { $0 }
        spec.gateways = [record.gateway4, record.gateway6].compactMap { $0 }
        spec.isInternal = record.isInternal
        spec.enableVersion4 = record.subnet4 != nil
        spec.enableVersion6 = record.subnet6 != nil
        spec.labels = record.labels
        spec.options = record.options
        spec.ranges = record.ranges ?? []
        spec.auxiliary = record.auxiliary ?? [:]
        spec.isAttachable = record.isAttachable ?? false
        return spec
    }

    /// The requested MAC address. Earlier versions did not record the request: an address other than the derived one was requested.
    private static func fixedHardwareAddress(_ endpoint: EndpointRecord) -> String? {
        let derived = Addressing.hardwareText(Addressing.hardwareAddress(for: endpoint.address4 ?? endpoint.address6))
        return endpoint.requested?.macAddress ?? (endpoint.macAddress == derived ? nil : endpoint.macAddress)
    }

    /// The requested settings of an endpoint; the rest is chosen again.
    private static func endpointSpec(_ endpoint: EndpointRecord) -> EndpointSpec {
        var spec = EndpointSpec(
            network: endpoint.networkName, aliases: endpoint.aliases, address4: endpoint.requested?.address4,
            address6: endpoint.requested?.address6, macAddress: fixedHardwareAddress(endpoint),
            gatewayPriority: endpoint.gatewayPriority)
        spec.linkLocal = endpoint.requested?.linkLocal
        spec.links = endpoint.requested?.links
        spec.driverOptions = endpoint.requested?.driverOptions
        return spec
    }
}
