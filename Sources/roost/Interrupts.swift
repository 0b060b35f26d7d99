import LinuxKernel
import Synchronization

/// What SIGHUP, SIGINT and SIGTERM do at the moment: one place, because two readers of signals would take them from each other.
enum Interrupts {
    private static let handler = Mutex<(@Sendable () -> Void)?>(nil)
    private static let isListening = Mutex(false)

    /// From now on `handle` is called for each, on a thread of its own.
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
