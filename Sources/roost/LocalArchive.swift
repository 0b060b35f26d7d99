import EngineModel
import HelperProtocol
import LinuxKernel

/// Creates and extracts archives of the user's files with roost-helper, run as the user. The helper links the archive library; the CLI
/// starts faster without it.
enum LocalArchive {
    private static func program() throws -> String {
        let path = try Processes.siblingExecutable("roost-helper")
        guard Files.exists(path) else {
            throw RoostError.failure("\(path) is missing: it creates and extracts archives")
        }
        return path
    }

    /// A running helper process.
    struct Worker {
        let pid: Int32
        let errors: OwnedFD

        /// Waits for the helper to exit; throws its error message if it failed.
        func finish() throws {
            guard try Processes.collect(pid: pid, wait: true)?.status.code != 0 else { return }
            let reason = (try? readSome(errors.raw, at: 0, limit: 65536)) ?? []
            let text = HelperFailure.decode(reason)?.message ?? String(decoding: reason, as: UTF8.self)
            throw RoostError.failure(text.isEmpty ? "the archive could not be created or extracted" : text)
        }
    }

    private static func start(_ job: RootRequest.Job, input: Int32?, output: Int32?) throws -> Worker {
        let request = RootRequest(view: .folder("/"), mountPoint: "", job: job)
        let null = try Files.open("/dev/null", .readWrite)
        let errors = try Files.memory("errors", [])
        let text = try Files.memory("request", JSON(encoding: request).bytes())
        let pid = try Processes.spawn(
            try program(), arguments: ["roost-helper", HelperJob.local.rawValue], environment: ["LC_ALL=C.UTF-8"],
            descriptors: [input ?? null.raw, output ?? null.raw, errors.raw, text.raw])
        return Worker(pid: pid, errors: errors)
    }

    /// Creates a tar stream of `path`, with its entries under `name`.
    static func create(_ path: String, as name: String, to output: Int32) throws -> Worker {
        try start(.archive(path: path, name: name), input: nil, output: output)
    }

    /// Creates a tar stream of files under `target`, named by the part of their path after `/./`.
    static func select(_ sources: [String], into target: String, keepsParents: Bool, to output: Int32) throws -> Worker
    {
        var selection = RootRequest.Selection(sources: sources, target: target, targetIsFolder: false)
        selection.keepsParents = keepsParents
        return try start(.select(selection), input: nil, output: output)
    }

    /// Extracts a tar stream to a directory. `rebase` replaces the first component of the entry names; unless `keepsOwners`, the files belong to
    /// the user.
    static func extract(_ input: Int32, into folder: String, rebase: String?, keepsOwners: Bool) throws -> Worker {
        var options = RootRequest.ExtractOptions(folder: folder)
        options.refusesKindChange = true
        options.refusesLinks = true
        options.keepsOwners = keepsOwners
        options.owner = .init(user: Processes.effectiveUser, group: Processes.effectiveGroup)
        options.rebase = rebase
        return try start(.extract(options), input: input, output: nil)
    }
}
