extension StringProtocol {
    /// The components of a path, split at slash bytes as the kernel does. A `Character` may combine a slash with a combining mark;
    /// splitting by characters could lead to another file than the kernel's.
    package var pathParts: [Substring] { Substring(self).utf8.split(separator: 47).map { Substring($0) } }

    /// The absolute path with dots resolved lexically (Go's `filepath.Join`, which Docker uses for container paths). A trailing slash
    /// or `/.` is kept.
    package var absolutePath: String {
        var parts: [Substring] = []
        for part in pathParts where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        let path = parts.joined(separator: "/")
        let end = pathParts.last == "." ? "/." : hasSuffix("/") ? "/" : ""
        return path.isEmpty ? (end == "/." ? "/." : "/") : "/" + path + end
    }
}
