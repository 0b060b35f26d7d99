import EngineModel
import LinuxKernel
import NIOSSL

/// A TCP port on which the API is served to clients that show a certificate of one authority. There is no form without: the API is
/// root on this machine.
public struct SecureListener: Sendable {
    public let host: String
    public let port: Int
    let context: NIOSSLContext

    /// `address` is `tcp://HOST:PORT`; the files are PEM.
    public init(address: String, authority: String, certificate: String, key: String) throws(RoostError) {
        let text = address.hasPrefix("tcp://") ? String(address.dropFirst(6)) : address
        guard let cut = text.lastIndex(of: ":"), let port = Int(text[text.index(after: cut)...]),
            (1...65535).contains(port)
        else { throw .invalid("--host \(address): write tcp://ADDRESS:PORT, as tcp://0.0.0.0:2376") }
        var name = String(text[..<cut])
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        host = name.isEmpty ? "0.0.0.0" : name
        self.port = port
        for file in [authority, certificate, key] where !Files.exists(file) {
            throw .missing("\(file) is not there: the TCP listener needs an authority, a certificate and its key")
        }
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            // Whoever connects must have a certificate of the authority; clients' names are not looked at, as in Docker.
            configuration.trustRoots = .file(authority)
            configuration.certificateVerification = .noHostnameVerification
            context = try NIOSSLContext(configuration: configuration)
        } catch { throw .invalid("the certificates of the TCP listener cannot be used: \(error)") }
    }
}
