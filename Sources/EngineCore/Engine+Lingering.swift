import EngineModel
import LinuxKernel
import Logging
import Networking

/// Interfaces of containers that have exited.
///
/// The kernel removes them with their namespace, without delaying anything. But a namespace outlives its last process while one of its
/// closed connections waits for its peer (tcp(7), FIN_WAIT1), for minutes: until then the interface answers for its addresses on the
/// bridge, and the next container with one of them is unreachable.
extension Engine {
    /// Records interfaces that are expected to disappear, and removes those that still exist after a moment.
    func trackTeardown(_ endpoints: [EndpointPlan]) {
        guard !endpoints.isEmpty else { return }
        for endpoint in endpoints {
            lingeringInterfaces[endpoint.hostInterface] = [endpoint.address4, endpoint.address6].compactMap { $0 }
        }
        let names = endpoints.map(\.hostInterface)
        Task {
            try? await Task.sleep(for: .milliseconds(100))
            await self.removeLingering(names)
        }
    }

    /// Before a start: removes lingeringInterfaces interfaces with the container's interface names or addresses.
    func evictStaleInterfaces(for endpoints: [EndpointPlan]) async {
        let names = Set(endpoints.map(\.hostInterface))
        let addresses = Set(endpoints.flatMap { [$0.address4, $0.address6].compactMap { $0 } })
        await removeLingering(
            lingeringInterfaces.filter { names.contains($0.key) || !addresses.isDisjoint(with: $0.value) }.map(\.key))
    }

    private func removeLingering(_ names: [String]) async {
        let meant = names.filter { lingeringInterfaces.removeValue(forKey: $0) != nil && Bridges.exists($0) }
        guard !meant.isEmpty else { return }
        let failures = (try? await blocking { Bridges.removeLinks(meant).map { "\($0)" } }) ?? []
        for failure in failures { log.warning("removing a lingeringInterfaces interface: \(failure)") }
    }
}
