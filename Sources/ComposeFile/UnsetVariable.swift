import ComposeModel
import EngineModel

/// A variable that a project file names and that nothing sets: it becomes a blank string, and its user is told.
struct UnsetVariable: Sendable, Equatable {
    var name: String
    var place: Place?
    /// Written `$NAME`, which may be meant as it stands.
    var isBare: Bool

    /// An error in a line that names a variable that is not set has its cause there, most likely.
    static func explain(_ error: ComposeError, _ all: [UnsetVariable]) -> ComposeError {
        guard let place = error.place,
            let cause = all.first(where: { $0.place?.file == place.file && $0.place?.line == place.line })
        else { return error }
        var result = error
        result.hint =
            "the variable \(cause.name) is not set: set it in the environment or in .env"
            + (error.hint.map { "; \($0)" } ?? "")
        return result
    }

    /// One warning for each variable, with the place that names it first and what can be done.
    static func warnings(_ all: [UnsetVariable], services: [String: JSON]) -> [String] {
        var told: Set<String> = []
        return all.compactMap { variable in
            guard told.insert(variable.name).inserted else { return nil }
            var text =
                "\(variable.place.map { "\($0): " } ?? "")The \"\(variable.name)\" variable is not set. Defaulting to a blank string."
            let owners = services.filter { $0.value["environment"][variable.name].string != nil }.keys.sorted()
            if let owner = owners.first {
                text +=
                    " Service \(owner) has it in its environment or env_file, which is for the container alone: put it into .env, or give --env-file."
            } else if variable.isBare {
                text += " If the dollar is meant as it stands, write $$\(variable.name)."
            }
            return text
        }
    }
}
