extension StringProtocol {
    /// The names in a path. The kernel parts them at every slash; a `Character` may hold a slash and an accent behind it, and what is
    /// parted there differently from the kernel could lead somewhere else.
    public var pathParts: [Substring] { Substring(self).utf8.split(separator: 47).map { Substring($0) } }

    /// The path from the root, with dots resolved by names alone (Go's `filepath.Join`, which Docker uses for paths of containers). A slash
    /// or a dot at its end keeps its meaning.
    public var absolutePath: String {
        var parts: [Substring] = []
        for part in pathParts where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let path = parts.joined(separator: "/")
        let end = pathParts.last == "." ? "/." : hasSuffix("/") ? "/" : ""
        return path.isEmpty ? (end == "/." ? "/." : "/") : "/" + path + end
    }
}
