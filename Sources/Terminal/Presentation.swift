import LinuxKernel
import Synchronization

/// Settings of colours and progress (`--ansi`, `--progress`, COMPOSE_ANSI, COMPOSE_PROGRESS, NO_COLOR), and the capabilities of the
/// terminal.
package struct Presentation: Sendable {
    package enum ANSI: String, Sendable { case never, always, auto }
    package enum Progress: String, Sendable { case auto, tty, plain, json, quiet }
    package var ansi = ANSI(rawValue: environmentVariable("COMPOSE_ANSI") ?? "") ?? .auto
    package var progress = Progress(rawValue: environmentVariable("COMPOSE_PROGRESS") ?? "") ?? .auto

    package static let current = Mutex(Presentation())

    private static var isDumb: Bool { environmentVariable("TERM") == "dumb" }

    static func hasColours(_ descriptor: Int32) -> Bool {
        switch current.withLock({ $0.ansi }) {
        case .never: false
        case .always: true
        case .auto: Terminals.isTerminal(descriptor) && (environmentVariable("NO_COLOR") ?? "").isEmpty && !isDumb
        }
    }

    /// Whether lines are redrawn in place.
    package static func redraws(_ descriptor: Int32) -> Bool {
        let options = current.withLock { $0 }
        if options.ansi == .never { return false }
        return options.progress == .tty || options.progress == .auto && Terminals.isTerminal(descriptor) && !isDumb
    }

    package static var isQuiet: Bool { current.withLock { $0.progress == .quiet } }
}
