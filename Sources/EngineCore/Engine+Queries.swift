import DockerAPI
import EngineModel
import ImageStore
import LinuxKernel
import OCI

/// What `GET /containers/json` asks for.
package struct ContainerQuery: Sendable {
    package var filters = Filters()
    /// Also containers that are not running.
    package var all = false
    /// The number of containers, the newest first; 0 is no limit.
    package var limit = 0
    /// Whether the sizes are wanted, which are expensive.
    package var withSizes = false

    /// The filters that lists of containers have.
    package static let knownFilters: Set<String> = [
        "label", "name", "status", "id", "ancestor", "network", "volume", "publish", "expose", "exited", "health",
        "before", "since", "is-task", "isolation",
    ]

    package init() {}

    /// Throws for a value that a filter does not have.
    func check() throws(RoostError) {
        try filters.require(
            "status", oneOf: ["created", "restarting", "running", "removing", "paused", "exited", "dead"])
        for name in ["publish", "expose"] {
            for text in filters[name] where !PortRange(text).isValid {
                throw .invalid("invalid filter '\(name)=\(text)': expected a port (e.g. 80, 80/udp or 80-90/tcp)")
            }
        }
        try filters.require("health", oneOf: ["starting", "healthy", "unhealthy", "none"])
        for code in filters["exited"] where Int32(code) == nil {
            throw .invalid("invalid filter 'exited=[\(code)]'")
        }
    }

    /// Whether the record is selected by what it holds itself.
    func selects(_ record: ContainerRecord) -> Bool {
        let wantsAll = all || limit > 0 || !filters["status"].isEmpty || !filters["exited"].isEmpty
        guard wantsAll || record.status.isRunning || record.status.phase == .restarting else { return false }
        return selectsByName(record) && selectsByState(record) && selectsByResources(record)
    }

    private func selectsByName(_ record: ContainerRecord) -> Bool {
        filters.matchesLabels(record.spec.labels)
            && filters.matches("name") { NamePattern($0).fits(record.name) }
            && filters.matches("id") { record.id.hasPrefix($0) }
            && filters.matches("is-task") { $0 == "false" || $0 == "0" }
    }

    private func selectsByState(_ record: ContainerRecord) -> Bool {
        filters.matches("status") { record.status.phase.rawValue == $0 }
            && filters.matches("exited") { record.status.phase == .exited && String(record.status.exitCode) == $0 }
            && filters.matches("health") { (record.status.health?.verdict.rawValue ?? "none") == $0 }
    }

    private func selectsByResources(_ record: ContainerRecord) -> Bool {
        filters.matches("network") { name in
            record.endpoints.contains { $0.networkName == name || $0.networkID.hasPrefix(name) }
                || (name == "host" && record.spec.network == .host)
                || (name == "none" && record.spec.network == .none)
        }
            && filters.matches("volume") { name in
                record.mounts.contains {
                    $0.volumeName == name || $0.target == name || $0.kind == .bind && $0.hostPath == name
                }
            } && filters.matches("publish") { publishes(record, $0) }
            && filters.matches("expose") { text in record.spec.exposedPorts.contains { PortRange(text).holds($0) } }
    }

    /// As in Docker: a port of the host with this protocol, by default tcp.
    private func publishes(_ record: ContainerRecord, _ text: String) -> Bool {
        let parts = text.split(separator: "/", maxSplits: 1)
        return record.publishedPorts.contains {
            PortRange(String(parts.first ?? "")).holds(ContainerPort($0.hostPort, $0.container.transport))
                && $0.container.transport.rawValue == (parts.count > 1 ? String(parts[1]) : "tcp")
        }
    }
}

extension Engine {
    /// The containers that a query selects, the newest first.
    package func listContainers(_ query: ContainerQuery) async throws -> [ContainerSummary] {
        try query.check()
        var found = allContainers().filter(query.selects)
        let ancestors = query.filters["ancestor"]
        if !ancestors.isEmpty {
            let images = ancestors.reduce(into: Set<String>()) { $0.formUnion(descendants(of: $1)) }
            found = found.filter { images.contains($0.imageID) }
        }
        if let name = query.filters["before"].first {
            let time = try container(name).createdAt
            found = found.filter { $0.createdAt < time }
        }
        if let name = query.filters["since"].first {
            let time = try container(name).createdAt
            found = found.filter { $0.createdAt > time }
        }
        if query.limit > 0 { found = Array(found.prefix(query.limit)) }
        return await summaries(found, withSizes: query.withSizes)
    }

