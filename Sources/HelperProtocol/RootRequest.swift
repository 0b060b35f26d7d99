import EngineModel

/// What the confined helper is asked to do with a root file system that it, and nobody else, sees.
public struct RootRequest: Sendable, Equatable {
    /// What is mounted as the helper's root.
    public enum View: Sendable, Equatable {
        /// One folder of the host, read only.
        case folder(String)
        /// Layers, topmost first; with an upper folder they can be written to.
        case layers([String], upper: String?, work: String?)
        /// What a running container sees: descriptor 4 is its process.
        case process
        /// Layers at `/lower` and a container's own layer at `/upper`: what differs between them.
        case comparison(lower: [String], upper: String)
    }

    /// A folder or file of the host inside the view.
    public struct Bind: Sendable, Equatable {
        public var source: String
        public var target: String
        public var readOnly: Bool
        public init(source: String, target: String, readOnly: Bool) {
            self.source = source
            self.target = target
            self.readOnly = readOnly
        }
    }

    public enum Job: Sendable, Equatable {
        /// The facts of a path, as JSON on standard output.
        case stat(path: String, followsLinks: Bool)
        /// A tar stream of a path on standard output, its entries below `name`.
        case archive(path: String, name: String)
        /// Standard input is a tar stream to be unpacked in a folder.
        case extract(ExtractOptions)
        /// What COPY and ADD take, as a tar stream on standard output.
        case select(Selection)
        /// The digest of what COPY and ADD would take; names, modes, owners and content count, times do not.
        case digest(Selection)
        /// A layer's tar stream of a read-write layer, whiteouts included.
        /// No time in it is later than `clamp`.
        case layer(clamp: Int64?)
        /// `A /path`, `C /path`, `D /path` with a NUL after each.
        case changes
        /// Replaces a file's content in place: it may be a mount of its own.
        case write(path: String, text: String)
        /// The bytes of a file.
        case read(path: String, limit: Int)
        /// Copies a directory's content and its own owner and mode into an empty directory; does nothing if the source is missing.
        case copy(source: String, target: String)
        /// Removes files, and directories with all that is in them; what is missing is removed already.
        case remove(paths: [String])
    }

    public struct ExtractOptions: Sendable, Equatable {
        public var folder: String
        /// The folder and those above it are made where they are missing, for this owner.
        public var makesFolder = false
        public var owner: Owner?
        /// A folder does not replace a file, nor a file a folder.
        public var refusesKindChange = false
        /// A folder takes the place of a file or link, and a file that of a folder with all that is in it.
        public var replacesKinds: Bool?
        /// Owners as in the archive; else the one of `owner`.
        public var keepsOwners = true
        /// Replaces the first component of every entry's path.
        public var rebase: String?
        /// The folder is not confined: nothing is written through a link.
        public var refusesLinks = false
        public init(folder: String) { self.folder = folder }
    }

    public struct Owner: Sendable, Equatable {
        public var user: UInt32
        public var group: UInt32
        public init(user: UInt32, group: UInt32) {
            self.user = user
            self.group = group
        }
    }

    /// What COPY and ADD take from a root, and under which names.
    public struct Selection: Sendable, Equatable {
        /// Paths or patterns, relative to the root.
        public var sources: [String]
        /// Where it goes: absolute.
        public var target: String
        /// The target is a folder: files go into it under their own names.
        public var targetIsFolder: Bool
        /// The target is not there: a folder's content makes it one.
        public var makesTarget = false
        public var owner: Owner?
        /// `--chown` was given: the content of an archive gets the owner as well.
        public var changesOwner = false
        public var mode: UInt32?
        /// `--parents`: folders of the source's path are kept.
        public var keepsParents = false
        public var ignored: [String] = []
        public var excluded: [String] = []
        /// ADD: a source that is a tar archive is unpacked.
        public var unpacksArchives = false
        public init(sources: [String], target: String, targetIsFolder: Bool) {
            self.sources = sources
            self.target = target
            self.targetIsFolder = targetIsFolder
        }
    }

    public var view: View
    public var binds: [Bind]
    /// A folder of ours that the view is mounted on, in the helper's own mount namespace.
    public var mountPoint: String
    public var job: Job
    /// Descriptor 5 is a file in which digests of the view's files are remembered.
    public var hasDigestCache = false

    public init(view: View, binds: [Bind] = [], mountPoint: String, job: Job) {
        self.view = view
        self.binds = binds
        self.mountPoint = mountPoint
        self.job = job
    }
}
