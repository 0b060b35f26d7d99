import EngineModel
import ImageStore
import LinuxKernel
import Logging
import OCI

/// The result of an executed build step: the layer that it created, and when.
struct BuildCacheEntry: Sendable, Codable {
    var layer: StoredLayer
    /// All layers below this one, without which it is of no use.
    var below: [StoredLayer]
    /// RFC 3339; part of the image's configuration, so that the same build has the same digest.
    var created: String
    var usedAt: Int64
    var createdAt: Int64
    var uses: Int
    var description: String
}

extension Engine {
    func cachedStep(_ key: Digest) -> BuildCacheEntry? {
        guard var entry = buildCache[key], images.hasLayer(entry.layer.chain) else { return nil }
        entry.usedAt = now
        entry.uses += 1
        buildCache[key] = entry
        return entry
    }

    func rememberStep(_ key: Digest, _ layer: StoredLayer, below: [StoredLayer], created: String, _ text: String) {
        let entry = BuildCacheEntry(
            layer: layer, below: below, created: created, usedAt: now, createdAt: now, uses: 0,
            description: String(text.prefix(400)))
        buildCache[key] = entry
        do { try store.saveBuildStep(key, entry) } catch { log.error("cannot save a build's step: \(error)") }
    }

    /// The time of the first build of a step: later builds use it again, so that their results are identical.
    func firstTime(_ key: Digest, _ time: String) -> (time: String, wasKnown: Bool) {
        if let known = buildTimes[key] { return (known, true) }
        buildTimes[key] = time
        do { try store.saveBuildTime(key, time) } catch { log.error("cannot save a build's time: \(error)") }
        return (time, false)
    }

    func cachePathLookup(_ key: Digest, _ answer: [UInt8]?) {
        // Large files are not worth the memory.
        guard (answer?.count ?? 0) < 65536 else { return }
        if pathLookupCache.count > 2000 { pathLookupCache.removeAll() }
        pathLookupCache[key] = .some(answer)
    }

    func knownContentDigest(_ key: Digest) -> Digest? { contentDigests[key] }
    func rememberContentDigest(_ key: Digest, _ digest: Digest) {
        if contentDigests.count > 20_000 { contentDigests.removeAll() }
        contentDigests[key] = digest
    }

    /// Keeps an image that is not in the store until all of its users have dropped it.
    package func usesTransient(_ image: StoredImage) { transientImages[image.id, default: (image, 0)].users += 1 }
    /// Ends one use of a transient image.
    package func dropTransient(_ id: Digest) {
        guard var entry = transientImages[id] else { return }
        entry.users -= 1
        transientImages[id] = entry.users > 0 ? entry : nil
    }

    /// A cached step as shown by `system df` and `builder prune`.
    package struct BuildCacheSummary: Sendable {
        package var id: String
        package var description: String
        package var size: Int64
        package var createdAt: Int64
        package var usedAt: Int64
        package var uses: Int
        package var isInUse: Bool
    }

    package func buildCacheSummaries() -> [BuildCacheSummary] {
        let used = Set(imageRecords.values.flatMap { $0.layers.map(\.chain) })
        return buildCache.map { key, entry in
            BuildCacheSummary(
                id: String(key.hex.prefix(25)), description: entry.description, size: entry.layer.size,
                createdAt: entry.createdAt, usedAt: entry.usedAt, uses: entry.uses,
                isInUse: used.contains(entry.layer.chain))
        }.sorted { $0.createdAt < $1.createdAt }
    }

    /// Removes cached build steps and their layers: all, or those not used since a time; layers of images are kept. Returns ids and
    /// bytes.
    /// `isMeant` selects steps by id; with it, only steps are removed.
    package func pruneBuildCache(
        unusedSince limit: Int64?, keepBytes: Int64 = 0, isMeant: (@Sendable (String) -> Bool)? = nil
    ) async throws -> (
        ids: [String], bytes: Int64
    ) {
        let used = Set(imageRecords.values.flatMap { $0.layers.map(\.chain) })
        var total = buildCache.values.reduce(0) { $0 + (used.contains($1.layer.chain) ? 0 : $1.layer.size) }
        var ids: [String] = []
        var bytes: Int64 = 0
        for (key, entry) in buildCache.sorted(by: { $0.value.usedAt < $1.value.usedAt }) {
            if let limit, entry.usedAt > limit { continue }
            if keepBytes > 0, total <= keepBytes { break }
            let id = String(key.hex.prefix(25))
            if isMeant?(id) == false { continue }
            buildCache[key] = nil
            try store.removeBuildStep(key)
            ids.append(id)
            if !used.contains(entry.layer.chain) {
                bytes += entry.layer.size
                total -= entry.layer.size
            }
        }
        if limit == nil, keepBytes == 0, isMeant == nil {
            let folder = configuration.dataRoot + "/build/cache-mounts"
            bytes += (try? await blocking { try Files.treeSize(folder) }) ?? 0
            let digests = configuration.dataRoot + "/build/digests"
            try await exclusively("build-mounts") {
                try await blocking {
                    try Files.removeTree(folder)
                    try Files.removeTree(digests)
                }
            }
            bytes += try await pruneContexts()
            buildTimes = [:]
            contentDigests = [:]
            try store.removeBuildTimes()
        }
        await sweepImages()
        return (ids, bytes)
    }
}
