import DockerAPI
import EngineCore
import EngineModel
import ImageStore
import LinuxKernel
import OCI

struct SystemHandlers: Sendable {
    let engine: Engine
    let stop: @Sendable () -> Void

    func ping(_ exchange: Exchange) async throws {
        try await exchange.answer(
            text: "OK",
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

    func version(_ exchange: Exchange) async throws {
        let host = HostIdentity.current()
        let details: JSON = [
            "ApiVersion": .string(APIVersion.current), "Arch": .string(Self.architecture), "Experimental": "false",
            "KernelVersion": .string(host.release),
            "MinAPIVersion": .string(APIVersion.minimum), "Os": "linux",
        ]
        try await exchange.answer(
            200,
            [
                "Platform": ["Name": "Roost"],
                "Components": [["Name": "Engine", "Version": .string(APIVersion.product), "Details": details]],
                "Version": .string(APIVersion.product), "ApiVersion": .string(APIVersion.current),
                "MinAPIVersion": .string(APIVersion.minimum), "GitCommit": "",
                "GoVersion": "", "Os": "linux", "Arch": .string(Self.architecture),
                "KernelVersion": .string(host.release), "BuildTime": "",
            ])
    }

    func info(_ exchange: Exchange) async throws {
        let all = await engine.allContainers()
        let host = HostIdentity.current()
        let facts = await engine.hostFacts()
        let mirrors = await engine.registryMirrors().map { JSON.string($0.hasSuffix("/") ? $0 : $0 + "/") }
        var json: JSON = [
            "ID": .string(engine.id), "Containers": JSON(all.count),
            "ContainersRunning": JSON(all.count { $0.status.phase == .running }),
            "ContainersPaused": JSON(all.count { $0.status.phase == .paused }),
            "ContainersStopped": JSON(all.count { !$0.status.isRunning }),
            "Images": JSON(await engine.imageSummaries().count), "Driver": "overlay2",
            "DriverStatus": .array([["Supports d_type", "true"]]),
            "Plugins": [
                "Volume": ["local"], "Network": ["bridge", "host", "null"], "Authorization": .null,
                "Log": ["json-file", "local", "none"],
            ],
            "Name": .string(host.name), "NCPU": JSON(facts.processors), "MemTotal": JSON(facts.memoryBytes),
        ]
        for key in [
            "MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit",
            "IPv4Forwarding",
        ] { json.set(key, true) }
        let rest: JSON = [
            "BridgeNfIptables": false, "BridgeNfIp6tables": false, "Debug": false, "NFd": 0,
            "OomKillDisable": .bool(facts.controlGroupVersion == 1),
            "NGoroutines": 0,
            "SystemTime": .string(Timestamp(nanoseconds: Clocks.wallNanoseconds()).rfc3339),
            "LoggingDriver": "json-file", "CgroupDriver": "cgroupfs",
            "CgroupVersion": .string("\(facts.controlGroupVersion)"), "NEventsListener": 0,
            "KernelVersion": .string(host.release),
            "OperatingSystem": .string(facts.operatingSystem), "OSVersion": "", "OSType": "linux",
            "Architecture": .string(host.machine),
            "IndexServerAddress": "https://index.docker.io/v1/",
            "RegistryConfig": [
                "IndexConfigs": [
                    "docker.io": ["Mirrors": .array(mirrors), "Name": "docker.io", "Official": true, "Secure": true]
                ],
                "InsecureRegistryCIDRs": ["127.0.0.0/8"], "Mirrors": mirrors.isEmpty ? .null : .array(mirrors),
            ],
            "GenericResources": .null,
            "DockerRootDir": .string(engine.configuration.dataRoot), "HttpProxy": "", "HttpsProxy": "", "NoProxy": "",
            "Labels": [], "ExperimentalBuild": false,
            "ServerVersion": .string(APIVersion.product),
            "Runtimes": ["roost": ["path": "roost-shim"], "runc": ["path": "roost-shim"]],
            "DefaultRuntime": "roost",
            "ContainerdCommit": ["ID": "", "Expected": ""], "RuncCommit": ["ID": "", "Expected": ""],
            "InitCommit": ["ID": "", "Expected": ""], "CDISpecDirs": [],
            "Swarm": [
                "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "",
                "RemoteManagers": .null,
            ],
            "LiveRestoreEnabled": true, "Isolation": "", "InitBinary": "roost-shim",
            "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"], "Warnings": .null,
        ]
        for (key, value) in rest.object ?? [] { json.set(key, value) }
        try await exchange.answer(200, json)
    }

    func diskUsage(_ exchange: Exchange) async throws {
        let kinds = ["container": "Containers", "image": "Images", "volume": "Volumes", "build-cache": "BuildCache"]
        let wanted = exchange.request.query["type"] ?? []
        for kind in wanted where kinds[kind] == nil { throw RoostError.invalid("unknown object type: \(kind)") }
        let images = await engine.imageSummaries()
        let containers = await engine.allContainers()
        let volumes = await engine.allVolumes()
        let networks = await engine.networksByID()
        var layers: [String: Int64] = [:]
        for layer in images.flatMap(\.image.layers) { layers[layer.chain.hex] = layer.size }
        var rows: [JSON] = []
        for container in containers {
            var row = container.listJSON(networks: networks, now: Clocks.wallNanoseconds())
            let sizes = await engine.sizes(container.id)
            row.set("SizeRw", JSON(sizes.own))
            row.set("SizeRootFs", JSON(sizes.whole))
            rows.append(row)
        }
        let used = containers.flatMap { $0.mounts.compactMap(\.volumeName) }
        var volumeRows: [JSON] = []
        for volume in volumes {
            var row = volume.json(mountpoint: engine.mountpoint(volume))
            row.set(
                "UsageData",
                ["Size": JSON(await engine.volumeSize(volume)), "RefCount": JSON(used.count { $0 == volume.name })])
            volumeRows.append(row)
        }
        let steps = await engine.buildCacheSummaries()
        var answer: JSON =
            [
                "LayersSize": JSON(layers.values.reduce(0, +)),
                "Images": .array(
                    images.map { ImageHandlers.row($0, shared: ImageHandlers.sharedSize($0.image, images)) }),
                "Containers": .array(rows), "Volumes": .array(volumeRows),
                "BuildCache": .array(
                    steps.map { step in
                        [
                            "ID": .string(step.id), "Type": "regular", "Description": .string(step.description),
                            "InUse": .bool(step.isInUse), "Shared": .bool(step.isInUse), "Size": JSON(step.size),
                            "CreatedAt": .string(Timestamp(nanoseconds: step.createdAt).rfc3339),
                            "LastUsedAt": .string(Timestamp(nanoseconds: step.usedAt).rfc3339),
                            "UsageCount": JSON(step.uses),
                        ]
                    }), "BuilderSize": JSON(steps.reduce(0) { $0 + ($1.isInUse ? 0 : $1.size) }),
            ]
        for (kind, key) in kinds where !wanted.isEmpty && !wanted.contains(kind) { answer.set(key, .null) }
        try await exchange.answer(200, answer)
    }

    func events(_ exchange: Exchange) async throws {
        func time(_ name: String) throws -> Int64? {
            guard let text = exchange.request[name], !text.isEmpty else { return nil }
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
        let filters = try Filters(query: exchange.request["filters"], known: [])
        let (past, stream) = engine.events(since: since ?? (until == nil ? nil : 0))
        try await exchange.startStream("application/json")
        for event in past where Self.matches(event, filters) && until.map({ event.time <= $0 }) != false {
            try await exchange.send(event.json.bytes() + [10])
        }
        if let until, until <= Clocks.wallNanoseconds() { return try await exchange.end() }
        let limit = until.map { until in
            Task { try? await Task.sleep(for: .nanoseconds(until - Clocks.wallNanoseconds())) }
        }
        defer { limit?.cancel() }
        if let limit {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let send = SendableExchange(exchange)
                group.addTask {
                    for await event in stream where Self.matches(event, filters) {
                        try await send.exchange.send(event.json.bytes() + [10])
                    }
                }
                group.addTask { await limit.value }
                try await group.next()
                group.cancelAll()
            }
        } else {
            for await event in stream where Self.matches(event, filters) {
                try await exchange.send(event.json.bytes() + [10])
            }
        }
        try await exchange.end()
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

    func check(_ exchange: Exchange) async throws {
        let report = try await engine.checkStore(deep: exchange.request.flag("deep"))
        try await exchange.answer(
            200,
            [
                "images": JSON(report.images), "layers": JSON(report.layers), "blobs": JSON(report.blobs),
                "mended": JSON(report.mended), "damaged": JSON(report.damaged),
            ])
    }

    func status(_ exchange: Exchange) async throws {
        let all = await engine.allContainers()
        try await exchange.answer(
            200,
            [
                "pid": JSON(Processes.currentPID), "version": .string(APIVersion.product),
                "dataRoot": .string(engine.configuration.dataRoot),
                "runRoot": .string(engine.configuration.runRoot), "socket": .string(engine.configuration.socket),
                "containers": JSON(all.count),
                "running": JSON(all.count { $0.status.isRunning }),
            ])
    }

    /// From now on the engine does not exit when it is idle: it was started explicitly.
    func stay(_ exchange: Exchange) async throws {
        try Files.write(engine.configuration.runRoot + EngineFiles.stay, "")
        try await exchange.answer(204)
    }

    func stopEngine(_ exchange: Exchange) async throws {
        try? Files.remove(engine.configuration.runRoot + EngineFiles.stay)
        await engine.shutDown()
        // Even if the client does not wait for the response.
        defer { stop() }
        try await exchange.answer(204)
        // The engine exits right after this: the client must have the response by then.
        await exchange.finishOutput()
    }
}

/// An exchange belongs to one task at a time; where a child task uses it, its parent waits for the child.
struct SendableExchange: @unchecked Sendable {
    let exchange: Exchange
    init(_ exchange: Exchange) { self.exchange = exchange }
}
