import APIClient
import EngineModel
import LinuxKernel
import Terminal

/// Logs of several containers together: each line with its service's name, in the order of their times, followed by service so that
/// a container that is made anew is not lost.
struct LogFollower {
    let style: Style
    let prefix: Bool
    let timestamps: Bool
    /// The end of one of these services ends everything.
    var stopsWith: [String] = []

    final class Source {
        let id: String
        let name: String
        let service: String
        let exchange: HTTPExchange
        var rest: [Bool: [UInt8]] = [:]
        var demultiplexer: FrameReader
        init(id: String, name: String, service: String, exchange: HTTPExchange, plain: Bool) {
            self.id = id
            self.name = name
            self.service = service
            self.exchange = exchange
            demultiplexer = FrameReader(plain: plain)
        }
    }

    private func open(_ container: JSON, _ query: [(String, String)], width: Int) throws -> Source {
        let id = container["Id"].string ?? ""
        let client = try Session.shared.client()
        let plain = try client.call("GET", "containers/\(id)/json")["Config"]["Tty"].bool ?? false
        let service = container["Labels"]["com.docker.compose.service"].string ?? ""
        let number = container["Labels"]["com.docker.compose.container-number"].string ?? "1"
        return Source(
            id: id, name: "\(service)-\(number)", service: service,
            exchange: try client.open(
                "GET", "containers/\(id)/logs", [("stdout", "1"), ("stderr", "1"), ("timestamps", "1")] + query),
            plain: plain)
    }

    /// Prints what there is, merged by time.
    func printHistory(_ containers: [JSON], _ query: [(String, String)]) throws {
        var lines: [(time: String, source: Source, text: [UInt8], isError: Bool)] = []
        let sources = try containers.map { try open($0, query, width: 0) }
        for source in sources {
            while true {
                let bytes = try source.exchange.read()
                if bytes.isEmpty { break }
                for (isError, line) in source.lines(bytes) {
                    lines.append((String(decoding: line.prefix(30), as: UTF8.self), source, line, isError))
                }
            }
        }
        let width = sources.map(\.name.count).max() ?? 0
        for line in lines.sorted(by: { $0.time < $1.time }) { write(line.text, line.source, line.isError, width) }
    }

    /// Follows until everything has ended, or a signal; the first stops the services, the second kills them.
    func attach(
        project: String, services: [String], since: String?, timeout: Int?, stopsOnSignal: Bool = true,
        tail: String = "all"
    ) throws -> Int32 {
        let client = try Session.shared.client()
        let signals = try Processes.signalDescriptor([1, 2, 15])
        var query: [(String, String)] = [("follow", "1"), ("tail", tail)]
        if let since { query.append(("since", since)) }
        let width = services.map { $0.count + 2 }.max() ?? 0
        var sources: [Source] = []
        func openAll(_ wanted: [JSON]) throws {
            for container in wanted { sources.append(try open(container, query, width: width)) }
        }
        let events = try client.open(
            "GET", "events",
            [("filters", "{\"type\":[\"container\"],\"label\":[\"com.docker.compose.project=\(project)\"]}")])
        try setNonBlocking(events.connection.raw)
        try openAll(
            try Session.shared.projectContainers(project, services: services).filter { $0["State"].string != "created" }
        )
        var stopping = 0
        var code: Int32 = 0
        // Those that have ended and may come back as new containers; who only follows waits a moment for the last of them.
        var missing: [Source] = []
        var lastEnd: Int64 = 0
        func lingers() -> Bool {
            !stopsOnSignal && !missing.isEmpty && Clocks.monotonicNanoseconds() - lastEnd < 3_000_000_000
        }
        while !sources.isEmpty || lingers() {
            let isWaiting = sources.contains { $0.exchange.hasBufferedBytes }
            var ready = try waitForAny(
                [signals.raw] + sources.map(\.exchange.connection.raw),
                milliseconds: isWaiting ? 0 : missing.isEmpty ? 500 : 100)
            // What came together with an answer's head is not on the connection any more.
            ready = Set(ready + sources.indices.filter { sources[$0].exchange.hasBufferedBytes }.map { $0 + 1 })
                .sorted()
            // Behind the others, so that what is ready keeps its place.
            for (index, gone) in missing.enumerated().reversed() {
                guard let again = try reopened(gone, project) else { continue }
                missing.remove(at: index)
                sources.append(again)
            }
            if ready.contains(0), Processes.nextSignal(signals.raw) != nil {
                guard stopsOnSignal else { return 130 }
                stopping += 1
                code = 130
                Output.error(stopping == 1 ? "Gracefully stopping... (press Ctrl+C again to force)" : "Killing...")
                try Self.stopAll(project, force: stopping > 1, timeout: timeout)
            }
            for index in ready.reversed() where index > 0 {
                let source = sources[index - 1]
                let bytes = (try? source.exchange.read()) ?? []
                for (isError, line) in source.lines(bytes) { write(line, source, isError, width) }
                if bytes.isEmpty {
                    sources.remove(at: index - 1)
                    if let again = try reopened(source, project) {
                        sources.append(again)
                    } else {
                        missing.append(source)
                        lastEnd = Clocks.monotonicNanoseconds()
                        Output.error(style.service(source.service, "\(source.name) has ended"))
                        if stopping == 0, stopsWith.contains(source.service) {
                            stopping = 1
                            try Self.stopAll(project, force: false, timeout: timeout)
                        }
                    }
                }
            }
        }
        return code
    }

