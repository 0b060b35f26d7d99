import EngineModel
import LinuxKernel
import OCI

/// A client's directory as of its last build, so that the next one transfers only what has changed.
package struct RetainedContext: Sendable {
    package let key: String
    /// The files.
    package var tree: String { folder + "/tree" }
    /// The client's metadata of the files; missing while they are being changed.
    package var index: String { folder + "/index.json" }
    let folder: String
}

extension Engine {
    private nonisolated var contextFolder: String { buildFolder + "/contexts" }
    /// Contexts that were not used for this time are removed.
    private static let contextNanoseconds: Int64 = 7 * 24 * 3600 * 1_000_000_000

    /// Reserves a stored context for one build; nil while another build uses it. `releaseContext` must follow.
    package func reserveContext(_ name: String) async throws -> RetainedContext? {
        let key = String(Digest(of: Array(name.utf8)).hex.prefix(32))
        let lock = "context-\(key)"
        guard busy.insert(lock).inserted else { return nil }
        let context = RetainedContext(key: key, folder: "\(contextFolder)/\(key)")
        do {
            try await blocking {
                // Without its index the state of the tree is unknown.
                if !Files.exists(context.index) { try Files.removeTree(context.folder) }
                try Files.makeDirectories(context.tree, mode: 0o755)
                try Files.changeMode(context.folder, 0o700)
            }
        } catch {
            unlock(lock)
            throw error
        }
        return context
    }

    package func releaseContext(_ context: RetainedContext) async {
        unlock("context-\(context.key)")
        let limit = now - Self.contextNanoseconds
        _ = try? await pruneContexts(unusedSince: limit)
    }

    /// Removes contexts that no build is using; returns their size.
    func pruneContexts(unusedSince limit: Int64? = nil) async throws -> Int64 {
        let folder = contextFolder
        var bytes: Int64 = 0
        for key in (try? Files.list(folder)) ?? [] {
            let place = "\(folder)/\(key)"
            if let limit, let used = try? Files.status(place + "/index.json").modificationTime, used > limit {
                continue
            }
            guard busy.insert("context-\(key)").inserted else { continue }
            defer { unlock("context-\(key)") }
            bytes += try await blocking {
                let size = try Files.treeSize(place)
                try Files.removeTree(place)
                return size
            }
        }
        return bytes
    }
}
