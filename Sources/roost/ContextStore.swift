import APIClient
import EngineModel
import LinuxKernel

import struct Crypto.SHA256

/// Contexts: named engine endpoints, stored in Docker's format and directory and shared with its clients. The current context is stored
/// separately, so that a context chosen for Docker does not change the engine that Roost talks to.
struct ContextStore {
    struct Context {
        var name: String
        var description: String
        var endpoint: EndpointDescription
        /// The directory of its meta.json.
        var folder: String
    }

    static let standard = "default"
    let root: String

    init() {
        root =
            environmentVariable("DOCKER_CONFIG").flatMap { $0.isEmpty ? nil : $0 }
            ?? (environmentVariable("HOME") ?? "/root") + "/.docker"
    }

    private var metadata: String { root + "/contexts/meta" }
    private var choice: String { root + "/roost.json" }

    private static func identifier(_ name: String) -> String {
        var hash = SHA256()
        hash.update(data: Array(name.utf8))
        return Identifiers.hex(hash.finalize())
    }

    func certificates(_ name: String) -> String { "\(root)/contexts/tls/\(Self.identifier(name))/docker" }

    func all() throws(RoostError) -> [Context] {
        var found: [Context] = []
        for folder in (try? Files.list(metadata)) ?? [] {
            let file = "\(metadata)/\(folder)/meta.json"
            guard Files.exists(file) else { continue }
            let json: JSON
            do { json = try JSON(parsing: try Files.read(file)) } catch {
                throw .invalid("\(file) cannot be read: \(error)")
            }
            let name = json["Name"].string ?? folder
            let docker = json["Endpoints"]["docker"]
            let certificates = certificates(name)
            found.append(
                Context(
                    name: name, description: json["Metadata"]["Description"].string ?? "",
                    endpoint: EndpointDescription(
                        host: docker["Host"].string ?? "",
                        certificates: Files.exists(certificates) ? certificates : nil,
                        skipsVerification: docker["SkipTLSVerify"].bool ?? false),
                    folder: "\(metadata)/\(folder)"))
        }
        return found.sorted { $0.name < $1.name }
    }

    func find(_ name: String) throws(RoostError) -> Context {
        guard let context = try all().first(where: { $0.name == name }) else {
            throw .missing("context \"\(name)\" does not exist; see roost context ls")
        }
        return context
    }

    /// `DOCKER_CONTEXT`, or the context set by `context use`.
    func current() -> String {
        if let name = environmentVariable("DOCKER_CONTEXT"), !name.isEmpty { return name }
        let json = (try? JSON(parsing: Files.read(choice))) ?? .null
        return json["currentContext"].string ?? Self.standard
    }

    /// The endpoint of a context, or of the current one if `name` is nil. Returns nil for the local engine.
    func endpoint(_ name: String?) throws(RoostError) -> EndpointDescription? {
        let name = name ?? current()
        return name == Self.standard || name.isEmpty ? nil : try find(name).endpoint
    }

    func use(_ name: String) throws {
        if name != Self.standard { _ = try find(name) }
        try Files.makeDirectories(root, mode: 0o700)
        try Files.replace(
            choice, JSON.object([("currentContext", .string(name))]).bytes(indent: 1) + [10], mode: 0o600)
    }

    static func check(_ name: String) throws(RoostError) {
        let isValid =
            name.first.map { $0.isASCII && ($0.isLetter || $0.isNumber) } == true
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.+-".contains($0)) }
        guard isValid, name != standard else {
            throw .invalid(
                name == standard
                    ? "context \"default\" is the local engine and cannot be changed"
                    : "context name \"\(name)\" is invalid: use letters, digits, _, ., + and -, starting with a letter or digit"
            )
        }
    }

    /// Saves a context. `files`: TLS files by name that replace the stored ones; nil keeps those.
    func save(
        _ name: String, description: String, host: String, skipsVerification: Bool, files: [(String, [UInt8])]?
    ) throws {
        let folder = "\(metadata)/\(Self.identifier(name))"
        try Files.makeDirectories(folder, mode: 0o755)
        let json: JSON = [
            "Name": .string(name), "Metadata": ["Description": .string(description)],
            "Endpoints": ["docker": ["Host": .string(host), "SkipTLSVerify": .bool(skipsVerification)]],
        ]
        try Files.replace(folder + "/meta.json", json.bytes(), mode: 0o644)
        guard let files else { return }
        let directory = certificates(name)
        try Files.removeTree("\(root)/contexts/tls/\(Self.identifier(name))")
        guard !files.isEmpty else { return }
        try Files.makeDirectories(directory, mode: 0o700)
        for (file, bytes) in files { try Files.replace("\(directory)/\(file)", bytes, mode: 0o600) }
    }

    func remove(_ name: String) throws {
        let context = try find(name)
        try Files.removeTree(context.folder)
        try Files.removeTree("\(root)/contexts/tls/\(Self.identifier(name))")
    }
}
