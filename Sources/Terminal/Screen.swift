import LinuxKernel

/// Colours on a terminal, none in a pipe; NO_COLOR is obeyed.
public struct Style: Sendable {
    public let isOn: Bool

    public init(descriptor: Int32, wish: Bool? = nil) {
        isOn =
            wish
            ?? (Terminals.isTerminal(descriptor) && (environmentVariable("NO_COLOR") ?? "").isEmpty
                && environmentVariable("TERM") != "dumb")
    }

    public enum Colour: Int, Sendable { case red = 31, green, yellow, blue, magenta, cyan }

    public func paint(_ text: String, _ colour: Colour) -> String {
        isOn ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
    public func bold(_ text: String) -> String { isOn ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

    /// The same name has the same colour everywhere.
    public func service(_ name: String, _ text: String) -> String {
        let palette: [Colour] = [.cyan, .yellow, .green, .magenta, .blue]
        let sum = name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff }
        return paint(text, palette[sum % palette.count])
    }
}

/// Live progress: one line per object that is redrawn on a terminal, one line per event in a pipe.
public final class ProgressDisplay {
    private let style: Style
    private let isLive: Bool
    private var order: [String] = []
    private var lines: [String: (text: String, state: State)] = [:]
    private var drawn = 0
    /// Words behind the count, about all together.
    public var headline = ""

    public enum State { case working, done, failed }

    public init() {
        style = Style(descriptor: 2)
        isLive = Terminals.isTerminal(2)
    }

    public func update(_ object: String, _ text: String, _ state: State) {
        if lines[object] == nil { order.append(object) }
        lines[object] = (text, state)
        if isLive { draw() } else { try? writeAll(2, Array(" \(object)  \(text)\n".utf8)) }
    }

    private func draw() {
        // Some terminals do not know their size and say 0.
        let rows = Int(Terminals.window(2)?.rows ?? 0)
        let height = max(4, (rows == 0 ? 24 : rows) - 2)
        let columns = Int(Terminals.window(2)?.columns ?? 0)
        let width = columns == 0 ? 80 : columns
        let shown = order.suffix(height - 1)
        let done = lines.values.count { $0.state != .working }
        var text = drawn > 0 ? "\u{1b}[\(drawn)A" : ""
        text +=
            "\u{1b}[2K" + style.bold("[+] \(done)/\(order.count)") + (headline.isEmpty ? "" : "  \(headline)") + "\n"
        let widest = shown.map(\.count).max() ?? 0
        for object in shown {
            guard let line = lines[object] else { continue }
            let mark =
                line.state == .working
                ? style.paint("⠿", .yellow) : line.state == .done ? style.paint("✔", .green) : style.paint("✘", .red)
            let colour: Style.Colour = line.state == .working ? .yellow : line.state == .done ? .green : .red
            let words = shortened(line.text, max(8, width - widest - 8))
            text +=
                "\u{1b}[2K \(mark) \(object)\(String(repeating: " ", count: widest - object.count))  \(style.paint(words, colour))\n"
        }
        drawn = shown.count + 1
        try? writeAll(2, Array(text.utf8))
    }
}
