import ContainerRuntime
import EngineModel
import Synchronization

/// Fires when a container's log has grown, and for the last time when the container has exited.
package final class OutputSignal: Sendable {
    package let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let ended = Mutex(false)
    private let watch: LogSubscription

    /// `startsNow`: waits for the next exit of a container that is not running yet; otherwise such a container counts as exited.
    package convenience init(engine: Engine, record: ContainerRecord, folder: String, startsNow: Bool) async throws {
        try await self.init(
            engine: engine, record: record, folder: folder,
            until: startsNow && !record.status.isRunning ? .nextExit : .notRunning)
    }

    package init(engine: Engine, record: ContainerRecord, folder: String, until condition: Engine.WaitCondition)
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

    /// Output that the log could not take.
    package struct Piece: Sendable {
        package let bytes: [UInt8]
        package let isError: Bool
    }

    /// Pieces beyond this are dropped: the engine does not wait for a stalled reader, and memory stays bounded.
    private static let pieceLimit = 4 << 20
    private let pieces = Mutex<[Piece]>([])

    func offer(_ bytes: [UInt8], isError: Bool) {
        pieces.withLock { pieces in
            guard pieces.reduce(0, { $0 + $1.bytes.count }) < Self.pieceLimit else { return }
            pieces.append(Piece(bytes: bytes, isError: isError))
        }
        continuation.yield()
    }

    package func takePieces() -> [Piece] {
        pieces.withLock { pieces in
            defer { pieces = [] }
            return pieces
        }
    }

    package var hasEnded: Bool { ended.withLock { $0 } }

    package func end() {
        ended.withLock { $0 = true }
        continuation.yield()
    }
}
