import EngineModel
import LinuxKernel
import Logging
import Networking

/// The packet rules of active networks, and the forwards of published ports.
extension Engine {
    /// Rewrites the whole table of packet rules for all active networks and published ports.
    func rebuildFilter() async {
        let active = activeBridges.compactMap { networks[$0] }.map(filterNetwork)
        let published = live.keys.flatMap { self.forwards(of: $0) }
        let filter = filter
        do {
            try await blocking {
                try filter.apply(filter.reset(networks: active, forwards: published))
                filter.openForeignChains(active.map(\.bridge))
            }
        } catch { log.error("cannot write the packet rules: \(error)") }
    }

    /// Applies changes to the table of packet rules. If the table, or part of it, was deleted, all of it is rewritten.
    func applyFilter(_ changes: PacketFilter.Changes) async throws {
        let filter = filter
        do { try await blocking { try filter.apply(changes) } } catch let error as SyscallError
            where error.errno == Errno.noEntry
        { await rebuildFilter() }
    }

    /// Resets the tracked UDP flows of ports that were published or withdrawn, so that they are translated again. Runs in the background:
    /// the kernel's table is large.
    nonisolated func resetDatagrams(to ports: [PublishedPort]) {
        guard ports.contains(where: { $0.container.transport == .udp }) else { return }
        let log = log
        Task.detached {
            do { try await blocking { try ConnectionTracking.forgetDatagrams(to: ports) } } catch {
                log.warning("cannot reset connections to published UDP ports: \(error)")
            }
        }
    }

    func filterNetwork(_ record: NetworkRecord) -> PacketFilter.Network {
        var network = PacketFilter.Network(bridge: record.bridge, isInternal: record.isInternal)
        let settings = BridgeSettings.of(record)
        network.masquerades = settings.masquerades
        network.isIsolated = !settings.connects
        return network
    }

    /// A container's endpoints in the order of preference for its default route: by priority, those of internal networks last.
    func endpointsByGateway(_ record: ContainerRecord) -> [EndpointRecord] {
        let ranked = record.endpoints.enumerated().map { index, endpoint in
            (rank: (leadsOut(endpoint) ? 0 : 1, -endpoint.gatewayPriority, index), endpoint: endpoint)
        }
        return ranked.sorted { $0.rank < $1.rank }.map(\.endpoint)
    }

    func leadsOut(_ endpoint: EndpointRecord) -> Bool { networks[endpoint.networkID]?.isInternal == false }

    /// Ports are published by networks with external access; a container without one publishes none, nor does a standby.
    func publishesPorts(_ record: ContainerRecord) -> Bool {
        record.endpoints.contains(where: leadsOut) && !standbyContainers.contains(record.id)
    }

    /// The published ports of a running container, with their target addresses.
    func forwards(of id: String) -> [PacketFilter.Forward] {
        guard let record = containers[id], let running = live[id] else { return [] }
        return forwards(running.ports.map(\.port), to: record)
    }

    /// Each port is forwarded to the container's address of its own family, or of the other if the container has none.
    func forwards(_ ports: [PublishedPort], to record: ContainerRecord) -> [PacketFilter.Forward] {
        let endpoints = endpointsByGateway(record)
        let target4 = endpoints.compactMap(\.address4).first
        let target6 = endpoints.compactMap(\.address6).first
        return ports.compactMap { port in
            let target = port.hostAddress.isVersion6 ? target6 ?? target4 : target4 ?? target6
            return target.map { PacketFilter.Forward(port: port, target: $0) }
        }
    }

    /// Relays what the packet rules do not forward.
    func relay(_ ports: [(socket: OwnedFD, port: PublishedPort)], to record: ContainerRecord) throws {
        for (socket, port) in ports {
            guard let forward = forwards([port], to: record).first else { continue }
            try relay.serve(socket, port, target: forward.target)
        }
    }
}
