import EngineModel
import HelperProtocol
import LinuxKernel

/// Archives of the user's own files, taken apart and made by the helper with the user's rights: it has the library for them, and this
/// program starts faster without.
enum LocalArchive {
    private static func program() throws -> String {
        let path = try Processes.beside("roost-helper")
        guard Files.exists(path) else { throw RoostError.failure("\(path) is missing: archives are made by it") }
        return path
    }

    /// A worker that runs.
    struct Worker {
        let pid: Int32
        let errors: OwnedFD

        /// Waits for the end; throws what it had to say.
        func finish() throws {
            guard try Processes.collect(pid: pid, wait: true)?.status.code != 0 else { return }
            let said = (try? readSome(errors.raw, at: 0, limit: 65536)) ?? []
            let text = String(decoding: said.split(separator: 0).last ?? [], as: UTF8.self)
            throw RoostError.failure(text.isEmpty ? "the archive could not be made" : text)
        }
    }

    private static func start(_ job: RootRequest.Job, input: Int32?, output: Int32?) throws -> Worker {
        let request = RootRequest(view: .folder("/"), mountPoint: "", job: job)
        let null = try Files.open("/dev/null", .readWrite)
        let errors = try Files.memory("errors", [])
        let text = try Files.memory("request", request.json.bytes())
        let pid = try Processes.spawn(
            try program(), arguments: ["roost-helper", HelperJob.local.rawValue], environment: ["LC_ALL=C.UTF-8"],
            descriptors: [input ?? null.raw, output ?? null.raw, errors.raw, text.raw])
        return Worker(pid: pid, errors: errors)
    }

    /// A tar stream of a path, its entries below a name.
    static func create(_ path: String, as name: String, to output: Int32) throws -> Worker {
        try start(.archive(path: path, name: name), input: nil, output: output)
    }

    /// A tar stream of files, named by their paths behind `/./`, below a folder.
    static func select(_ sources: [String], into target: String, keepsParents: Bool, to output: Int32) throws -> Worker
    {
        var selection = RootRequest.Selection(sources: sources, target: target, targetIsFolder: false)
        selection.keepsParents = keepsParents
        return try start(.select(selection), input: nil, output: output)
    }

    /// Unpacks a tar stream in a folder; the first component of its names may be another one, owners only where they are kept.
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
