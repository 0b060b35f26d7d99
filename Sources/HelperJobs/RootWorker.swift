import Archives
import EngineModel
import HelperProtocol
import LinuxKernel
import OCI

/// The helper's side: mounts the view, makes it the whole world, gives up every right that the job does not need, and does the job.
enum RootWorker {
    static func runConfined() throws {
        // Before the request is read, which may come later than the helper.
        try Processes.unshare([.network, .communication, .hostname])
        let asked = try readAll(3, limit: 16 << 20)
        // Nothing was wanted in the end.
        if asked.isEmpty { return }
        let request = try RootRequest(JSON(parsing: asked))
        let cache = request.hasDigestCache ? try? DigestCache(file: OwnedFD(adopting: 5)) : nil
        let file = try enter(request)
        try perform(request, cache, file)
    }

    /// The same for the command line, with its user's rights and in its own files: archives are taken apart and made here, so that
    /// the command line needs no library for them.
    static func runLocally() throws {
        try perform(try RootRequest(JSON(parsing: try readAll(3, limit: 16 << 20))), nil, nil)
    }

    /// `file` is what a job writes to.
    private static func perform(_ request: RootRequest, _ cache: DigestCache?, _ file: OwnedFD?) throws {
        Processes.setFileMask(0o022)
        switch request.job {
        case .stat(let path, let followsLinks): try RootJobs.stat(path, followsLinks)
        case .archive(let path, let name): try RootJobs.archive(path, name)
        case .extract(let options): try RootJobs.extract(options)
        case .select(let selection): try RootJobs.select(selection)
        case .digest(let selection): try RootJobs.digest(selection, cache)
        case .layer(let clamp): try LayerArchiver.run(clamp: clamp)
        case .changes: try RootJobs.changes()
        case .write(_, let text): if let file { try writeAll(file.raw, Array(text.utf8)) }
        case .read(let path, let limit): try writeAll(1, try RootJobs.read(path, limit))
        case .remove(let paths): for path in paths where Files.exists(path) { try Files.removeTree(path) }
        case .copy(let source, let target): try RootJobs.copy(source, to: target)
        }
    }

    /// Returns the file that the job writes to, opened while that is still allowed.
    private static func enter(_ request: RootRequest) throws -> OwnedFD? {
        // The container's /proc does not show this process.
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
        // Attributes of overlayfs are for those alone who may administer the system.
        if case .layer = request.job { kept.insert(.administration) }
        let file = try openTarget(request.job, descriptors)
        try Confinement.drop(to: kept)
        return file
    }

    /// The file may be a mount of its own that is read-only to the container: it is opened through a private copy of the mount that is not.
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
