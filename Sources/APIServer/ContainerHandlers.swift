import DockerAPI
import EngineCore
import EngineModel
import LinuxKernel
import OCI

struct ContainerHandlers: Sendable {
    let engine: Engine

    private func id(_ exchange: Exchange) -> String { exchange.request.path[1] }

    static let listFilters: Set<String> = [
        "label", "name", "status", "id", "ancestor", "network", "volume", "publish", "expose", "exited", "health",
        "before", "since", "is-task", "isolation",
    ]

    func list(_ exchange: Exchange) async throws {
        let request = exchange.request
        let filters = try Filters(query: request["filters"], known: Self.listFilters)
        let limit = request.number("limit") ?? 0
        let everything = request.flag("all") || limit > 0 || !filters["status"].isEmpty || !filters["exited"].isEmpty
        let networks = await engine.networksByID()
        let now = Clocks.wallNanoseconds()
        var found = await engine.allContainers().filter {
            everything || $0.status.isRunning || $0.status.phase == .restarting
        }
        try filters.require(
            "status", oneOf: ["created", "restarting", "running", "removing", "paused", "exited", "dead"])
        for name in ["publish", "expose"] {
            for text in filters[name] where !PortRange(text).isValid {
                throw RoostError.invalid(
                    "invalid filter '\(name)=\(text)': expected a port (e.g. 80, 80/udp or 80-90/tcp)")
            }
        }
        try filters.require("health", oneOf: ["starting", "healthy", "unhealthy", "none"])
        for code in filters["exited"] where Int32(code) == nil {
            throw RoostError.invalid("invalid filter 'exited=[\(code)]'")
        }
        found = found.filter { Self.matches($0, filters) }
        if !filters["ancestor"].isEmpty {
            var images: Set<String> = []
            for name in filters["ancestor"] { images.formUnion(await engine.descendants(of: name)) }
            found = found.filter { images.contains($0.imageID) }
        }
        if let name = filters["before"].first {
            let time = try await engine.container(name).createdAt
            found = found.filter { $0.createdAt < time }
        }
        if let name = filters["since"].first {
            let time = try await engine.container(name).createdAt
            found = found.filter { $0.createdAt > time }
        }
        if limit > 0 { found = Array(found.prefix(limit)) }
        var rows = found.map { $0.listJSON(networks: networks, now: now) }
        // A reference that now resolves to another image, or to none, no longer names the container's image.
        let moved = await engine.containersWithRetaggedImage(found)
        for index in rows.indices where moved.contains(found[index].id) {
            rows[index].set("Image", .string(found[index].imageID))
        }
        if request.flag("size") {
            for index in rows.indices {
                let sizes = await engine.sizes(found[index].id)
                rows[index].set("SizeRw", JSON(sizes.own))
                rows[index].set("SizeRootFs", JSON(sizes.whole))
            }
        }
        try await exchange.answer(200, .array(rows))
    }

    static func matches(_ record: ContainerRecord, _ filters: Filters) -> Bool {
        filters.matchesLabels(record.spec.labels)
            && filters.matches("name") { NamePattern($0).fits(record.name) }
            && filters.matches("id") { record.id.hasPrefix($0) }
            && filters.matches("status") { record.status.phase.rawValue == $0 }
            && filters.matches("is-task") { $0 == "false" || $0 == "0" }
            && filters.matches("network") { name in
                record.endpoints.contains { $0.networkName == name || $0.networkID.hasPrefix(name) }
                    || (name == "host" && record.spec.network == .host)
                    || (name == "none" && record.spec.network == .none)
            }
            && filters.matches("volume") { name in
                record.mounts.contains {
                    $0.volumeName == name || $0.target == name || $0.kind == .bind && $0.hostPath == name
                }
            }
            && filters.matches("exited") { record.status.phase == .exited && String(record.status.exitCode) == $0 }
            && filters.matches("health") { (record.status.health?.verdict.rawValue ?? "none") == $0 }
            && filters.matches("publish") { text in
                // As in Docker: a port of the host with this protocol, by default tcp.
                let parts = text.split(separator: "/", maxSplits: 1)
                return record.publishedPorts.contains {
                    PortRange(String(parts.first ?? "")).holds(ContainerPort($0.hostPort, $0.container.transport))
                        && $0.container.transport.rawValue == (parts.count > 1 ? String(parts[1]) : "tcp")
                }
            }
            && filters.matches("expose") { text in
                record.spec.exposedPorts.contains { PortRange(text).holds($0) }
            }
    }

