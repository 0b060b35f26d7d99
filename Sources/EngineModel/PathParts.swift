extension StringProtocol {
    /// The names in a path. The kernel parts them at every slash; a `Character` may hold a slash and an accent behind it, and what is
    /// parted there differently from the kernel could lead somewhere else.
    public var pathParts: [Substring] { Substring(self).utf8.split(separator: 47).map { Substring($0) } }
}
