/// Aligned columns, separated by three spaces and at least ten cells wide, like Docker's tables (Go's text/tabwriter).
package struct Table {
    private static let gap = 3
    private static let least = 10
    private var rows: [[String]]

    package init(_ titles: [String]) { rows = [titles] }

    package mutating func add(_ row: [String]) { rows.append(row) }

    package var text: String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            max(Self.least, (rows.map { column < $0.count ? TextWidth.of($0[column]) : 0 }.max() ?? 0) + Self.gap)
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += column == row.count - 1 ? cell : TextWidth.padded(cell, widths[column])
            }
            return line + "\n"
        }.joined()
    }
}
