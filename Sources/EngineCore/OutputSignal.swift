import ContainerRuntime
import EngineModel
import Synchronization

/// Fires when a container's log has grown, and for the last time when the container has ended.
public final class OutputSignal: Sendable {
    public let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let ended = Mutex(false)
    private let watch: LogSubscription

    /// `startsNow`: a container that does not run yet is waited for; else it has ended already.
    public convenience init(engine: Engine, record: ContainerRecord, folder: String, startsNow: Bool) async throws {
        try await self.init(
            engine: engine, record: record, folder: folder,
            until: startsNow && !record.status.isRunning ? .nextExit : .notRunning)
    }

    public init(engine: Engine, record: ContainerRecord, folder: String, until condition: Engine.WaitCondition)
        async throws
    {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.stream = stream
        self.continuation = continuation
        watch = try engine.watchLog(folder) { continuation.yield() }
        let exit = try await engine.exitSignal(record.id, condition)
        continuation.yield()
        Task { [weak self] in
            for await _ in exit {}
            self?.end()
        }
    }

    public var hasEnded: Bool { ended.withLock { $0 } }

    public func end() {
        ended.withLock { $0 = true }
        continuation.yield()
    }
}
