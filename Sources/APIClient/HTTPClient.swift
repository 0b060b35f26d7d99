import DockerAPI
import EngineModel
import LinuxKernel
import Synchronization

/// One request on one connection; the response is read as it arrives. Synchronous: the CLI does one thing at a time, and starts faster
/// without an event loop.
package final class HTTPExchange {
    package let connection: OwnedFD
    package private(set) var status = 0
    private var headers: [String: String] = [:]
    private var buffer: [UInt8] = []
    private var remaining: Int?
    private var chunked = false
    private var ended = false

    init(_ connection: OwnedFD) { self.connection = connection }

    func send(_ method: String, _ target: String, headers: [(String, String)], body: [UInt8]?) throws {
        var text = "\(method) \(target) HTTP/1.1\r\nHost: roost\r\nUser-Agent: roost/\(APIVersion.product)\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        do throws(SyscallError) { try sendAll(connection.raw, Array((text + "\r\n").utf8) + (body ?? [])) } catch {
            if [Errno.brokenPipe, Errno.connectionReset].contains(error.errno) { throw Self.lost }
            throw error
        }
    }

    /// Sends a body of unknown length from a file, in chunks. `whole` throws if the file is incomplete: then the last chunk is not sent.
    func stream(_ file: Int32, whole: () throws -> Void) throws {
        while true {
            let part = try readSome(file, limit: 1 << 17)
            if part.isEmpty { break }
            uploaded += Int64(part.count)
            try sendAll(connection.raw, Array("\(String(part.count, radix: 16))\r\n".utf8) + part + [13, 10])
        }
        try whole()
        try sendAll(connection.raw, Array("0\r\n\r\n".utf8))
    }

    private static let lost = RoostError(
        .unavailable,
        "The engine exited before answering. Containers keep running; run the command again."
    )

    /// The connection was closed in the middle of a response.
    private static let cut = RoostError(
        .unavailable, "The engine closed the connection before the response was complete; see the engine's log.")
    private var isInBody = false
    private static let malformed = RoostError.failure("malformed HTTP response from the engine")

    /// Limits of the response head.
    private static let longestLine = 64 << 10
    private static let mostHeaders = 200

    /// Parses a length as HTTP defines it: digits only, no sign, and no more than an `Int` can hold (RFC 9112, sections 6.2 and 7.1).
    static func length(_ digits: some Collection<UInt8>, radix: Int) -> Int? {
        guard !digits.isEmpty, digits.count <= 15 else { return nil }
        var value = 0
        for byte in digits {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, digit < radix else { return nil }
            value = value * radix + digit
        }
        return value
    }

    /// Parses the size line of a chunk; chunk extensions are ignored.
    static func chunkSize(_ line: some Collection<UInt8>) -> Int? {
        length(line.prefix { $0 != UInt8(ascii: ";") && $0 != 32 && $0 != 9 && $0 != 13 }, radix: 16)
    }

    private func fill() throws -> Bool {
        let part: [UInt8]
        do throws(SyscallError) { part = try readSome(connection.raw, limit: 1 << 17) } catch {
            if error.errno == Errno.connectionReset { throw Self.lost }
            throw error
        }
        buffer += part
        return !part.isEmpty
    }

    private func line() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                let text = buffer[..<end].last == 13 ? buffer[..<(end - 1)] : buffer[..<end]
                let result = String(decoding: text, as: UTF8.self)
                buffer.removeFirst(end + 1)
                return result
            }
            if buffer.count > Self.longestLine { throw Self.malformed }
            guard try fill() else { throw isInBody ? Self.cut : Self.lost }
        }
    }

    func readHead() throws {
        let parts = try line().split(separator: " ")
        guard parts.count > 1, let code = Int(parts[1]) else {
            throw Self.malformed
        }
        status = code
        while true {
            let text = try line()
            if text.isEmpty { break }
            if headers.count > Self.mostHeaders { throw Self.malformed }
            guard let cut = text.firstIndex(of: ":") else { continue }
            headers[text[..<cut].lowercased()] = text[text.index(after: cut)...].drop { $0 == " " }.description
        }
        chunked = headers["transfer-encoding"]?.contains("chunked") == true
        if let text = headers["content-length"] {
            guard let length = Self.length(Array(text.utf8), radix: 10) else { throw Self.malformed }
            remaining = length
        }
        if status == 204 || status == 304 { remaining = 0 }
        isInBody = true
    }

    /// Whether the next `read` returns without waiting for the connection: bytes that are already buffered do not make it readable.
    package var hasBufferedBytes: Bool {
        if ended { return true }
        guard chunked else { return !buffer.isEmpty }
        if let remaining, remaining > 0 { return !buffer.isEmpty }
        var rest = buffer[...]
        // A chunk is followed by a line break and by the size line of the next chunk.
        if remaining == 0 {
            guard let end = rest.firstIndex(of: 10) else { return false }
            rest = rest[(end + 1)...]
        }
        guard let end = rest.firstIndex(of: 10) else { return false }
        let size = Self.chunkSize(rest[..<end]) ?? 0
        return size == 0 || end + 1 < rest.endIndex
    }

    /// An empty response without a server, for dry runs.
    static func empty() throws -> HTTPExchange {
        let exchange = HTTPExchange(try Files.open("/dev/null", .readOnly))
        exchange.status = 204
        exchange.ended = true
        return exchange
    }

    /// For the response to a HEAD request, which has no body whatever its headers say.
    func hasNoBody() { ended = true }

    /// The next bytes of the response body; empty at its end.
    package func read() throws -> [UInt8] {
        if ended { return [] }
        if chunked {
            if remaining == nil || remaining == 0 {
                if remaining == 0 { _ = try line() }
                guard let size = Self.chunkSize(Array(try line().utf8)) else { throw Self.malformed }
                if size == 0 {
                    ended = true
                    return []
                }
                remaining = size
            }
        } else if remaining == 0 {
            ended = true
            return []
        }
        if buffer.isEmpty, try !fill() {
            // Without a length, the body ends with the connection.
            guard !chunked, remaining == nil else { throw Self.cut }
            ended = true
            return []
        }
        let count = min(buffer.count, remaining ?? buffer.count)
        let part = Array(buffer[..<count])
        buffer.removeFirst(count)
        if let left = remaining { remaining = left - count }
        return part
    }

    package func readAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let part = try read()
            if part.isEmpty { return all }
            all += part
        }
    }

    /// The bytes of a hijacked connection that arrived together with the response head.
    package func takeRest() -> [UInt8] {
        defer { buffer = [] }
        return buffer
    }

    /// The next JSON value, one per line; nil at the end.
    package func nextLine() throws -> JSON? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                let text = Array(pending[..<end])
                pending.removeFirst(end + 1)
                if text.isEmpty { continue }
                return try JSON(parsing: text)
            }
            let part = try read()
            if part.isEmpty { return nil }
            pending += part
        }
    }

    /// The next value; `idle` is called periodically until it arrives.
    package func nextLine(every milliseconds: Int32, _ idle: () -> Void) throws -> JSON? {
        while !pending.contains(10), !hasBufferedBytes {
            if try !waitForAny([connection.raw], milliseconds: milliseconds).isEmpty { break }
            idle()
        }
        return try nextLine()
    }

    private var pending: [UInt8] = []

    /// A response header, by its name in lower case.
    package func header(_ name: String) -> String? { headers[name] }

    /// The number of bytes of a streamed body sent so far.
    package private(set) var uploaded: Int64 = 0
}

