import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

struct SystemHandlers: Sendable {
    let engine: Engine
    let stop: @Sendable () -> Void

    func ping(_ request: Request) async throws -> Response {
        return .text(
            "OK",
            headers: [
                ("Builder-Version", "1"), ("Swarm", "inactive"),
                ("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"),
            ])
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }

    func version(_ request: Request) async throws -> Response {
        let host = HostIdentity.current()
        var component = SystemVersion.Component()
        component.name = "Engine"
        component.version = APIVersion.product
        component.details = [
            "ApiVersion": APIVersion.current, "Arch": Self.architecture, "Experimental": "false",
            "KernelVersion": host.release, "MinAPIVersion": APIVersion.minimum, "Os": "linux",
        ]
        var version = SystemVersion()
        version.platform.name = "Roost"
        version.components = [component]
        version.version = APIVersion.product
        version.apiVersion = APIVersion.current
        version.minimumAPIVersion = APIVersion.minimum
        version.os = "linux"
        version.architecture = Self.architecture
        version.kernelVersion = host.release
        return try .json(encoding: version)
    }

    func info(_ request: Request) async throws -> Response {
        let all = await engine.allContainers()
        var info = SystemInfo()
        info.id = engine.id
        info.containers = all.count
        info.containersRunning = all.count { $0.status.phase == .running }
        info.containersPaused = all.count { $0.status.phase == .paused }
        info.containersStopped = all.count { !$0.status.isRunning }
        info.images = await engine.imageSummaries().count
        info.dataRoot = engine.configuration.dataRoot
        info.describe(HostIdentity.current(), await engine.hostFacts())
        info.describeProduct()
        let mirrors = await engine.registryMirrors().map { $0.hasSuffix("/") ? $0 : $0 + "/" }
        info.registryConfig = SystemInfo.RegistryConfig(mirrors: mirrors)
        return try .json(encoding: info.adapted(toVersion: request.version))
    }

    func diskUsage(_ request: Request) async throws -> Response {
        let wanted = try (request.query["type"] ?? []).map { text throws(RoostError) in
            guard let kind = Engine.DiskUsageKind(rawValue: text) else {
                throw .invalid("unknown object type: \(text)")
            }
            return kind
        }
        let kinds = Set(wanted.isEmpty ? Engine.DiskUsageKind.allCases : wanted)
        return try .json(encoding: await engine.diskUsage(kinds))
    }

