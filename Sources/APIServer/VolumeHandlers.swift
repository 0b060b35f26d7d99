import DockerAPI
import EngineCore
import EngineModel

struct VolumeHandlers: Sendable {
    let engine: Engine

    func list(_ request: Request) async throws -> Response {
        let filters = try request.filters(["dangling", "driver", "label", "name"])
        let used = Set(await engine.allContainers().flatMap { $0.mounts.compactMap(\.volumeName) })
        let dangling = try filters.truth("dangling")
        let found = await engine.allVolumes().filter { volume in
            filters.matchesLabels(volume.labels) && filters.matches("name") { NamePattern($0).fits(volume.name) }
                && filters.matches("driver") { $0 == "local" }
                && (dangling == nil || dangling != used.contains(volume.name))
        }
        var list = VolumeList()
        list.volumes = found.map(inspect)
        return try .json(encoding: list)
    }

    func inspect(_ request: Request) async throws -> Response {
        let volume = try await engine.volume(request.name)
        return try .json(encoding: inspect(volume))
    }

    private func inspect(_ volume: VolumeRecord) -> VolumeInspect {
        VolumeInspect(volume, mountpoint: engine.mountpoint(volume))
    }

    func create(_ request: Request) async throws -> Response {
        let request = try await request.decode(VolumeCreateRequest.self)
        let volume = try await engine.createVolume(
            request.name, labels: request.labels ?? [:], options: request.driverOptions ?? [:],
            driver: request.driver ?? "local")
        return try .json(encoding: inspect(volume), status: 201)
    }

    func remove(_ request: Request) async throws -> Response {
        try await engine.removeVolume(request.name, force: request.flag("force"))
        return .status(204)
    }

    func prune(_ request: Request) async throws -> Response {
        let filters = try request.filters(["label", "label!", "all"])
        let all = request.version < 1042 || filters["all"].contains { $0 == "true" || $0 == "1" }
        let filter = try PruneFilter(filters, now: 0)
        let removed = try await engine.pruneVolumes(all: all) { filter.matches($0.labels) }
        await engine.announcePrune(.volume, reclaimed: removed.bytes)
        return try .json(encoding: VolumesPruneReport(removed.names, removed.bytes))
    }

    // MARK: Trash

    func listTrash(_ request: Request) async throws -> Response {
        var list: [TrashEntry] = []
        for record in await engine.allTrash() {
            var entry = TrashEntry()
            entry.id = record.id
            entry.name = record.volume.name
            entry.labels = record.volume.labels
            entry.removedAt = time(record.removedAt)
            entry.expiresAt = time(engine.expiry(record))
            entry.size = await engine.trashSize(record)
            list.append(entry)
        }
        return try .json(encoding: list)
    }

    private func time(_ nanoseconds: Int64) -> String { Timestamp(nanoseconds: nanoseconds).rfc3339 }

    func restore(_ request: Request) async throws -> Response {
        let name = request["name"]
        let volume = try await engine.restoreVolume(
            request.path[3], as: name?.isEmpty == false ? name : nil)
        return try .json(encoding: inspect(volume))
    }

    /// Removes one volume of the trash, or all of them.
    func emptyTrash(_ request: Request) async throws -> Response {
        let path = request.path
        let doomed = path.count > 3 ? [try await engine.trashed(path[3])] : await engine.allTrash()
        let bytes = try await engine.emptyTrash(doomed)
        return try .json(encoding: VolumesPruneReport(doomed.map(\.volume.name), bytes))
    }
}
