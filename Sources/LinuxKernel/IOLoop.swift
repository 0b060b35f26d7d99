import CLinux
import Glibc
import Synchronization

/// An event loop: one thread that polls descriptors and runs their handlers, one at a time. Handlers must not block.
package final class IOLoop: Sendable {
    package typealias Handler = @Sendable (Readiness) -> Void

    private struct State {
        var handlers: [CInt: (generation: UInt64, call: Handler)] = [:]
        var jobs: [@Sendable () -> Void] = []
        var timers: [(deadline: Int64, call: @Sendable () -> Void)] = []
        var generation: UInt64 = 0
    }

    private let poll: Epoll
    private let wake: Pipe
    private let state = Mutex(State())

    package init() throws {
        poll = try Epoll()
        wake = try Pipe()
        try setNonBlocking(wake.reading.raw)
        try setNonBlocking(wake.writing.raw)
        try poll.add(wake.reading.raw, .readable)
        try Threads.detach { [self] in run() }
    }

    /// Calls the handler whenever the descriptor is ready. The caller keeps the descriptor open until after `remove`.
    package func add(_ fd: CInt, _ interest: Readiness, _ handler: @escaping Handler) throws(SyscallError) {
        let old = state.withLock { state in
            state.generation += 1
            return state.handlers.updateValue((state.generation, handler), forKey: fd)
        }
        do throws(SyscallError) { try poll.add(fd, interest) } catch {
            // The descriptor is already registered: keep the existing handler.
            let new = state.withLock { state in
                defer { state.handlers[fd] = old }
                return state.handlers[fd]
            }
            _ = consume new
            throw error
        }
    }

    package func change(_ fd: CInt, _ interest: Readiness) { try? poll.change(fd, interest) }

    package func remove(_ fd: CInt) {
        poll.remove(fd)
        // Releasing the handler may run a deinit that calls back into the loop: do it outside the lock.
        let old = state.withLock { $0.handlers.removeValue(forKey: fd) }
        _ = consume old
    }

    /// Runs a job on the loop's thread as soon as possible.
    package func perform(_ job: @escaping @Sendable () -> Void) {
        state.withLock { $0.jobs.append(job) }
        _ = try? writeSome(wake.writing.raw, [1])
    }

    /// Runs a job on the loop's thread after a delay.
    package func perform(afterMilliseconds time: Int64, _ job: @escaping @Sendable () -> Void) {
        let deadline = Clocks.monotonicNanoseconds() + time * 1_000_000
        state.withLock { $0.timers.append((deadline, job)) }
        _ = try? writeSome(wake.writing.raw, [1])
    }

    private func run() {
        while true {
            // A handler of this batch may close a descriptor whose number is reused at once: skip handlers registered after the wait. epoll
            // is level-triggered and reports the descriptor again.
            let known = state.withLock { $0.generation }
            let events = (try? poll.wait(milliseconds: nextTimeout())) ?? []
            for event in events {
                if event.fd == wake.reading.raw {
                    _ = try? readSome(wake.reading.raw, limit: 4096)
                } else if let handler = state.withLock({ $0.handlers[event.fd] }), handler.generation <= known {
                    handler.call(event.readiness)
                }
            }
            runDue()
        }
    }

    private func nextTimeout() -> Int32? {
        state.withLock { state in
            if !state.jobs.isEmpty { return 0 }
            guard let next = state.timers.map(\.deadline).min() else { return nil }
            return Int32(clamping: max(0, (next - Clocks.monotonicNanoseconds() + 999_999) / 1_000_000))
        }
    }

    private func runDue() {
        let now = Clocks.monotonicNanoseconds()
        let due = state.withLock { state in
            let jobs = state.jobs + state.timers.filter { $0.deadline <= now }.map(\.call)
            state.jobs = []
            state.timers.removeAll { $0.deadline <= now }
            return jobs
        }
        for job in due { job() }
    }
}
