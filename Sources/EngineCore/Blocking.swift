import Dispatch
import LinuxKernel
import Synchronization

/// Work that waits for the kernel or the disk runs on threads of its own, never on the few that Swift's tasks share.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        BlockingThreads.shared.perform { continuation.resume(with: Result { try body() }) }
    }
}

extension Engine {
    /// Waits for something, but not for longer than a time; it goes on by itself then.
    static func wait(atMost limit: Duration, for body: @escaping @Sendable () async -> Void) async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        Task {
            await body()
            continuation.yield()
        }
        let clock = Task {
            try? await Task.sleep(for: limit)
            continuation.yield()
        }
        for await _ in stream { break }
        clock.cancel()
    }
}

/// Work that waits for as long as a network pleases: on a thread of its own, so that it takes none from the others.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do throws(SyscallError) {
            try Threads.detach { continuation.resume(with: Result { try body() }) }
        } catch { continuation.resume(throwing: error) }
    }
}

/// Threads for work that waits: made when they are needed, a bounded number, gone when nothing has come for a while. Most of a
/// container's start is waiting for the kernel, so there are more of them than processors.
final class BlockingThreads: Sendable {
    static let shared = BlockingThreads(limit: 12)

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
        var idle = 0
    }

    private let limit: Int
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    init(limit: Int) { self.limit = limit }

    func perform(_ job: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.jobs.append(job)
            guard state.idle < state.jobs.count, state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        if needsThread {
            do throws(SyscallError) { try Threads.detach { [self] in run() } } catch {
                // Without one more thread those that there are take it, or this one if there is none.
                let alone = state.withLock { state in
                    state.threads -= 1
                    return state.threads == 0
                }
                if alone { while let next = take() { next() } }
            }
        }
        work.signal()
    }

    private func take() -> (@Sendable () -> Void)? {
        state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
    }

    private func run() {
        while true {
            while let job = take() { job() }
            state.withLock { $0.idle += 1 }
            let woken = work.wait(timeout: .now() + 10) == .success
            let ends = state.withLock { state in
                state.idle -= 1
                guard !woken, state.jobs.isEmpty else { return false }
                state.threads -= 1
                return true
            }
            if ends { return }
        }
    }
}
