import AsyncHTTPClient
import EngineModel
import Foundation
import LinuxKernel
import NIOCore
import NIOHTTP1
import OCI

import struct Crypto.SHA256

/// Downloads a file by URL, for ADD in builds.
package struct FileDownload: Sendable {
    let configuration: RegistryConfiguration
    static let limit: Int64 = 8 << 30

    package init(configuration: RegistryConfiguration) { self.configuration = configuration }

    /// Downloads a URL to a new file, following redirects; returns the digest of the content.
    package func load(_ address: String, to path: String) async throws -> Digest {
        guard let url = URL(string: address), let host = url.host else {
            throw RoostError.invalid("invalid URL \"\(address)\"")
        }
        var settings = HTTPClient.Configuration(
            redirectConfiguration: .follow(max: 10, allowCycles: false),
            timeout: .init(connect: .seconds(15), read: .seconds(60)),
            proxy: try RegistrySession.proxy(host))
        settings.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
        do {
            let digest = try await load(client, address, path)
            try await client.shutdown()
            return digest
        } catch {
            try? await client.shutdown()
            throw error is RoostError
                ? error : RoostError(.failure, "\(address): \(RegistrySession.reason(error))")
        }
    }

    private func load(_ client: HTTPClient, _ address: String, _ path: String) async throws -> Digest {
        var request = HTTPClientRequest(url: address)
        request.headers.add(name: "User-Agent", value: "roost")
        let answer = try await client.execute(request, deadline: .now() + .hours(2))
        guard answer.status == .ok else {
            throw RoostError(
                .failure, "\(address): the server answered \(answer.status.code) \(answer.status.reasonPhrase)")
        }
        let file = try Files.open(path, [.writeOnly, .create, .exclusive], mode: 0o600)
        var hash = SHA256()
        var count: Int64 = 0
        for try await buffer in answer.body {
            let bytes = Array(buffer: buffer)
            count += Int64(bytes.count)
            guard count <= Self.limit else { throw RoostError.invalid("\(address): larger than \(Self.limit) bytes") }
            hash.update(data: bytes)
            try writeAll(file.raw, bytes)
        }
        // The modification time from the server, else the Unix epoch, as in the legacy builder.
        let time = answer.headers.first(name: "Last-Modified").flatMap(Self.time)
        try Files.setTimes(path, seconds: time ?? 0)
        return Digest(sha256: Array(hash.finalize()))
    }

    /// `Wed, 21 Oct 2015 07:28:00 GMT` in seconds since 1970 (RFC 9110, section 5.6.7); nil for other forms.
    static func time(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let day = words[1].count == 1 ? "0" + words[1] : String(words[1])
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(parsing: "\(words[3])-\(number)-\(day)T\(words[4])Z")?.seconds
    }
}
