import LinuxKernel
import Synchronization

/// One wait for a descriptor. It ends when the descriptor is ready, when it cannot be waited for, or when the task is cancelled.
final class ReadinessWait: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Void, Never>)
        case ended
    }
    private let state = Mutex(State.idle)
    private let file: OwnedFD
    private let loop: IOLoop

    init(_ file: OwnedFD, _ loop: IOLoop) {
        self.file = file
        self.loop = loop
    }

    func begin(_ interest: Readiness, _ continuation: CheckedContinuation<Void, Never>) {
        // Under the lock, so that `end` comes either before the registration or after it.
        let hasBegun = state.withLock { state in
            guard case .idle = state else { return false }
            do throws(SyscallError) { try loop.add(file.raw, interest) { [self] _ in end() } } catch {
                state = .ended
                return false
            }
            state = .waiting(continuation)
            return true
        }
        if !hasBegun { continuation.resume() }
    }

    func end() {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .ended }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        guard let waiting else { return }
        // Before the task continues: it may wait for the same descriptor at once.
        loop.remove(file.raw)
        waiting.resume()
    }
}
