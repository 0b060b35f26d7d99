import Dispatch
import LinuxKernel
import Synchronization

/// Runs blocking work (system calls, disk access) on dedicated threads, never on Swift's cooperative thread pool.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        BlockingThreads.shared.perform { continuation.resume(with: Result { try body() }) }
    }
}

extension Engine {
    /// Waits for `body`, but at most for `limit`; after that `body` keeps running on its own.
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

/// Runs work that may block on the network for an unbounded time on a thread of its own, so that it does not occupy the pool.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        do throws(SyscallError) {
            try Threads.detach { continuation.resume(with: Result { try body() }) }
        } catch { continuation.resume(throwing: error) }
    }
}

/// Thread pool for blocking work: threads are created on demand, up to a limit, and exit after 10 seconds without work. Starting a
/// container is mostly waiting for the kernel, so the limit does not depend on the number of CPUs.
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
                // If no thread can be created, existing ones run the job, or this one if there are none.
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
