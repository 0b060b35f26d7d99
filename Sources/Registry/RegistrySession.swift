import AsyncHTTPClient
import EngineModel
import Foundation
import LinuxKernel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A request body that can be sent repeatedly.
package enum RegistryBody: Sendable {
    case none
    case bytes([UInt8], type: String)
    /// A file from its start; `progress` receives the number of bytes sent.
    case file(path: String, size: Int64, progress: @Sendable (Int64) -> Void)
}

/// A client session with one registry: selects a base URL, answers challenges, honors rate limits, and follows redirects without
/// sending credentials to other hosts (OCI distribution specification).
package final class RegistrySession: Sendable {
    package let domain: String
    let repository: String
    private let client: HTTPClient
    private let credentials: RegistryCredentials?
    private let configuration: RegistryConfiguration
    private let state: Mutex<State>

    private struct State {
        var bases: [String]
        /// The base URL that has responded.
        var chosen: String?
        var authorization: [String: String] = [:]
    }

    /// The number of attempts for a request with transient failures.
    static let attempts = 6
    /// The maximum `Retry-After` of a registry, in seconds.
    static let patience = 60.0
    static let documentLimit = 8 << 20

    /// `repository` is the path in the registry, for the scope of tokens.
    package init(
        domain: String, repository: String, credentials: RegistryCredentials?, configuration: RegistryConfiguration,
        mirrored: Bool = true
    ) throws {
        self.domain = domain
        self.repository = repository
        self.credentials = credentials
        self.configuration = configuration
        state = Mutex(State(bases: configuration.bases(domain, mirrored: mirrored)))
        var settings = HTTPClient.Configuration(
            tlsConfiguration: try Self.tls(domain, configuration), redirectConfiguration: .disallow,
            timeout: .init(connect: .seconds(15), read: .seconds(30)),
            proxy: try Self.proxy(domain))
        settings.connectionPool.idleTimeout = .seconds(10)
        // Retries are handled here, where the cause is known.
        settings.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    /// Closes all connections. Must be called, also after errors.
    package func close() async { try? await client.shutdown() }

    private static func tls(_ domain: String, _ configuration: RegistryConfiguration) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let path = configuration.certificate(domain, "ca.crt") {
            tls.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(path))]
        } else if configuration.isInsecure(domain) {
            tls.certificateVerification = .none
        }
        if let certificate = configuration.certificate(domain, "client.cert"),
            let key = configuration.certificate(domain, "client.key")
        {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        }
        return tls
    }

    /// The proxy from the engine's `HTTPS_PROXY` and `NO_PROXY`; loopback never uses a proxy.
    static func proxy(_ domain: String) throws -> HTTPClient.Configuration.Proxy? {
        func value(_ name: String) -> String? {
            (environmentVariable(name) ?? environmentVariable(name.lowercased())).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let text = value("HTTPS_PROXY"), !ProxyRules.isExcepted(domain, value("NO_PROXY") ?? "") else {
            return nil
        }
        guard let url = URL(string: text.contains("://") ? text : "http://" + text), let host = url.host else {
            throw RoostError.invalid("HTTPS_PROXY: invalid proxy URL \"\(text)\"")
        }
        guard let user = url.user else { return .server(host: host, port: url.port ?? 3128) }
        return .server(
            host: host, port: url.port ?? 3128, authorization: .basic(username: user, password: url.password ?? ""))
    }

    // MARK: Requests

    /// Sends a request to `/v2/…` until the response is neither a challenge nor a transient error.
    ///
    /// `path` may be a full URL, as registries return for uploads. `actions` are the actions of the token scope.
    func request(
        _ method: HTTPMethod, _ path: String, headers: [(String, String)] = [], body: RegistryBody = .none,
        actions: String = "pull", repeats: Bool = true
    ) async throws -> HTTPClientResponse {
        var failure: any Error = RoostError.failure("no attempt was made")
        for base in path.contains("://") ? [""] : candidates() {
            do {
                let answer = try await request(
                    method, base + path, headers, body, actions, attempts: repeats ? Self.attempts : 1,
                    isProbe: !path.contains("://") && chosen == nil)
                // If a mirror lacks the image, try the next base URL.
                if answer.status == .notFound, domain == RegistryConfiguration.hub,
                    configuration.mirrorBases.contains(base)
                {
                    continue
                }
                if !base.isEmpty { state.withLock { $0.chosen = base } }
                return answer
            } catch let error as RoostError { throw error } catch { failure = error }
        }
        throw unreachable(failure)
    }

    private var chosen: String? { state.withLock { $0.chosen } }

    private func candidates() -> [String] { state.withLock { $0.chosen.map { [$0] } ?? $0.bases } }

    private func unreachable(_ error: any Error) -> RoostError {
        let hint =
            configuration.isInsecure(domain)
            ? "" : "; a registry without TLS must be listed under insecure-registries in /etc/roost/registries.json"
        return RoostError(
            .failure, "registry \(domain): \(Self.reason(error)): check the name, the network and the proxy\(hint)")
    }

    static func reason(_ error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        if let error = error as? IOError {
            return SyscallError(call: "connect", subject: "registry", errno: error.errnoCode).reason
        }
        if let error = error as? NIOConnectionError {
            return error.connectionErrors.first.map { Self.reason($0.error) } ?? "cannot resolve \(error.host)"
        }
        return "\(error)"
    }

    private func request(
        _ method: HTTPMethod, _ address: String, _ headers: [(String, String)], _ body: RegistryBody, _ actions: String,
        attempts: Int, isProbe: Bool
    ) async throws -> HTTPClientResponse {
        var challenged = 0
        var left = attempts
        // A base URL that has never responded gets fewer attempts, because another one may work.
        var connections = isProbe ? min(attempts, 2) : attempts
        while true {
            let pause: Double
            do {
                let answer = try await follow(method, address, headers, body, actions)
                if answer.status == .unauthorized {
                    challenged += 1
                    guard challenged < 3 else { throw try await denied(answer) }
                    try await authorize(answer, actions)
                    continue
                }
                guard answer.status == .tooManyRequests || answer.status.code >= 500, left > 1 else { return answer }
                pause = Self.retryDelay(answer.headers.first(name: "Retry-After"), attempt: attempts - left)
                await Self.drain(answer)
            } catch let error as RoostError { throw error } catch {
                connections -= 1
                if error is CancellationError || left <= 1 || connections <= 0 || Self.isFinal(error) { throw error }
                pause = Self.retryDelay(nil, attempt: attempts - left)
            }
            left -= 1
            try await Task.sleep(for: .seconds(pause))
        }
    }

    /// Whether an error is permanent, so that a retry is useless.
    static func isFinal(_ error: any Error) -> Bool {
        if error is NIOSSLError || (error as? IOError)?.errnoCode == Errno.connectionRefused { return true }
        return (error as? NIOConnectionError)?.connectionErrors.allSatisfy { isFinal($0.error) } == true
    }

    /// Seconds until the next attempt: `Retry-After` (RFC 9110, section 10.2.3), else exponential backoff.
    static func retryDelay(_ header: String?, attempt: Int) -> Double {
        if let header, let seconds = Double(header) { return min(max(seconds, 0), patience) }
        return min(0.2 * Double(1 << min(max(attempt, 0), 6)), 8)
    }

    /// Follows redirects. Credentials are sent only to the registry; redirects from TLS to plain HTTP are rejected.
    private func follow(
        _ method: HTTPMethod, _ address: String, _ headers: [(String, String)], _ body: RegistryBody, _ actions: String
    ) async throws -> HTTPClientResponse {
        guard let home = URL(string: address) else { throw RoostError.invalid("invalid URL \"\(address)\"") }
        var target = home
        for _ in 0..<10 {
            var request = HTTPClientRequest(url: target.absoluteString)
            request.method = method
            request.headers.add(name: "User-Agent", value: "roost")
            for (name, value) in headers { request.headers.add(name: name, value: value) }
            if Self.isSameServer(home, target), let value = authorization(actions) {
                request.headers.replaceOrAdd(name: "Authorization", value: value)
            }
            switch body {
            case .none: break
            case .bytes(let bytes, let type):
                request.headers.replaceOrAdd(name: "Content-Type", value: type)
                request.body = .bytes(bytes)
            case .file(let path, let size, let progress):
                request.headers.replaceOrAdd(name: "Content-Type", value: "application/octet-stream")
                request.body = .stream(
                    FileParts(file: try Files.open(path, .readOnly), progress: progress), length: .known(size))
            }
            let answer = try await client.execute(request, deadline: .now() + .hours(12))
            guard [301, 302, 303, 307, 308].contains(answer.status.code),
                let location = answer.headers.first(name: "Location")
            else { return answer }
            await Self.drain(answer)
            guard let next = URL(string: location, relativeTo: target)?.absoluteURL, let scheme = next.scheme,
                scheme == "https" || scheme == "http"
            else { throw RoostError.invalid("registry \(domain) redirects to invalid URL \"\(location)\"") }
            if target.scheme == "https", scheme != "https" {
                throw RoostError.invalid(
                    "registry \(domain) redirects from TLS to plain HTTP (\(next.host ?? "?"))")
            }
            target = next
        }
        throw RoostError.invalid("registry \(domain) redirects too many times")
    }

    private static func isSameServer(_ one: URL, _ other: URL) -> Bool {
        one.scheme == other.scheme && one.host == other.host && one.port == other.port
    }

    /// Discards a response body of up to 1 MiB, so that the connection can be reused.
    static func drain(_ answer: HTTPClientResponse) async { _ = try? await answer.body.collect(upTo: 1 << 20) }

    // MARK: Authentication

    private func scope(_ actions: String) -> String { "repository:\(repository):\(actions)" }

    private func authorization(_ actions: String) -> String? { state.withLock { $0.authorization[actions] } }

    private func authorize(_ answer: HTTPClientResponse, _ actions: String) async throws {
        let challenges = answer.headers["WWW-Authenticate"].compactMap(AuthenticationChallenge.init)
        guard let challenge = challenges.first else { throw try await denied(answer) }
        await Self.drain(answer)
        let value: String
        switch challenge {
        case .basic:
            guard let credentials, !credentials.username.isEmpty else {
                throw RoostError(.unauthorized, "no basic auth credentials: use \"roost login \(domain)\"")
            }
            value = credentials.basic
        case .bearer(let realm, let service, let scope):
            if let token = credentials?.registryToken, !token.isEmpty {
                value = "Bearer " + token
            } else {
                value =
                    "Bearer "
                    + (try await token(realm, service, scope ?? (actions.isEmpty ? nil : self.scope(actions))))
            }
        }
        state.withLock { $0.authorization[actions] = value }
    }

    /// Requests a token (Docker Registry v2 authentication via central service; OAuth2 with an identity token).
    private func token(_ realm: String, _ service: String?, _ scope: String?) async throws -> String {
        guard var address = URLComponents(string: realm), let scheme = address.scheme,
            scheme == "https" || configuration.isInsecure(domain)
        else { throw RoostError.invalid("registry \(domain) uses an insecure token server: \(realm)") }
        var fields = [("service", service), ("scope", scope)].compactMap { name, value in value.map { (name, $0) } }
        var request: HTTPClientRequest
        if let identity = credentials?.identityToken, !identity.isEmpty {
            request = HTTPClientRequest(url: realm)
            request.method = .POST
            fields += [("grant_type", "refresh_token"), ("refresh_token", identity), ("client_id", "roost")]
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            let form = fields.map { "\($0.0)=\(Self.formEncoded($0.1))" }.joined(separator: "&")
            request.body = .bytes(Array(form.utf8))
        } else {
            if let user = credentials?.username, !user.isEmpty { fields.append(("account", user)) }
            address.queryItems = (address.queryItems ?? []) + fields.map { URLQueryItem(name: $0.0, value: $0.1) }
            guard let url = address.url else { throw RoostError.invalid("invalid URL \"\(realm)\"") }
            request = HTTPClientRequest(url: url.absoluteString)
            if let credentials, !credentials.username.isEmpty {
                request.headers.add(name: "Authorization", value: credentials.basic)
            }
        }
        let answer = try await client.execute(request, timeout: .seconds(30))
        guard answer.status == .ok else { throw try await denied(answer) }
        let bytes = Array(buffer: try await answer.body.collect(upTo: 1 << 20))
        guard let json = try? JSON(parsing: bytes), let token = json["token"].string ?? json["access_token"].string,
            !token.isEmpty
        else { throw RoostError(.unauthorized, "the token server of registry \(domain) returned no token") }
        return token
    }

    private static func formEncoded(_ text: String) -> String {
        PercentEncoding.encode(text)
    }

    private func denied(_ answer: HTTPClientResponse) async throws -> RoostError {
        let reason = await Self.message(answer) ?? "authentication required"
        return RoostError(.unauthorized, "registry \(domain): unauthorized: \(reason)")
    }

    /// The error message of a response (OCI distribution specification, "Error Codes").
    static func message(_ answer: HTTPClientResponse) async -> String? {
        guard let body = try? await answer.body.collect(upTo: documentLimit),
            let json = try? JSON(parsing: Array(buffer: body))
        else { return nil }
        let errors = (json["errors"].array ?? []).map { error in
            let code = (error["code"].string ?? "").lowercased().replacingOccurrences(of: "_", with: " ")
            let message = error["message"].string ?? ""
            return message.isEmpty ? code : code.isEmpty ? message : "\(code): \(message)"
        }
        return errors.isEmpty ? json["details"].string ?? json["message"].string : errors.joined(separator: "; ")
    }

    /// Verifies the credentials (`docker login`).
    package func checkLogin() async throws {
        let answer = try await request(.GET, "/v2/", actions: "")
        await Self.drain(answer)
        guard answer.status == .ok else {
            throw RoostError(.failure, "login attempt to registry \(domain) failed with status: \(answer.status)")
        }
    }
}

