/// The status of a path in a container: the JSON of Docker's header `X-Docker-Container-Path-Stat`.
package struct PathStatus: Codable, Sendable, Equatable {
    package var name: String
    package var size: Int64
    /// In Go's encoding (`GoFileMode`).
    package var mode: UInt32
    /// RFC 3339.
    package var modifiedAt: String
    /// The resolved target of a symbolic link, empty for everything else.
    package var linkTarget: String

    enum CodingKeys: String, CodingKey {
        case name, size, mode
        case modifiedAt = "mtime"
        case linkTarget
    }

    package init(name: String, size: Int64, mode: UInt32, modifiedAt: String, linkTarget: String) {
        self.name = name
        self.size = size
        self.mode = mode
        self.modifiedAt = modifiedAt
        self.linkTarget = linkTarget
    }

    package var isDirectory: Bool { mode & GoFileMode.directory != 0 }
    package var isSymbolicLink: Bool { mode & GoFileMode.symbolicLink != 0 }
}

/// Processes with the columns that `ps` prints for them.
package struct ProcessListing: Sendable, Equatable {
    package var titles: [String]
    package var rows: [[String]]

    package init(titles: [String], rows: [[String]]) {
        self.titles = titles
        self.rows = rows
    }
}
