import Synchronization

/// A non-blocking counting limit: how many resources may be in use at a time, so that one user cannot exhaust them for all.
final class UsageLimit: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    /// False if the limit is reached.
    func take() -> Bool {
        left.withLock { left in
            guard left > 0 else { return false }
            left -= 1
            return true
        }
    }

    func giveBack() { left.withLock { $0 += 1 } }
}
