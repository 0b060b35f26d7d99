import EngineModel

/// Commands that want names. Without any they would mean every service of the project in this folder, and a script whose list is empty
/// would stop or remove what it never named; so that has to be asked for with `compose`.
enum Arguments {
    struct Missing: Error {
        let text: String
    }

    static func need(_ names: [String], _ command: String, _ hint: String? = nil) throws {
        guard names.isEmpty, !Session.shared.isCompose else { return }
        throw Missing(
            text: "\"roost \(command)\" requires at least 1 argument.\nSee 'roost \(command) --help'."
                + (hint.map { "\n\nHint: \($0)" } ?? ""))
    }
}
