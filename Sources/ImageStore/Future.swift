import Dispatch
import LinuxKernel
import Synchronization

/// Runs work on a dedicated thread, concurrently with the caller.
final class Future<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () throws -> Value) throws(SyscallError) {
        try Threads.detach { [self] in
            let result = Result { try body() }
            outcome.withLock { $0 = result }
            done.signal()
        }
    }

    /// Waits for the result; may be called repeatedly.
    func value() throws -> Value {
        done.wait()
        done.signal()
        guard let result = outcome.withLock({ $0 }) else {
            throw SyscallError(call: "pthread_create", subject: "a thread", errno: Errno.again)
        }
        return try result.get()
    }
}
