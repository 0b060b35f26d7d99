import EngineModel

/// The result of a step that did not fail.
package enum StepOutcome: Sendable, Equatable {
    case done
    /// The object was left unchanged, for a reason that is not a failure.
    case kept(reason: String)
    /// Done, with errors that are reported at the end and do not block later steps.
    case doneWithErrors([String])
}

/// Performs operations: the engine, or a recorder in tests.
package protocol PlanBackend: Sendable {
    func perform(_ operation: Operation) async throws -> StepOutcome
}

/// Progress of the execution of a plan.
package enum PlanProgress: Sendable, Equatable {
    case began(PlanStep)
    case finished(PlanStep)
    case kept(PlanStep, reason: String)
    case failed(PlanStep, String)
    /// Not executed, because an earlier step failed.
    case skipped(PlanStep)
}

/// Executes a plan; independent steps run concurrently. Makes no decisions of its own.
package struct PlanExecutor: Sendable {
    let backend: any PlanBackend
    let report: @Sendable (PlanProgress) -> Void

    package init(backend: any PlanBackend, report: @escaping @Sendable (PlanProgress) -> Void) {
        self.backend = backend
        self.report = report
    }

    /// Runs every step whose predecessors succeed; returns the failures in the order in which they occurred.
    package func run(_ plan: Plan) async -> [(step: PlanStep, error: any Error)] {
        var waiting = plan.steps
        var done: Set<Int> = []
        var lost: Set<Int> = []
        var failures: [(step: PlanStep, error: any Error)] = []
        await withTaskGroup(of: (PlanStep, Result<StepOutcome, any Error>).self) { group in
            func launch() {
                var rest: [PlanStep] = []
                for step in waiting {
                    if step.after.contains(where: lost.contains) {
                        // A wait for an optional dependency that could not be created does not block its dependents.
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
                    // Reported, but dependents do not require it.
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
