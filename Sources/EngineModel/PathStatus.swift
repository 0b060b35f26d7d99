/// The status of a path in a container: the JSON of Docker's header `X-Docker-Container-Path-Stat`.
public struct PathStatus: Codable, Sendable, Equatable {
    public var name: String
    public var size: Int64
    /// In Go's encoding (`GoFileMode`).
    public var mode: UInt32
    /// RFC 3339.
    public var modifiedAt: String
    /// The resolved target of a symbolic link, empty for everything else.
    public var linkTarget: String

    enum CodingKeys: String, CodingKey {
        case name, size, mode
        case modifiedAt = "mtime"
        case linkTarget
    }

    public init(name: String, size: Int64, mode: UInt32, modifiedAt: String, linkTarget: String) {
        self.name = name
        self.size = size
        self.mode = mode
        self.modifiedAt = modifiedAt
        self.linkTarget = linkTarget
    }

    public var isDirectory: Bool { mode & GoFileMode.directory != 0 }
    public var isSymbolicLink: Bool { mode & GoFileMode.symbolicLink != 0 }
}

/// Processes with the columns that `ps` prints for them.
public struct ProcessListing: Sendable, Equatable {
    public var titles: [String]
    public var rows: [[String]]

    public init(titles: [String], rows: [[String]]) {
        self.titles = titles
        self.rows = rows
    }
}
