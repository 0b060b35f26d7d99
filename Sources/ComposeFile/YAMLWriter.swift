import EngineModel

/// Writes canonical values as YAML in Compose's style: indented by two spaces, list items indented below their key.
package enum YAMLWriter {
    package static func text(_ value: JSON) -> String {
        var out = ""
        write(value, indent: 0, to: &out)
        return out
    }

    private static func write(_ value: JSON, indent: Int, to out: inout String) {
        let margin = String(repeating: " ", count: indent)
        switch value {
        case .object(let members):
            for (key, item) in members {
                out += margin + scalar(key) + ":"
                inline(item, indent: indent, to: &out)
            }
        case .array(let items):
            for item in items {
                out += margin + "-"
                switch item {
                case .object(let members) where !members.isEmpty:
                    var inner = ""
                    write(item, indent: indent + 2, to: &inner)
                    out += " " + inner.dropFirst(indent + 2)
                default: inline(item, indent: indent, to: &out)
                }
            }
        default: out += margin + scalar(value) + "\n"
        }
    }

    private static func inline(_ value: JSON, indent: Int, to out: inout String) {
        switch value {
        case .object(let members) where members.isEmpty: out += " {}\n"
        case .array(let items) where items.isEmpty: out += " []\n"
        case .object, .array:
            out += "\n"
            write(value, indent: indent + 2, to: &out)
        case .string(let text):
            let scalar = YAMLScalar(text)
            out += " " + (scalar.block(indent: indent + 2) ?? scalar.line + "\n")
        default: out += " " + scalar(value) + "\n"
        }
    }

    private static func scalar(_ value: JSON) -> String {
        switch value {
        case .string(let text): return YAMLScalar(text).line
        case .double(let number) where number.isFinite: return GoNumber.text(number)
        case .double(let number): return number.isNaN ? ".nan" : number < 0 ? "-.inf" : ".inf"
        default: return value.text()
        }
    }

    private static func scalar(_ text: String) -> String { YAMLScalar(text).line }
}
