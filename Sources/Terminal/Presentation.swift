import LinuxKernel
import Synchronization

/// Settings of colours and progress (`--ansi`, `--progress`, COMPOSE_ANSI, COMPOSE_PROGRESS, NO_COLOR), and the capabilities of the
/// terminal.
public struct Presentation: Sendable {
    public enum ANSI: String, Sendable { case never, always, auto }
    public enum Progress: String, Sendable { case auto, tty, plain, json, quiet }
    public var ansi = ANSI(rawValue: environmentVariable("COMPOSE_ANSI") ?? "") ?? .auto
    public var progress = Progress(rawValue: environmentVariable("COMPOSE_PROGRESS") ?? "") ?? .auto

    public static let current = Mutex(Presentation())

    private static var isDumb: Bool { environmentVariable("TERM") == "dumb" }

    static func hasColours(_ descriptor: Int32) -> Bool {
        switch current.withLock({ $0.ansi }) {
        case .never: false
        case .always: true
        case .auto: Terminals.isTerminal(descriptor) && (environmentVariable("NO_COLOR") ?? "").isEmpty && !isDumb
        }
    }

    /// Whether lines are redrawn in place.
    public static func redraws(_ descriptor: Int32) -> Bool {
        let wish = current.withLock { $0 }
        if wish.ansi == .never { return false }
        return wish.progress == .tty || wish.progress == .auto && Terminals.isTerminal(descriptor) && !isDumb
    }

    public static var isQuiet: Bool { current.withLock { $0.progress == .quiet } }
}
