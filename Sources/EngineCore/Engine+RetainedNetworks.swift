import EngineModel
import LinuxKernel
import Networking

/// The network of a container that has ended while others still live in it (`--network container:…`, `network_mode: service:…`): it is
/// kept, and the container gets it back when it starts again, so that the others never find themselves on a dead one.
struct RetainedNetwork: Sendable {
    var sandbox: Sandbox
    var resolver: ResolverSockets?
    var endpoints: [EndpointPlan]
}

extension Engine {
    /// Whether a container that runs has its network from this one.
    func isShared(_ id: String) -> Bool {
        live.keys.contains { other in
            guard case .container(let owner) = containers[other]?.spec.network else { return false }
            return (try? container(owner))?.id == id
        }
    }

    /// Keeps a network for those who share it; false if nobody does.
    func retainNetwork(of id: String, _ running: LiveContainer) -> Bool {
        guard let sandbox = running.sandbox, containers[id] != nil, isShared(id) else { return false }
        retained[id] = RetainedNetwork(sandbox: sandbox, resolver: running.resolver, endpoints: running.endpoints)
        return true
    }

    /// The network that waits for a container, if it is still the one that it is to have.
    func retainedNetwork(for id: String, _ endpoints: [EndpointPlan]) -> RetainedNetwork? {
        guard let kept = retained[id] else { return nil }
        guard kept.endpoints == endpoints else {
            dropRetained(id)
            return nil
        }
        return kept
    }

    /// Lets networks go that nobody lives in any more and whose owners do not run.
    func dropUnsharedNetworks() {
        for id in retained.keys where containers[id] == nil || !isShared(id) { dropRetained(id) }
    }

    private func dropRetained(_ id: String) {
        guard let kept = retained.removeValue(forKey: id) else { return }
        if let sockets = kept.resolver { resolver.stop(sockets) }
        expectGone(kept.endpoints)
    }
}
