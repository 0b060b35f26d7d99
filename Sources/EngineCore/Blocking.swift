import Dispatch

/// Work that waits for the kernel or the disk runs on Dispatch's threads, never on the few that Swift's tasks share.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result { try body() }) }
    }
}

/// The undo of each act beside it; newest first, through to the end.
struct UndoLog {
    private var steps: [() throws -> Void] = []
    mutating func onFailure(_ step: @escaping () throws -> Void) { steps.append(step) }
    mutating func unwind() -> [any Error] {
        defer { steps = [] }
        return steps.reversed().compactMap { step in
            do {
                try step()
                return nil
            } catch { return error }
        }
    }
}
