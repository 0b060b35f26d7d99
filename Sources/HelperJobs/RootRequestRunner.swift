import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// Runs a `RootRequest`: mounts the view, makes it the root, drops all privileges that the job does not need, and runs the job.
enum RootRequestRunner {
    static func runConfined() throws {
        // Done first: the request may arrive long after the helper has started.
        try Processes.unshare([.network, .ipc, .hostname])
        let asked = try readAll(3, limit: 16 << 20)
        // The helper was dismissed without a request.
        if asked.isEmpty { return }
        let request = try JSON(parsing: asked).decode(RootRequest.self)
        let cache = request.hasDigestCache ? try? DigestCache(file: OwnedFD(adopting: 5)) : nil
        let file = try enter(request)
        try perform(request, cache, file)
    }

    /// Runs a request for the CLI, on the user's files and with the user's permissions: archives are read and written here, so that the CLI
    /// does not link libarchive.
    static func runLocally() throws {
        try perform(try JSON(parsing: try readAll(3, limit: 16 << 20)).decode(), nil, nil)
    }

    /// `file` is the target of a write job.
    private static func perform(_ request: RootRequest, _ cache: DigestCache?, _ file: OwnedFD?) throws {
        Processes.setFileMask(0o022)
        switch request.job {
        case .stat(let path, let followsLinks): try RootFSOperations.stat(path, followsLinks)
        case .archive(let path, let name): try RootFSOperations.archive(path, name)
        case .extract(let options): try RootFSOperations.extract(options)
        case .select(let selection): try RootFSOperations.select(selection)
        case .digest(let selection): try RootFSOperations.digest(selection, cache)
        case .layer(let clamp): try LayerArchiver.run(clamp: clamp)
        case .changes: try RootFSOperations.changes()
        case .write(_, let text): if let file { try writeAll(file.raw, Array(text.utf8)) }
        case .read(let path, let limit): try writeAll(1, try RootFSOperations.read(path, limit))
        case .remove(let paths): for path in paths where Files.exists(path) { try Files.removeTree(path) }
        case .copy(let source, let target): try RootFSOperations.copy(source, to: target)
        }
    }

    /// Returns the target of a write job, opened before privileges are dropped.
    private static func enter(_ request: RootRequest) throws -> OwnedFD? {
        // Opened first: the container's /proc does not show this process.
        let descriptors = try Files.open("/proc/self/fd", [.readOnly, .directory])
        if case .process = request.view {
            try Processes.enter(4, .mount, name: "the container's mount namespace")
            try Processes.changeDirectory("/")
        } else {
            try Processes.unshare(.mount)
            try Mounts.setPropagation("/", .isPrivate)
            try mount(request)
            for bind in request.binds { try attach(bind, request.mountPoint) }
            try Mounts.pivot(to: try Files.open(request.mountPoint, [.readOnly, .directory]))
        }
        var kept: CapabilitySet = [
            .changeOwner, .overrideAccess, .owner, .setID, .makeNode, .setFileCapabilities,
        ]
        // Reading trusted.overlay.* attributes requires CAP_SYS_ADMIN.
        if case .layer = request.job { kept.insert(.administration) }
        let file = try openTarget(request.job, descriptors)
        try Confinement.drop(to: kept)
        return file
    }

    /// The file may be a separate mount that is read-only for the container: open it through a private, writable clone of the mount.
    private static func openTarget(_ job: RootRequest.Job, _ descriptors: OwnedFD) throws -> OwnedFD? {
        guard case .write(let path, _) = job else { return nil }
        let copy = try Mounts.clone(path, recursive: false)
        try Mounts.setAttributes(copy, set: [], clear: .readOnly, recursive: false)
        return try Files.open(at: descriptors.raw, "\(copy.raw)", [.writeOnly, .truncate])
    }

    private static func mount(_ request: RootRequest) throws {
        let place = request.mountPoint
        switch request.view {
        case .folder(let path):
            let tree = try Mounts.clone(path, recursive: false)
            try Mounts.setAttributes(tree, set: [.readOnly, .noDevices], recursive: false)
            try Mounts.attach(tree, at: place)
        case .layers(let lower, let upper, let work):
            if let upper, let work {
                try Mounts.overlay(lower: lower, upper: upper, work: work, at: place)
            } else {
                try Mounts.overlayReadOnly(lower: lower, at: place)
            }
        case .comparison(let lower, let upper):
            try Mounts.attach(try Mounts.make("tmpfs", options: [("mode", "755")], attributes: []), at: place)
            for name in ["lower", "upper"] { try Files.makeDirectory("\(place)/\(name)") }
            try Mounts.overlayReadOnly(lower: lower, at: place + "/lower")
            try Mounts.attach(try Mounts.clone(upper, recursive: false), at: place + "/upper")
        case .process: break
        }
    }

    private static func attach(_ bind: RootRequest.Bind, _ place: String) throws {
        let source = try Mounts.clone(bind.source, recursive: true)
        if bind.readOnly { try Mounts.setAttributes(source, set: .readOnly, recursive: true) }
        let root = try RootedDirectory(path: place)
        let target =
            try Files.status(of: source.raw).isDirectory
            ? try root.makeDirectories(bind.target) : try root.makeFile(bind.target)
        try Mounts.attach(source, onto: target, name: bind.target)
    }
}

extension CapabilitySet {
    static let administration = CapabilitySet(rawValue: 1 << 21)
}
