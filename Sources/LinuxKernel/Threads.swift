import CLinux
import Glibc
import Synchronization

/// Dedicated threads. Only such a thread may change its namespaces, because it exits afterwards.
package enum Threads {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }

    /// Runs the body on a new thread and waits for its result.
    package static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let outcome = Outcome<Value>()
        let thread = try start { outcome.result.withLock { $0 = Result { try body() } } }
        _ = pthread_join(thread, nil)
        guard let result = outcome.result.withLock({ $0 }) else {
            throw SyscallError(call: "pthread_create", subject: "a thread", errno: EAGAIN)
        }
        return try result.get()
    }

    /// Starts a detached thread.
    package static func detach(_ body: @escaping @Sendable () -> Void) throws(SyscallError) {
        let thread = try start(body)
        _ = pthread_detach(thread)
    }

    private static func start(_ body: @escaping @Sendable () -> Void) throws(SyscallError) -> pthread_t {
        var thread = pthread_t()
        let work = unsafe Unmanaged.passRetained(Work(body))
        let code = unsafe pthread_create(
            &thread, nil,
            { raw in
                // The pointer is the retained work from above, consumed exactly once.
                if let raw = unsafe raw { unsafe Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body() }
                return nil
            }, work.toOpaque())
        if code != 0 {
            unsafe work.release()
            throw SyscallError(call: "pthread_create", subject: "a thread", errno: code)
        }
        return thread
    }
}

/// A network namespace held by a descriptor: it exists as long as the descriptor is open or a process is in it.
package struct NetworkNamespace: Sendable {
    package let file: OwnedFD

    package init(adopting file: OwnedFD) { self.file = file }

    /// Runs the body on a new thread in this namespace and waits for its result.
    package func enter<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let file = file
        return try Threads.run {
            try Processes.enter(file.raw, .network, name: "a network namespace")
            return try body()
        }
    }
}
