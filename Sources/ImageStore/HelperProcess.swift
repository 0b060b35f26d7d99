import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// Runs a `RootRequest` in `roost-helper`.
package struct HelperProcess: Sendable {
    let request: RootRequest
    /// The pidfd of the process whose mounts are the view.
    let process: OwnedFD?
    /// Path of the digest cache of the view's files.
    let digestCache: String?

    package init(_ request: RootRequest, process: OwnedFD? = nil, digestCache: String? = nil) {
        var request = request
        request.hasDigestCache = digestCache != nil
        self.request = request
        self.process = process
        self.digestCache = digestCache
    }

    /// A running helper and its standard error.
    package struct Running: Sendable {
        let pid: Int32
        let errors: OwnedFD

        /// Waits for the helper to exit; throws its error.
        package func finish() throws {
            let ended = try Processes.collect(pid: pid, wait: true)
            guard ended?.status.code != 0 else { return }
            let reason = (try? readSome(errors.raw, at: 0, limit: 65536)) ?? []
            if let failure = HelperFailure.decode(reason) { throw failure }
            let text = String(decoding: reason, as: UTF8.self)
            let status = ended?.status.code ?? -1
            // 128 + SIGPIPE.
            throw RoostError.failure(
                text.isEmpty ? "the helper exited with status \(status)" : text, code: status == 141 ? .brokenPipe : nil
            )
        }

        package func kill() { try? Processes.signal(pid: pid, 9) }
    }

    /// Starts the helper with this standard input and output, /dev/null if nil.
    package func start(input: OwnedFD?, output: OwnedFD?) throws -> Running {
        try Self.start(
            reading: try Files.memory("request", JSON(encoding: request).bytes()), input: input, output: output,
            process: process, cache: try digestCache.map { try Files.open($0, [.readWrite, .create]) })
    }

    fileprivate static func start(
        reading request: OwnedFD, input: OwnedFD?, output: OwnedFD?, process: OwnedFD?, cache: OwnedFD?
    ) throws -> Running {
        let null = try Files.open("/dev/null", .readWrite)
        let errors = try Files.memory("errors", [])
        let descriptors = [
            (input ?? null).raw, (output ?? null).raw, errors.raw, request.raw, (process ?? null).raw,
            (cache ?? null).raw,
        ]
        let pid = try withExtendedLifetime((null, cache, request)) {
            try ConfinedHelper.start(.root, descriptors: descriptors)
        }
        return Running(pid: pid, errors: errors)
    }

    /// Runs a job and returns its output, which must be small.
    package func answer(input: OwnedFD? = nil) throws -> [UInt8] {
        let output = try Files.memory("answer", [])
        try start(input: input, output: output).finish()
        return try readSome(output.raw, at: 0, limit: max(1, Int(Files.status(of: output.raw).size)))
    }
}

/// A helper that is started before its request is known, to hide its start-up time; its output is read from a pipe.
package struct PrestartedHelper: Sendable {
    let running: HelperProcess.Running
    private let request: OwnedFD
    let output: OwnedFD

    /// Starts a helper that waits for a request or for dismissal.
    package init() throws {
        let (questions, answers) = (try Pipe(), try Pipe())
        running = try HelperProcess.start(
            reading: questions.reading, input: nil, output: answers.writing, process: nil, cache: nil)
        questions.reading.close()
        answers.writing.close()
        (request, output) = (questions.writing, answers.reading)
    }

    /// Sends the request; may be called once.
    func ask(_ wanted: RootRequest) throws {
        defer { request.close() }
        let text = try JSON(encoding: wanted).bytes()
        do throws(SyscallError) { try writeAll(request.raw, text) } catch {
            // A helper that has already exited reports the reason itself.
            if error.errno != Errno.brokenPipe { throw error }
        }
    }

    /// Makes an unneeded helper exit, and waits for it.
    package func dismiss() {
        request.close()
        try? running.finish()
    }
}

extension ImageStore {
    /// Turns a read-write layer into an image layer: its tar stream is hashed and stored, its directory becomes the unpacked layer.
    ///
    /// With `moves` the directory `upper` is renamed into the store; otherwise it is kept (a container's layer). `clamp` limits
    /// modification times, in seconds since the Unix epoch. `helper` is a waiting helper, which is used up in any case.
    package func capture(
        upper: String, onto parent: Digest?, mountPoint: String, moves: Bool, clamp: Int64? = nil,
        helper: PrestartedHelper? = nil
    ) throws -> StoredLayer {
        let helper = try helper ?? PrestartedHelper()
        do {
            try helper.ask(RootRequest(view: .folder(upper), mountPoint: mountPoint, job: .layer(clamp: clamp)))
        } catch {
            helper.dismiss()
            throw error
        }
        let kept = Result { try content.ingest(helper.output.raw) }
        helper.output.close()
        try helper.running.finish()
        let (digest, size) = try kept.get()
        let files: Int64
        if moves {
            files = try layers.adopt(upper, as: Self.chain(parent, digest))
        } else {
            let file = try Files.open(content.path(digest), .readOnly)
            files = try layers.unpack(.file(file.raw, digest: digest), onto: parent, subject: "the new layer").size
        }
        return StoredLayer(
            layer: digest, chain: Self.chain(parent, digest), blob: digest, blobSize: size,
            mediaType: MediaTypes.layer, size: files)
    }
}

extension ImageStore {
    /// Whether a file is a tar archive, plain or compressed.
    package func isArchive(_ path: String) throws -> Bool { try ArchiveReader.isArchive(path) }

    /// Unpacks an archive without computing its digest.
    package func unpackArchive(_ archive: Int32, into folder: String, subject: String) throws {
        try layers.unpackArchive(archive, into: folder, subject: subject)
    }
}

extension LayerStore {
    /// Stores a directory that is already in overlayfs format as the layer of a chain id; returns the total size of its files.
    func adopt(_ folder: String, as chain: Digest) throws -> Int64 {
        let sum = try Files.treeSize(folder)
        try place(folder, as: chain)
        return sum
    }
}
