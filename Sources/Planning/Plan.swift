import EngineModel

/// One operation, with all the data that it needs.
package enum Operation: Sendable, Equatable {
    case createNetwork(NetworkSpec)
    /// Recreates a network; its containers keep running and are disconnected and reconnected.
    case replaceNetwork(NetworkSpec)
    case createVolume(name: String, labels: [String: String], options: [String: String], driver: String)
    case createContainer(name: String, spec: ContainerSpec)
    /// Stops and removes the old container and creates the new one, which keeps anonymous volumes unless `renewsVolumes` is set.
    case replaceContainer(id: String, name: String, spec: ContainerSpec, renewsVolumes: Bool, timeoutSeconds: Int?)
    /// Runs a container to completion before a service starts (`pre_start`), and removes it.
    case prepare(name: String, spec: ContainerSpec)
    /// Replaces the running replicas of a service by its `update_config`.
    case updateService(ServiceUpdate)
    case startContainer(name: String)
    /// Restarts a running container because a dependency was recreated.
    case restartContainer(id: String, name: String, timeoutSeconds: Int?)
    case stopContainer(id: String, name: String, timeoutSeconds: Int?)
    case removeContainer(id: String, name: String, volumes: VolumeDisposition)
    case awaitHealthy(name: String)
    case awaitCompleted(name: String)
    case removeNetwork(name: String)
    case removeVolume(name: String)
    /// Moves a volume to the trash, from where it can be restored until it expires.
    case trashVolume(name: String)

    package var subject: String {
        switch self {
        case .createNetwork(let spec), .replaceNetwork(let spec): "Network \(spec.name)"
        case .createVolume(let name, _, _, _), .removeVolume(let name), .trashVolume(let name): "Volume \(name)"
        case .createContainer(let name, _), .replaceContainer(_, let name, _, _, _), .startContainer(let name),
            .stopContainer(_, let name, _), .restartContainer(_, let name, _), .removeContainer(_, let name, _),
            .awaitHealthy(let name), .awaitCompleted(let name), .prepare(let name, _):
            "Container \(name)"
        case .removeNetwork(let name): "Network \(name)"
        case .updateService(let update): "Service \(update.service)"
        }
    }

    /// The progress texts of Compose: during and after the operation.
    package var words: (doing: String, done: String) {
        switch self {
        case .createNetwork, .createVolume, .createContainer: ("Creating", "Created")
        case .replaceContainer, .replaceNetwork: ("Recreate", "Recreated")
        case .updateService: ("Updating", "Updated")
        case .prepare: ("Running", "Completed")
        case .startContainer: ("Starting", "Started")
        case .stopContainer: ("Stopping", "Stopped")
        case .restartContainer: ("Restarting", "Restarted")
        case .removeContainer, .removeNetwork, .removeVolume: ("Removing", "Removed")
        case .trashVolume: ("Removing", "Moved to the trash")
        case .awaitHealthy: ("Waiting", "Healthy")
        case .awaitCompleted: ("Waiting", "Exited")
        }
    }

    package var verb: String {
        switch self {
        case .createNetwork, .createVolume, .createContainer: "+ create"
        case .replaceContainer, .replaceNetwork: "~ recreate"
        case .updateService: "~ update"
        case .prepare: "> run to completion"
        case .startContainer: "> start"
        case .stopContainer: ". stop"
        case .restartContainer: "~ restart"
        case .removeContainer, .removeNetwork, .removeVolume: "- remove"
        case .trashVolume: "- move to the trash"
        case .awaitHealthy: "? wait until healthy:"
        case .awaitCompleted: "? wait until completed:"
        }
    }

    /// Whether the operation changes anything; waits do not.
    package var changes: Bool {
        switch self {
        case .awaitHealthy, .awaitCompleted: false
        default: true
        }
    }
}

/// A step of a plan: the operation, its reason, and the steps that must come first.
package struct PlanStep: Sendable, Equatable {
    package var number: Int
    package var operation: Operation
    package var reason: String
    package var after: [Int]
    /// Dependents continue if the step fails: `depends_on` with `required: false`.
    package var isOptional = false
    /// The caller of the plan waits for this step, so it is kept even without dependents.
    package var isAwaited = false
}

/// A graph of steps. `up` executes the same value that `plan` prints.
package struct Plan: Sendable, Equatable {
    package var project: String
    package var steps: [PlanStep] = []
    package var notes: [String] = []

    package init(project: String) { self.project = project }

    package var hasChanges: Bool { steps.contains { $0.operation.changes } }

    /// Whether the project counts as up afterwards, so that its services are kept running; false for `run`.
    package var bringsUp = true

    mutating func add(_ operation: Operation, _ reason: String, after: [Int]) -> Int {
        let number = steps.count + 1
        steps.append(PlanStep(number: number, operation: operation, reason: reason, after: Array(Set(after)).sorted()))
        return number
    }

    mutating func makeOptional(_ number: Int) {
        for index in steps.indices where steps[index].number == number { steps[index].isOptional = true }
    }

    mutating func keep(_ number: Int) {
        for index in steps.indices where steps[index].number == number { steps[index].isAwaited = true }
    }

    /// Removes waits that no step depends on, and renumbers the rest.
    mutating func dropIdleWaits() {
        while let idle = steps.firstIndex(where: { step in
            !step.operation.changes && !step.isAwaited && !steps.contains { $0.after.contains(step.number) }
        }) { steps.remove(at: idle) }
        let numbers = Dictionary(uniqueKeysWithValues: steps.enumerated().map { ($0.element.number, $0.offset + 1) })
        for index in steps.indices {
            steps[index].number = index + 1
            steps[index].after = steps[index].after.compactMap { numbers[$0] }
        }
    }

    package var text: String {
        let noteLines = notes.map { "note: \($0)\n" }.joined()
        guard hasChanges else { return "Nothing to do: \(project) matches the Compose file.\n" + noteLines }
        return steps.map { step in
            let order = step.after.isEmpty ? "" : "  [after \(step.after.map(String.init).joined(separator: ", "))]"
            return
                "\(step.number). \(step.operation.verb) \(step.operation.subject.lowercasedFirst)  (\(step.reason))\(order)\n"
        }.joined() + noteLines
    }
}

extension String {
    var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
