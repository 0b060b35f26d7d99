import Synchronization

/// Something that happens once, whoever comes to it first.
final class Once: Sendable {
    private let done = Mutex(false)

    var hasCome: Bool { done.withLock { $0 } }

    /// True for the first who asks.
    func isFirst() -> Bool {
        done.withLock { done in
            defer { done = true }
            return !done
        }
    }
}
