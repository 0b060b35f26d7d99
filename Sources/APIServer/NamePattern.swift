/// The `name` filter of lists: a regular expression, as in Docker, that may match anywhere in the name. An invalid expression is matched
/// literally.
struct NamePattern {
    private let pattern: String

    init(_ pattern: String) { self.pattern = pattern }

    func fits(_ name: String) -> Bool {
        if name.contains(pattern) || "/\(name)".contains(pattern) { return true }
        guard pattern.contains(where: { "^$.*+?()[]{}|\\".contains($0) }), let expression = try? Regex(pattern) else {
            return false
        }
        return [name, "/\(name)"].contains { (try? expression.firstMatch(in: $0)) != nil }
    }
}
