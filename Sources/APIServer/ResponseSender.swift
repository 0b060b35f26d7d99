import DockerAPI
import EngineCore
import EngineModel
import Logging
import NIOCore
import NIOHTTP1

/// Sends the response to one request over its connection.
struct ResponseSender {
    let connection: Connection
    let output: NIOAsyncChannelOutboundWriter<OutboundPart>
    let request: Request
    let keepAlive: Bool
    let router: Router

    private static let common: [(String, String)] = [
        ("Api-Version", APIVersion.current), ("Docker-Experimental", "false"), ("Ostype", "linux"),
        ("Server", "Roost/\(APIVersion.product) (linux)"),
        (RoostHeader.instance, String(Identifiers.random().prefix(16))),
    ]

    /// Returns whether the connection can serve another request.
    func send(_ response: Response) async -> Bool {
        var isReusable = false
        do {
            // A client may send its whole body before it reads the response.
            try await request.body.discard()
            switch response.body {
            case .upgrade(let body): try await upgrade(response, body)
            case .none, .bytes, .stream: isReusable = try await sendPlain(response)
            }
        } catch {
            await response.onAbandon?()
        }
        if let completion = response.onCompletion {
            await finishOutput()
            completion()
            return false
        }
        return isReusable
    }

    private func sendPlain(_ response: Response) async throws -> Bool {
        var headers = HTTPHeaders(Self.common + response.headers)
        if case .bytes(let bytes) = response.body, headers["Content-Length"].isEmpty {
            headers.add(name: "Content-Length", value: String(bytes.count))
        }
        if !keepAlive { headers.replaceOrAdd(name: "Connection", value: "close") }
        let status = HTTPResponseStatus(statusCode: response.status)
        try await output.write(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)))
        do {
            if request.method == .HEAD { await response.onAbandon?() } else { try await sendBody(response) }
            try await end()
            return keepAlive
        } catch {
            let known = router.explain(error)
            if known.kind == .failure, !Router.isDisconnect(error) {
                let path = request.path.joined(separator: "/")
                router.engine.log.error(
                    "\(request.method) /\(path): the response was aborted: \(known.message)")
            }
            return false
        }
    }

    private func sendBody(_ response: Response) async throws {
        switch response.body {
        case .none, .upgrade: break
        case .bytes(let bytes): try await writer.send(bytes)
        case .stream(let body): try await body(writer)
        }
    }

    private var writer: ResponseWriter {
        ResponseWriter { [output] bytes in try await output.write(.body(ByteBuffer(bytes: bytes))) }
    }

    private func end() async throws {
        if keepAlive {
            try await output.write(.end)
        } else {
            // The connection is closed next, which drops what is not sent yet: wait until it is.
            try await connection.channel.channel.writeAndFlush(OutboundPart.end).get()
        }
    }

    /// Upgrades the connection to a plain stream.
    private func upgrade(_ response: Response, _ body: (DuplexStream) async throws -> Void) async throws {
        let wanted = request.headers["Upgrade"].first { ["tcp", "h2c"].contains($0.lowercased()) }
        try await connection.hijack()
        request.body.upgrade()
        let status =
            wanted.map { "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: \($0)\r\n" }
            ?? "HTTP/1.1 200 OK\r\n"
        let headers = (response.headers + Self.common).map { "\($0): \($1)\r\n" }.joined()
        try await writer.send(Array((status + headers + "\r\n").utf8))
        await connection.waitUntilRead()
        let (connection, output) = (connection, output)
        let stream = DuplexStream(input: request.body, output: writer) {
            await Self.finish(connection, output)
        }
        do { try await body(stream) } catch {
            router.engine.log.debug("/\(request.path.joined(separator: "/")): the stream was aborted: \(error)")
        }
    }

    private func finishOutput() async { await Self.finish(connection, output) }

    /// Ends our output. Returns when everything is sent: an empty write completes after all writes before it, and closing the connection
    /// would drop what is pending.
    private static func finish(_ connection: Connection, _ output: NIOAsyncChannelOutboundWriter<OutboundPart>) async {
        try? await connection.channel.channel.writeAndFlush(OutboundPart.body(ByteBuffer())).get()
        output.finish()
    }
}
