import ComposeModel
import EngineModel

/// A variable that a Compose file uses but that is not set: it becomes an empty string, with a warning.
struct UnsetVariable: Sendable, Equatable {
    var name: String
    var location: SourceLocation?
    /// Written as `$NAME`, where the dollar sign may be meant literally.
    var isBare: Bool

    /// An error on a line with an unset variable is most likely caused by it.
    static func explain(_ error: ComposeError, _ all: [UnsetVariable]) -> ComposeError {
        guard let location = error.location,
            let cause = all.first(where: { $0.location?.file == location.file && $0.location?.line == location.line })
        else { return error }
        var result = error
        result.hint =
            "variable \(cause.name) is not set; set it in the environment or in .env"
            + (error.hint.map { "; \($0)" } ?? "")
        return result
    }

    /// One warning for each variable, with the location of its first use and a fix.
    static func warnings(_ all: [UnsetVariable], services: [String: JSON]) -> [String] {
        var reported: Set<String> = []
        return all.compactMap { variable in
            guard reported.insert(variable.name).inserted else { return nil }
            var text =
                "\(variable.location.map { "\($0): " } ?? "")The \"\(variable.name)\" variable is not set. Defaulting to a blank string."
            let owners = services.filter { $0.value["environment"][variable.name].string != nil }.keys.sorted()
            if let owner = owners.first {
                text +=
                    " Service \(owner) sets it in environment or env_file, which apply only to the container; set it in .env or use --env-file."
            } else if variable.isBare {
                text += " For a literal dollar sign, use $$\(variable.name)."
            }
            return text
        }
    }
}
