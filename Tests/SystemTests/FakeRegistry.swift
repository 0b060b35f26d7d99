import Crypto
import Foundation

/// A registry on loopback that serves one image and misbehaves on purpose.
final class FakeRegistry: @unchecked Sendable {
    enum Mode: Sendable, Equatable {
        case good
        /// Every connection to a blob breaks after another tenth of it.
        case breaksOff
        /// The same, but without Range: what was sent already is sent again.
        case breaksOffWithoutRange
        case wrongBytes, longer, shorter
        /// Asks for credentials, whatever it is told.
        case challengesForever
        /// Too many requests, twice; then all is well.
        case busy
        case redirectsInCircle
        /// The blob is at another server, which must not be told the credentials.
        case redirectsElsewhere
        case manifestOfNowhere, nonsense, schema1, wrongManifest
    }

    let mode: Mode
    private(set) var port: UInt16 = 0
    private let listener: Int32
    private let layer: Data
    private let configuration: Data
    private let manifest: Data
    private let lock = NSLock()
    private var requests = 0
    private var sent = 0
    /// Headers that came to the other address.
    private(set) var leaked: [String] = []

    static func digest(_ data: Data) -> String {
        "sha256:" + SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
    }

    init(_ mode: Mode, layer plain: Data) throws {
        self.mode = mode
        layer = plain
        configuration = Data(
            #"{"architecture":"amd64","os":"linux","config":{"Cmd":["cat","/f"]},"rootfs":{"type":"layers","diff_ids":["\#(Self.digest(plain))"]},"history":[]}"#
                .utf8)
        let kind = "application/vnd.oci.image.manifest.v1+json"
        manifest = Data(
            #"{"schemaVersion":2,"mediaType":"\#(kind)","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\#(Self.digest(configuration))","size":\#(configuration.count)},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\#(Self.digest(plain))","size":\#(plain.count)}]}"#
                .utf8)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(listener, raw, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, raw, &size) == 0
            }
        }
        guard bound else { throw TestEngine.Failure(text: "cannot listen on loopback") }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                if client < 0 { return }
                Thread.detachNewThread { [self] in
                    serve(client)
                    Glibc.close(client)
                }
            }
        }
    }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    private func write(_ client: Int32, _ data: Data) {
        data.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            var done = 0
            while done < bytes.count {
                let count = send(client, start + done, bytes.count - done, Int32(MSG_NOSIGNAL))
                if count <= 0 { return }
                done += count
            }
        }
    }

    private func answer(
        _ client: Int32, _ status: String, _ headers: [String] = [], _ body: Data = Data(), length: Int? = nil
    ) {
        let head = (["HTTP/1.1 \(status)", "Content-Length: \(length ?? body.count)"] + headers).joined(
            separator: "\r\n")
        write(client, Data((head + "\r\n\r\n").utf8) + body)
    }

    /// One request after the other; false ends the connection.
    private func serve(_ client: Int32) {
        var buffer = Data()
        while true {
            var found = buffer.range(of: Data("\r\n\r\n".utf8))
            while found == nil {
                var part = [UInt8](repeating: 0, count: 65536)
                let count = recv(client, &part, part.count, 0)
                if count <= 0 { return }
                // TLS begins with 22: this server speaks plain text alone.
                if buffer.isEmpty, part[0] == 22 { return }
                buffer += part[..<count]
                found = buffer.range(of: Data("\r\n\r\n".utf8))
            }
            guard let end = found else { return }
            let lines = String(decoding: buffer[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
            buffer = Data(buffer[end.upperBound...])
            guard respond(client, lines) else { return }
        }
    }

    private func respond(_ client: Int32, _ lines: [String]) -> Bool {
        let path = lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? ""
        func header(_ name: String) -> String? {
            lines.first { $0.lowercased().hasPrefix(name.lowercased() + ":") }.map {
                String($0.dropFirst(name.count + 2))
            }
        }
        let number = lock.withLock {
            requests += 1
            return requests
        }
        if path.hasPrefix("/elsewhere") {
            if let secret = header("Authorization") { lock.withLock { leaked.append(secret) } }
            answer(client, "200 OK", [], layer)
            return true
        }
        switch mode {
        case .challengesForever:
            answer(client, "401 Unauthorized", ["WWW-Authenticate: Basic realm=\"x\""])
            return true
        case .busy where number <= 2:
            answer(client, "429 Too Many Requests", ["Retry-After: 0"])
            return true
        case .redirectsInCircle:
            answer(client, "307 Temporary Redirect", ["Location: \(path)"])
            return true
        case .redirectsElsewhere where header("Authorization") == nil:
            answer(client, "401 Unauthorized", ["WWW-Authenticate: Basic realm=\"x\""])
            return true
        default: break
        }
        if path.contains("/manifests/") {
            sendManifest(client)
            return true
        }
        if path.hasSuffix(Self.digest(configuration)) {
            answer(client, "200 OK", [], configuration)
            return true
        }
        if path.hasSuffix(Self.digest(layer)) { return sendLayer(client, header("Range")) }
        answer(
            client, path == "/v2/" ? "200 OK" : "404 Not Found", [],
            Data(#"{"errors":[{"code":"NAME_UNKNOWN","message":"no"}]}"#.utf8))
        return true
    }

    private func sendManifest(_ client: Int32) {
        let type = ["Content-Type: application/vnd.oci.image.manifest.v1+json"]
        switch mode {
        case .nonsense: answer(client, "200 OK", type, Data("{\"layers\":".utf8))
        case .schema1:
            answer(
                client, "200 OK", ["Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws"],
                Data("{}".utf8))
        case .manifestOfNowhere:
            let text = String(decoding: manifest, as: UTF8.self).replacingOccurrences(
                of: Self.digest(layer), with: "sha256:" + String(repeating: "a", count: 64))
            answer(client, "200 OK", type, Data(text.utf8))
        default: answer(client, "200 OK", type, manifest)
        }
    }

    private func sendLayer(_ client: Int32, _ range: String?) -> Bool {
        let start = range.flatMap { Int($0.dropFirst(6).prefix { $0.isNumber }) } ?? 0
        switch mode {
        case .breaksOff, .breaksOffWithoutRange:
            let tenth = layer.count / 10 + 1
            let from = mode == .breaksOff ? start : 0
            // Without Range a little more comes each time, or it would never end.
            let count = lock.withLock {
                sent += 1
                return mode == .breaksOff ? tenth : tenth * sent
            }
            let body = layer[from..<min(layer.count, from + count)]
            let status = from > 0 ? "206 Partial Content" : "200 OK"
            let headers = from > 0 ? ["Content-Range: bytes \(from)-\(layer.count - 1)/\(layer.count)"] : []
            answer(client, status, headers, Data(body), length: layer.count - from)
            return false
        case .wrongBytes:
            var wrong = layer
            wrong[wrong.count / 2] ^= 1
            answer(client, "200 OK", [], wrong)
        case .longer: answer(client, "200 OK", [], layer + Data([1, 2, 3]))
        case .shorter: answer(client, "200 OK", [], layer.dropLast(5))
        case .redirectsElsewhere:
            answer(client, "307 Temporary Redirect", ["Location: http://localhost:\(port)/elsewhere"])
        default: answer(client, "200 OK", [], layer)
        }
        return true
    }
}
