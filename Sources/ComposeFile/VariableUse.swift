import ComposeModel

/// One use of a variable in a Compose file.
package struct VariableUse: Sendable, Equatable {
    package var name: String
    /// `${NAME:?…}`.
    package var isRequired = false
    /// `${NAME:-…}`.
    package var defaultValue = ""
    /// `${NAME:+…}`.
    package var alternativeValue = ""

    static func all(_ document: Node) throws(ComposeError) -> [VariableUse] {
        var interpolation = Interpolation(variables: [:])
        interpolation.onlyCollects = true
        _ = try interpolation.apply(document, path: "")
        return interpolation.uses
    }
}