/// A client of the engine's API.
package struct EngineClient: Sendable {
    package let address: EngineAddress
    /// In a dry run, called for every request that would change something. The request is not sent, and its response is empty.
    let writeInterceptor: (@Sendable (_ method: String, _ path: String, _ query: [(String, String)]) throws -> Void)?

    package init(
        address: EngineAddress,
        writeInterceptor: (@Sendable (_ method: String, _ path: String, _ query: [(String, String)]) throws -> Void)? =
            nil
    ) {
        self.address = address
        self.writeInterceptor = writeInterceptor
    }

    /// POST requests that change nothing.
    private static let harmless: Set<String> = ["roost/v1/projects/plan", "roost/v1/projects/hash"]

    /// The empty response to a request that a dry run must not send; nil if it may be sent.
    private func dryAnswer(_ method: String, _ path: String, _ query: [(String, String)]) throws -> HTTPExchange? {
        guard let writeInterceptor, method != "GET", method != "HEAD", !Self.harmless.contains(path),
            !query.contains(where: { $0.0 == "dryRun" })
        else { return nil }
        try writeInterceptor(method, path, query)
        return try HTTPExchange.empty()
    }

    package static func encode(_ text: String) -> String { PercentEncoding.encode(text) }

    /// The API version in use: the newest that both sides support, or `DOCKER_API_VERSION`.
    private static let spoken = Mutex(
        environmentVariable("DOCKER_API_VERSION").flatMap { $0.isEmpty ? nil : $0 } ?? APIVersion.current)

    /// Adopts the newest version of an older engine from its error message. Returns whether the version has changed.
    private static func adopt(_ error: RoostError) -> Bool {
        guard error.code == .clientTooNew,
            environmentVariable("DOCKER_API_VERSION")?.isEmpty != false,
            let version = error.message.split(separator: " ").last.map(String.init),
            version.split(separator: ".").count == 2, version.allSatisfy({ $0.isNumber || $0 == "." })
        else { return false }
        return spoken.withLock { current in
            defer { current = version }
            return current != version
        }
    }

    private func target(_ path: String, _ query: [(String, String)]) -> String {
        "/v\(Self.spoken.withLock { $0 })/" + path
            + (query.isEmpty ? "" : "?" + query.map { "\($0.0)=\(Self.encode($0.1))" }.joined(separator: "&"))
    }

    /// Sends a request and reads the response head; throws if the status is 400 or above.
    package func open(
        _ method: String, _ path: String, _ query: [(String, String)] = [], body: JSON? = nil, starting: Bool = true,
        repeatable: Bool = false, headers: [(String, String)] = []
    ) throws -> HTTPExchange {
        func attempt() throws -> HTTPExchange {
            let exchange = HTTPExchange(try address.connect(starting: starting))
            try exchange.send(
                method, target(path, query),
                headers: headers + (body == nil ? [] : [("Content-Type", "application/json")]),
                body: body?.bytes() ?? (method == "POST" ? [] : nil))
            try exchange.readHead()
            notice(exchange)
            if method == "HEAD" { exchange.hasNoBody() }
            return exchange
        }
        if let dry = try dryAnswer(method, path, query) { return dry }
        let mayRepeat = (method == "GET" || repeatable) && address.start != nil && starting
        let deadline = Clocks.monotonicNanoseconds() + 5_000_000_000
        while true {
            do {
                let exchange = try attempt()
                try check(exchange, path)
                return exchange
            } catch let error as RoostError where Self.adopt(error) {
                continue
            } catch  where mayRepeat && Self.isLost(error) && Clocks.monotonicNanoseconds() < deadline {
                // The engine exited during a request that is safe to repeat: retry, which starts a new one. An engine that is exiting still
                // accepts connections for a moment.
                Processes.pauseBriefly()
            }
        }
    }

    /// Sends a request without waiting for the response; `awaitAnswer` reads its head.
    package func begin(
        _ method: String, _ path: String, _ query: [(String, String)] = [], headers: [(String, String)] = []
    ) throws -> HTTPExchange {
        if let dry = try dryAnswer(method, path, query) { return dry }
        let exchange = HTTPExchange(try address.connect())
        try exchange.send(method, target(path, query), headers: headers, body: method == "POST" ? [] : nil)
        return exchange
    }

    /// Reads the response head of a request sent with `begin`; throws if the status is 400 or above.
    package func awaitAnswer(_ exchange: HTTPExchange) throws {
        guard exchange.status == 0 else { return }
        try answered(exchange, "")
    }

    /// Reads a response head; throws if the status is 400 or above.
    private func answered(_ exchange: HTTPExchange, _ path: String) throws {
        try exchange.readHead()
        notice(exchange)
        try check(exchange, path)
    }

    /// Called once if the engine is not a Roost engine, with its name and its address.
    package static let foreign = Mutex<(@Sendable (_ engine: String, _ address: String) -> Void)?>(nil)

    private func notice(_ exchange: HTTPExchange) {
        guard exchange.header(RoostHeader.instance) == nil else { return }
        let tell = Self.foreign.withLock { tell in
            defer { tell = nil }
            return tell
        }
        tell?(exchange.header("server") ?? "another engine", address.shown)
    }

    /// Throws if the engine is not a Roost engine. Call it before starting anything that another engine cannot finish.
    package func requireRoost(_ command: String) throws {
        guard address.start == nil else { return }
        let exchange = HTTPExchange(try address.connect())
        try exchange.send("HEAD", "/_ping", headers: [], body: nil)
        try exchange.readHead()
        if exchange.header(RoostHeader.instance) == nil { throw needsRoost(command, exchange) }
    }

    private func needsRoost(_ command: String, _ exchange: HTTPExchange) -> RoostError {
        RoostError(
            .unsupported,
            "\(command) requires a Roost engine, but \(address.shown) is \(exchange.header("server") ?? "another engine"); unset DOCKER_HOST or set ROOST_HOST"
        )
    }

    /// Whether the connection was lost before a response arrived.
    private static func isLost(_ error: any Error) -> Bool {
        (error as? RoostError)?.kind == .unavailable
    }

    /// Docker's engine sends no codes; its messages are the only way to tell these errors apart.
    private static func code(ofDockerMessage message: String) -> RoostError.Code? {
        if message.contains("is too new") { return .clientTooNew }
        if message.contains("does not match the specified platform") { return .platformMismatch }
        if message.hasPrefix("No such image") { return .imageNotFound }
        if message.contains("does not support reading") { return .logsUnreadable }
        return nil
    }

    private func check(_ exchange: HTTPExchange, _ path: String) throws {
        guard exchange.status >= 400 else { return }
        if exchange.status == 404, path.hasPrefix("roost/"), exchange.header(RoostHeader.instance) == nil {
            throw needsRoost("this command", exchange)
        }
        let text = try exchange.readAll()
        let body = try? JSON(parsing: text)
        let message = body?["message"].string ?? String(decoding: text, as: UTF8.self)
        let code = body?["code"].string.flatMap(RoostError.Code.init) ?? Self.code(ofDockerMessage: message)
        var error = RoostError(errorKind(forStatus: exchange.status), message, code: code)
        error.isEngines = true
        throw error
    }

    /// Sends a request and returns the response body, which is one JSON value; null if it is empty.
    @discardableResult
    package func call(
        _ method: String, _ path: String, _ query: [(String, String)] = [], body: JSON? = nil, repeatable: Bool = false
    ) throws -> JSON {
        let bytes = try open(method, path, query, body: body, repeatable: repeatable).readAll()
        return bytes.isEmpty ? .null : try JSON(parsing: bytes)
    }

    /// Sends a request with a file of unknown length as its body.
    package func upload(
        _ path: String, _ query: [(String, String)], file: Int32, method: String = "POST",
        headers: [(String, String)] = [], whole: () throws -> Void = {}
    ) throws -> HTTPExchange {
        if let dry = try dryAnswer(method, path, query) { return dry }
        let exchange = HTTPExchange(try address.connect())
        try exchange.send(
            method, target(path, query),
            headers: headers + [("Content-Type", "application/x-tar"), ("Transfer-Encoding", "chunked")], body: nil)
        // An engine that rejects the request early closes the connection; its response has the reason.
        do { try exchange.stream(file, whole: whole) } catch let error as SyscallError {
            if ![Errno.brokenPipe, Errno.connectionReset].contains(error.errno) { throw error }
        }
        try answered(exchange, path)
        return exchange
    }

    /// Sends a request that upgrades (hijacks) the connection to a raw stream.
    package func hijack(_ path: String, _ query: [(String, String)] = [], body: JSON? = nil) throws -> HTTPExchange {
        if let dry = try dryAnswer("POST", path, query) { return dry }
        let exchange = HTTPExchange(try address.connect())
        try exchange.send(
            "POST", target(path, query),
            headers: [("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", "application/json")],
            body: body?.bytes() ?? [])
        try answered(exchange, path)
        return exchange
    }
}
