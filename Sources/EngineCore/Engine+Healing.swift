import EngineModel
import LinuxKernel
import Networking

extension Engine {
    /// How often the kernel's side is compared with what should be. The looks are cheap: a folder listing and one table.
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

    /// Bridges that were there at the start may have lost settings or members while no engine looked.
    private func checkRecoveredBridges() async {
        for id in activeBridges.sorted() {
            guard let record = networks[id] else { continue }
            do { try await ensureBridge(record) } catch { log.error("healing bridge \(record.bridge): \(error)") }
        }
    }

    /// Whether a project that is up wants this container to run.
    func isWanted(_ record: ContainerRecord) -> Bool {
        guard let project = record.spec.labels[ComposeLabel.project],
            let service = record.spec.labels[ComposeLabel.service]
        else { return false }
        return !record.isOneOff
            && projects[project]?.services.contains(service) == true
    }

    /// Level-triggered: compares what is with what should be, and mends the difference.
    func heal() async {
        guard !live.isEmpty, !activeBridges.isEmpty else { return }
        let present = Set(Bridges.interfaceNames())
        for id in activeBridges.sorted() {
            guard let record = networks[id], !present.contains(record.bridge) else { continue }
            log.notice("bridge \(record.bridge) of network \(record.name) is gone: making it again")
            do { try await ensureBridge(record) } catch { log.error("healing bridge \(record.bridge): \(error)") }
        }
        for (id, running) in live {
            guard let sandbox = running.sandbox else { continue }
            for endpoint in running.endpoints where !present.contains(endpoint.hostInterface) {
                // Between a start and its adoption nothing is missing; a container that has just ended needs nothing.
                guard live[id] != nil else { continue }
                log.notice(
                    "interface \(endpoint.hostInterface) of container \(containers[id]?.name ?? id) is gone: making it again"
                )
                do { try await blocking { try sandbox.add(endpoint) } } catch {
                    log.error("healing \(endpoint.hostInterface): \(error)")
                }
            }
        }
        let filter = filter
        let intact = (try? await blocking { filter.isIntact() }) ?? true
        if !intact {
            log.notice("the packet rules are gone: writing them again")
            await rebuildFilter()
        }
    }
}
