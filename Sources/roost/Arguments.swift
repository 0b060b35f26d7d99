import EngineModel

/// Commands that require names. Without names they would act on every service of the project in the current directory, and a script with
/// an empty list would stop or remove what it never named. Acting on the whole project therefore requires `compose`.
enum Arguments {
    struct Missing: Error {
        let text: String
    }

    static func need(_ names: [String], _ command: String, _ hint: String? = nil) throws {
        guard names.isEmpty, !CommandContext.shared.isCompose else { return }
        throw Missing(
            text: "\"roost \(command)\" requires at least 1 argument.\nSee 'roost \(command) --help'."
                + (hint.map { "\n\nHint: \($0)" } ?? ""))
    }
}
