import EngineModel

/// How a step ended that has not failed.
public enum StepOutcome: Sendable, Equatable {
    case done
    /// The object stays as it is, for a reason that is no failure.
    case kept(reason: String)
    /// Done, but something on the way has failed; it is reported at the end, and nothing that comes after is held back.
    case doneWithErrors([String])
}

/// What carries out operations: the engine, or a recorder in tests.
public protocol PlanBackend: Sendable {
    func perform(_ operation: Operation) async throws -> StepOutcome
}

/// What happens while a plan is carried out.
public enum PlanProgress: Sendable, Equatable {
    case began(PlanStep)
    case finished(PlanStep)
    case kept(PlanStep, reason: String)
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
        await withTaskGroup(of: (PlanStep, Result<StepOutcome, any Error>).self) { group in
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
                            do { return (step, .success(try await backend.perform(step.operation))) } catch {
                                return (step, .failure(error))
                            }
                        }
                    } else {
                        rest.append(step)
                    }
                }
                waiting = rest
            }
            launch()
            while let (step, result) = await group.next() {
                switch result {
                case .failure(let error) where step.isOptional:
                    // Reported, but what waits for it can do without.
                    done.insert(step.number)
                    report(.failed(step, "optional dependency failed: \(error)"))
                case .failure(let error):
                    lost.insert(step.number)
                    failures.append((step, error))
                    report(.failed(step, "\(error)"))
                case .success(let outcome):
                    done.insert(step.number)
                    if case .kept(let reason) = outcome {
                        report(.kept(step, reason: reason))
                    } else {
                        report(.finished(step))
                    }
                    if case .doneWithErrors(let errors) = outcome {
                        failures += errors.map { (step, RoostError.failure($0)) }
                    }
                }
                launch()
            }
        }
        return failures
    }
}
