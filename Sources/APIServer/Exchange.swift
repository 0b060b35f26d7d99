import DockerAPI
import EngineModel
import LinuxKernel
import NIOCore
import NIOHTTP1

/// A request as handlers see it: parsed and decoded.
struct Request: Sendable {
    let method: HTTPMethod
    /// The decoded components, without the version prefix.
    let path: [String]
    var query: [String: [String]]
    let headers: HTTPHeaders
    let version: Int

    /// The first value of a parameter, as Go's `FormValue` returns it.
    subscript(_ name: String) -> String? { query[name]?.first }

    /// A boolean parameter, by Docker's rules.
    func flag(_ name: String) -> Bool {
        guard let value = self[name]?.lowercased() else { return false }
        return !["", "0", "no", "false", "none"].contains(value)
    }

    func number(_ name: String) -> Int? { self[name].flatMap { Int($0) } }
}

/// Limits of requests, in bytes.
enum Limits {
    static let document = 16 << 20
    static let path = 8192
}

/// One request and its response on a connection.
final class Exchange {
    private(set) var request: Request
    private let connection: Connection
    private var input: NIOAsyncChannelInboundStream<InboundPart>.AsyncIterator
    private let output: NIOAsyncChannelOutboundWriter<OutboundPart>
    private(set) var bodyEnded = false
    private(set) var answered = false
    /// Whether the response was sent completely. If not, the connection is closed without the last chunk, so that no client takes a part
    /// for the whole.
    private(set) var finished = false
    private(set) var isHijacked = false
    let keepAlive: Bool

    init(
        request: Request, keepAlive: Bool, connection: Connection,
        input: NIOAsyncChannelInboundStream<InboundPart>.AsyncIterator,
        output: NIOAsyncChannelOutboundWriter<OutboundPart>
    ) {
        self.request = request
        self.keepAlive = keepAlive
        self.connection = connection
        self.input = input
        self.output = output
    }

    /// Whether the request came over a socket with limited permissions.
    var isScoped = false

    /// Replaces a query parameter before the request is handled.
    func set(_ parameter: String, _ value: String) { request.query[parameter] = [value] }

    // MARK: Reading

    /// The next bytes of the body; nil at its end. After an upgrade: the bytes that the client sends.
    func nextBytes() async throws -> [UInt8]? {
        if bodyEnded, !isHijacked { return nil }
        while let part = try await input.next() {
            switch part {
            case .body(let buffer): if buffer.readableBytes > 0 { return Array(buffer.readableBytesView) }
            case .end:
                bodyEnded = true
                return nil
            case .head: return nil
            }
        }
        bodyEnded = true
        return nil
    }

    func body(limit: Int = Limits.document) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try await nextBytes() {
            bytes += part
            if bytes.count > limit { throw RoostError.invalid("the request body exceeds \(limit) bytes") }
        }
        return bytes
    }

    /// The body as JSON; an empty body counts as an empty object.
    func json() async throws -> JSON {
        let bytes = try await body()
        if bytes.isEmpty { return .object([]) }
        // A web page can make a browser post forms and plain text to any address, but not JSON (moby, httputils.CheckForJSON).
        let type = request.headers["Content-Type"].first ?? ""
        let media = String(type.prefix { $0 != ";" }.filter { $0 != " " }).lowercased()
        guard media == "application/json" else {
            throw RoostError.invalid(
                media.isEmpty
                    ? "malformed Content-Type header (): mime: no media type"
                    : "unsupported Content-Type header (\(type)): must be 'application/json'")
        }
        return try JSON(parsing: bytes)
    }

    func discardBody() async throws { while try await nextBytes() != nil {} }

    // MARK: Answering

    private static let common: [(String, String)] = [
        ("Api-Version", APIVersion.current), ("Docker-Experimental", "false"), ("Ostype", "linux"),
        ("Server", "Roost/\(APIVersion.product) (linux)"),
        (RoostHeader.instance, String(Identifiers.random().prefix(16))),
    ]

    func head(_ status: Int, _ headers: [(String, String)] = []) async throws {
        try await discardBody()
        answered = true
        var all = HTTPHeaders(Self.common + headers)
        if !keepAlive { all.replaceOrAdd(name: "Connection", value: "close") }
        try await output.write(
            .head(HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: all)))
    }

    func send(_ bytes: [UInt8]) async throws {
        if !bytes.isEmpty { try await output.write(.body(ByteBuffer(bytes: bytes))) }
    }

    func end() async throws {
        if keepAlive {
            try await output.write(.end)
        } else {
            // The connection is closed next, which drops what is not sent yet: wait until it is.
            try await connection.channel.channel.writeAndFlush(OutboundPart.end).get()
        }
        finished = true
    }

    func answer(_ status: Int, _ json: JSON) async throws {
        let bytes = json.bytes() + [10]
        try await head(status, [("Content-Type", "application/json"), ("Content-Length", String(bytes.count))])
        if request.method != .HEAD { try await send(bytes) }
        try await end()
    }

    func answer(_ status: Int) async throws {
        try await head(status, status == 204 || status == 304 ? [] : [("Content-Length", "0")])
        try await end()
    }

    func answer(text: String, status: Int = 200, headers: [(String, String)] = []) async throws {
        try await head(
            status,
            [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", String(text.utf8.count))] + headers)
        if request.method != .HEAD { try await send(Array(text.utf8)) }
        try await end()
    }

    /// Starts a stream of unknown length. The head is sent at once: clients wait for it.
    func startStream(_ type: String) async throws { try await head(200, [("Content-Type", type)]) }

    /// Docker's form of an error after the head was sent: the last line of a stream of JSON objects. `exitCode` is that of a build step's
    /// process.
    func sendError(_ message: String, exitCode: Int32? = nil, code: RoostError.Code?) async throws {
        var detail: JSON = ["message": .string(message)]
        if let exitCode { detail = ["code": JSON(exitCode), "message": .string(message)] }
        var line: JSON = ["errorDetail": detail, "error": .string(message)]
        if let code { line.set("code", .string(code.rawValue)) }
        try await send(line.bytes() + Array("\r\n".utf8))
    }

    // MARK: Upgrade

    /// Upgrades the connection to a plain stream, as attach and exec need it.
    func hijack(_ type: String) async throws {
        try await discardBody()
        let upgrade = request.headers["Upgrade"].first { ["tcp", "h2c"].contains($0.lowercased()) }
        answered = true
        isHijacked = true
        try await connection.hijack()
        let first =
            upgrade.map { "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: \($0)\r\n" }
            ?? "HTTP/1.1 200 OK\r\n"
        let headers = Self.common.map { "\($0): \($1)\r\n" }.joined()
        try await send(Array((first + "Content-Type: \(type)\r\n" + headers + "\r\n").utf8))
        await connection.untilRead()
    }

    /// Ends our output; the client may still send. Returns when everything is sent: an empty write completes after all writes before it,
    /// and closing the connection would drop what is pending.
    func finishOutput() async {
        try? await connection.channel.channel.writeAndFlush(OutboundPart.body(ByteBuffer())).get()
        output.finish()
    }
}
