import EngineModel
import LinuxKernel

/// How to reach registries: mirrors, registries without TLS, certificates. Read from a JSON file with Docker's keys
/// (`registry-mirrors`, `insecure-registries`), and from certificate directories, one per `HOST[:PORT]`.
package struct RegistryConfiguration: Sendable {
    /// Mirrors, tried before Docker Hub.
    package var mirrors: [String] = []
    /// Hosts, `HOST:PORT` or subnets that may use unverified certificates or plain HTTP. Loopback is always included.
    package var insecure: [String] = []
    /// Directories with `HOST[:PORT]/ca.crt`, `client.cert` and `client.key`.
    package var certificateFolders: [String] = ["/etc/roost/certs.d", "/etc/docker/certs.d"]

    package init() {}

    /// Reads a file; a missing file counts as empty.
    package init(path: String) throws(RoostError) {
        guard Files.exists(path) else { return }
        let json: JSON
        do { json = try JSON(parsing: try Files.read(path, limit: 1 << 20)) } catch {
            throw .invalid("\(path): \(error)")
        }
        guard json.object != nil else { throw .invalid("\(path): expected a JSON object") }
        mirrors = json["registry-mirrors"].strings ?? []
        insecure = json["insecure-registries"].strings ?? []
    }

    package static let hub = "docker.io"
    /// The search host of Docker Hub.
    static let searchHost = "https://index.docker.io"
    /// The registry host of Docker Hub (distribution/reference, "docker.io").
    package static let hubHost = "registry-1.docker.io"

    /// The base URLs of a registry, in the order of attempts. Pushes do not use mirrors.
    func bases(_ domain: String, mirrored: Bool = true) -> [String] {
        if domain == Self.hub { return (mirrored ? mirrorBases : []) + ["https://" + Self.hubHost] }
        return isInsecure(domain) ? ["https://" + domain, "http://" + domain] : ["https://" + domain]
    }

    /// The base URLs of the mirrors.
    var mirrorBases: [String] { mirrors.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } }

    /// Whether a registry may use an unverified certificate or plain HTTP.
    package func isInsecure(_ domain: String) -> Bool {
        let host = Self.host(domain)
        if host == "localhost" || host == "::1" || host.hasPrefix("127.") { return true }
        return insecure.contains { entry in
            entry == domain || entry == host
                || (Subnet(entry).map { network in IPAddress(host).map(network.contains) ?? false } ?? false)
        }
    }

    /// The registry of a `docker login` address, with or without scheme and path; empty means Docker Hub.
    package static func domain(_ address: String) -> String {
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

    /// A file in the registry's certificate directory; nil if missing.
    func certificate(_ domain: String, _ name: String) -> String? {
        certificateFolders.map { "\($0)/\(domain)/\(name)" }.first { Files.exists($0) }
    }
}
