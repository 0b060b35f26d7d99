import ComposeModel
import EngineModel
import Planning
import Synchronization
import Testing

@Suite struct PlannerTests {
    private func project(_ services: [String: JSON]) -> Project {
        var project = Project(name: "shop", workingDirectory: "/shop", files: ["/shop/compose.yaml"])
        project.services = services
        project.networks = ["default": ["name": "shop_default"]]
        return project
    }

    private func service(_ more: JSON = .object([])) -> JSON {
        var json: JSON = ["image": "redis", "networks": ["default": .null]]
        for (key, value) in more.object ?? [] { json.set(key, value) }
        return json
    }

    private func observed(_ project: Project, running: [String]) throws -> ObservedState {
        var state = ObservedState()
        state.images = ["redis": "sha256:1"]
        guard !running.isEmpty else { return state }
        state.networks = ["shop_default"]
        let translation = try ServiceTranslation(project: project)
        state.containers = running.map {
            ObservedContainer(
                id: "id-\($0)", name: "shop-\($0)-1", service: $0, number: 1, configHash: translation.configHash($0),
                imageID: "sha256:1", phase: .running, exitCode: 0,
                stoppedByUser: false, definition: translation.definition($0))
        }
        return state
    }

    private func plan(_ project: Project, _ state: ObservedState, _ change: (inout UpOptions) -> Void = { _ in }) throws
        -> Plan
    {
        var options = UpOptions()
        change(&options)
        return try UpPlanner.plan(
            project: project, observed: state, options: options, contents: [:],
            paths: EnginePaths(files: "/files", socket: "/run/roost.sock"))
    }

