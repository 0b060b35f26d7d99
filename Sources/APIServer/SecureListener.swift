import EngineModel
import LinuxKernel
import NIOSSL

/// A TCP port that serves the API to clients with a certificate of one authority. There is no form without TLS: access to the API is root
/// access to this host.
package struct SecureListener: Sendable {
    package let host: String
    package let port: Int
    let context: NIOSSLContext

    /// `address` is `tcp://HOST:PORT`; the files are PEM.
    package init(address: String, authority: String, certificate: String, key: String) throws(RoostError) {
        let text = address.hasPrefix("tcp://") ? String(address.dropFirst(6)) : address
        guard let cut = text.lastIndex(of: ":"), let port = Int(text[text.index(after: cut)...]),
            (1...65535).contains(port)
        else { throw .invalid("invalid --host \"\(address)\": expected tcp://ADDRESS:PORT (e.g. tcp://0.0.0.0:2376)") }
        var name = String(text[..<cut])
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        host = name.isEmpty ? "0.0.0.0" : name
        self.port = port
        for file in [authority, certificate, key] where !Files.exists(file) {
            throw .missing("\(file): no such file: the TCP listener needs a CA certificate, a certificate and its key")
        }
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            // Clients need a certificate of the authority; their host names are not verified, as in Docker.
            configuration.trustRoots = .file(authority)
            configuration.certificateVerification = .noHostnameVerification
            context = try NIOSSLContext(configuration: configuration)
        } catch { throw .invalid("cannot load the certificates of the TCP listener: \(error)") }
    }
}
