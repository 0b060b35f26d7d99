import ComposeModel
import EngineModel

/// Plans `start`: starts stopped containers, dependencies first, each when its conditions are met.
package struct StartPlanner {
    private let containers: [ObservedContainer]
    /// The `depends_on` of each service.
    private let dependencies: [String: OrderedMap<Dependency>]
    private var plan: Plan
    private var started: [String: [Int]] = [:]
    private var visited: Set<String> = []

    /// `services`: only these; empty means all that have containers.
    package static func plan(
        project: String, containers: [ObservedContainer], dependencies: [String: OrderedMap<Dependency>],
        services: [String]
    ) throws(RoostError) -> Plan {
        var planner = StartPlanner(containers: containers, dependencies: dependencies, plan: Plan(project: project))
        let all = services.isEmpty ? Set(containers.map(\.service)).sorted() : services.sorted()
        for service in all { try planner.visit(service) }
        planner.plan.dropIdleWaits()
        return planner.plan
    }

    private init(containers: [ObservedContainer], dependencies: [String: OrderedMap<Dependency>], plan: Plan) {
        self.containers = containers
        self.dependencies = dependencies
        self.plan = plan
    }

    private mutating func visit(_ service: String) throws(RoostError) {
        guard visited.insert(service).inserted else { return }
        var gates: [Int] = []
        for (other, dependency) in dependencies[service] ?? [:] {
            try visit(other)
            gates += try wait(of: service, for: other, dependency)
        }
        for container in containers where container.service == service && !container.runs {
            started[service, default: []].append(
                plan.add(.startContainer(name: container.name), "start", after: gates))
        }
    }

    private mutating func wait(of service: String, for other: String, _ dependency: Dependency) throws(RoostError)
        -> [Int]
    {
        let ready = started[other] ?? []
        let condition = dependency.condition ?? "service_started"
        guard condition != "service_started" else { return ready }
        let isOptional = dependency.required == false
        let awaited = containers.filter { $0.service == other }
        if awaited.isEmpty, !isOptional { throw .conflict("\(service) is missing dependency \(other)") }
        return awaited.map { container in
            let operation: Operation =
                condition == "service_healthy"
                ? .awaitHealthy(name: container.name) : .awaitCompleted(name: container.name)
            let gate = plan.add(operation, "\(service) needs \(condition)", after: ready)
            if isOptional { plan.makeOptional(gate) }
            return gate
        }
    }
}
