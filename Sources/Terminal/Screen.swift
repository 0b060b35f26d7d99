import LinuxKernel

/// Colours on a terminal, none in a pipe; respects NO_COLOR and `--ansi`.
package struct Style: Sendable {
    package let isOn: Bool

    package init(descriptor: Int32, colour: Bool? = nil) {
        isOn = colour ?? Presentation.hasColours(descriptor)
    }

    package enum Colour: Int, Sendable { case red = 31, green, yellow, blue, magenta, cyan }

    package func paint(_ text: String, _ colour: Colour) -> String {
        isOn ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
    package func bold(_ text: String) -> String { isOn ? "\u{1b}[1m\(text)\u{1b}[0m" : text }

    /// The same name has the same colour everywhere.
    package func service(_ name: String, _ text: String) -> String {
        let palette: [Colour] = [.cyan, .yellow, .green, .magenta, .blue]
        let sum = name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff }
        return paint(text, palette[sum % palette.count])
    }
}

/// Live progress: one line per object that is redrawn on a terminal, one line per event in a pipe.
package final class ProgressDisplay {
    private struct Line {
        var text: String
        var state: State
        let began: Int64
        var ended: Int64?
    }

    private let style: Style
    private let isLive: Bool
    private var order: [String] = []
    private var lines: [String: Line] = [:]
    private var drawn = 0
    /// The highest count shown so far: it must not decrease when a finished object starts its next step.
    private var shownDone = 0
    /// Monotonic nanoseconds.
    private var lastDrawn: Int64 = 0
    /// A summary printed after the count.
    package var headline = ""

    package enum State { case working, done, failed }

    package init() {
        style = Style(descriptor: 2)
        isLive = Presentation.redraws(2)
    }

    package func update(_ object: String, _ text: String, _ state: State) {
        let now = Clocks.monotonicNanoseconds()
        if lines[object] == nil { order.append(object) }
        var line = lines[object] ?? Line(text: text, state: state, began: now)
        line.text = text
        line.state = state
        line.ended = state == .working ? nil : now
        lines[object] = line
        if isLive {
            draw(now)
        } else if !Presentation.isQuiet {
            try? writeAll(2, Array(" \(object)  \(text)\n".utf8))
        }
    }

    /// Updates spinners and times while there are no events. Draws at most ten times per second.
    package func tick() {
        let now = Clocks.monotonicNanoseconds()
        guard isLive, drawn > 0, now - lastDrawn >= 100_000_000,
            lines.values.contains(where: { $0.state == .working })
        else { return }
        draw(now)
    }

    private static let frames = Array("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

    private func draw(_ now: Int64) {
        lastDrawn = now
        // Some terminals report a size of 0.
        let rows = Int(Terminals.window(2)?.rows ?? 0)
        let height = max(4, (rows == 0 ? 24 : rows) - 2)
        let columns = Int(Terminals.window(2)?.columns ?? 0)
        let width = columns == 0 ? 80 : columns
        let shown = order.suffix(height - 1)
        shownDone = max(shownDone, lines.values.count { $0.state != .working })
        let head = "[+] \(shownDone)/\(order.count)" + (headline.isEmpty ? "" : "  \(headline)")
        var text = drawn > 0 ? "\u{1b}[\(drawn)A" : ""
        text += "\u{1b}[2K" + style.bold(shortened(head, width - 1)) + "\n"
        let widest = min(shown.map(TextWidth.of).max() ?? 0, max(8, width / 2))
        for object in shown {
            guard let line = lines[object] else { continue }
            text += "\u{1b}[2K" + drawn(object, line, widest: widest, width: width, now) + "\n"
        }
        drawn = shown.count + 1
        try? writeAll(2, Array(text.utf8))
    }

    /// Mark, name, text and time in one row. It must not wrap, or the next redraw starts too far down.
    private func drawn(_ object: String, _ line: Line, widest: Int, width: Int, _ now: Int64) -> String {
        let frame = String(Self.frames[Int(now / 100_000_000) % Self.frames.count])
        let (mark, colour): (String, Style.Colour) =
            switch line.state {
            case .working: (frame, .yellow)
            case .done: ("✔", .green)
            case .failed: ("✘", .red)
            }
        let tenths = ((line.ended ?? now) - line.began) / 100_000_000
        let time = "\(tenths / 10).\(tenths % 10)s"
        // The mark and its spaces take 3 cells; two spaces precede the text, two the time; the last cell stays free.
        let room = max(0, width - 1 - 3 - widest - 2 - 2 - TextWidth.of(time))
        let words = TextWidth.padded(shortened(line.text, room), room)
        let name = TextWidth.padded(shortened(object, widest), widest)
        return " \(style.paint(mark, colour)) \(name)  \(style.paint(words, colour))  \(time)"
    }
}
