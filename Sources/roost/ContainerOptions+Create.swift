import APIClient
import DockerAPI
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
        if let cidfile, Files.exists(CommandContext.shared.absolute(cidfile)) {
            throw RoostError.invalid(
                "container ID file found, make sure the other container isn't running or delete \(cidfile)")
        }
        if rule == "always" { try fetch(image) }
        do { return try createFromImage(words, attach: attach) } catch let error as RoostError {
            let isOther = error.code == .platformMismatch
            guard rule == "missing", isOther || error.code == .imageNotFound,
                !CommandContext.shared.isService(image)
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
        let request = try request(words, attach: attach)
        let created: ContainerCreateResponse =
            rm && name == nil
            ? try createPassing(query, request)
            : try CommandContext.shared.client().post("containers/create", query, request)
        for warning in created.warnings { Output.error("WARNING: \(warning)") }
        if let cidfile { try Files.write(CommandContext.shared.absolute(cidfile), created.id) }
        return created.id
    }
}

extension ContainerOptions {
    /// Creates a container for `--rm` under a client-generated name. If the engine is lost before it answers, the container can be
    /// found by that name and removed; nothing else would remove it.
    private func createPassing(
        _ query: [(String, String)], _ request: ContainerCreateRequest
    ) throws -> ContainerCreateResponse {
        let client = try CommandContext.shared.client()
        let began = Clocks.wallNanoseconds()
        for attempt in 0..<8 {
            let name = Identifiers.generatedName { _ in false } + (attempt == 0 ? "" : "\(Int.random(in: 0..<100))")
            do { return try client.post("containers/create", query + [("name", name)], request) } catch let error
                as RoostError
            {
                if error.kind == .unavailable { removeCreated(name, since: began, client) }
                guard error.kind == .conflict else { throw error }
            }
        }
        return try client.post("containers/create", query, request)
    }

    /// Removes a container that was created and not started since a time, in nanoseconds since 1970.
    private func removeCreated(_ name: String, since began: Int64, _ client: EngineClient) {
        guard let found = try? client.inspectContainer(name), found.state.status == "created",
            let created = Timestamp(parsing: found.created), created.nanoseconds > began
        else { return }
        _ = try? client.call("DELETE", "containers/\(name)", [("v", "1")], repeatable: true)
    }
}
