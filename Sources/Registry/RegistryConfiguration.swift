import EngineModel
import LinuxKernel

/// How registries are reached: mirrors, registries without TLS, certificates. Read from a JSON file with the keys that Docker's
/// own configuration has (`registry-mirrors`, `insecure-registries`), and folders of certificates, one per `HOST[:PORT]`.
public struct RegistryConfiguration: Sendable {
    /// Asked before Docker Hub itself.
    public var mirrors: [String] = []
    /// Hosts, `HOST:PORT` or networks whose certificate is not checked and that may speak plain HTTP. Loopback is always one.
    public var insecure: [String] = []
    /// Folders that hold `HOST[:PORT]/ca.crt`, `client.cert` and `client.key`.
    public var certificateFolders: [String] = ["/etc/roost/certs.d", "/etc/docker/certs.d"]

    public init() {}

    /// Reads a file; one that is not there is an empty one.
    public init(path: String) throws(RoostError) {
        guard Files.exists(path) else { return }
        let json: JSON
        do { json = try JSON(parsing: try Files.read(path, limit: 1 << 20)) } catch {
            throw .invalid("\(path): \(error)")
        }
        guard json.object != nil else { throw .invalid("\(path): a JSON object is expected") }
        mirrors = json["registry-mirrors"].strings ?? []
        insecure = json["insecure-registries"].strings ?? []
    }

    public static let hub = "docker.io"
    /// Where Docker Hub is searched.
    static let searchHost = "https://index.docker.io"
    /// Where Docker Hub's images are served (distribution/reference, "docker.io").
    public static let hubHost = "registry-1.docker.io"

    /// The addresses of a registry, in the order in which they are tried. What is written goes to no mirror.
    func bases(_ domain: String, mirrored: Bool = true) -> [String] {
        if domain == Self.hub { return (mirrored ? mirrorBases : []) + ["https://" + Self.hubHost] }
        return isInsecure(domain) ? ["https://" + domain, "http://" + domain] : ["https://" + domain]
    }

    /// The addresses of the mirrors, to which paths are added.
    var mirrorBases: [String] { mirrors.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } }

    /// Whether a registry may be spoken to without a checked certificate.
    public func isInsecure(_ domain: String) -> Bool {
        let host = Self.host(domain)
        if host == "localhost" || host == "::1" || host.hasPrefix("127.") { return true }
        return insecure.contains { entry in
            entry == domain || entry == host
                || (Subnet(entry).map { network in IPAddress(host).map(network.contains) ?? false } ?? false)
        }
    }

    /// The registry that an address of `docker login` means: with or without scheme and path; nothing means Docker Hub.
    public static func domain(_ address: String) -> String {
        var text = address[...]
        for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        let name = String(text.prefix { $0 != "/" })
        return name.isEmpty || name == "index.docker.io" ? hub : name
    }

    static func host(_ domain: String) -> String {
        if domain.hasPrefix("["), let end = domain.firstIndex(of: "]") {
            return String(domain[domain.index(after: domain.startIndex)..<end])
        }
        return String(domain.split(separator: ":", maxSplits: 1).first ?? "")
    }

    /// A file of the registry's certificate folder.
    func certificate(_ domain: String, _ name: String) -> String? {
        certificateFolders.map { "\($0)/\(domain)/\(name)" }.first { Files.exists($0) }
    }
}
