import ComposeModel
import EngineModel

/// The order in which services depend on each other.
package enum DependencyOrder {
    /// Dependencies first, otherwise by name.
    package static func sorted(_ names: Set<String>, _ project: Project) -> [String] {
        var done: [String] = []
        func visit(_ name: String) {
            guard names.contains(name), !done.contains(name) else { return }
            for (other, _) in project.services[name]?["depends_on"].object ?? [] { visit(other) }
            if !done.contains(name) { done.append(name) }
        }
        for name in names.sorted() { visit(name) }
        return done
    }
}

/// Describes the differences of two definitions: `environment.LOG_LEVEL info → debug, compose.yaml:14:7`.
enum Difference {
    static func describe(_ before: JSON, _ after: JSON, origin: (String) -> String?) -> [String] {
        var found: [String] = []
        compare(before, after, path: "", &found, origin)
        return found
    }

    private static func compare(
        _ before: JSON, _ after: JSON, path: String, _ found: inout [String], _ origin: (String) -> String?
    ) {
        if before == after { return }
        if let old = before.object, let new = after.object {
            for key in Set(old.map(\.key) + new.map(\.key)).sorted() {
                compare(before[key], after[key], path: path.isEmpty ? key : "\(path).\(key)", &found, origin)
            }
            return
        }
        let place = origin(path).map { ", \($0)" } ?? ""
        found.append("\(path) \(short(before)) → \(short(after))\(place)")
    }

    private static func short(_ value: JSON) -> String {
        if value.isNull { return "(none)" }
        let text = value.string ?? value.text()
        return text.count > 60 ? text.prefix(57) + "…" : text
    }
}
