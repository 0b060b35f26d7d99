import DockerAPI
import EngineModel

/// What a handler returns: the head of an HTTP response, and its body or what produces it.
struct Response {
    enum Body {
        /// Nothing, not even a length (204, 304).
        case none
        case bytes([UInt8])
        /// A stream of unknown length. The head is sent before the first byte: clients wait for it.
        ///
        /// If the closure throws, the connection is closed without the last chunk, so that no client takes a part for the whole.
        case stream((ResponseWriter) async throws -> Void)
        /// The connection becomes a stream of bytes in both directions, as attach and exec need it.
        case upgrade((DuplexStream) async throws -> Void)
    }

    var status = 200
    var headers: [(String, String)] = []
    var body = Body.none
    /// Runs instead of the body: the client has disconnected, or has asked for the head only.
    var onAbandon: (@Sendable () async -> Void)?
    /// Runs when the response is sent, or cannot be. The connection is closed before it.
    var onCompletion: (@Sendable () -> Void)?

    /// A response without content.
    static func status(_ status: Int) -> Response {
        Response(status: status, body: status == 204 || status == 304 ? .none : .bytes([]))
    }

    static func text(_ text: String, headers: [(String, String)] = []) -> Response {
        Response(headers: [("Content-Type", "text/plain; charset=utf-8")] + headers, body: .bytes(Array(text.utf8)))
    }

    static func json(_ value: JSON, status: Int = 200) -> Response {
        Response(status: status, headers: [("Content-Type", "application/json")], body: .bytes(value.bytes() + [10]))
    }

    static func json(encoding value: some Encodable, status: Int = 200) throws -> Response {
        json(try JSON(encoding: value), status: status)
    }

    static func stream(
        _ type: String, headers: [(String, String)] = [], _ body: @escaping (ResponseWriter) async throws -> Void
    ) -> Response { Response(headers: [("Content-Type", type)] + headers, body: .stream(body)) }

    static func upgrade(_ type: String, _ body: @escaping (DuplexStream) async throws -> Void) -> Response {
        Response(headers: [("Content-Type", type)], body: .upgrade(body))
    }

    /// The response to a request that failed.
    init(_ error: RoostError) {
        guard error.kind != .notModified else {
            self = .status(304)
            return
        }
        var body: JSON = ["message": .string(error.message)]
        if let code = error.code { body.set("code", .string(code.rawValue)) }
        self = .json(body, status: httpStatus(for: error.kind))
    }

    init(
        status: Int = 200, headers: [(String, String)] = [], body: Body = .none,
        onAbandon: (@Sendable () async -> Void)? = nil, onCompletion: (@Sendable () -> Void)? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.onAbandon = onAbandon
        self.onCompletion = onCompletion
    }
}

/// Writes the body of a response, as fast as the client reads it.
struct ResponseWriter: Sendable {
    private let write: @Sendable ([UInt8]) async throws -> Void

    init(_ write: @escaping @Sendable ([UInt8]) async throws -> Void) { self.write = write }

    func send(_ bytes: [UInt8]) async throws { if !bytes.isEmpty { try await write(bytes) } }

    /// One value per line.
    func line(_ value: JSON, ending: [UInt8] = [10]) async throws { try await send(value.bytes() + ending) }

    /// One value per line.
    func line(encoding value: some Encodable) async throws { try await line(try JSON(encoding: value)) }

    /// A line of Docker's progress streams.
    func progress(_ message: any Encodable) async throws {
        try await line(try JSON(encoding: message), ending: Self.lineEnding)
    }

    /// The line ending of Docker's progress streams.
    private static let lineEnding = Array("\r\n".utf8)
}

extension ProgressMessage {
    /// Docker's form of an error after the head was sent: the last line of a stream. `exitCode` is that of a build step's process.
    init(failure message: String, exitCode: Int32? = nil, code: RoostError.Code?) {
        self.init()
        var detail = ErrorDetail()
        detail.code = exitCode
        detail.message = message
        errorDetail = detail
        error = message
        self.code = code?.rawValue
    }

    init(stream text: String) {
        self.init()
        stream = text
    }

    init(status text: String) {
        self.init()
        status = text
    }
}

/// An upgraded connection.
struct DuplexStream: Sendable {
    let input: RequestBody
    let output: ResponseWriter
    private let finish: @Sendable () async -> Void

    init(input: RequestBody, output: ResponseWriter, finish: @escaping @Sendable () async -> Void) {
        self.input = input
        self.output = output
        self.finish = finish
    }

    /// Ends our output; the client may still send. Returns when everything is sent.
    func finishOutput() async { await finish() }
}
