import APIClient
import ArgumentParser
import DockerAPI
import EngineModel
import LinuxKernel
import Synchronization
import Terminal

/// Merged logs of several containers: each line has its service name as prefix, ordered by timestamp. Containers are followed by service, so
/// that a recreated container is picked up.
struct LogFollower {
    let style: Style
    let prefix: Bool
    let timestamps: Bool
    /// Stop all containers when one of these services exits.
    var stopsWith: [String] = []
    /// Only if the exit code is not 0.
    var stopsOnFailureOnly = false
    /// Only the replica with this number.
    var index: Int?
    /// Only lines up to this wall clock time, in nanoseconds; following ends then.
    var until: Int64?

    private func open(_ container: ContainerSummary, _ query: [(String, String)]) throws -> LogSource {
        let client = try CommandContext.shared.client()
        return LogSource(
            id: container.id, name: "\(container.service)-\(container.replica ?? "1")", service: container.service,
            exchange: try client.open(
                "GET", "containers/\(container.id)/logs",
                [("stdout", "1"), ("stderr", "1"), ("timestamps", "1")] + query),
            plain: try client.inspectContainer(container.id).config.tty ?? false)
    }

    /// nil for a container that keeps no log (`driver: none`).
    private func openIfKept(_ container: ContainerSummary, _ query: [(String, String)]) throws -> LogSource? {
        do { return try open(container, query) } catch let error as RoostError {
            guard error.code == .logsUnreadable else { throw error }
            return nil
        }
    }

    private var printer: LogPrinter { LogPrinter(style: style, prefix: prefix, timestamps: timestamps) }

    /// Prints the existing log lines ordered by timestamp, or service by service if `grouped`.
    func printHistory(_ containers: [ContainerSummary], _ query: [(String, String)], grouped: Bool = false) throws {
        let sources = try containers.compactMap { try openIfKept($0, query) }
        var printer = printer
        printer.width = (sources.map { TextWidth.of($0.name) }.max() ?? 0) + 1
        guard grouped else { return try printer.merge(sources) }
        for (_, group) in Dictionary(grouping: sources, by: \.service).sorted(by: { $0.key < $1.key }) {
            try printer.merge(group)
        }
    }

    /// Whether the time up to which lines are shown has passed.
    private var isOver: Bool { until.map { Clocks.wallNanoseconds() >= $0 } ?? false }

    private func isShown(_ line: LogLine) -> Bool {
        guard let until, let time = Timestamp(parsing: String(decoding: line.time, as: UTF8.self)) else { return true }
        return time.nanoseconds <= until
    }

