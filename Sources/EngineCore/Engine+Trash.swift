import EngineModel
import LinuxKernel
import Logging

/// Volumes removed with a project are kept here for a while: a mistaken `down -v` is the one error that no image and no file can undo.
/// The row moves first and the directory follows by rename; `recoverTrash` completes a move that a crash has interrupted.
extension Engine {
    func trashDirectory(_ id: String) -> String { "\(configuration.trash)/\(id)" }

    package func allTrash() -> [TrashedVolume] { trash.values.sorted { $0.removedAt > $1.removedAt } }

    /// The time at which a volume in the trash is removed for good, in nanoseconds since 1970.
    package nonisolated func expiry(_ record: TrashedVolume) -> Int64 {
        record.removedAt + configuration.trashSeconds * 1_000_000_000
    }

    /// Moves a volume to the trash. An empty anonymous volume, or one whose content is elsewhere, has nothing to restore: it is removed
    /// at once.
    func trashVolume(_ name: String) async throws {
        let record = try volume(name)
        let folder = configuration.volumePath(name)
        let content = mountpoint(record)
        let isEmpty = try await blocking { try !Files.exists(content) || Files.list(content).isEmpty }
        guard configuration.trashSeconds > 0, !(isEmpty && record.isAnonymous), record.options["device"] == nil else {
            return try await removeVolume(name, force: true)
        }
        try checkUnused(name)
        let trashed = TrashedVolume(id: String(Identifiers.random().prefix(12)), volume: record, removedAt: now)
        let place = trashDirectory(trashed.id)
        try Files.makeDirectories(configuration.trash, mode: 0o700)
        try Files.makeDirectories(folder, mode: 0o755)
        try store.moveToTrash(trashed)
        volumes[name] = nil
        trash[trashed.id] = trashed
        try Files.rename(folder, to: place)
        publish(.volume, "destroy", id: name, ["driver": "local"])
    }

    /// Finds a volume in the trash by its id, or the newest with a name.
    package func trashed(_ reference: String) throws(RoostError) -> TrashedVolume {
        if let record = trash[reference] { return record }
        let all = allTrash()
        guard
            let found = all.first(where: { $0.volume.name == reference })
                ?? all.first(where: { $0.id.hasPrefix(reference) })
        else { throw .missing("no volume \"\(reference)\" in the trash (see \"roost trash ls\")") }
        return found
    }

    /// Restores a volume, under its own name or another.
    package func restoreVolume(_ reference: String, as name: String?) throws -> VolumeRecord {
        var record = try trashed(reference)
        record.volume.name = name ?? record.volume.name
        let chosen = record.volume.name
        guard volumes[chosen] == nil else {
            throw RoostError.conflict(
                "volume \(chosen) already exists: remove it first, or choose another name with --name")
        }
        guard Identifiers.isValidName(chosen) else { throw RoostError.invalid("invalid volume name \"\(chosen)\"") }
        // The name first: if the engine dies after the rename, this row still says to which volume the directory belongs.
        try store.removeTrash(record.id)
        try store.moveToTrash(record)
        trash[record.id] = record
        try Files.rename(trashDirectory(record.id), to: configuration.volumePath(chosen))
        if name != nil { record.volume.isAnonymous = false }
        try store.restoreFromTrash(record.id, as: record.volume)
        trash[record.id] = nil
        volumes[chosen] = record.volume
        publish(.volume, "create", id: chosen, ["driver": "local"])
        return record.volume
    }

    /// Removes volumes for good; returns the bytes freed.
    package func emptyTrash(_ records: [TrashedVolume]) async throws -> Int64 {
        var bytes: Int64 = 0
        for record in records where trash[record.id] != nil {
            let folder = trashDirectory(record.id)
            trash[record.id] = nil
            bytes += (try? await blocking { try Files.treeSize(folder) }) ?? 0
            // The directory first: if a crash leaves part of it, its row remains and the next sweep removes it.
            try await blocking { try Files.removeTree(folder) }
            try store.removeTrash(record.id)
        }
        return bytes
    }

    /// The size of a volume in the trash, in bytes.
    package func trashSize(_ record: TrashedVolume) async -> Int64 {
        let folder = trashDirectory(record.id)
        return (try? await blocking { try Files.treeSize(folder) }) ?? 0
    }

    /// Completes interrupted moves: puts directories where their rows say.
    func recoverTrash() throws {
        for record in try store.trash() {
            trash[record.id] = record
            let name = record.volume.name
            guard !Files.exists(trashDirectory(record.id)), volumes[name] == nil,
                Files.exists(configuration.volumePath(name))
            else {
                continue
            }
            try Files.makeDirectories(configuration.trash, mode: 0o700)
            try Files.rename(configuration.volumePath(name), to: trashDirectory(record.id))
        }
    }

    /// Removes expired volumes, or all of them if the disk is nearly full.
    func sweepTrash() async {
        let size = try? Files.space(configuration.dataRoot)
        let isTight = size.map { $0.free < $0.total / 20 } ?? false
        let doomed = isTight ? allTrash() : allTrash().filter { expiry($0) <= now }
        do { _ = try await emptyTrash(doomed) } catch { log.warning("emptying the trash: \(error)") }
    }

    /// Sweeps once at startup and then every ten minutes.
    func startSweepingTrash() {
        Task { [weak self] in
            while let self, await !self.stopping {
                await self.sweepTrash()
                try? await Task.sleep(for: .seconds(600))
            }
        }
    }
}
