import EngineModel
import LinuxKernel
import NIOCore
import NIOPosix
import NIOSSL

/// A connection to an engine on another machine for a program that has neither names nor TLS of its own: descriptor 0 is a socket, and
/// what goes through it goes to the address (`roostd dial HOST PORT [--tls FOLDER | --tls-files CA CERT KEY] [--insecure]`).
public enum DialHelper {
    public static let word = "dial"

    /// What the words after `dial` ask for.
    struct Target: Equatable {
        var host: String
        var port: Int
        /// The authority, the client's certificate and its key; one that is empty or not there is left out. nil is no TLS.
        var certificates: [String]?
        /// Take the server for whom it says it is.
        var trustsAnybody = false

        init(_ words: [String]) throws(RoostError) {
            guard words.count >= 2, let port = Int(words[1]), (1...65535).contains(port) else {
                throw .invalid("dial takes a host and a port")
            }
            host = words[0]
            self.port = port
            // A folder has them under the names that Docker's clients give them.
            if words.count > 3, words[2] == "--tls" {
                certificates = ["ca.pem", "cert.pem", "key.pem"].map { "\(words[3])/\($0)" }.map {
                    Files.exists($0) ? $0 : ""
                }
            }
            if words.count > 5, words[2] == "--tls-files" { certificates = Array(words[3...5]) }
            trustsAnybody = words.contains("--insecure")
        }
    }

    /// Runs if the arguments ask for it; does not return then.
    public static func runIfAsked(_ arguments: [String]) async {
        guard arguments.count > 1, arguments[1] == word else { return }
        do {
            try await run(try Target(Array(arguments.dropFirst(2))))
            Processes.exit(0)
        } catch {
            // The client sees the end of its connection, and its user this.
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
                    // A name is checked against the certificate; an address has none to be checked.
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
            let (one, other) = StreamGlue.pair()
            try near.pipeline.syncOperations.addHandler(one)
            try far.pipeline.syncOperations.addHandler(other)
            for channel in [near, far] { try channel.syncOptions?.setOption(.autoRead, value: true) }
        }.get()
        try await near.closeFuture.get()
        try? await far.close().get()
    }

    /// Why a connection could not be made, in the kernel's words; of several addresses the last one's.
    private static func reason(_ error: any Error) -> String {
        if let failed = error as? NIOConnectionError {
            guard let last = failed.connectionErrors.last else { return "there is no such host" }
            return reason(last.error)
        }
        if let failure = error as? IOError { return describeErrno(failure.errnoCode) }
        if case .connectTimeout? = error as? ChannelError { return "it does not answer" }
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