    /// Follows until all containers have exited. The first signal stops the services, the second kills them. Returns the exit code.
    func attach(
        project: String, services: [String], since: String?, timeout: Int?, stopsOnSignal: Bool = true,
        tail: String = "all"
    ) throws -> Int32 {
        let client = try CommandContext.shared.client()
        // The loop does not see signals while it is blocked in a write or a request: the third one exits right here.
        let signals = try Pipe()
        try setNonBlocking(signals.reading.raw)
        let count = Mutex(0)
        try Interrupts.handle {
            let number = count.withLock { count in
                count += 1
                return count
            }
            if !stopsOnSignal || number >= 3 { Processes.exit(130) }
            _ = try? writeSome(signals.writing.raw, [1])
        }
        var printer = printer
        printer.width = (services.map { $0.count + 2 }.max() ?? 0) + 1
        var filters = Filters.project(project)
        filters.values["type"] = ["container"]
        filters.values["event"] = ["start", "die"]
        let events = try client.events(filters, since.map { [("since", $0)] } ?? [])
        let containers = try CommandContext.shared.projectContainers(project, services: services).filter {
            $0.state != "created" && !$0.isOneOff && isMeant($0.labels)
        }
        // Earlier log lines are merged by timestamp; later ones are printed as they arrive. The cutoff lies slightly before now, so that lines
        // being written at this moment count as later ones.
        let line = min(Clocks.wallNanoseconds() - 200_000_000, until ?? .max)
        let begin = since.map { [("since", $0)] } ?? []
        if stopsOnSignal {
            let names = containers.map { "\($0.service)-\($0.replica ?? "")" }
            Output.line("Attaching to " + names.joined(separator: ", "))
        }
        try printer.merge(
            containers.compactMap {
                try openIfKept($0, [("tail", tail), ("until", Timestamp(nanoseconds: line).rfc3339)] + begin)
            })
        var sources = try containers.compactMap {
            try openIfKept($0, [("follow", "1"), ("tail", "all"), ("since", laterOf(since, line + 1))])
        }
        var stopping = 0
        var code: Int32 = 0
        var listens = true
        // Containers that exited and may come back as new ones; `logs -f` waits a moment for the last of them.
        var missing: [LogSource] = []
        var lastEnd: Int64 = 0
        func lingers() -> Bool {
            !stopsOnSignal && !missing.isEmpty && Clocks.monotonicNanoseconds() - lastEnd < 3_000_000_000
        }
        while !isOver, !sources.isEmpty || lingers() || (stopping > 0 && !stopsWith.isEmpty && stillRuns(project)) {
            let isWaiting = sources.contains { $0.exchange.hasBufferedBytes }
            var ready = try waitForAny(
                [signals.reading.raw] + sources.map(\.exchange.connection.raw)
                    + (listens ? [events.connection.raw] : []),
                milliseconds: isWaiting ? 0 : missing.isEmpty && stopping == 0 ? 500 : 100)
            if ready.last == sources.count + 1 { ready.removeLast() }
            let news = listens ? try news(events, services) : EventBatch()
            listens = listens && !news.hasEnded
            if stopping == 0, let end = news.exit {
                stopping = 1
                code = end
                Output.error("Aborting on container exit...")
                try Self.stopAll(project, force: false, timeout: timeout)
            }
            // Bytes that arrived together with the response head are already buffered and do not make the connection readable.
            ready = Set(ready + sources.indices.filter { sources[$0].exchange.hasBufferedBytes }.map { $0 + 1 })
                .sorted()
            // Appended, so that the indices in `ready` stay valid.
            for id in news.started where !(sources + missing).contains(where: { $0.id == id }) {
                guard
                    let container = try CommandContext.shared.projectContainers(project).first(where: { $0.id == id }),
                    let source = try openIfKept(container, [("follow", "1"), ("tail", "all")])
                else { continue }
                // It replaces the previous container of the same replica.
                missing.removeAll { $0.name == source.name }
                printer.width = max(printer.width, source.name.count + 1)
                sources.append(source)
            }
            for (index, gone) in missing.enumerated().reversed() {
                guard let again = try reopened(gone, project) else { continue }
                missing.remove(at: index)
                sources.append(again)
            }
            if ready.contains(0), (try? readSome(signals.reading.raw, limit: 1)) != nil {
                stopping += 1
                code = 130
                Output.error(stopping == 1 ? "Gracefully stopping... (press Ctrl+C again to force)" : "Killing...")
                try Self.stopAll(project, force: stopping > 1, timeout: timeout)
            }
            var arrived: [(line: LogLine, source: LogSource)] = []
            var ended: [Int] = []
            for index in ready where index > 0 {
                let source = sources[index - 1]
                let bytes = (try? source.exchange.read()) ?? []
                arrived += source.lines(bytes).map { ($0, source) }
                if bytes.isEmpty { ended.append(index - 1) }
            }
            for (line, source) in arrived.sorted(by: { $0.line.time.lexicographicallyPrecedes($1.line.time) })
            where isShown(line) { printer.write(line, of: source) }
            printer.flush()
            for index in ended.reversed() {
                let source = sources.remove(at: index)
                if let again = try reopened(source, project) {
                    sources.append(again)
                } else {
                    missing.append(source)
                    lastEnd = Clocks.monotonicNanoseconds()
                    let state = (try? client.inspectContainer(source.id))?.state
                    let end = state.map { " exited with code \($0.exitCode)" } ?? " exited"
                    // With `logs -f`, keep standard output pure log output.
                    let line = style.service(source.service, source.name + end)
                    if stopsOnSignal { Output.line(line) } else { Output.error(line) }
                }
            }
        }
        return code
    }

