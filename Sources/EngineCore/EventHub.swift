import EngineModel
import Synchronization

/// Recent events, and subscribers for new ones. A subscriber that is too slow is dropped; it does not slow down the engine.
final class EventHub: Sendable {
    private struct State {
        var recent: [EngineEvent] = []
        var readers: [UInt64: AsyncStream<EngineEvent>.Continuation] = [:]
        var next: UInt64 = 0
    }
    private let state = Mutex(State())
    static let memory = 4096
    static let readerLimit = 4096

    func publish(_ event: EngineEvent) {
        let lost = state.withLock { state in
            state.recent.append(event)
            if state.recent.count > Self.memory { state.recent.removeFirst(state.recent.count - Self.memory) }
            var lost: [AsyncStream<EngineEvent>.Continuation] = []
            for (id, reader) in state.readers {
                if case .dropped = reader.yield(event) {
                    lost.append(reader)
                    state.readers[id] = nil
                }
            }
            return lost
        }
        // Outside of the lock: `finish` calls the termination handler at once, which takes the lock.
        for reader in lost { reader.finish() }
    }

    /// Events since a time, and a stream of those that follow.
    func subscribe(since: Int64?) -> (past: [EngineEvent], stream: AsyncStream<EngineEvent>) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: EngineEvent.self, bufferingPolicy: .bufferingOldest(Self.readerLimit))
        let (past, id) = state.withLock { state in
            state.next += 1
            state.readers[state.next] = continuation
            return (since.map { since in state.recent.filter { $0.time >= since } } ?? [], state.next)
        }
        continuation.onTermination = { [weak self] _ in self?.state.withLock { $0.readers[id] = nil } }
        return (past, stream)
    }
}