    func create(_ exchange: Exchange) async throws {
        let body = LegacyClients.adapted(try await exchange.json(), version: exchange.request.version)
        let spec = try ContainerSpec(wire: body)
        if let text = exchange.request["platform"], !text.isEmpty {
            try await engine.checkPlatform(of: spec.image, Descriptor.Platform(parsing: text))
        }
        let made = try await engine.createContainer(spec, name: exchange.request["name"])
        try await exchange.answer(201, ["Id": .string(made.record.id), "Warnings": JSON(made.warnings)])
    }

    func inspect(_ exchange: Exchange) async throws {
        let record = try await engine.container(id(exchange))
        let log = try await engine.logPath(record.id)
        let execs = await engine.runningExecs(record.id)
        var json = record.inspectJSON(networks: await engine.networksByID(), paths: (log.folder, log.path, execs))
        if exchange.request.version < 1045 { json = Self.withShortAliases(json, record) }
        if exchange.request.flag("size") {
            let sizes = await engine.sizes(record.id)
            json.set("SizeRw", JSON(sizes.own))
            json.set("SizeRootFs", JSON(sizes.whole))
        }
        try await exchange.answer(200, json)
    }

    /// Before API version 1.45 the short id was one of the aliases on user-defined networks.
    private static func withShortAliases(_ json: JSON, _ record: ContainerRecord) -> JSON {
        var result = json
        var settings = json["NetworkSettings"]
        settings.set(
            "Networks",
            .object(
                (settings["Networks"].object ?? []).map { name, endpoint in
                    var endpoint = endpoint
                    if !endpoint["DNSNames"].isNull {
                        endpoint.set("Aliases", JSON((endpoint["Aliases"].strings ?? []) + [record.shortID]))
                    }
                    return (name, endpoint)
                }))
        result.set("NetworkSettings", settings)
        return result
    }

    func start(_ exchange: Exchange) async throws {
        try await exchange.discardBody()
        try await engine.startContainer(id(exchange))
        try await exchange.answer(204)
    }

    /// `t=-1` waits forever.
    private func timeout(_ exchange: Exchange) throws(RoostError) -> Int? {
        guard let text = exchange.request["t"], !text.isEmpty else { return nil }
        guard let seconds = Int(text) else {
            throw .invalid("strconv.Atoi: parsing \"\(text)\": invalid syntax: t is a number of seconds")
        }
        return seconds
    }

    func stop(_ exchange: Exchange) async throws {
        let errors = try await engine.stopContainer(
            id(exchange), timeout: try timeout(exchange), signal: exchange.request["signal"])
        try await answer(exchange, errors)
    }

    /// Errors of hooks are returned to Roost's own clients; Docker's read no body here.
    private func answer(_ exchange: Exchange, _ errors: [String]) async throws {
        if errors.isEmpty {
            try await exchange.answer(204)
        } else {
            try await exchange.answer(200, ["Warnings": JSON(errors)])
        }
    }

    func restart(_ exchange: Exchange) async throws {
        try await answer(exchange, try await engine.restartContainer(id(exchange), timeout: try timeout(exchange)))
    }

    func kill(_ exchange: Exchange) async throws {
        try await engine.killContainer(id(exchange), signal: exchange.request["signal"] ?? "KILL")
        try await exchange.answer(204)
    }

    func pause(_ exchange: Exchange) async throws {
        try await engine.setPaused(id(exchange), true)
        try await exchange.answer(204)
    }

