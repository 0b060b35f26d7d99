import DockerAPI
import EngineModel
import LinuxKernel
import NIOCore
import NIOHTTP1

/// A request as handlers see it: its target is parsed and decoded, its body not yet read.
struct Request: Sendable {
    let method: HTTPMethod
    /// The decoded components, without the version prefix.
    let path: [String]
    var query: [String: [String]]
    let headers: HTTPHeaders
    /// The requested API version: major * 1000 + minor.
    let version: Int
    let body: RequestBody
    /// Whether the request came over a socket with limited permissions.
    var isScoped = false

    /// The object of the request: the second component of its path.
    var name: String { path.count > 1 ? path[1] : "" }

    /// The first value of a parameter, as Go's `FormValue` returns it.
    subscript(_ name: String) -> String? { query[name]?.first }

    /// The first value of a parameter; nil if it is absent or empty.
    func value(_ name: String) -> String? { self[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// A boolean parameter, by Docker's rules.
    func flag(_ name: String) -> Bool {
        guard let value = self[name]?.lowercased() else { return false }
        return !["", "0", "no", "false", "none"].contains(value)
    }

    func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }

    /// The components of the path between its first ones and its last ones, as one name: image names contain slashes.
    func name(after first: Int, before last: Int) -> String {
        path.dropFirst(first).dropLast(last).joined(separator: "/")
    }

    /// The filters of a list. Throws for filters that are not known, unless none are given.
    func filters(_ known: Set<String>) throws(RoostError) -> Filters {
        try Filters(query: self["filters"], known: known)
    }

    // MARK: Body

    /// The body as its type; an empty body counts as an empty object.
    func decode<Body: Decodable>(_ type: Body.Type = Body.self) async throws -> Body {
        try await json().request(type)
    }

    /// The body as JSON; an empty body counts as an empty object.
    func json() async throws -> JSON {
        let bytes = try await body.bytes()
        if bytes.isEmpty { return .object([]) }
        // A web page can make a browser post forms and plain text to any address, but not JSON (moby, httputils.CheckForJSON).
        let type = headers["Content-Type"].first ?? ""
        let media = String(type.prefix { $0 != ";" }.filter { $0 != " " }).lowercased()
        guard media == "application/json" else {
            throw RoostError.invalid(
                media.isEmpty
                    ? "malformed Content-Type header (): mime: no media type"
                    : "unsupported Content-Type header (\(type)): must be 'application/json'")
        }
        return try JSON(parsing: bytes)
    }
}

// MARK: Parsing

extension Request {
    /// Splits the target of a request: version, path, query.
    init(_ head: HTTPRequestHead, body: RequestBody = RequestBody([])) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var path = (parts.first ?? "").split(separator: "/").map {
            Self.percentDecoded(String($0), plusIsBlank: false)
        }
        version = path.first.flatMap(Self.version) ?? APIVersion.number(APIVersion.current) ?? 0
        if path.first.flatMap(Self.version) != nil { path.removeFirst() }
        self.path = Self.joiningName(path, head.method)
        query = Self.query(parts.count > 1 ? parts[1] : "")
        method = head.method
        headers = head.headers
        self.body = body
    }

    /// The API version of a path's first component (`v1.45`); nil for any other component.
    private static func version(_ component: String) -> Int? {
        component.hasPrefix("v") ? APIVersion.number(component.dropFirst()) : nil
    }

    private static func query(_ text: Substring) -> [String: [String]] {
        var query: [String: [String]] = [:]
        for pair in text.split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                percentDecoded(String($0), plusIsBlank: true)
            }
            query[sides[0], default: []].append(sides.count > 1 ? sides[1] : "")
        }
        return query
    }

    /// Names may contain slashes, encoded or not: all between the kind of object and the action is one name (moby's `{name:.*}`).
    static func joiningName(_ path: [String], _ method: HTTPMethod) -> [String] {
        let hasAction: Bool
        switch path.first {
        case "containers", "exec": hasAction = method != .DELETE || path.last == "archive"
        case "networks": hasAction = method == .POST
        case "volumes": hasAction = false
        default: return path
        }
        // `DELETE /containers/a/b` removes the link b of a.
        let known = path.first == "containers" && method == .DELETE ? 3 : hasAction ? 3 : 2
        guard path.count > known else { return path }
        let name = path[1..<(path.count - (hasAction ? 1 : 0))].joined(separator: "/")
        return [path[0], name] + (hasAction ? path.suffix(1) : [])
    }

    /// Paths of files in requests may not be UTF-8.
    private static func percentDecoded(_ text: String, plusIsBlank: Bool) -> String {
        guard text.contains("%") || (plusIsBlank && text.contains("+")) else { return text }
        return FileName.text(PercentEncoding.decode(text, plusIsBlank: plusIsBlank))
    }
}

/// The bytes that a client sends: the body of its request, and after an upgrade everything that follows.
///
/// Belongs to one task at a time: the handler, or the child task to which the handler passes it.
final class RequestBody: @unchecked Sendable {
    /// The largest document that is read into memory, in bytes.
    static let documentLimit = 16 << 20

    private let read: () async throws -> InboundPart?
    private(set) var hasEnded = false
    /// Whether the connection has become a stream of bytes, which ends with the connection.
    private var isUpgraded = false

    init(_ read: @escaping () async throws -> InboundPart?) { self.read = read }

    /// A body of these bytes, without a connection.
    convenience init(_ bytes: [UInt8]) {
        var parts: [InboundPart] = bytes.isEmpty ? [] : [.body(ByteBuffer(bytes: bytes))]
        self.init { parts.isEmpty ? .end : parts.removeFirst() }
    }

    /// The next bytes; nil at the end.
    func next() async throws -> [UInt8]? {
        if hasEnded { return nil }
        while let part = try await read() {
            switch part {
            case .body(let buffer): if buffer.readableBytes > 0 { return Array(buffer.readableBytesView) }
            case .end:
                hasEnded = true
                return nil
            case .head: return nil
            }
        }
        hasEnded = true
        return nil
    }

    /// The whole body. Throws if it is larger than the limit.
    func bytes(limit: Int = documentLimit) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try await next() {
            bytes += part
            if bytes.count > limit { throw RoostError.invalid("the request body exceeds \(limit) bytes") }
        }
        return bytes
    }

    func discard() async throws { while try await next() != nil {} }

    /// Everything that follows on the connection belongs to this stream.
    func upgrade() {
        isUpgraded = true
        hasEnded = false
    }
}