    @Test("a new project: everything, in the order of its dependencies")
    func fresh() throws {
        let shop = project([
            "redis": service(["healthcheck": ["test": ["CMD", "true"]]]),
            "web": service(["depends_on": ["redis": ["condition": "service_healthy", "required": true]]]),
        ])
        let text = try plan(shop, observed(shop, running: [])).text
        #expect(
            text == """
                1. + create network shop_default  (missing)
                2. + create container shop-redis-1  (missing)  [after 1]
                3. > start container shop-redis-1  (created)  [after 2]
                4. ? wait until healthy: container shop-redis-1  (a dependent needs service_healthy)  [after 3]
                5. + create container shop-web-1  (missing)  [after 1]
                6. > start container shop-web-1  (created)  [after 4, 5]

                """)
    }

    @Test("what is as the file says needs nothing")
    func unchanged() throws {
        let shop = project([
            "redis": service(),
            "web": service(["depends_on": ["redis": ["condition": "service_healthy", "required": true]]]),
        ])
        let made = try plan(shop, observed(shop, running: ["redis", "web"]))
        #expect(made.steps.isEmpty)
        #expect(!made.hasChanges)
    }

    @Test("a changed field recreates its service alone and says why")
    func changed() throws {
        let before = project(["redis": service(), "web": service(["environment": ["LOG_LEVEL": "info"]])])
        var after = project(["redis": service(), "web": service(["environment": ["LOG_LEVEL": "debug"]])])
        after.origins = ["services.web.environment.LOG_LEVEL": "compose.yaml:14"]
        let made = try plan(after, observed(before, running: ["redis", "web"]))
        #expect(
            made.text
                == "1. ~ recreate container shop-web-1  (environment.LOG_LEVEL info → debug, compose.yaml:14)\n2. > start container shop-web-1  (recreated)  [after 1]\n"
        )
    }

    @Test("what a user has stopped is started, and a job that is done runs again")
    func stopped() throws {
        let shop = project(["redis": service(), "job": service()])
        var state = try observed(shop, running: ["redis", "job"])
        for index in state.containers.indices {
            state.containers[index].phase = .exited
            state.containers[index].stoppedByUser = state.containers[index].service == "redis"
        }
        let wanted: [Planning.Operation] = [
            .startContainer(name: "shop-job-1"), .startContainer(name: "shop-redis-1"),
        ]
        #expect(try plan(shop, state).steps.map(\.operation) == wanted)
    }

    @Test("a service that says how it is updated is updated in one step, by its rule")
    func updates() throws {
        let rule: JSON = [
            "update_config": ["order": "start-first", "parallelism": 2, "failure_action": "rollback", "monitor": "5s"]
        ]
        let before = project(["web": service(["deploy": rule])])
        let after = project(["web": service(["deploy": rule, "environment": ["A": "1"]])])
        let plan = try plan(after, observed(before, running: ["web"]))
        guard plan.steps.count == 1, case .updateService(let update) = plan.steps[0].operation else {
            Issue.record("\(plan.text)")
            return
        }
        #expect(
            update.rule.order == .startFirst && update.rule.parallelism == 2 && update.rule.monitor == 5_000_000_000)
        #expect(update.replicas.map(\.name) == ["shop-web-1"])
        #expect(update.rule.batches([1, 2, 3]) == [[1, 2], [3]])
        #expect(update.rule.verdict(failed: 0, of: 3) == .goOn && update.rule.verdict(failed: 1, of: 3) == .rollBack)
        var lenient = update.rule
        lenient.maximumFailureRatio = 0.5
        #expect(lenient.verdict(failed: 1, of: 3) == .goOn && lenient.verdict(failed: 2, of: 3) == .rollBack)
        // A fixed address cannot be had twice.
        let fixed = project([
            "web": service([
                "deploy": rule, "networks": ["default": ["ipv4_address": "10.0.0.2"]], "environment": ["A": "1"],
            ])
        ])
        guard
            case .updateService(let stopping) = try self.plan(fixed, observed(before, running: ["web"])).steps[0]
                .operation
        else {
            Issue.record("no update")
            return
        }
        #expect(stopping.rule.order == .stopFirst)
    }

    @Test("what an update that was cut off has left is cleared away")
    func leftovers() throws {
        let shop = project(["web": service()])
        var state = try observed(shop, running: ["web"])
        var old = state.containers[0]
        old.id = "old"
        old.name = "shop-web-1-retired-0123456789ab"
        old.configHash = "other"
        state.containers.append(old)
        #expect(
            try plan(shop, state).text == """
                1. . stop container shop-web-1-retired-0123456789ab  (left over from an interrupted update)
                2. - remove container shop-web-1-retired-0123456789ab  (left over from an interrupted update)  [after 1]

                """)
    }

    @Test("restart: true restarts what depends on a new container; pre_start comes before a start, once")
    func dependents() throws {
        func shop(_ value: String) -> Project {
            project([
                "db": service(["environment": ["A": .string(value)]]),
                "web": service(["depends_on": ["db": ["condition": "service_started", "restart": true]]]),
            ])
        }
        let text = try plan(shop("2"), observed(shop("1"), running: ["db", "web"])).text
        #expect(
            text.contains(
                "~ restart container shop-web-1  (dependency db was recreated (depends_on.restart))  [after 2]"))
        let prepared = project(["web": service(["scale": 2, "pre_start": [["command": ["a"]], ["command": ["b"]]]])])
        let lines = try plan(prepared, observed(prepared, running: [])).text.split(separator: "\n")
        #expect(lines.filter { $0.contains("run to completion") }.count == 2)
        #expect(lines.contains { $0.contains("start container shop-web-2") })
    }

    @Test("scaling adds and takes away the highest numbers")
    func scale() throws {
        let shop = project(["redis": service()])
        #expect(
            try plan(shop, observed(shop, running: ["redis"])) { $0.scale = ["redis": 3] }.steps.filter {
                $0.operation.subject.contains("redis-3")
            }.count == 2)
        let down = try plan(shop, observed(shop, running: ["redis"])) { $0.scale = ["redis": 0] }
        #expect(down.steps.map(\.operation.subject) == ["Container shop-redis-1", "Container shop-redis-1"])
    }

    @Test("a missing image, an unknown service, an attribute that is not supported: refused by name")
    func refusals() throws {
        let shop = project(["redis": service()])
        #expect(throws: RoostError.self) { try plan(shop, ObservedState()) }
        #expect(throws: RoostError.self) { try plan(shop, observed(shop, running: [])) { $0.services = ["nope"] } }
        let odd = project(["redis": service(["gpus": [["count": -1]]])])
        #expect(throws: RoostError.self) { try plan(odd, observed(odd, running: [])) }
    }

    @Test("down goes the other way round")
    func down() {
        let containers = ["redis", "web"].map {
            ObservedContainer(
                id: $0, name: "shop-\($0)-1", service: $0, number: 1, configHash: "", imageID: "", phase: .running,
                exitCode: 0, stoppedByUser: false, definition: .null)
        }
        let plan = DownPlanner.plan(
            project: "shop", containers: containers, dependencies: ["web": ["redis"]], networks: ["shop_default"],
            volumes: ["shop_data"], options: DownOptions())
        let order = plan.steps.map(\.operation.subject)
        #expect(
            order == [
                "Container shop-web-1", "Container shop-web-1", "Container shop-redis-1", "Container shop-redis-1",
                "Network shop_default",
            ])
        #expect(plan.steps[2].after == [1])
        #expect(plan.steps[4].after == [2, 4])
    }

    private func stopped(_ service: String) -> ObservedContainer {
        ObservedContainer(
            id: service, name: "shop-\(service)-1", service: service, number: 1, configHash: "", imageID: "",
            phase: .exited, exitCode: 0, stoppedByUser: true, definition: .null)
    }

    @Test("start takes dependencies first, and waits for their conditions")
    func start() throws {
        func dependency(_ condition: String) -> Dependency {
            var dependency = Dependency()
            dependency.condition = condition
            return dependency
        }
        let dependencies: [String: OrderedMap<Dependency>] = [
            "web": ["db": dependency("service_healthy"), "job": dependency("service_completed_successfully")]
        ]
        let plan = try StartPlanner.plan(
            project: "shop", containers: [stopped("web"), stopped("db"), stopped("job")], dependencies: dependencies,
            services: ["web"])
        #expect(
            plan.text == """
                1. > start container shop-db-1  (start)
                2. ? wait until healthy: container shop-db-1  (web needs service_healthy)  [after 1]
                3. > start container shop-job-1  (start)
                4. ? wait until completed: container shop-job-1  (web needs service_completed_successfully)  [after 3]
                5. > start container shop-web-1  (start)  [after 2, 4]

                """)
        #expect(throws: RoostError.self) {
            try StartPlanner.plan(
                project: "shop", containers: [stopped("web")], dependencies: dependencies, services: [])
        }
    }

    @Test(
        "which containers down takes",
        arguments: [
            // service, of run, exited; with --remove-orphans; taken
            ("web", false, false, false, true), ("gone", false, false, false, false),
            ("gone", false, false, true, true), ("tool", false, false, true, false), ("web", true, true, false, false),
            ("web", true, false, true, true), ("tool", true, false, true, false), ("tool", true, true, true, true),
        ])
    func taken(service: String, isOneOff: Bool, hasExited: Bool, removesOrphans: Bool, isTaken: Bool) {
        var options = DownOptions()
        options.model = .init(services: ["web"], disabled: ["tool"], networks: [], volumes: [])
        options.removesOrphans = removesOrphans
        #expect(options.takes(service: service, isOneOff: isOneOff, hasExited: hasExited) == isTaken)
    }

    @Test(
        "a service has the hash that Docker Compose gives it",
        arguments: [
            (
                #"{"command":null,"entrypoint":null,"image":"busybox","networks":{"default":null}}"#,
                "2afd7866203dca40993313263173003833e9de9c3ad83f2f59484e32a5605234"
            ),
            (
                #"{"attach":false,"command":null,"entrypoint":null,"image":"busybox","init":true,"networks":{"default":null}}"#,
                "d99837461a96fcf42947387c256af2e74eff3e4c2c12b6e1c30110730f142089"
            ),
            (
                #"{"command":["sleep","1000"],"deploy":{"resources":{},"placement":{}},"entrypoint":null,"image":"busybox","networks":{"default":null},"stop_grace_period":"0s"}"#,
                "676843da3cda3a6c07adbf0f58a5bf469d4986ff2a2e5f1a1f93133ff579d9be"
            ),
        ])
    func hashes(form: String, hash: String) throws {
        #expect(ServiceHash.hash(try JSON(parsing: Array(form.utf8)), first: { _ in nil }) == hash)
    }

    @Test("after a failure everything that does not need it is still done")
    func failure() async throws {
        let shop = project([
            "a1": service(), "b1": service(["depends_on": ["a1": ["condition": "service_started", "required": true]]]),
            "c1": service(),
        ])
        let made = try plan(shop, observed(shop, running: []))
        let backend = RecorderBox(failing: "Container shop-a1-1")
        let failures = await PlanExecutor(backend: backend) { _ in }.run(made)
        #expect(failures.count == 1)
        let seen = backend.seen.withLock { $0 }
        #expect(seen.filter { $0 == "Container shop-c1-1" }.count == 2)
        #expect(seen.filter { $0 == "Container shop-b1-1" }.count == 1)
    }

    private final class RecorderBox: PlanBackend {
        let failing: String
        let seen = Mutex<[String]>([])
        init(failing: String) { self.failing = failing }
        func perform(_ operation: Operation) async throws -> StepOutcome {
            seen.withLock { $0.append(operation.subject) }
            if operation.subject == failing { throw RoostError.failure("broken") }
            return .done
        }
    }
}
