import Synchronization

/// Puts the reports of concurrent stages into the order of the steps: one stage reports at a time, the events of later ones are queued.
final class BuildReport: Sendable {
    private struct State {
        var waiting: [Int: [BuildEvent]] = [:]
        var order: [Int]
        var isDone: Set<Int> = []
    }

    private let state: Mutex<State>
    private let send: @Sendable (BuildEvent) -> Void
    private let ordered: Bool

    init(stages: [Int], ordered: Bool, send: @escaping @Sendable (BuildEvent) -> Void) {
        state = Mutex(State(order: stages))
        self.ordered = ordered
        self.send = send
    }

    func emit(_ stage: Int, _ event: BuildEvent) {
        guard ordered else { return send(event) }
        state.withLock { state in
            if state.order.first == stage { send(event) } else { state.waiting[stage, default: []].append(event) }
        }
    }

    func finish(_ stage: Int) {
        guard ordered else { return }
        state.withLock { state in
            state.isDone.insert(stage)
            while let first = state.order.first, state.isDone.contains(first) {
                state.order.removeFirst()
                guard let next = state.order.first else { break }
                for event in state.waiting.removeValue(forKey: next) ?? [] { send(event) }
            }
        }
    }

    /// Sends what is still queued, when a build ends early.
    func flush() {
        state.withLock { state in
            for stage in state.order { for event in state.waiting.removeValue(forKey: stage) ?? [] { send(event) } }
        }
    }
}
