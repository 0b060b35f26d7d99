import EngineModel

/// A list in the format of `--format`: Docker's own table, a table of chosen columns, JSON lines, or a template for each row.
package struct Listing {
    /// A column: the field of a row, and its title.
    package typealias Column = (field: String, title: String)

    private enum Mode {
        case table([String])
        case template(GoTemplate, isTable: Bool)
        case json
        case quiet(String)
    }

    private let mode: Mode
    private var table: Table?
    private let titles: [String: String]

    /// `columns`: those of the default table. `more`: titles of further fields for table templates. `quiet`: the only field to print.
    package init(
        _ format: String?, columns: [Column], more: [Column] = [], quiet: String? = nil
    ) throws(RoostError) {
        titles = Dictionary((columns + more).map { ($0.field, $0.title) }) { $1 }
        if let quiet, format == nil || format == "table" {
            mode = .quiet(quiet)
            return
        }
        switch format {
        case nil, "", "table":
            mode = .table(columns.map(\.field))
            table = Table(columns.map(\.title))
        case "json": mode = .json
        case let text?:
            let isTable = text.hasPrefix("table ")
            let body = Self.unescaped(isTable ? String(text.dropFirst(6)) : text)
            let template = try GoTemplate(body)
            mode = .template(template, isTable: isTable)
            if isTable {
                let head = JSON.object(titles.map { ($0.key, .string($0.value)) })
                let names = template.fields
                var row = head
                for name in names where head[name].isNull { row.set(name, .string(name.uppercased())) }
                table = Table(Self.cells(try template.render(row)))
            }
        }
    }

    /// Replaces the escapes `\t` and `\n`, as written in a shell.
    private static func unescaped(_ text: String) -> String {
        var out = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.first, next == "t" || next == "n" {
                rest.removeFirst()
                out.append(next == "t" ? "\t" : "\n")
            } else {
                out.append(character)
            }
        }
        return out
    }

    private static func cells(_ line: String) -> [String] {
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }

    /// Adds a row. Returns its text, or nil if the row is part of a table, which needs all rows.
    package mutating func add(_ row: JSON) throws(RoostError) -> String? {
        switch mode {
        case .quiet(let field): return (row[field].string ?? "") + "\n"
        case .json: return JSON.object((row.object ?? []).sorted { $0.key < $1.key }).text() + "\n"
        case .table(let fields):
            table?.add(fields.map { row[$0].string ?? row[$0].text() })
            return nil
        case .template(let template, let isTable):
            let line = try template.render(row, absence: .unknownInRow)
            guard isTable else { return line + "\n" }
            table?.add(Self.cells(line))
            return nil
        }
    }

    /// The text to print after all rows: the table.
    package var rest: String { table?.text ?? "" }

    /// Renders one value with a template, or as JSON.
    package static func one(_ format: String, _ value: JSON) throws(RoostError) -> String {
        format == "json" ? value.text() : try GoTemplate(unescaped(format)).render(value, absence: .unknownInObject)
    }
}
