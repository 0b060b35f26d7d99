import EngineModel
import Synchronization

/// What has happened lately, and who wants to know what happens next. A reader that is too slow loses its place, not the engine.
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
        // Its end is told at once, and whoever hears of it wants the lock.
        for reader in lost { reader.finish() }
    }

    /// Events since a time, then, unless `until` has passed, those that come.
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