    func events(_ request: Request) async throws -> Response {
        func time(_ name: String) throws -> Int64? {
            guard let text = request[name], !text.isEmpty else { return nil }
            guard let parsed = Timestamp(parsing: text) else {
                throw RoostError.invalid("invalid value for \"\(name)\": \(text)")
            }
            return parsed.nanoseconds
        }
        let since = try time("since")
        let until = try time("until")
        if let since, let until, since > until {
            throw RoostError.invalid(
                "`since` time (\(since / 1_000_000_000)) cannot be after `until` time (\(until / 1_000_000_000))")
        }
        let filters = try request.filters([])
        let (past, stream) = engine.events(since: since ?? (until == nil ? nil : 0))
        return .stream("application/json") { output in
            for event in past where Self.matches(event, filters) && until.map({ event.time <= $0 }) != false {
                try await output.line(encoding: EventMessage(event))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await event in stream where Self.matches(event, filters) {
                        try await output.line(encoding: EventMessage(event))
                    }
                }
                if let until {
                    group.addTask { try? await Task.sleep(for: .nanoseconds(until - Clocks.wallNanoseconds())) }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private static func withoutTag(_ name: String) -> Substring {
        guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return name[...] }
        return name[..<colon]
    }

    static func matches(_ event: EngineEvent, _ filters: Filters) -> Bool {
        func named(_ key: String, _ scope: EngineEvent.Scope) -> Bool {
            filters.matches(key) {
                event.scope == scope
                    && (event.id.hasPrefix($0) || event.attributes["name"] == $0 || event.attributes["image"] == $0)
            }
        }
        /// An image's filter selects the events of its containers too.
        func ofImage() -> Bool {
            filters.matches("image") { wanted in
                guard event.scope == .container else {
                    return event.scope == .image && (event.id.hasPrefix(wanted) || event.attributes["name"] == wanted)
                }
                return withoutTag(event.attributes["image"] ?? "") == withoutTag(wanted)
            }
        }
        return filters.matches("type") { $0 == event.scope.rawValue }
            && filters.matches("event") { event.action == $0 || event.action.hasPrefix($0 + ":") }
            && named("container", .container) && ofImage() && named("network", .network)
            && filters.matches("daemon") { _ in event.scope == .daemon }
            && named("volume", .volume)
            && filters.matchesLabels(event.attributes)
    }

    func check(_ request: Request) async throws -> Response {
        let report = try await engine.checkStore(deep: request.flag("deep"))
        var answer = StoreCheckReport()
        answer.images = report.images
        answer.layers = report.layers
        answer.blobs = report.blobs
        answer.mended = report.mended
        answer.damaged = report.damaged
        return try .json(encoding: answer)
    }

    func status(_ request: Request) async throws -> Response {
        let all = await engine.allContainers()
        var status = EngineStatus()
        status.pid = Int64(Processes.currentPID)
        status.version = APIVersion.product
        status.dataRoot = engine.configuration.dataRoot
        status.runRoot = engine.configuration.runRoot
        status.socket = engine.configuration.socket
        status.containers = all.count
        status.running = all.count { $0.status.isRunning }
        return try .json(encoding: status)
    }

    /// From now on the engine does not exit when it is idle: it was started explicitly.
    func stay(_ request: Request) async throws -> Response {
        try Files.write(engine.configuration.runRoot + EngineFiles.stay, "")
        return .status(204)
    }

    func stopEngine(_ request: Request) async throws -> Response {
        try? Files.remove(engine.configuration.runRoot + EngineFiles.stay)
        await engine.shutDown()
        // The engine exits right after this: the client must have the response by then. It exits even if the client does not wait.
        var response = Response.status(204)
        response.onCompletion = stop
        return response
    }
}

extension SystemInfo {
    fileprivate mutating func describe(_ host: HostIdentity, _ facts: HostDescription) {
        name = host.name
        processors = facts.processors
        memory = facts.memoryBytes
        (memoryLimit, swapLimit, cpuCFSPeriod, cpuCFSQuota) = (true, true, true, true)
        (cpuShares, cpuSet, pidsLimit, ipv4Forwarding) = (true, true, true, true)
        oomKillDisable = facts.cgroupVersion == 1
        systemTime = Timestamp(nanoseconds: Clocks.wallNanoseconds()).rfc3339
        cgroupDriver = "cgroupfs"
        cgroupVersion = "\(facts.cgroupVersion)"
        kernelVersion = host.release
        operatingSystem = facts.operatingSystem
        osType = "linux"
        architecture = host.machine
    }

    /// What is the same on every host.
    fileprivate mutating func describeProduct() {
        driver = "overlay2"
        driverStatus = [["Supports d_type", "true"]]
        plugins.volume = ["local"]
        plugins.network = ["bridge", "host", "null"]
        plugins.log = ["json-file", "local", "none"]
        loggingDriver = "json-file"
        indexServerAddress = "https://index.docker.io/v1/"
        serverVersion = APIVersion.product
        // Clients ask for runc by name.
        runtimes = ["roost": Runtime(path: "roost-shim"), "runc": Runtime(path: "roost-shim")]
        defaultRuntime = "roost"
        liveRestoreEnabled = true
        firewallBackend = FirewallBackend(driver: "nftables")
        initBinary = "roost-shim"
        securityOptions = ["name=seccomp,profile=builtin", "name=cgroupns"]
    }
}

extension SystemInfo.RegistryConfig {
    fileprivate init(mirrors: [String]) {
        self.init()
        var hub = Index()
        hub.mirrors = mirrors
        hub.name = "docker.io"
        (hub.official, hub.secure) = (true, true)
        indexConfigs = ["docker.io": hub]
        insecureRegistryCIDRs = ["127.0.0.0/8"]
        self.mirrors = mirrors.isEmpty ? nil : mirrors
    }
}