    func unpause(_ exchange: Exchange) async throws {
        try await engine.setPaused(id(exchange), false)
        try await exchange.answer(204)
    }

    func update(_ exchange: Exchange) async throws {
        let update = try ContainerUpdate(try await exchange.json().request(ContainerUpdateRequest.self))
        let warnings = try await engine.updateContainer(id(exchange), update)
        try await exchange.answer(200, ["Warnings": warnings.isEmpty ? .null : JSON(warnings)])
    }

    func rename(_ exchange: Exchange) async throws {
        try await engine.rename(id(exchange), to: exchange.request["name"] ?? "")
        try await exchange.answer(204)
    }

    func remove(_ exchange: Exchange) async throws {
        let request = exchange.request
        if request.flag("link") {
            throw RoostError.invalid("invalid link: expected CONTAINER/ALIAS")
        }
        try await engine.removeContainer(
            id(exchange), force: request.flag("force"), volumes: request.flag("v") ? .remove : .keep)
        try await exchange.answer(204)
    }

    /// `rm --link web/db` removes the link; both containers stay.
    func removeLink(_ exchange: Exchange) async throws {
        guard exchange.request.flag("link") else { throw RoostError.missing("page not found") }
        try await engine.removeLink(id(exchange), alias: exchange.request.path[2])
        try await exchange.answer(204)
    }

    func prune(_ exchange: Exchange) async throws {
        let filters = try Filters(query: exchange.request["filters"], known: ["label", "label!", "until"])
        let until = try PruneRules.time(filters["until"].first)
        var removed: [JSON] = []
        var bytes: Int64 = 0
        for record in await engine.allContainers()
        where !record.status.isRunning && record.status.phase != .restarting
            && PruneRules.matches(filters, record.spec.labels) && until.map({ record.createdAt < $0 }) != false
        {
            let size = await engine.layerSize(record.id)
            if (try? await engine.removeContainer(record.id, force: false, volumes: .keep)) != nil {
                removed.append(.string(record.id))
                bytes += size
            }
        }
        await engine.announcePrune(.container, reclaimed: bytes)
        try await exchange.answer(
            200, ["ContainersDeleted": removed.isEmpty ? .null : .array(removed), "SpaceReclaimed": JSON(bytes)])
    }

    /// The head is sent before the wait: clients start the container when they have received it.
    func wait(_ exchange: Exchange) async throws {
        let conditions: [String: Engine.WaitCondition] = [
            "": .notRunning, "not-running": .notRunning, "next-exit": .nextExit, "removed": .removed,
        ]
        let name = exchange.request["condition"] ?? ""
        guard let condition = conditions[name] else { throw RoostError.invalid("invalid condition: \"\(name)\"") }
        let record = try await engine.container(id(exchange))
        let reference = record.id
        let isOver = condition == .notRunning && !record.status.isRunning
        let signal = try await engine.exitSignal(reference, condition)
        try await exchange.startStream("application/json")
        try await exchange.send([])
        for await code in signal {
            // A client that runs a container in the foreground gets its output before its exit code.
            if !isOver { await engine.untilRead(reference) }
            try await exchange.send(JSON.object([("StatusCode", JSON(code))]).bytes() + [10])
            break
        }
        try await exchange.end()
    }

    func resize(_ exchange: Exchange) async throws {
        let (rows, columns) = try Self.window(exchange.request)
        try await engine.resize(id(exchange), rows: rows, columns: columns)
        await engine.announce(id(exchange), "resize", ["height": String(rows), "width": String(columns)])
        try await exchange.answer(200)
    }

    static func window(_ request: Request) throws(RoostError) -> (rows: UInt16, columns: UInt16) {
        guard let rows = request.number("h").flatMap({ UInt16(exactly: $0) }),
            let columns = request.number("w").flatMap({ UInt16(exactly: $0) })
        else {
            throw .invalid("invalid resize height or width")
        }
        return (rows, columns)
    }

