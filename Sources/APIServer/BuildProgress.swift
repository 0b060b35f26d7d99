import BuildSession
import EngineCore
import EngineModel
import LinuxKernel
import Synchronization

/// Turns a build's events into BuildKit's status messages: a vertex for each step.
final class BuildProgress: Sendable {
    private struct Vertex {
        let digest: String
        let name: String
        let started: Int64
    }
    private struct State {
        var steps: [Int: Vertex] = [:]
        var count = 0
        var transfers: [String: Int64] = [:]
    }

    private let messages: AsyncStream<[UInt8]>.Continuation
    private let state = Mutex(State())
    private let seed = String(Identifiers.random().prefix(48))

    init(_ messages: AsyncStream<[UInt8]>.Continuation) { self.messages = messages }

    private var now: Int64 { Clocks.wallNanoseconds() }

    /// Clients identify steps by digests, over all the builds that they follow at once; any unique ones will do.
    private func vertex(_ name: String) -> Vertex {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        let digits = String(number, radix: 16)
        let made = Vertex(
            digest: "sha256:" + seed + String(repeating: "0", count: 16 - digits.count) + digits, name: name,
            started: now)
        messages.yield(StatusMessage.vertex(made.digest, made.name, started: made.started))
        return made
    }

    private func complete(_ vertex: Vertex, cached: Bool = false, error: String = "") {
        messages.yield(
            StatusMessage.vertex(
                vertex.digest, vertex.name, started: vertex.started, completed: now, cached: cached, error: error))
    }

    /// Reports work before the first step as a vertex of its own.
    func during(_ name: String, _ work: (_ log: (String) -> Void) async throws -> Void) async throws {
        let vertex = vertex(name)
        do {
            try await work { text in
                self.messages.yield(
                    StatusMessage.progress(
                        vertex.digest, text, current: 0, total: 0, isComplete: true, started: vertex.started,
                        at: self.now))
            }
            complete(vertex)
        } catch {
            complete(vertex, error: "\(error)")
            throw error
        }
    }

    func report(_ event: BuildEvent) {
        switch event {
        case .began(let step, let total, let stage, let text):
            let place = stage.isEmpty ? "\(step)/\(total)" : "\(stage) \(step)/\(total)"
            let made = vertex("[\(place)] \(text)")
            state.withLock { $0.steps[step] = made }
        case .cached(let step): if let done = take(step) { complete(done, cached: true) }
        case .finished(let step, _): if let done = take(step) { complete(done) }
        case .output(let step, let text, let isError):
            guard let vertex = state.withLock({ $0.steps[step] }) else { return }
            messages.yield(StatusMessage.log(vertex.digest, text, stream: isError ? 2 : 1, at: now))
        case .transfer(let step, let transfer):
            guard let vertex = state.withLock({ $0.steps[step] }), let layer = transfer.layer else { return }
            let time = now
            let began = state.withLock { state in
                let began = state.transfers[layer] ?? time
                state.transfers[layer] = began
                return began
            }
            messages.yield(
                StatusMessage.progress(
                    vertex.digest, layer, current: transfer.amount?.current ?? 0, total: transfer.amount?.total ?? 0,
                    isComplete: transfer.amount == nil, started: began, at: time))
        case .warning(let text):
            if let vertex = state.withLock({ $0.steps.values.first }) {
                messages.yield(StatusMessage.warning(vertex.digest, text))
            } else {
                complete(vertex(text))
            }
        case .triggers, .running, .removedContainer: break
        }
    }

    private func take(_ step: Int) -> Vertex? { state.withLock { $0.steps.removeValue(forKey: step) } }

    /// Completes the steps that are still open: the ones that failed, or were cancelled.
    func end(_ failure: (any Error)?) {
        let open = state.withLock { state in
            defer { state.steps = [:] }
            return state.steps.sorted { $0.key < $1.key }.map(\.value)
        }
        for vertex in open { complete(vertex, error: failure.map { "\($0)" } ?? "") }
    }
}
