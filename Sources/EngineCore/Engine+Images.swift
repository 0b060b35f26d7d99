import EngineModel
import ImageBuild
import ImageStore
import LinuxKernel
import Logging
import OCI

/// An image with its names, as shown in lists.
package struct ImageSummary: Sendable {
    package var image: StoredImage
    package var references: [ImageReference]
    package var digests: [ImageReference]
    package var containers: Int
}

extension Engine {
    /// The ids of containers whose image reference now resolves to another image, or to none.
    package func containersWithRetaggedImage(_ records: [ContainerRecord]) -> Set<String> {
        var meant: [String: String] = [:]
        var found: Set<String> = []
        for record in records {
            let name = record.spec.image
            // A container created from an image id has no name that could move.
            if record.imageID.hasPrefix(name) || record.imageID.dropFirst(7).hasPrefix(name) { continue }
            let now = meant[name] ?? (try? image(name).id.description) ?? ""
            meant[name] = now
            if now != record.imageID { found.insert(record.id) }
        }
        return found
    }

    /// The ids of an image and of all images built on it: those that the filter `ancestor` selects. Empty if there is no such image.
    package func descendants(of reference: String) -> Set<String> {
        guard let root = try? image(reference) else { return [] }
        let last = root.layers.count - 1
        let steps = root.configuration.history ?? []
        func isMadeOf(_ image: StoredImage) -> Bool {
            guard last >= 0, image.layers.count > last, image.layers[last].chain == root.layers[last].chain else {
                return false
            }
            // Images with the same layers differ by the steps that only changed settings.
            let own = image.configuration.history ?? []
            return own.count > steps.count && Array(own.prefix(steps.count)) == steps
        }
        return Set(imageRecords.values.filter { $0.id == root.id || isMadeOf($0) }.map(\.id.description))
    }

    /// Finds an image by name, digest or unambiguous prefix of its id.
    package func image(_ reference: String) throws(RoostError) -> StoredImage {
        if let digest = try? Digest(parsing: reference),
            let image = imageRecords[digest] ?? transientImages[digest]?.image
        {
            return image
        }
        if let name = try? ImageReference(parsing: reference), let id = tags[name.description],
            let image = imageRecords[id]
        {
            return image
        }
        let prefix = reference.hasPrefix("sha256:") ? String(reference.dropFirst(7)) : reference
        if Identifiers.isHexadecimal(prefix), prefix.count >= 2 {
            let matches = imageRecords.keys.filter { $0.hex.hasPrefix(prefix) }
            if matches.count > 1 { throw .invalid("multiple images found with provided prefix: \(prefix)") }
            if let id = matches.first, let image = imageRecords[id] { return image }
        }
        throw .missing(
            "No such image: \((try? ImageReference(parsing: reference))?.familiar ?? reference)", code: .imageNotFound)
    }

    /// The image's names with a tag.
    package func references(_ image: Digest) -> [ImageReference] { names(image).filter { $0.digest == nil } }

    /// Repositories with the image's digest in each, as reported by registries (`RepoDigests`).
    package func repositoryDigests(_ image: Digest) -> [ImageReference] { names(image).filter { $0.digest != nil } }

    func names(_ image: Digest) -> [ImageReference] {
        tags.filter { $0.value == image }.keys.sorted().compactMap { try? ImageReference(parsing: $0) }
    }

    package func imageSummaries() -> [ImageSummary] {
        imageRecords.values.map { image in
            ImageSummary(
                image: image, references: references(image.id), digests: repositoryDigests(image.id),
                containers: containers.values.count { $0.uses(image: image.id.description) })
        }.sorted { ($0.image.configuration.created ?? "") > ($1.image.configuration.created ?? "") }
    }

    func keep(_ given: StoredImage, as references: [ImageReference]) throws {
        var image = given
        if !references.isEmpty { image.taggedAt = now }
        try store.save(image)
        imageRecords[image.id] = image
        for reference in references { try setTag(reference, image.id) }
        let content = images.content
        let blobs = image.layers.map(\.blob)
        Task { try? await onOwnThread { content.settle(blobs) } }
    }

    private func setTag(_ reference: ImageReference, _ id: Digest) throws {
        try store.setTag(reference.description, id)
        tags[reference.description] = id
    }

