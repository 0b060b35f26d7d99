import APIClient
import ArgumentParser
import ComposeFile
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel
import Terminal

struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a new container, or the containers of services (compose)",
        usage: "roost create [OPTIONS] IMAGE [COMMAND] [ARG...]")
    @OptionGroup var options: ContainerOptions
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Image, command and arguments (compose: services)", valueName: "args"))
    var words: [String] = []
    func run() throws {
        if words.first == "--help" { throw CleanExit.helpRequest(Self.self) }
        if CommandContext.shared.isCompose { return try Up.parse(["--no-start"] + words).run() }
        let words = try PassthroughArguments.checked(words, of: "create")
        try Arguments.need(words, "create", "to create the containers of all services, use: roost compose create")
        Output.line(try options.create(words, attach: true))
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Create and run a new container from an image",
        usage: "roost run [OPTIONS] IMAGE [COMMAND] [ARG...]",
        discussion:
            "With compose, the first argument is a service. Example: roost run --rm -it -v data:/data busybox sh")
    @Flag(name: [.short, .long], help: "Run container in background and print container ID") var detach = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Override the key sequence for detaching a container (default ctrl-p,ctrl-q)", valueName: "string"))
    var detachKeys: String?
    @Flag(name: .long, inversion: .prefixedNo, help: "Proxy received signals to the process") var sigProxy = true
    @Flag(name: .long, help: "Do not start linked services (compose)") var noDeps = false
    @Flag(name: [.customShort("T"), .long, .customLong("no-TTY")], help: "Disable pseudo-TTY allocation (compose)")
    var noTty = false
    @Flag(name: .long, help: "Build image before starting the container (compose)") var build = false
    @Flag(name: .long, help: "Suppress the build output (compose)") var quietBuild = false
    @Option(
        name: .customLong("env-from-file"),
        help: ArgumentHelp("Read in a file of environment variables (compose)", valueName: "list"))
    var envFromFile: [String] = []
    @Flag(name: .long, help: "Publish the service's ports to the host; also -P (compose)") var servicePorts = false
    @Flag(name: .long, help: "Use the service's network aliases (compose)") var useAliases = false
    @Flag(name: .long, help: "Pull without printing progress information (compose)") var quietPull = false
    @Flag(name: .long, help: "Remove containers for services not defined in the Compose file (compose)")
    var removeOrphans = false
    @OptionGroup var options: ContainerOptions
    @Argument(
        parsing: .captureForPassthrough,
        help: ArgumentHelp("Image (compose: service), command and arguments", valueName: "args"))
    var words: [String]

    func run() throws {
        if words.first == "--help" { throw CleanExit.helpRequest(Self.self) }
        let words = try PassthroughArguments.checked(words, of: CommandContext.shared.isCompose ? "compose run" : "run")
        try Arguments.need(words, "run")
        if !CommandContext.shared.isCompose {
            if !options.attach.isEmpty, detach {
                throw RoostError.invalid("conflicting options: cannot specify both --attach and --detach")
            }
            if options.tty, options.interactive, !detach, !Terminals.isTerminal(0) {
                throw RoostError.invalid("the input device is not a TTY")
            }
        }
        var made: String?
        do {
            if CommandContext.shared.isCompose { return try runService(words) }
            let id = try options.create(words, attach: !detach)
            made = id
            if detach {
                Output.line(id)
                try CommandContext.shared.client().call("POST", "containers/\(id)/start")
                return
            }
            throw ExitCode(
                try Foreground(
                    id: id, interactive: options.interactive, detachKeys: detachKeys, removes: options.rm,
                    hasTerminal: options.tty, streams: options.attach, passesSignals: sigProxy
                ).start())
        } catch let error as RoostError {
            Output.error(CommandContext.shared.message(error))
            // If the engine was lost before the start, --rm never takes effect: remove the container here.
            if error.kind == .unavailable, options.rm, let made {
                _ = try? CommandContext.shared.client().call(
                    "DELETE", "containers/\(made)", [("force", "1"), ("v", "1")], repeatable: true)
            }
            let text = error.message
            // Without a container or an engine, the failure cannot be that of the container's command.
            throw ExitCode(made == nil || error.kind == .unavailable ? 125 : Foreground.code(ofFailure: text))
        }
    }

    /// Runs a one-off container of a service: the same definition, but no published ports by default.
    private func runService(_ words: [String]) throws {
        guard let service = words.first else {
            throw ValidationError("\"roost compose run\" requires at least 1 argument")
        }
        let session = CommandContext.shared
        let project = try session.loadProject(services: [service])
        guard project.services[service] != nil else { throw RoostError.missing("no such service: \(service)") }
        let client = try session.client()
        let needed = noDeps ? [service] : project.needed(by: [service]).sorted()
        try ProjectImages(project, services: needed).prepare(
            ImagePolicy(pull: options.pull, builds: build, quiet: quietPull || quietBuild))
        var settings = try UpSettings.parse([])
        settings.noDeps = noDeps
        settings.removeOrphans = removeOrphans
        var up = ProjectUpRequest(project, try session.contents(project), try settings.options([]))
        up.options.oneOff = service
        try PlanFollower.follow("roost/v1/projects/up", up)
        let terminal = !noTty && Terminals.isTerminal(0) && Terminals.isTerminal(1) && !detach
        let request = try oneOff(service, Array(words.dropFirst()), of: up, terminal: terminal)
        let id = try client.post("roost/v1/projects/run", [], request, as: ObjectID.self).id
        if detach {
            try client.call("POST", "containers/\(id)/start")
            return Output.line(id)
        }
        throw ExitCode(
            try Foreground(id: id, interactive: true, removes: options.rm, hasTerminal: terminal).start())
    }

    private func oneOff(
        _ service: String, _ command: [String], of up: ProjectUpRequest, terminal: Bool
    ) throws -> ProjectRunRequest {
        var request = ProjectRunRequest()
        request.project = up.project
        request.contents = up.contents
        request.service = service
        request.command = command.isEmpty ? nil : command
        request.entrypoint = try options.entrypoint.map { try CommandLineWords.split($0) }
        // A name without a value in the client's environment keeps the Compose file's value.
        request.environment = try (envFromFile.flatMap(ContainerOptions.lines) + options.env).map(Variables.complete)
            .filter { $0.contains("=") }
        request.user = options.user
        request.workingDirectory = options.workdir
        request.name = options.name
        request.remove = options.rm
        request.terminal = terminal
        request.input = !detach
        request.servicePorts = servicePorts || options.publishAll
        request.useAliases = useAliases
        request.more = try options.request([service], attach: true)
        return request
    }
}
