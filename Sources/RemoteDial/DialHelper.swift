import EngineModel
import LinuxKernel
import NIOCore
import NIOPosix
import NIOSSL

/// Connects to a remote engine on behalf of the CLI, which has neither name resolution nor TLS: file descriptor 0 is a socket that is relayed
/// to the address (`roostd dial HOST PORT [--tls DIR | --tls-files CA CERT KEY] [--insecure]`).
package enum DialHelper {
    package static let word = "dial"

    /// The parsed arguments of `dial`.
    struct Target: Equatable {
        var host: String
        var port: Int
        /// Paths of the CA, the client certificate and its key; an empty one is not used, a missing file is an error. nil means no TLS.
        var certificates: [String]?
        /// Do not verify the server's certificate.
        var trustsAnybody = false

        init(_ words: [String]) throws(RoostError) {
            guard words.count >= 2, let port = Int(words[1]), (1...65535).contains(port) else {
                throw .invalid("dial requires a host and a port")
            }
            host = words[0]
            self.port = port
            // The directory uses the file names of Docker's clients.
            if words.count > 3, words[2] == "--tls" {
                certificates = ["ca.pem", "cert.pem", "key.pem"].map { "\(words[3])/\($0)" }.map {
                    Files.exists($0) ? $0 : ""
                }
            }
            if words.count > 5, words[2] == "--tls-files" { certificates = Array(words[3...5]) }
            trustsAnybody = words.contains("--insecure")
        }
    }

    /// Runs and exits if the arguments start with `dial`; otherwise returns.
    package static func runIfRequested(_ arguments: [String]) async {
        guard arguments.count > 1, arguments[1] == word else { return }
        do {
            try await run(try Target(Array(arguments.dropFirst(2))))
            Processes.exit(0)
        } catch {
            // The client only sees its connection close; the user sees this message.
            try? writeAll(2, Array("roost: \(error)\n".utf8))
            Processes.exit(1)
        }
    }

    private static func run(_ target: Target) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let context = try target.certificates.map { try clientContext($0, trustsAnybody: target.trustsAnybody) }
        let bootstrap = ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true).channelOption(.autoRead, value: false)
            .connectTimeout(.seconds(30))
        let far: any Channel
        do {
            far = try await bootstrap.channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let context else { return }
                    // A TLS server name cannot be an IP address (RFC 6066); without a name, the peer address is verified.
                    let isAddress = IPAddress(target.host) != nil
                    try channel.pipeline.syncOperations.addHandler(
                        try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : target.host))
                }
            }.connect(host: target.host, port: target.port).get()
        } catch {
            throw RoostError(
                .unavailable,
                "cannot connect to the engine at tcp://\(target.host):\(target.port): \(Self.reason(error)). Is it running?"
            )
        }
        let near = try await ClientBootstrap(group: loop).channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: false).withConnectedSocket(0).get()
        try await loop.submit {
            let (one, other) = StreamForwarder.pair()
            try near.pipeline.syncOperations.addHandler(one)
            try far.pipeline.syncOperations.addHandler(other)
            for channel in [near, far] { try channel.syncOptions?.setOption(.autoRead, value: true) }
        }.get()
        try await near.closeFuture.get()
        try? await far.close().get()
    }

    /// Why the connection failed, as the kernel's error text; with several addresses, that of the last one.
    private static func reason(_ error: any Error) -> String {
        if let failed = error as? NIOConnectionError {
            guard let last = failed.connectionErrors.last else { return "no such host" }
            return reason(last.error)
        }
        if let failure = error as? IOError { return describeErrno(failure.errnoCode) }
        if case .connectTimeout? = error as? ChannelError { return "connection timed out" }
        return "\(error)"
    }

    private static func clientContext(_ files: [String], trustsAnybody: Bool) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = trustsAnybody ? .none : .fullVerification
        for file in files where !file.isEmpty && !Files.exists(file) {
            throw RoostError.missing("open \(file): no such file or directory")
        }
        if !files[0].isEmpty { configuration.trustRoots = .file(files[0]) }
        if !files[1].isEmpty {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(files[1]).map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: files[2], format: .pem))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