    private func summaries(_ records: [ContainerRecord], withSizes: Bool) async -> [ContainerSummary] {
        let (networks, now) = (networks, now)
        let moved = containersWithRetaggedImage(records)
        var rows = records.map { record in
            var row = ContainerSummary(record, networks: networks, now: now)
            // A reference that now resolves to another image, or to none, no longer names the container's image.
            if moved.contains(record.id) { row.image = record.imageID }
            return row
        }
        guard withSizes else { return rows }
        for index in rows.indices {
            let sizes = await sizes(rows[index].id)
            rows[index].sizeRW = sizes.own
            rows[index].sizeRootFS = sizes.whole
        }
        return rows
    }

    /// The container as `inspect` shows it.
    package func inspectContainer(_ reference: String, withSizes: Bool) async throws -> ContainerInspect {
        let (record, log, directory) = try logPath(reference)
        var inspect = ContainerInspect(
            record, networks: networks, directory: directory, log: log, execs: runningExecs(record.id))
        if withSizes {
            let sizes = await sizes(record.id)
            inspect.sizeRW = sizes.own
            inspect.sizeRootFS = sizes.whole
        }
        return inspect
    }

    /// The image as lists show it. `sharedSize` is in bytes; nil if it was not asked for.
    package nonisolated static func listEntry(_ summary: ImageSummary, sharedSize: Int64?) -> ImageListEntry {
        var entry = ImageListEntry()
        let configuration = summary.image.configuration
        entry.containers = Int64(summary.containers)
        entry.created = configuration.created.flatMap { Timestamp(parsing: $0) }?.seconds ?? 0
        entry.id = summary.image.id.description
        entry.labels = configuration.config?.labels
        entry.parentID = summary.image.parent?.description ?? ""
        entry.repositoryDigests = summary.digests.map(\.familiar)
        entry.repositoryTags = summary.references.map(\.familiar)
        entry.sharedSize = sharedSize ?? -1
        entry.size = summary.image.size
        return entry
    }

    // MARK: Disk usage

    /// The kinds of objects of `system df`.
    package enum DiskUsageKind: String, Sendable, CaseIterable {
        case container
        case image
        case volume
        case buildCache = "build-cache"
    }

    /// What the objects of these kinds use.
    package func diskUsage(_ kinds: Set<DiskUsageKind>) async -> DiskUsage {
        var usage = DiskUsage()
        let images = imageSummaries()
        var layers: [String: Int64] = [:]
        for layer in images.flatMap(\.image.layers) { layers[layer.chain.hex] = layer.size }
        usage.layersSize = layers.values.reduce(0, +)
        if kinds.contains(.image) {
            usage.images = images.map { Self.listEntry($0, sharedSize: $0.sharedSize(among: images)) }
        }
        if kinds.contains(.container) { usage.containers = await summaries(allContainers(), withSizes: true) }
        if kinds.contains(.volume) { usage.volumes = await volumeUsage() }
        let steps = buildCacheSummaries()
        if kinds.contains(.buildCache) { usage.buildCache = steps.map(Self.cacheEntry) }
        usage.builderSize = steps.reduce(0) { $0 + ($1.isInUse ? 0 : $1.size) }
        return usage
    }

    private func volumeUsage() async -> [VolumeInspect] {
        let used = allContainers().flatMap { $0.mounts.compactMap(\.volumeName) }
        var rows: [VolumeInspect] = []
        for volume in allVolumes() {
            var row = VolumeInspect(volume, mountpoint: mountpoint(volume))
            var usage = VolumeUsage()
            usage.size = await volumeSize(volume)
            usage.referenceCount = Int64(used.count { $0 == volume.name })
            row.usageData = usage
            rows.append(row)
        }
        return rows
    }

    private static func cacheEntry(_ step: BuildCacheSummary) -> BuildCacheRecord {
        var entry = BuildCacheRecord()
        entry.id = step.id
        entry.type = "regular"
        entry.description = step.description
        entry.inUse = step.isInUse
        entry.shared = step.isInUse
        entry.size = step.size
        entry.createdAt = Timestamp(nanoseconds: step.createdAt).rfc3339
        entry.lastUsedAt = Timestamp(nanoseconds: step.usedAt).rfc3339
        entry.usageCount = Int64(step.uses)
        return entry
    }
}

extension ImageSummary {
    /// The size of the layers that other images have too, in bytes.
    package func sharedSize(among all: [ImageSummary]) -> Int64 {
        image.layers.filter { layer in
            all.contains { $0.image.id != image.id && $0.image.layers.contains { $0.chain == layer.chain } }
        }.reduce(0) { $0 + $1.size }
    }
}