    /// A container that restarts, or that was recreated, is followed on.
    private func reopened(_ source: Source, _ project: String) throws -> Source? {
        let found = try Session.shared.projectContainers(project, services: [source.service]).first { container in
            "\(source.service)-\(container["Labels"]["com.docker.compose.container-number"].string ?? "")"
                == source.name
        }
        guard let found, ["running", "restarting"].contains(found["State"].string ?? "") else { return nil }
        // All that a new container has said, and of the same one only what is new.
        let isNew = found["Id"].string != source.id
        return try open(found, [("follow", "1"), ("tail", isNew ? "all" : "0")], width: 0)
    }

    /// In the background of the loop, so that the logs of stopping are still shown.
    private static func stopAll(_ project: String, force: Bool, timeout: Int?) throws {
        let client = try Session.shared.client()
        for container in try Session.shared.projectContainers(project, all: false) {
            let id = container["Id"].string ?? ""
            let exchange = HTTPRequestOnly(client)
            try exchange.send(
                force ? "containers/\(id)/kill" : "containers/\(id)/stop" + (timeout.map { "?t=\($0)" } ?? ""))
        }
    }

    private func write(_ line: [UInt8], _ source: Source, _ isError: Bool, _ width: Int) {
        let cut = line.firstIndex(of: 32) ?? line.startIndex
        let stamp = timestamps ? Array(line[..<cut]) + [32] : []
        let name = source.name + String(repeating: " ", count: max(0, width - source.name.count)) + " | "
        let head = prefix ? Array(style.service(source.service, name).utf8) : []
        try? writeAll(isError ? 2 : 1, head + stamp + line[min(line.endIndex, cut + 1)...] + [10])
    }
}

extension LogFollower.Source {
    /// Whole lines of what has arrived, with their streams.
    func lines(_ bytes: [UInt8]) -> [(isError: Bool, line: [UInt8])] {
        var found: [(isError: Bool, line: [UInt8])] = []
        for (isError, payload) in demultiplexer.frames(bytes) {
            var text = (rest[isError] ?? []) + payload
            while let end = text.firstIndex(of: 10) {
                found.append((isError, Array(text[..<end])))
                text.removeFirst(end + 1)
            }
            rest[isError] = text
        }
        return found
    }
}

/// Sends a request and does not wait for its answer; the connection is kept until the program ends.
final class HTTPRequestOnly {
    private let client: EngineClient
    init(_ client: EngineClient) { self.client = client }

    func send(_ target: String) throws {
        let connection = try client.address.connect()
        try sendAll(connection.raw, Array("POST /\(target) HTTP/1.1\r\nHost: roost\r\nContent-Length: 0\r\n\r\n".utf8))
        Session.shared.unanswered.append(connection)
    }
}
