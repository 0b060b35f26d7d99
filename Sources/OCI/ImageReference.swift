import EngineModel

/// An image reference: `redis`, `user/app:1.2`, `registry.example:5000/team/app@sha256:…`.
package struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// The registry with its port; `docker.io` by default.
    package let domain: String
    /// The repository path in the registry; `library/redis` for `redis`.
    package let path: String
    package let tag: String?
    package let digest: Digest?

    package static let defaultDomain = "docker.io"

    package init(domain: String, path: String, tag: String?, digest: Digest?) {
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
    }

    /// A separate repository and tag, as in the API; the tag takes precedence over one in the repository.
    package init(repository: String, tag: String?) throws(RoostError) {
        let parsed = try ImageReference(parsing: repository)
        if parsed.digest != nil { throw .invalid("cannot import digest reference") }
        guard let tag, !tag.isEmpty else {
            self = parsed
            return
        }
        guard Self.isTag(tag) else { throw .invalid("invalid tag format") }
        self.init(domain: parsed.domain, path: parsed.path, tag: tag, digest: nil)
    }

    /// Parses and normalizes a reference; without tag and digest the tag is `latest`.
    package init(parsing text: String) throws(RoostError) {
        func invalid(_ why: String) -> RoostError {
            .invalid("invalid reference format: \"\(text.prefix(200))\": \(why)")
        }
        var rest = text[...]
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = try Digest(parsing: rest[rest.index(after: at)...])
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
            guard let tag, Self.isTag(tag) else {
                throw invalid("a tag has at most 128 letters, digits, _, . and -")
            }
        }
        if rest.isEmpty { throw invalid("the name is empty") }
        if Identifiers.isHexadecimal(rest), rest.utf8.count == 64 {
            throw invalid("64 hexadecimal digits are an image ID, not a repository name")
        }
        var domain = Self.defaultDomain
        var path = String(rest)
        if let slash = rest.firstIndex(of: "/") {
            let first = rest[..<slash]
            if first.contains(".") || first.contains(":") || first == "localhost"
                || first.contains(where: \.isUppercase)
            {
                domain = first == "index.docker.io" ? Self.defaultDomain : String(first)
                path = String(rest[rest.index(after: slash)...])
            }
        }
        if let colon = domain.lastIndex(of: ":"), !domain.hasSuffix("]"),
            UInt16(domain[domain.index(after: colon)...]) == nil
        {
            throw invalid("invalid port in registry \(domain)")
        }
        if path.contains(where: \.isUppercase) { throw invalid("repository name must be lowercase") }
        guard path.utf8.count <= 255,
            path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isComponent)
        else {
            throw invalid("a repository name has lowercase letters and digits, separated by ., _, __ or -")
        }
        if domain == Self.defaultDomain, !path.contains("/") { path = "library/" + path }
        self.init(domain: domain, path: path, tag: tag ?? (digest == nil ? "latest" : nil), digest: digest)
    }

    private static func isTag(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128, first != 46, first != 45 else { return false }
        return text.utf8.allSatisfy { byte in
            (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
                || [95, 46, 45].contains(byte)
        }
    }

    /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution/reference grammar).
    private static func isComponent(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        func isPlain(_ byte: UInt8) -> Bool { (byte >= 48 && byte <= 57) || (byte >= 97 && byte <= 122) }
        guard let first = bytes.first, let last = bytes.last, isPlain(first), isPlain(last) else { return false }
        var index = 0
        while index < bytes.count {
            if isPlain(bytes[index]) {
                index += 1
                continue
            }
            var end = index
            while end < bytes.count, !isPlain(bytes[end]) { end += 1 }
            let run = bytes[index..<end]
            guard run == [46] || run == [95] || run == [95, 95] || run.allSatisfy({ $0 == 45 }) else { return false }
            index = end
        }
        return true
    }

    /// The short name without tag and digest, as in Docker's output.
    package var familiarName: String {
        guard domain == Self.defaultDomain else { return "\(domain)/\(path)" }
        return path.hasPrefix("library/") ? String(path.dropFirst(8)) : path
    }

    /// The short name with tag or digest, as in Docker's output.
    package var familiar: String {
        familiarName + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// The fully qualified reference, which the engine uses as key.
    package var description: String {
        "\(domain)/\(path)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }
}
