import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show the logs of a container or of services")
    @Flag(name: [.short, .long], help: "Follow log output") var follow = false
    @Flag(name: [.short, .long], help: "Show timestamps") var timestamps = false
    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Number of lines to show from the end of the logs", valueName: "string"))
    var tail = "all"
    @Option(name: .long, help: ArgumentHelp("Show logs since timestamp or relative (e.g. 10m)", valueName: "string"))
    var since: String?
    @Option(name: .long, help: ArgumentHelp("Show logs before timestamp or relative (e.g. 10m)", valueName: "string"))
    var until: String?
    @Flag(name: .long, help: "Produce monochrome output") var noColor = false
    @Flag(name: .long, help: "Do not print prefix in logs") var noLogPrefix = false
    @Flag(name: .long, help: "Show extra details provided to logs") var details = false
    @Option(
        name: .long,
        help: ArgumentHelp("Index of the container if the service has multiple replicas (compose)", valueName: "int"))
    var index: Int?
    @Flag(name: .long, help: "Group the logs by service instead of ordering them by time") var grouped = false
    @Argument(help: ArgumentHelp("Container or services", valueName: "container")) var names: [String] = []

    func run() throws {
        var query = [("tail", tail)]
        if let since { query.append(("since", try Self.time(since))) }
        if let until { query.append(("until", try Self.time(until))) }
        if !CommandContext.shared.isCompose, names.count == 1, let name = names.first,
            (try? CommandContext.shared.client().inspectContainer(name)) != nil
        {
            return try single(name, query)
        }
        if !CommandContext.shared.isCompose, let first = names.first, (try? CommandContext.shared.loadProject()) == nil
        {
            throw RoostError.missing("No such container: \(first)")
        }
        let (name, services) = try scope()
        var follower = LogFollower(
            style: Style(descriptor: 1, colour: noColor ? false : nil), prefix: !noLogPrefix, timestamps: timestamps)
        follower.index = index
        follower.until = try until.flatMap { Timestamp(parsing: try Self.time($0))?.nanoseconds }
        if follow {
            let code = try follower.attach(
                project: name, services: services, since: try since.map(Self.time), timeout: nil,
                stopsOnSignal: false, tail: tail)
            if code != 0 { throw ExitCode(code) }
        } else {
            try follower.printHistory(
                try CommandContext.shared.projectContainers(name, services: names).filter { container in
                    index.map { "\($0)" == container.replica } ?? true
                }, query, grouped: grouped)
        }
    }

    /// The project name and its services; with --project-name no Compose file is needed.
    private func scope() throws -> (name: String, services: [String]) {
        let session = CommandContext.shared
        if let name = session.projectName, session.files.isEmpty, (try? session.loadProject()) == nil {
            return (name, names)
        }
        let project = try session.loadProject(services: names)
        for name in names where project.services[name] == nil { throw RoostError.missing("no such service: \(name)") }
        return (project.name, names.isEmpty ? Array(project.services.keys) : names)
    }

    private func single(_ name: String, _ query: [(String, String)]) throws {
        let client = try CommandContext.shared.client()
        let plain = try client.inspectContainer(name).config.tty ?? false
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

    /// Parses a timestamp, in local time if it has no zone, or a duration before now. Returns RFC 3339.
    static func time(_ text: String) throws(RoostError) -> String {
        if let time = Timestamp(parsing: text, zoneSeconds: Clocks.zoneSeconds()) { return time.rfc3339 }
        guard let span = TimeSpan.parse(text) else {
            throw .invalid("invalid time \"\(text)\": expected a timestamp or a duration (e.g. 10m)")
        }
        return Timestamp(nanoseconds: Clocks.wallNanoseconds() - span).rfc3339
    }
}
