import EngineCore
import LinuxKernel
import Synchronization

/// A client's input on its way to a process. After the process has exited the rest is read and discarded: closing a connection with
/// unread bytes resets it (unix(7)), and the client would lose output that it has not read yet.
final class InputFeed: Sendable {
    private struct State {
        var hasEnded = false
        /// Cancels the current wait.
        var cancel: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())
    private let over: AsyncStream<Void>
    private let finish: AsyncStream<Void>.Continuation

    init() { (over, finish) = AsyncStream.makeStream(of: Void.self) }

    /// Writes as fast as the process reads; returns false when it reads no more.
    func write(_ bytes: [UInt8], to target: OwnedFD, _ engine: Engine) async -> Bool {
        await waitForEndOfInput { await InputPump.write(bytes, to: target, engine) } ?? false
    }

    /// The write end of a container's input, as soon as it runs; nil if it has none, or if this run is over.
    func target(_ id: String, _ engine: Engine) async -> OwnedFD? {
        await waitForEndOfInput { await engine.inputWhenRunning(id) }
    }

    private func waitForEndOfInput<Value: Sendable>(_ body: @escaping @Sendable () async -> Value?) async -> Value? {
        let task = state.withLock { state -> Task<Value?, Never>? in
            if state.hasEnded { return nil }
            let task = Task { await body() }
            state.cancel = { task.cancel() }
            return task
        }
        return await task?.value
    }

    /// The process has exited, or its client has detached: cancels what still waits.
    func end() {
        let cancel = state.withLock { state in
            state.hasEnded = true
            return state.cancel
        }
        cancel?()
        finish.finish()
    }

    /// Waits for the end, so that a process that has closed its input blocks its client as a full pipe does; then reads until the client
    /// closes its side.
    func drain(_ input: RequestBody) async {
        for await _ in over {}
        while let bytes = try? await input.next(), !bytes.isEmpty {}
    }
}
