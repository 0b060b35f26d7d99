import EngineModel
import ImageStore
import LinuxKernel
import Logging
import OCI

extension Engine {
    /// The result of a store check.
    package struct StoreReport: Sendable {
        package var images = 0
        package var layers = 0
        package var blobs = 0
        package var mended: [String] = []
        package var damaged: [String] = []
    }

    /// Compares rows, blobs and layers: files without an owner are removed, missing layers are unpacked again from their blobs, and what
    /// cannot be repaired is reported. `deep` reads every blob.
    package func checkStore(deep: Bool) async throws -> StoreReport {
        var report = StoreReport()
        let records = Array(imageRecords.values)
        report.images = records.count
        let images = images
        report.mended = try await exclusively("images") { () async throws -> [String] in
            try await blocking { images.unowned(keeping: records) }
        }
        await sweepImages()
        var seenLayers: Set<Digest> = []
        var seenBlobs: Set<Digest> = []
        for record in records {
            let name = references(record.id).first?.familiar ?? String(record.id.description.prefix(19))
            var parent: Digest?
            for layer in record.layers {
                let below = parent
                parent = layer.chain
                if seenBlobs.insert(layer.blob).inserted {
                    let problem = try await blocking {
                        images.problem(of: layer.blob, size: layer.blobSize, deep: deep)
                    }
                    if let problem {
                        report.damaged.append("\(name): blob \(layer.blob): \(problem); pull or load the image again")
                    }
                }
                guard seenLayers.insert(layer.chain).inserted, !images.hasLayer(layer.chain) else { continue }
                let descriptor = Descriptor(mediaType: layer.mediaType, digest: layer.blob, size: layer.blobSize)
                let result = await Self.outcome {
                    try await blocking { try images.unpack(descriptor, layer: layer.layer, onto: below) }
                }
                switch result {
                case .success: report.mended.append("\(name): layer \(layer.layer) was unpacked again")
                case .failure(let error): report.damaged.append("\(name): layer \(layer.layer) is missing: \(error)")
                }
            }
            if !images.content.contains(record.id) {
                report.damaged.append(
                    "\(name): configuration \(record.id) is missing; pull or load the image again")
            }
        }
        for (key, entry) in buildCache where !images.hasLayer(entry.layer.chain) {
            buildCache[key] = nil
            try store.removeBuildStep(key)
            report.mended.append("build step \(key.hex.prefix(12)): its layer is missing; removed from the build cache")
        }
        (report.layers, report.blobs) = (seenLayers.count, seenBlobs.count)
        return report
    }
}

extension Engine {
    /// Once per boot, because a power loss may have preceded it: checks that all blobs have their expected size.
    func checkAfterBoot() async {
        let path = configuration.dataRoot + "/boot-id"
        let boot = (try? Files.readText("/proc/sys/kernel/random/boot_id", limit: 100)) ?? ""
        guard (try? Files.readText(path, limit: 100)) != boot else { return }
        if Files.exists(path), let report = try? await checkStore(deep: false) {
            for line in report.mended { log.notice("store check after boot: \(line)") }
            for line in report.damaged { log.error("store check after boot: \(line)") }
        }
        try? Files.replace(path, Array(boot.utf8), mode: 0o600)
    }
}
