import APIClient
import EngineModel
import LinuxKernel

extension ContainerOptions {
    /// Creates the container; pulls the image if it is missing or is for a platform other than the requested one.
    func create(_ words: [String], attach: Bool) throws -> String {
        let rule = pull ?? "missing"
        guard ["always", "missing", "never"].contains(rule) else {
            throw RoostError.invalid(
                "invalid pull option: '\(rule)': must be one of \"always\", \"missing\" or \"never\"")
        }
        let image = words.first ?? ""
        if let cidfile, Files.exists(Session.shared.absolute(cidfile)) {
            throw RoostError.invalid(
                "container ID file found, make sure the other container isn't running or delete \(cidfile)")
        }
        if rule == "always" { try fetch(image) }
        do { return try createFromImage(words, attach: attach) } catch let error as RoostError {
            let isOther = error.code == .platformMismatch
            guard rule == "missing", isOther || error.code == .imageNotFound,
                !Session.shared.isService(image)
            else { throw error }
            if !quiet {
                Output.error("Unable to find image '\(isOther ? image : String(error.message.dropFirst(15)))' locally")
            }
            try fetch(image)
            return try createFromImage(words, attach: attach)
        }
    }

    private func fetch(_ image: String) throws {
        _ = try TransferDisplay.pull(image, platform: platform, quiet: quiet, toErrors: true)
    }

    private func createFromImage(_ words: [String], attach: Bool) throws -> String {
        var query = name.map { [("name", $0)] } ?? []
        let wanted = platform ?? environmentVariable("DOCKER_DEFAULT_PLATFORM") ?? ""
        if !wanted.isEmpty { query.append(("platform", wanted)) }
        let body = try body(words, attach: attach)
        let answer =
            rm && name == nil
            ? try createPassing(query, body)
            : try Session.shared.client().call("POST", "containers/create", query, body: body)
        for warning in answer["Warnings"].strings ?? [] { Output.error("WARNING: \(warning)") }
        let id = answer["Id"].string ?? ""
        if let cidfile { try Files.write(Session.shared.absolute(cidfile), id) }
        return id
    }
}

extension ContainerOptions {
    /// Creates a container for `--rm` under a client-generated name. If the engine is lost before it answers, the container can be
    /// found by that name and removed; nothing else would remove it.
    private func createPassing(_ query: [(String, String)], _ body: JSON) throws -> JSON {
        let client = try Session.shared.client()
        let began = Clocks.wallNanoseconds()
        for attempt in 0..<8 {
            let name = Identifiers.generatedName { _ in false } + (attempt == 0 ? "" : "\(Int.random(in: 0..<100))")
            do { return try client.call("POST", "containers/create", query + [("name", name)], body: body) } catch let
                error
                as RoostError
            {
                if error.kind == .unavailable {
                    let found = try? client.call("GET", "containers/\(name)/json")
                    if let found, found["State"]["Status"].string == "created",
                        let created = Timestamp(parsing: found["Created"].string ?? ""), created.nanoseconds > began
                    {
                        _ = try? client.call("DELETE", "containers/\(name)", [("v", "1")], repeatable: true)
                    }
                }
                guard error.kind == .conflict else { throw error }
            }
        }
        return try client.call("POST", "containers/create", query, body: body)
    }
}
