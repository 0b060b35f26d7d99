import ComposeModel

/// One use of a variable in a Compose file.
public struct VariableUse: Sendable, Equatable {
    public var name: String
    /// `${NAME:?…}`.
    public var isRequired = false
    /// `${NAME:-…}`.
    public var defaultValue = ""
    /// `${NAME:+…}`.
    public var alternativeValue = ""

    static func all(_ document: Node) throws(ComposeError) -> [VariableUse] {
        var interpolation = Interpolation(variables: [:])
        interpolation.onlyCollects = true
        _ = try interpolation.apply(document, path: "")
        return interpolation.uses
    }
}