    func top(_ exchange: Exchange) async throws {
        let processes = try await engine.processes(id(exchange))
        await engine.announce(id(exchange), "top")
        let arguments = (exchange.request["ps_args"] ?? "").split(separator: " ").map(String.init)
        let listing =
            arguments.isEmpty || arguments == ["-ef"]
            ? nil : try await engine.processTable(arguments, of: processes)
        try await exchange.answer(200, JSON(encoding: TopResponse(listing ?? ProcessTable.listing(processes))))
    }

    func stats(_ exchange: Exchange) async throws {
        let streams = exchange.request["stream"].map { _ in exchange.request.flag("stream") } ?? true
        // A single answer has two samples too, a second apart, from which clients compute rates; with `one-shot` it has one.
        var last = try await statistics(exchange, after: nil)
        if !streams {
            if !exchange.request.flag("one-shot"), last["pids_stats"]["current"].int != nil {
                try await Task.sleep(for: .seconds(1))
                last = try await statistics(exchange, after: last)
            }
            return try await exchange.answer(200, last)
        }
        try await exchange.startStream("application/json")
        try await exchange.send(last.bytes() + [10])
        while !Task.isCancelled {
            try await Task.sleep(for: .seconds(1))
            guard let next = try? await statistics(exchange, after: last) else { break }
            last = next
            try await exchange.send(next.bytes() + [10])
        }
        try await exchange.end()
    }

    private static let noProcessorTime: JSON = [
        "cpu_usage": ["total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0],
        "throttling_data": ["periods": 0, "throttled_periods": 0, "throttled_time": 0],
    ]

    private static let noBlockInput: JSON = .object(
        [
            "io_service_bytes_recursive", "io_serviced_recursive", "io_queue_recursive", "io_service_time_recursive",
            "io_wait_time_recursive", "io_merged_recursive", "io_time_recursive", "sectors_recursive",
        ].map { ($0, .array([])) })

    private static func blockTransfers(_ transfers: [BlockTransfer]) -> JSON {
        func rows(_ value: (BlockTransfer) -> UInt64) -> JSON {
            .array(
                transfers.map {
                    [
                        "major": JSON($0.major), "minor": JSON($0.minor), "op": .string($0.operation),
                        "value": JSON(value($0)),
                    ]
                })
        }
        var all = noBlockInput
        if !transfers.isEmpty {
            all.set("io_service_bytes_recursive", rows(\.bytes))
            all.set("io_serviced_recursive", rows(\.count))
        }
        return all
    }

    private static func processes(_ current: some BinaryInteger, limit: Int64) -> JSON {
        var counts: JSON = ["current": JSON(Int64(current))]
        if limit > 0 { counts.set("limit", JSON(limit)) }
        return counts
    }

    /// Docker's statistics of a container that is not running.
    private static func emptyStatistics(_ record: ContainerRecord) -> JSON {
        [
            "name": .string("/" + record.name), "id": .string(record.id), "read": .string(Timestamp.never),
            "preread": .string(Timestamp.never), "pids_stats": .object([]), "blkio_stats": noBlockInput, "num_procs": 0,
            "storage_stats": .object([]), "cpu_stats": noProcessorTime, "precpu_stats": noProcessorTime,
            "memory_stats": .object([]),
        ]
    }

    private func statistics(_ exchange: Exchange, after last: JSON?) async throws -> JSON {
        let (record, usage) = try await engine.usage(id(exchange))
        let read = JSON.string(Timestamp(nanoseconds: Clocks.wallNanoseconds()).rfc3339)
        let runs = record.status.isRunning || record.status.phase == .paused
        guard runs else { return Self.emptyStatistics(record) }
        var processorTime: [(key: String, value: JSON)] = [
            ("total_usage", JSON(usage.cpuNanoseconds)), ("usage_in_kernelmode", JSON(usage.cpuSystemNanoseconds)),
            ("usage_in_usermode", JSON(usage.cpuUserNanoseconds)),
        ]
        if !usage.cpuNanosecondsEach.isEmpty {
            processorTime.append(("percpu_usage", .array(usage.cpuNanosecondsEach.map { JSON($0) })))
        }
        let cpu: JSON = [
            "cpu_usage": .object(processorTime),
            "system_cpu_usage": JSON(ProcessTable.systemNanoseconds()),
            "online_cpus": JSON(await engine.hostFacts().processors),
            "throttling_data": [
                "periods": JSON(usage.periods.count), "throttled_periods": JSON(usage.periods.throttled),
                "throttled_time": JSON(usage.periods.throttledNanoseconds),
            ],
        ]
        let limit =
            usage.memoryLimit == 0 || usage.memoryLimit > 1 << 60
            ? UInt64(await engine.hostFacts().memoryBytes) : usage.memoryLimit
        var memory: [(key: String, value: JSON)] = [("usage", JSON(usage.memoryBytes)), ("limit", JSON(limit))]
        if let peak = usage.memoryPeakBytes { memory.append(("max_usage", JSON(peak))) }
        memory.append(
            ("stats", .object(usage.memoryStatistics.sorted { $0.key < $1.key }.map { ($0.key, JSON($0.value)) })))
        return [
            "name": .string("/" + record.name), "id": .string(record.id),
            "read": read, "preread": last?["read"] ?? .string(Timestamp.never),
            "pids_stats": Self.processes(usage.processes, limit: record.spec.resources.maximumProcesses),
            "num_procs": 0, "cpu_stats": cpu,
            "precpu_stats": last?["cpu_stats"] ?? Self.noProcessorTime,
            "memory_stats": .object(memory),
            "blkio_stats": Self.blockTransfers(usage.transfers), "storage_stats": .object([]),
            "networks": .object(
                await engine.interfaceCounters(record.id).map { name, counters in
                    (name, .object(counters.map { ($0.0, JSON($0.1)) }))
                }),
        ]
    }
}

/// The processes of a container in the format of `ps -ef`, read from /proc.
enum ProcessTable {
    static func listing(_ processes: [Int32]) -> ProcessListing {
        ProcessListing(
            titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"],
            rows: processes.sorted().compactMap(row))
    }

