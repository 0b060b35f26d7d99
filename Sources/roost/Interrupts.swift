import LinuxKernel
import Synchronization

/// The current handler of SIGHUP, SIGINT and SIGTERM. There is one for the process, because two signal readers would steal signals from
/// each other.
enum Interrupts {
    private static let handler = Mutex<(@Sendable () -> Void)?>(nil)
    private static let isListening = Mutex(false)

    /// Sets the handler. It is called for each signal, on a separate thread.
    static func handle(_ handle: @escaping @Sendable () -> Void) throws(SyscallError) {
        handler.withLock { $0 = handle }
        let isFirst = isListening.withLock { isListening in
            defer { isListening = true }
            return !isListening
        }
        guard isFirst else { return }
        try Processes.onSignals([1, 2, 15]) { _ in handler.withLock { $0 }?() }
    }
}
