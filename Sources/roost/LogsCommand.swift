import APIClient
import ArgumentParser
import ComposeModel
import EngineModel
import LinuxKernel
import Terminal

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the output of a container, or of the project's services.")
    @Flag(name: [.short, .long], help: "Go on with what comes.") var follow = false
    @Flag(name: [.short, .long], help: "Time in front of each line.") var timestamps = false
    @Option(name: [.customShort("n"), .long], help: "Only so many lines from the end.") var tail = "all"
    @Option(name: .long, help: "Only what is newer: a time, or 10m.") var since: String?
    @Option(name: .long, help: "Only what is older.") var until: String?
    @Flag(name: .long, help: "No colours.") var noColor = false
    @Flag(name: .long, help: "No names in front.") var noLogPrefix = false
    @Flag(name: .long, help: "With the labels and variables that the log's options name.") var details = false
    @Option(name: .long, help: "Compose: only this replica.") var index: Int?
    @Flag(name: .long, help: "Service after service instead of by time: for reports of test runs.") var grouped = false
    @Argument(help: "A container, or services.") var names: [String] = []

    func run() throws {
        var query = [("tail", tail)]
        if let since { query.append(("since", try Self.time(since))) }
        if let until { query.append(("until", try Self.time(until))) }
        if !Session.shared.isCompose, names.count == 1, let name = names.first,
            (try? Session.shared.client().call("GET", "containers/\(EngineClient.encode(name))/json")) != nil
        {
            return try single(name, query)
        }
        if !Session.shared.isCompose, let first = names.first, (try? Session.shared.loadProject()) == nil {
            throw RoostError.missing("No such container: \(first)")
        }
        let (name, services) = try scope()
        var follower = LogFollower(
            style: Style(descriptor: 1, wish: noColor ? false : nil), prefix: !noLogPrefix, timestamps: timestamps)
        follower.index = index
        if follow {
            let code = try follower.attach(
                project: name, services: services, since: try since.map(Self.time), timeout: nil,
                stopsOnSignal: false, tail: tail)
            if code != 0 { throw Leave(code: code) }
        } else {
            try follower.printHistory(
                try Session.shared.projectContainers(name, services: names).filter { container in
                    index.map { "\($0)" == container["Labels"]["com.docker.compose.container-number"].string } ?? true
                }, query, grouped: grouped)
        }
    }

    /// The project and its services; a project that runs needs no file to be looked at.
    private func scope() throws -> (name: String, services: [String]) {
        let session = Session.shared
        if let name = session.projectName, session.files.isEmpty, (try? session.loadProject()) == nil {
            return (name, names)
        }
        let project = try session.loadProject(services: names)
        for name in names where project.services[name] == nil { throw RoostError.missing("no such service: \(name)") }
        return (project.name, names.isEmpty ? Array(project.services.keys) : names)
    }

    private func single(_ name: String, _ query: [(String, String)]) throws {
        let client = try Session.shared.client()
        let plain =
            try client.call("GET", "containers/\(EngineClient.encode(name))/json")["Config"]["Tty"].bool ?? false
        let all =
            query + [
                ("stdout", "1"), ("stderr", "1"), ("timestamps", timestamps ? "1" : "0"),
                ("details", details ? "1" : "0"),
                ("follow", follow ? "1" : "0"),
            ]
        let exchange = try client.open("GET", "containers/\(EngineClient.encode(name))/logs", all)
        var demultiplexer = Demultiplexer(plain: plain)
        while true {
            let bytes = try exchange.read()
            if bytes.isEmpty { return }
            try demultiplexer.write(bytes)
        }
    }

    /// A point in time, by the user's own clock where it has no zone, or a length of time before now.
    static func time(_ text: String) throws(RoostError) -> String {
        if let time = Timestamp(parsing: text, zoneSeconds: Clocks.zoneSeconds()) { return time.rfc3339 }
        guard let span = TimeSpan.parse(text) else {
            throw .invalid("\"\(text)\" is neither a time nor a duration such as 10m")
        }
        return Timestamp(nanoseconds: Clocks.wallNanoseconds() - span).rfc3339
    }
}