    /// The project's events since the last check.
    private struct EventBatch {
        var started: [String] = []
        /// The exit code of the first container whose exit stops all.
        var exit: Int32?
        /// The event stream has ended.
        var hasEnded = false
    }

    private func news(_ events: HTTPExchange, _ services: [String]) throws -> EventBatch {
        var news = EventBatch()
        while try events.hasBufferedBytes || waitUntilReady(events.connection.raw, milliseconds: 0) {
            guard let event = try events.next(EventMessage.self) else {
                news.hasEnded = true
                break
            }
            let facts = event.actor.attributes
            let service = facts[ComposeLabel.service] ?? ""
            guard facts[ComposeLabel.oneOff] != "True", isMeant(facts) else { continue }
            if event.action == "start", services.isEmpty || services.contains(service) {
                news.started.append(event.actor.id)
            }
            if event.action == "die", news.exit == nil, stopsWith.contains(service) {
                news.exit = finalExit(event.actor.id, facts)
            }
        }
        return news
    }

    /// nil if the restart policy restarts the container, or if it exited with 0 and only failures count.
    private func finalExit(_ id: String, _ facts: [String: String]) -> Int32? {
        let code = Int32(facts["exitCode"] ?? "") ?? 0
        if stopsOnFailureOnly, code == 0 { return nil }
        let state = (try? CommandContext.shared.client().inspectContainer(id))?.state.status
        return state == "restarting" || state == "running" ? nil : code
    }

    /// Whether `--index` selects a container with these labels.
    private func isMeant(_ labels: [String: String]) -> Bool {
        index.map { "\($0)" == labels[ComposeLabel.number] } ?? true
    }

    private func stillRuns(_ project: String) -> Bool {
        ((try? CommandContext.shared.projectContainers(project, all: false)) ?? []).contains { !$0.isOneOff }
    }

    /// The log of the same replica if its container is restarting or was recreated; nil if it is not running.
    private func reopened(_ source: LogSource, _ project: String) throws -> LogSource? {
        let found = try CommandContext.shared.projectContainers(project, services: [source.service]).first {
            "\(source.service)-\($0.replica ?? "")" == source.name
        }
        guard let found, ["running", "restarting"].contains(found.state) else { return nil }
        // All lines of a new container; of the same container, the lines after the last one shown.
        let isNew = found.id != source.id
        let last = isNew ? nil : source.lastTime.flatMap { Timestamp(parsing: $0)?.nanoseconds }
        let since = last.map { [("since", Timestamp(nanoseconds: $0 + 1).rfc3339)] } ?? []
        return try open(found, [("follow", "1"), ("tail", isNew || last != nil ? "all" : "0")] + since)
    }

    /// Does not wait for the responses, so that the loop still shows the log lines of the shutdown.
    private static func stopAll(_ project: String, force: Bool, timeout: Int?) throws {
        let client = try CommandContext.shared.client()
        for container in try CommandContext.shared.projectContainers(project, all: false) {
            let id = container.id
            let exchange = HTTPRequestOnly(client)
            try exchange.send(
                force ? "containers/\(id)/kill" : "containers/\(id)/stop" + (timeout.map { "?t=\($0)" } ?? ""))
        }
    }

    /// The later of the user's `since`, if it can be parsed, and `other`.
    private func laterOf(_ since: String?, _ other: Int64) -> String {
        let given = since.flatMap { Timestamp(parsing: $0)?.nanoseconds } ?? 0
        return Timestamp(nanoseconds: max(given, other)).rfc3339
    }
}

/// Sends a request without waiting for the response; the connection is kept open until the process exits.
final class HTTPRequestOnly {
    private let client: EngineClient
    init(_ client: EngineClient) { self.client = client }

    func send(_ target: String) throws {
        let connection = try client.address.connect()
        try sendAll(connection.raw, Array("POST /\(target) HTTP/1.1\r\nHost: roost\r\nContent-Length: 0\r\n\r\n".utf8))
        CommandContext.shared.unanswered.append(connection)
    }
}
