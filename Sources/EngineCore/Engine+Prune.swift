import DockerAPI
import EngineModel
import ImageStore
import LinuxKernel
import OCI

extension Engine {
    /// Removes the containers that do not run and match the filter.
    package func pruneContainers(_ filter: PruneFilter) async -> ContainersPruneReport {
        var removed: [String] = []
        var report = ContainersPruneReport()
        for record in allContainers()
        where !record.status.isRunning && record.status.phase != .restarting
            && filter.matches(record.spec.labels, createdAt: record.createdAt)
        {
            let size = await layerSize(record.id)
            // One that has been started meanwhile stays.
            guard (try? await removeContainer(record.id, force: false, volumes: .keep)) != nil else { continue }
            removed.append(record.id)
            report.spaceReclaimed += size
        }
        report.containersDeleted = removed.isEmpty ? nil : removed
        announcePrune(.container, reclaimed: report.spaceReclaimed)
        return report
    }

    /// Removes the images that no container uses and that match the filter: those without a name, or `all`.
    package func pruneImages(_ filter: PruneFilter, all: Bool) async throws -> ImagesPruneReport {
        let summaries = imageSummaries()
        let doomed = summaries.filter { summary in
            let configuration = summary.image.configuration
            let created = Timestamp(parsing: configuration.created ?? "")?.nanoseconds ?? 0
            return summary.containers == 0 && (all || summary.references.isEmpty)
                && filter.matches(configuration.config?.labels ?? [:], createdAt: created)
        }
        var report = ImagesPruneReport()
        report.spaceReclaimed = Self.size(ofLayersOnlyIn: doomed, among: summaries)
        var removed: [ImageRemoval] = []
        for summary in doomed { removed += try await removeImage(summary.image.id.description, force: true) }
        report.imagesDeleted = removed.isEmpty ? nil : removed.map(\.wire)
        announcePrune(.image, reclaimed: report.spaceReclaimed)
        return report
    }

    /// Bytes of the layers that no other image has.
    private static func size(ofLayersOnlyIn doomed: [ImageSummary], among all: [ImageSummary]) -> Int64 {
        let gone = Set(doomed.map(\.image.id))
        var seen = Set(all.filter { !gone.contains($0.image.id) }.flatMap { $0.image.layers.map(\.chain) })
        return doomed.flatMap(\.image.layers).filter { seen.insert($0.chain).inserted }.reduce(0) { $0 + $1.size }
    }
}

extension Engine.ImageRemoval {
    package var wire: ImageDeletion {
        var deletion = ImageDeletion()
        switch self {
        case .untagged(let name): deletion.untagged = name
        case .deleted(let id): deletion.deleted = id
        }
        return deletion
    }
}