/// A file as a sequence of chunks, for request bodies.
private struct FileParts: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    let file: OwnedFD
    let progress: @Sendable (Int64) -> Void

    struct AsyncIterator: AsyncIteratorProtocol {
        let parts: FileParts
        var offset = 0
        mutating func next() async throws -> ByteBuffer? {
            let bytes = try readSome(parts.file.raw, at: offset, limit: 1 << 18)
            if bytes.isEmpty { return nil }
            offset += bytes.count
            parts.progress(Int64(offset))
            return ByteBuffer(bytes: bytes)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: self) }
}

/// Hosts that bypass the proxy (`NO_PROXY`: names, suffixes, subnets, `*`).
enum ProxyRules {
    static func isExcepted(_ domain: String, _ list: String) -> Bool {
        let host = RegistryConfiguration.host(domain)
        if host == "localhost" || host.hasPrefix("127.") || host == "::1" { return true }
        return list.split(separator: ",").map { $0.filter { $0 != " " } }.contains { entry in
            if entry == "*" || entry == host || entry == domain { return true }
            if let network = Subnet(entry), let address = IPAddress(host) { return network.contains(address) }
            let suffix = entry.hasPrefix("*.") ? String(entry.dropFirst()) : entry.hasPrefix(".") ? entry : "." + entry
            return host.hasSuffix(suffix)
        }
    }
}