    private static func row(_ pid: Int32) -> [String]? {
        guard let stat = try? Files.readText("/proc/\(pid)/stat", limit: 4096), let end = stat.lastIndex(of: ")"),
            let status = try? Files.readText("/proc/\(pid)/status", limit: 16384)
        else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19 else { return nil }
        let user =
            status.split(separator: "\n").first { $0.hasPrefix("Uid:") }?.split(separator: "\t").dropFirst().first.map(
                String.init) ?? "?"
        let ticks = (Int64(fields[11]) ?? 0) + (Int64(fields[12]) ?? 0)
        let seconds = ticks / 100
        func pad(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let command = ((try? Files.read("/proc/\(pid)/cmdline", limit: 1 << 20)) ?? []).split(separator: 0).map {
            String(decoding: $0, as: UTF8.self)
        }.joined(separator: " ")
        let started = bootSeconds() + (Int64(fields[19]) ?? 0) / 100
        let clock = Timestamp.secondText(started).split(separator: "T").last.map { String($0.prefix(5)) } ?? ""
        return [
            user == "0" ? "root" : user, String(pid), String(fields[1]), "0", clock, "?",
            "\(pad(seconds / 3600)):\(pad(seconds / 60 % 60)):\(pad(seconds % 60))", command,
        ]
    }

    private static func bootSeconds() -> Int64 {
        let line = ((try? Files.readText("/proc/stat", limit: 1 << 20)) ?? "").split(separator: "\n").first {
            $0.hasPrefix("btime ")
        }
        return Int64(line?.dropFirst(6) ?? "") ?? 0
    }

    /// CPU time of the whole host, in nanoseconds.
    static func systemNanoseconds() -> Int64 {
        let line = ((try? Files.readText("/proc/stat", limit: 1 << 20)) ?? "").split(separator: "\n").first ?? ""
        return line.split(separator: " ").dropFirst().prefix(8).compactMap { Int64($0) }.reduce(0, +) * 10_000_000
    }
}
