import EngineModel
import LinuxKernel

/// Docker's client configuration, `config.json`: registry logins, credential helpers, proxies and output formats.
struct DockerConfiguration {
    let path: String
    private(set) var json: JSON

    static let hubKey = "https://index.docker.io/v1/"

    /// Loads `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`.
    static func load() throws(RoostError) -> DockerConfiguration {
        let folder =
            environmentVariable("DOCKER_CONFIG").flatMap { $0.isEmpty ? nil : $0 }
            ?? (environmentVariable("HOME") ?? "/root") + "/.docker"
        let path = folder + "/config.json"
        guard Files.exists(path) else { return DockerConfiguration(path: path, json: .object([])) }
        do { return DockerConfiguration(path: path, json: try JSON(parsing: try Files.read(path))) } catch {
            throw .invalid("\(path) cannot be read: \(error)")
        }
    }

    /// The key of a registry in `auths`; Docker Hub's is `hubKey`.
    static func key(_ domain: String) -> String { domain == "docker.io" || domain.isEmpty ? hubKey : domain }

    /// A string setting such as `psFormat` or `detachKeys`; nil if it is absent or empty, or the file cannot be read.
    static func preference(_ key: String) -> String? {
        (try? load())?.json[key].string.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Proxy variables for every container and build, from `proxies` for this engine or its default (Docker, "Configure the Docker
    /// CLI", "Proxy settings").
    func proxies(for host: String?) -> [(name: String, value: String)] {
        let table = json["proxies"]
        let chosen = host.map { table[$0] } ?? .null
        let settings = chosen.isNull ? table["default"] : chosen
        return [
            ("httpProxy", "HTTP_PROXY"), ("httpsProxy", "HTTPS_PROXY"), ("ftpProxy", "FTP_PROXY"),
            ("noProxy", "NO_PROXY"), ("allProxy", "ALL_PROXY"),
        ].flatMap { key, name in
            settings[key].string.map { value in [(name, value), (name.lowercased(), value)] } ?? []
        }
    }

    /// The suffix of the credential helper for a registry, if one is configured.
    private func helper(_ key: String) -> String? {
        (json["credHelpers"][key].string ?? json["credsStore"].string).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The value of `X-Registry-Auth` for a registry; nil if there are no credentials.
    func authorization(_ domain: String) throws -> String? {
        let key = Self.key(domain)
        var found: JSON?
        if let helper = helper(key) {
            if let answer = try? Self.run(helper, "get", input: key), let json = try? JSON(parsing: answer) {
                let name = json["Username"].string ?? ""
                let secret = json["Secret"].string ?? ""
                found =
                    name == "<token>"
                    ? ["identitytoken": .string(secret), "serveraddress": .string(key)]
                    : ["username": .string(name), "password": .string(secret), "serveraddress": .string(key)]
            }
        } else if let entry = json["auths"].object?.first(where: { Self.host($0.key) == Self.host(key) })?.value {
            let decoded = String(decoding: Base64.decode(entry["auth"].string ?? "") ?? [], as: UTF8.self)
            let parts = decoded.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            var json: JSON = ["serveraddress": .string(key)]
            json.set("username", .string(parts[0]))
            json.set("password", .string(parts.count > 1 ? parts[1] : ""))
            if let token = entry["identitytoken"].string { json.set("identitytoken", .string(token)) }
            found = json
        }
        return found.map { Base64.encode($0.bytes(), urlSafe: true) }
    }

    /// The value of `X-Registry-Config`: every login stored in the file itself; nil if there are none.
    func allLogins() throws -> String? {
        var found: [(key: String, value: JSON)] = []
        for (key, entry) in json["auths"].object ?? [] {
            let decoded = String(decoding: Base64.decode(entry["auth"].string ?? "") ?? [], as: UTF8.self)
            let parts = decoded.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { continue }
            found.append(
                (key, ["username": .string(parts[0]), "password": .string(parts[1]), "serveraddress": .string(key)]))
        }
        return found.isEmpty ? nil : Base64.encode(JSON.object(found).bytes(), urlSafe: true)
    }

    private static func host(_ key: String) -> String {
        var text = key[...]
        for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
        return String(text.prefix { $0 != "/" })
    }

    /// Stores a login in the credential helper if one is configured, else in the file, which only its owner can read.
    mutating func store(_ domain: String, name: String, password: String) throws {
        let key = Self.key(domain)
        if let helper = helper(key) {
            let secret: JSON = ["ServerURL": .string(key), "Username": .string(name), "Secret": .string(password)]
            _ = try Self.run(helper, "store", input: secret.text())
            return
        }
        var all = json["auths"]
        if all.object == nil { all = .object([]) }
        all.set(key, ["auth": .string(Base64.encode(Array("\(name):\(password)".utf8)))])
        json.set("auths", all)
        try save()
    }

    /// Removes a login; false if there was none.
    mutating func erase(_ domain: String) throws -> Bool {
        let key = Self.key(domain)
        if let helper = helper(key) {
            _ = try Self.run(helper, "erase", input: key)
            return true
        }
        let entries = json["auths"].object ?? []
        let kept = entries.filter { Self.host($0.key) != Self.host(key) }
        guard kept.count != entries.count else { return false }
        json.set("auths", .object(kept))
        try save()
        return true
    }

    private func save() throws {
        try Files.makeDirectories(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)), mode: 0o700)
        // If the file is a symlink, replace its target.
        try Files.replace((try? Files.canonical(path)) ?? path, json.bytes(indent: 8) + [10], mode: 0o600)
    }

    /// Runs `docker-credential-NAME VERB` (docker-credential-helpers, protocol).
    private static func run(_ helper: String, _ verb: String, input: String) throws -> [UInt8] {
        let program = "docker-credential-\(helper)"
        let folders = (environmentVariable("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        guard let path = folders.map({ "\($0)/\(program)" }).first(where: { Files.exists($0) }) else {
            throw RoostError.missing("credential helper \(program) is set in config.json but is not in PATH")
        }
        let source = try Files.memory("input", Array(input.utf8))
        let result = try Pipe()
        let pid = try Processes.spawn(
            path, arguments: [program, verb], environment: Processes.environment.map { "\($0.key)=\($0.value)" },
            descriptors: [source.raw, result.writing.raw, 2])
        result.writing.close()
        let answer = try readAll(result.reading.raw, limit: 1 << 20)
        guard try Processes.collect(pid: pid, wait: true)?.status.code == 0 else {
            throw RoostError.failure("\(program) \(verb): \(String(decoding: answer, as: UTF8.self))")
        }
        return answer
    }
}
