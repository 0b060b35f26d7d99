import EngineModel

/// Who can carry out operations: the engine, or a recorder in tests.
public protocol PlanBackend: Sendable {
    func perform(_ operation: Operation) async throws
}

/// What happens while a plan is carried out.
public enum PlanProgress: Sendable, Equatable {
    case began(PlanStep)
    case finished(PlanStep)
    case failed(PlanStep, String)
    /// Not tried, because something before it failed.
    case skipped(PlanStep)
}

/// Carries a plan out: steps that do not wait for each other at the same time. Decides nothing.
public struct PlanExecutor: Sendable {
    let backend: any PlanBackend
    let report: @Sendable (PlanProgress) -> Void

    public init(backend: any PlanBackend, report: @escaping @Sendable (PlanProgress) -> Void) {
        self.backend = backend
        self.report = report
    }

    /// Runs every step that can be run; answers with the failures in the order in which they happened.
    public func run(_ plan: Plan) async -> [(step: PlanStep, error: any Error)] {
        var waiting = plan.steps
        var done: Set<Int> = []
        var lost: Set<Int> = []
        var failures: [(step: PlanStep, error: any Error)] = []
        await withTaskGroup(of: (PlanStep, (any Error)?).self) { group in
            func launch() {
                var rest: [PlanStep] = []
                for step in waiting {
                    if step.after.contains(where: lost.contains) {
                        // A wait for an optional dependency that could not even be made keeps nobody back.
                        if step.isOptional { done.insert(step.number) } else { lost.insert(step.number) }
                        report(.skipped(step))
                    } else if step.after.allSatisfy(done.contains) {
                        report(.began(step))
                        let backend = backend
                        group.addTask {
                            do {
                                try await backend.perform(step.operation)
                                return (step, nil)
                            } catch { return (step, error) }
                        }
                    } else {
                        rest.append(step)
                    }
                }
                waiting = rest
            }
            launch()
            while let (step, error) = await group.next() {
                if let error, step.isOptional {
                    // Told, and no failure: who waits for it can do without.
                    done.insert(step.number)
                    report(.failed(step, "optional dependency failed: \(error)"))
                } else if let error {
                    lost.insert(step.number)
                    failures.append((step, error))
                    report(.failed(step, "\(error)"))
                } else {
                    done.insert(step.number)
                    report(.finished(step))
                }
                launch()
            }
        }
        return failures
    }
}
