import EngineModel
import ImageStore
import OCI

/// The part of a container's configuration that images have too, merged as by Docker: `inspect` shows it in `Config`, and `commit` writes
/// it to the new image.
struct EffectiveConfig {
    let json: JSON
    var text: String { json.text() }

    static func merged(_ spec: ContainerSpec, _ image: ImageConfiguration.Runtime) throws -> EffectiveConfig {
        let base = try JSON(parsing: ImageStore.encode(image))
        let asked = spec.asked.flatMap { try? JSON(parsing: $0) }?["Config"] ?? .null
        let entrypoint = spec.process.entrypoint
        var json: JSON = .object([])
        // An entrypoint set by the user drops the image's command, unless it is empty.
        let command = spec.process.command ?? (entrypoint?.isEmpty ?? true ? image.cmd : nil)
        json.set("Cmd", command.map { JSON($0) } ?? .null)
        json.set("Entrypoint", (entrypoint ?? image.entrypoint).map { JSON($0) } ?? .null)
        let volumes = union(base["Volumes"], asked["Volumes"])
        json.set("Volumes", volumes.object?.isEmpty == true ? .null : volumes)
        if let signal = spec.stopSignal ?? image.stopSignal { json.set("StopSignal", .string(signal)) }
        let check = healthcheck(asked["Healthcheck"], base["Healthcheck"])
        if let members = check.object {
            // Docker omits empty members.
            json.set(
                "Healthcheck", .object(members.filter { $0.value.int != 0 && $0.value.array?.isEmpty != true }))
        }
        return EffectiveConfig(json: json)
    }

    private static func union(_ one: JSON, _ other: JSON) -> JSON {
        if one.isNull { return other }
        var all = one
        for (key, value) in other.object ?? [] { all.set(key, value) }
        return all
    }

    /// The user's health check; the image's members fill what it leaves open.
    private static func healthcheck(_ own: JSON, _ image: JSON) -> JSON {
        guard !own.isNull else { return image }
        var check = own
        for (key, value) in image.object ?? [] {
            let isOpen = check[key].isNull || check[key].int == 0 || check[key].array?.isEmpty == true
            if isOpen { check.set(key, value) }
        }
        return check
    }
}
