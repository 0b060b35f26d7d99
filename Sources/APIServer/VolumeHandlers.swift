import DockerAPI
import EngineCore
import EngineModel

struct VolumeHandlers: Sendable {
    let engine: Engine

    func list(_ exchange: Exchange) async throws {
        let filters = try Filters(query: exchange.request["filters"], known: ["dangling", "driver", "label", "name"])
        let used = Set(await engine.allContainers().flatMap { $0.mounts.compactMap(\.volumeName) })
        let dangling = try filters.truth("dangling")
        let found = await engine.allVolumes().filter { volume in
            filters.matchesLabels(volume.labels) && filters.matches("name") { NamePattern($0).fits(volume.name) }
                && filters.matches("driver") { $0 == "local" }
                && (dangling == nil || dangling != used.contains(volume.name))
        }
        try await exchange.answer(
            200, ["Volumes": .array(found.map { $0.json(mountpoint: engine.mountpoint($0)) }), "Warnings": .null])
    }

    func inspect(_ exchange: Exchange) async throws {
        let volume = try await engine.volume(exchange.request.path[1])
        try await exchange.answer(200, volume.json(mountpoint: engine.mountpoint(volume)))
    }

    func create(_ exchange: Exchange) async throws {
        let request = try await exchange.json().request(VolumeCreateRequest.self)
        let volume = try await engine.createVolume(
            request.name, labels: request.labels ?? [:], options: request.driverOptions ?? [:],
            driver: request.driver ?? "local")
        try await exchange.answer(201, volume.json(mountpoint: engine.mountpoint(volume)))
    }

    func remove(_ exchange: Exchange) async throws {
        try await engine.removeVolume(exchange.request.path[1], force: exchange.request.flag("force"))
        try await exchange.answer(204)
    }

    func prune(_ exchange: Exchange) async throws {
        let filters = try Filters(query: exchange.request["filters"], known: ["label", "label!", "all"])
        let all = exchange.request.version < 1042 || filters["all"].contains { $0 == "true" || $0 == "1" }
        let removed = try await engine.pruneVolumes(all: all) { PruneRules.matches(filters, $0.labels) }
        await engine.announcePrune(.volume, reclaimed: removed.bytes)
        try await exchange.answer(
            200, ["VolumesDeleted": JSON(removed.names), "SpaceReclaimed": JSON(removed.bytes)])
    }

    // MARK: Trash

    func listTrash(_ exchange: Exchange) async throws {
        var list: [JSON] = []
        for record in await engine.allTrash() {
            list.append([
                "Id": .string(record.id), "Name": .string(record.volume.name),
                "Labels": JSON(record.volume.labels), "RemovedAt": .string(time(record.removedAt)),
                "ExpiresAt": .string(time(engine.expiry(record))), "Size": JSON(await engine.trashSize(record)),
            ])
        }
        try await exchange.answer(200, .array(list))
    }

    private func time(_ nanoseconds: Int64) -> String { Timestamp(nanoseconds: nanoseconds).rfc3339 }

    func restore(_ exchange: Exchange) async throws {
        let name = exchange.request["name"]
        let volume = try await engine.restoreVolume(
            exchange.request.path[3], as: name?.isEmpty == false ? name : nil)
        try await exchange.answer(200, volume.json(mountpoint: engine.mountpoint(volume)))
    }

    /// Removes one volume of the trash, or all of them.
    func emptyTrash(_ exchange: Exchange) async throws {
        let path = exchange.request.path
        let doomed = path.count > 3 ? [try await engine.trashed(path[3])] : await engine.allTrash()
        let bytes = try await engine.emptyTrash(doomed)
        try await exchange.answer(
            200, ["VolumesDeleted": JSON(doomed.map(\.volume.name)), "SpaceReclaimed": JSON(bytes)])
    }
}