    /// `docker import`: the archive is read from the descriptor to its end.
    package func importImage(
        _ archive: OwnedFD, reference: ImageReference?, platform: Descriptor.Platform = .host, changes: [String],
        message: String?
    ) async throws -> StoredImage {
        let images = images
        let time = Timestamp(nanoseconds: now)
        // Invalid changes are reported before the archive is read.
        var runtime = ImageConfiguration.Runtime()
        try runtime.apply(changes: changes)
        let settings = runtime
        let image = try await sweepingAfterFailure {
            try await exclusively("images") {
                try await blocking {
                    try images.importRoot(
                        archive.raw, platform: platform, runtime: settings, message: message, now: time)
                }
            }
        }
        try keep(image, as: reference.map { [$0] } ?? [])
        if let reference { publish(image, "tag", name: reference.familiar) }
        publish(image, "import", name: image.id.description)
        return image
    }

    /// Content stored before a failure has no owner: it is swept.
    private func sweepingAfterFailure<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let result = await Self.outcome(body)
        if case .failure = result { await sweepImages() }
        return try result.get()
    }

    package func loadImages(_ archive: OwnedFD) async throws -> [NamedImage] {
        let images = images
        let loaded = try await sweepingAfterFailure {
            try await exclusively("images") { () async throws -> [NamedImage] in
                var sizes: [Digest: Int64] = [:]
                for layer in imageRecords.values.flatMap(\.layers) where images.hasLayer(layer.chain) {
                    sizes[layer.chain] = layer.size
                }
                let known = sizes
                return try await blocking { try images.load(archive.raw) { known[$0] } }
            }
        }
        for named in loaded {
            try keep(named.image, as: named.references)
            publish(
                .image, "load", id: named.image.id.description,
                ["name": named.references.first?.familiar ?? named.image.id.description])
        }
        return loaded
    }

    /// Writes an archive of the images to a descriptor, which must have a reader.
    package func saveImages(_ names: [String], to target: OwnedFD) async throws {
        // Each image is one entry of the archive, with all its names.
        var named: [NamedImage] = []
        func add(_ image: StoredImage, _ reference: ImageReference?) {
            guard let index = named.firstIndex(where: { $0.image.id == image.id }) else {
                named.append(NamedImage(image: image, references: reference.map { [$0] } ?? []))
                return
            }
            if let reference, !named[index].references.contains(reference) { named[index].references.append(reference) }
        }
        for name in names {
            // A bare repository stands for all of its tags, even if one of them is `latest`.
            let whole = Self.isBare(name) ? tagged(repository: try ImageReference(parsing: name)) : []
            for reference in whole { add(try image(reference.description), reference) }
            if !whole.isEmpty { continue }
            let image = try image(name)
            let isID = Identifiers.isHexadecimal(name) || name.hasPrefix("sha256:")
            add(image, isID && tags[name] == nil ? nil : try ImageReference(parsing: name))
        }
        for item in named { publish(item.image, "save", name: item.image.id.description) }
        let images = images
        let list = named
        let time = Timestamp(nanoseconds: now)
        try await blocking {
            defer { target.close() }
            try images.save(list, to: target.raw, now: time)
        }
    }

    /// Whether a name has no tag and no digest, and is not an id.
    private static func isBare(_ name: String) -> Bool {
        !name.contains("@") && name.pathParts.last?.contains(":") == false
            && (try? ImageReference(parsing: name)) != nil
    }

    /// Throws unless `save` accepts the name: an image, or a repository with tags.
    package func checkSavable(_ name: String) throws {
        if Self.isBare(name), !tagged(repository: try ImageReference(parsing: name)).isEmpty { return }
        _ = try image(name)
    }

    package func tagImage(_ source: String, as target: ImageReference) throws {
        let image = try image(source)
        try setTag(target, image.id)
        publish(image, "tag", name: target.familiar)
    }

    package enum ImageRemoval: Sendable, Equatable { case untagged(String), deleted(String) }

    /// `docker rmi`, with Docker's rules for images in use.
    package func removeImage(_ reference: String, force: Bool) async throws -> [ImageRemoval] {
        let image = try image(reference)
        let users = containers.values.filter { $0.uses(image: image.id.description) }
        let parsed = try? ImageReference(parsing: reference)
        let byName = parsed.flatMap { tags[$0.description] } == image.id
        let short = String(image.id.hex.prefix(12))
        let all = names(image.id)
        // Names removed together: a tag, and the digests of its repository if it is the last tag there.
        let going = byName ? parsed.map { Self.referencesRemoved(with: $0, all) } ?? [] : all
        let staying = all.filter { !going.contains($0) }
        if byName, !staying.isEmpty { return try going.map { try untag($0) } }
        if let user = users.first(where: { $0.status.isRunning }) {
            guard byName else {
                throw RoostError.conflict(
                    "conflict: unable to delete \(short) (cannot be forced) - image is being used by running container \(user.shortID)"
                )
            }
            guard force else { throw mustForce(reference, user, image) }
            return try going.map { try untag($0) }
        }
        if let user = users.first, !force {
            if byName { throw mustForce(reference, user, image) }
            throw RoostError.conflict(
                "conflict: unable to delete \(short) (must be forced) - image is being used by stopped container \(user.shortID)"
            )
        }
        // By its id an image is removed only if it has one name, or none.
        let isManifold = Set(all.map { "\($0.domain)/\($0.path)" }).count > 1 || all.count { $0.tag != nil } > 1
        if !byName, isManifold, !force {
            throw RoostError.conflict(
                "conflict: unable to delete \(short) (must be forced) - image is referenced in multiple repositories")
        }
        var removed = try all.map { try untag($0) }
        guard users.isEmpty else { return removed }
        try store.removeImage(image.id)
        imageRecords[image.id] = nil
        publish(image, "delete", name: image.id.description)
        removed.append(.deleted(image.id.description))
        // Layers that nothing else uses, topmost first, by their chain id as in Docker.
        let needed = Set(
            imageRecords.values.flatMap { $0.layers.map(\.chain) }
                + buildCache.values.flatMap { ($0.below + [$0.layer]).map(\.chain) })
        removed += image.layers.reversed().filter { !needed.contains($0.chain) }.map { .deleted($0.chain.description) }
        await sweepImages()
        return removed
    }

    private static func referencesRemoved(with name: ImageReference, _ all: [ImageReference]) -> [ImageReference] {
        guard name.digest == nil else { return [name] }
        let others = all.filter { $0.domain == name.domain && $0.path == name.path && $0 != name }
        return others.contains { $0.digest == nil } ? [name] : [name] + others
    }

    private func mustForce(_ reference: String, _ user: ContainerRecord, _ image: StoredImage) -> RoostError {
        .conflict(
            "conflict: unable to remove repository reference \"\(reference)\" (must force) - container \(user.shortID) is using its referenced image \(image.id.hex.prefix(12))"
        )
    }

    private func untag(_ reference: ImageReference) throws -> ImageRemoval {
        let id = tags[reference.description]
        try store.removeTag(reference.description)
        tags[reference.description] = nil
        if let image = id.flatMap({ imageRecords[$0] }) { publish(image, "untag", name: image.id.description) }
        return .untagged(reference.familiar)
    }

    /// Removes content that no image needs.
    func sweepImages() async {
        // Content of a running build has no owner before the build is done; the build sweeps at its end.
        guard activeBuilds == 0 else { return }
        let images = images
        let failures =
            (try? await exclusively("images") { () async throws -> [SyscallError] in
                let kept = Array(imageRecords.values)
                var blobs = pins.values.reduce(into: Set<Digest>()) { $0.formUnion($1.blobs) }
                var chains = pins.values.reduce(into: Set<Digest>()) { $0.formUnion($1.chains) }
                for layer in buildCache.values.flatMap({ $0.below + [$0.layer] }) {
                    blobs.insert(layer.blob)
                    chains.insert(layer.chain)
                }
                let (keptBlobs, keptChains) = (blobs, chains)
                return try await blocking { images.sweep(keeping: kept, blobs: keptBlobs, chains: keptChains) }
            }) ?? []
        for failure in failures { log.warning("cannot remove unused image content: \(failure)") }
    }
}
