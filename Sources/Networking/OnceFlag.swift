import Synchronization

/// A flag that is set once; only the first caller of `isFirst` gets true.
final class OnceFlag: Sendable {
    private let done = Mutex(false)

    var hasCome: Bool { done.withLock { $0 } }

    /// Sets the flag; true for the first caller only.
    func isFirst() -> Bool {
        done.withLock { done in
            defer { done = true }
            return !done
        }
    }
}
