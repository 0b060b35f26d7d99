import EngineModel
import LinuxKernel
import Logging
import Networking

extension Engine {
    /// The interval at which kernel state is compared with the desired state. The checks are cheap: a directory listing and one table.
    static let healingInterval = Duration.seconds(1)

    func startHealing() {
        Task { [weak self] in
            await self?.checkRecoveredBridges()
            while let self, await !self.stopping {
                try? await Task.sleep(for: Self.healingInterval)
                await self.heal()
            }
        }
    }

    /// Bridges that existed at startup may have lost settings or members while no engine was running.
    private func checkRecoveredBridges() async {
        for id in activeBridges.sorted() {
            guard let record = networks[id] else { continue }
            do { try await ensureBridge(record) } catch { log.error("healing bridge \(record.bridge): \(error)") }
        }
    }

    /// Whether a project that is up wants this container running.
    func isWanted(_ record: ContainerRecord) -> Bool {
        guard let project = record.spec.labels[ComposeLabel.project],
            let service = record.spec.labels[ComposeLabel.service]
        else { return false }
        return !record.isOneOff
            && projects[project]?.services.contains(service) == true
    }

    /// Level-triggered: compares the actual state with the desired one, and repairs the difference.
    func heal() async {
        guard !live.isEmpty, !activeBridges.isEmpty else { return }
        let present = Set(Bridges.interfaceNames())
        for id in activeBridges.sorted() {
            guard let record = networks[id], !present.contains(record.bridge) else { continue }
            log.notice("bridge \(record.bridge) of network \(record.name) is missing: recreating it")
            do { try await ensureBridge(record) } catch { log.error("healing bridge \(record.bridge): \(error)") }
        }
        for (id, running) in live {
            guard let sandbox = running.sandbox else { continue }
            for endpoint in running.endpoints where !present.contains(endpoint.hostInterface) {
                // The container may have exited since the loop began.
                guard live[id] != nil else { continue }
                log.notice(
                    "interface \(endpoint.hostInterface) of container \(containers[id]?.name ?? id) is missing: recreating it"
                )
                do { try await blocking { try sandbox.add(endpoint) } } catch {
                    log.error("healing \(endpoint.hostInterface): \(error)")
                }
            }
        }
        let filter = filter
        let intact = (try? await blocking { filter.isIntact() }) ?? true
        if !intact {
            log.notice("the packet rules are missing: rewriting them")
            await rebuildFilter()
        }
    }
}
