import EngineModel

/// A job for the confined helper, and the root file system that it runs in.
package struct RootRequest: Sendable, Equatable, Codable {
    /// The file system that is mounted as the helper's root.
    package enum View: Sendable, Equatable, Codable {
        /// A directory of the host, read-only.
        case folder(String)
        /// Layers, topmost first; writable with an upper and a work directory.
        case layers([String], upper: String?, work: String?)
        /// The mounts of a running container; descriptor 4 is a pidfd of its process.
        case process
        /// Layers at `/lower` and a container's read-write layer at `/upper`, for comparing them.
        case comparison(lower: [String], upper: String)
    }

    /// A directory or file of the host that is bind-mounted into the view.
    package struct Bind: Sendable, Equatable, Codable {
        package var source: String
        package var target: String
        package var readOnly: Bool
        package init(source: String, target: String, readOnly: Bool) {
            self.source = source
            self.target = target
            self.readOnly = readOnly
        }
    }

    package enum Job: Sendable, Equatable, Codable {
        /// The status of a path, as JSON on standard output.
        case stat(path: String, followsLinks: Bool)
        /// A tar stream of a path on standard output, its entries below `name`.
        case archive(path: String, name: String)
        /// Extracts the tar stream on standard input into a directory.
        case extract(ExtractOptions)
        /// The source files of COPY or ADD, as a tar stream on standard output.
        case select(Selection)
        /// The digest of the source files of COPY or ADD: covers names, modes, owners and content, not times.
        case digest(Selection)
        /// The tar stream of a read-write layer, including whiteouts. Modification times are limited to `clamp`, in seconds since the Unix epoch.
        case layer(clamp: Int64?)
        /// The changes of the read-write layer: NUL-terminated `A /path`, `C /path`, `D /path` on standard output.
        case changes
        /// Replaces a file's content in place; the file may be a mount.
        case write(path: String, text: String)
        /// The content of a regular file, on standard output.
        case read(path: String, limit: Int)
        /// Copies a directory's content and its own owner and mode into an empty directory; does nothing if the source is missing.
        case copy(source: String, target: String)
        /// Removes files and directory trees; missing paths are ignored.
        case remove(paths: [String])
    }

    package struct ExtractOptions: Sendable, Equatable, Codable {
        package var folder: String
        /// Creates the directory and its missing parents, owned by `owner`.
        package var makesFolder = false
        package var owner: Owner?
        /// Fails if a directory would replace a file or a file a directory.
        package var refusesKindChange = false
        /// A directory replaces a file or link, and a file replaces a whole directory.
        package var replacesKinds: Bool?
        /// Keeps the owners in the archive; otherwise `owner` is applied.
        package var keepsOwners = true
        /// Replaces the first component of every entry's path; prepended if the archive holds only a directory's content.
        package var rebase: String?
        /// Never writes through a symbolic link, because the directory is not confined.
        package var refusesLinks = false
        package init(folder: String) { self.folder = folder }
    }

    package struct Owner: Sendable, Equatable, Codable {
        package var user: UInt32
        package var group: UInt32
        package init(user: UInt32, group: UInt32) {
            self.user = user
            self.group = group
        }
    }

    /// The source files of COPY or ADD, and their target names.
    package struct Selection: Sendable, Equatable, Codable {
        /// Paths or patterns, relative to the root.
        package var sources: [String]
        /// The target path, absolute.
        package var target: String
        /// The target is a directory: files are copied into it under their own names.
        package var targetIsFolder: Bool
        /// The target directory does not exist and must be created.
        package var makesTarget = false
        package var owner: Owner?
        /// `--chown` was given: the owner also applies to the content of unpacked archives.
        package var changesOwner = false
        package var mode: UInt32?
        /// `--parents`: keeps the parent directories of the source path.
        package var keepsParents = false
        package var ignored: [String] = []
        package var excluded: [String] = []
        /// ADD: a source that is a tar archive is unpacked.
        package var unpacksArchives = false
        package init(sources: [String], target: String, targetIsFolder: Bool) {
            self.sources = sources
            self.target = target
            self.targetIsFolder = targetIsFolder
        }
    }

    package var view: View
    package var binds: [Bind]
    /// An engine directory used as mount point of the view, in the helper's own mount namespace.
    package var mountPoint: String
    package var job: Job
    /// Descriptor 5 is the digest cache of the view's files.
    package var hasDigestCache = false

    package init(view: View, binds: [Bind] = [], mountPoint: String, job: Job) {
        self.view = view
        self.binds = binds
        self.mountPoint = mountPoint
        self.job = job
    }
}
