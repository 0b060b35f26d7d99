import EngineCore
import LinuxKernel
import Synchronization

/// A client's input on its way into a process. When the process has ended the rest is read and dropped: closing a connection with unread
/// bytes resets it (unix(7)), and the client would lose output that it has not read yet.
final class InputFeed: Sendable {
    private struct State {
        var hasEnded = false
        /// Breaks off what is being waited for.
        var cancel: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())
    private let over: AsyncStream<Void>
    private let finish: AsyncStream<Void>.Continuation

    init() { (over, finish) = AsyncStream.makeStream(of: Void.self) }

    /// Writes as fast as the process reads; false when it reads no more.
    func write(_ bytes: [UInt8], to target: OwnedFD, _ engine: Engine) async -> Bool {
        await untilEnd { await InputPump.write(bytes, to: target, engine) } ?? false
    }

    /// The way into a container, as soon as it runs; nil if it has none, or if this run is over.
    func target(_ id: String, _ engine: Engine) async -> OwnedFD? {
        await untilEnd { await engine.inputWhenRunning(id) }
    }

    private func untilEnd<Value: Sendable>(_ body: @escaping @Sendable () async -> Value?) async -> Value? {
        let task = state.withLock { state -> Task<Value?, Never>? in
            if state.hasEnded { return nil }
            let task = Task { await body() }
            state.cancel = { task.cancel() }
            return task
        }
        return await task?.value
    }

    /// The process has ended, or its client has detached: what still waits is given up.
    func end() {
        let cancel = state.withLock { state in
            state.hasEnded = true
            return state.cancel
        }
        cancel?()
        finish.finish()
    }

    /// Waits for the end, so that a process that has closed its input keeps its client waiting as a full pipe does; then reads until the
    /// client closes its side.
    func drain(_ exchange: Exchange) async {
        for await _ in over {}
        while let bytes = try? await exchange.nextBytes(), !bytes.isEmpty {}
    }
}
