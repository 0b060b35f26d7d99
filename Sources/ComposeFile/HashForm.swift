import ComposeModel
import EngineModel

/// The part of a service that Docker Compose hashes (pkg/compose/hash.go): its `config --format json` output without the attributes for
/// build, pull, scale, profiles and dependencies.
extension ConfigRenderer {
    private static let unhashed: Set<String> = ["build", "pull_policy", "scale", "depends_on", "profiles"]

    static func hashForm(_ service: JSON, labelFiles: [String]) -> JSON {
        var form = ConfigRenderer(keepsExtensions: false).service(service)
        form = .object((form.object ?? []).filter { !unhashed.contains($0.key) })
        if !form["deploy"].isNull {
            form.set("deploy", .object((form["deploy"].object ?? []).filter { $0.key != "replicas" }))
        }
        // The hash includes the paths of label files although their labels are merged; paths of env files are left out.
        if !labelFiles.isEmpty { form.set("label_file", JSON(labelFiles)) }
        if form["use_api_socket"].bool == true { addSocket(to: &form) }
        return YAMLOrder.sorted(form, at: "services.*") { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Compose replaces `use_api_socket` with these before it hashes.
    private static func addSocket(to form: inout JSON) {
        let socket = "/var/run/docker.sock"
        var variables = form["environment"].isNull ? .object([]) : form["environment"]
        if !(variables.object ?? []).contains(where: { $0.key == "DOCKER_CONFIG" }) {
            variables.set("DOCKER_CONFIG", "/run/secrets/docker")
        }
        form.set("environment", variables)
        let volume: JSON = ["type": "bind", "source": .string(socket), "target": .string(socket)]
        form.set("volumes", .array((form["volumes"].array ?? []) + [volume]))
        let config: JSON = ["source": "#apisocket", "target": "/run/secrets/docker/config.json"]
        form.set("configs", .array((form["configs"].array ?? []) + [config]))
    }
}
