import EngineModel
import LinuxKernel
import Networking

/// The network of an exited container that others still share (`--network container:…`, `network_mode: service:…`): it is kept, and the
/// container gets it back when it starts again, so that the others are never left in a dead network.
struct RetainedNetwork: Sendable {
    var sandbox: Sandbox
    var resolver: ResolverSockets?
    var endpoints: [EndpointPlan]
}

extension Engine {
    /// Whether a running container shares this one's network.
    func isShared(_ id: String) -> Bool {
        live.keys.contains { other in
            guard case .container(let owner) = containers[other]?.spec.network else { return false }
            return (try? container(owner))?.id == id
        }
    }

    /// Keeps a network for the containers that share it; returns false if there are none.
    func retainNetwork(of id: String, _ running: LiveContainer) -> Bool {
        guard let sandbox = running.sandbox, containers[id] != nil, isShared(id) else { return false }
        retained[id] = RetainedNetwork(sandbox: sandbox, resolver: running.resolver, endpoints: running.endpoints)
        return true
    }

    /// The network retained for a container, if its endpoints are still those of the container.
    func retainedNetwork(for id: String, _ endpoints: [EndpointPlan]) -> RetainedNetwork? {
        guard let kept = retained[id] else { return nil }
        guard kept.endpoints == endpoints else {
            dropRetained(id)
            return nil
        }
        return kept
    }

    /// Releases retained networks that no running container shares any more.
    func dropUnsharedNetworks() {
        for id in retained.keys where containers[id] == nil || !isShared(id) { dropRetained(id) }
    }

    private func dropRetained(_ id: String) {
        guard let kept = retained.removeValue(forKey: id) else { return }
        if let sockets = kept.resolver { resolver.stop(sockets) }
        trackTeardown(kept.endpoints)
    }
}
