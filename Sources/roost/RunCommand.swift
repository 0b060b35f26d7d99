import APIClient
import ArgumentParser
import ComposeModel
import EngineModel
import LinuxKernel
import Terminal

/// Options that `run` and `create` share, in Docker's words.
struct ContainerOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Keep standard input open.") var interactive = false
    @Flag(name: [.short, .long], help: "Give it a terminal.") var tty = false
    @Flag(name: .customLong("rm"), help: "Remove it when it has ended.") var rm = false
    @Option(name: .long, help: "Its name.") var name: String?
    @Option(name: [.customShort("p"), .long], help: "Publish a port: [address:][host:]container[/udp].") var publish:
        [String] = []
    @Flag(name: [.customShort("P"), .long], help: "Publish every exposed port.") var publishAll = false
    @Option(name: .long, help: "Expose a port.") var expose: [String] = []
    @Option(name: [.short, .long], help: "Mount a volume or folder: source:target[:ro].") var volume: [String] = []
    @Option(name: .long, help: "Mount in the long form: type=bind,src=…,dst=….") var mount: [String] = []
    @Option(name: .long, help: "Mount memory: path[:options].") var tmpfs: [String] = []
    @Option(name: [.short, .long], help: "Set a variable.") var env: [String] = []
    @Option(name: .long, help: "Set variables from a file.") var envFile: [String] = []
    @Option(name: [.short, .long], help: "In this folder.") var workdir: String?
    @Option(name: [.short, .long], help: "As this user.") var user: String?
    @Option(name: .long, help: "Another program than the image's.") var entrypoint: String?
    @Option(name: [.customShort("h"), .long], help: "Its host name.") var hostname: String?
    @Option(name: .customLong("network"), help: "bridge, host, none, container:NAME or a network.") var network: String?
    @Option(name: .customLong("net"), help: .hidden) var net: String?
    @Option(name: .long, help: "Another name on its network.") var networkAlias: [String] = []
    @Option(name: .long, help: "Its address.") var ip: String?
    @Option(name: .long, help: "A line for /etc/hosts: name:address.") var addHost: [String] = []
    @Option(name: .long, help: "A resolver.") var dns: [String] = []
    @Option(name: .long, help: "A search domain.") var dnsSearch: [String] = []
    @Option(name: .long, help: "no, always, on-failure[:N], unless-stopped.") var restart: String?
    @Option(name: [.short, .long], help: "Memory limit: 512m.") var memory: String?
    @Option(name: .long, help: "Memory and swap: -1 is unlimited.") var memorySwap: String?
    @Option(name: .long, help: "Processors: 0.5.") var cpus: Double?
    @Option(name: [.customShort("c"), .long], help: "Weight against others.") var cpuShares: Int?
    @Option(name: .long, help: "On these processors: 0-1.") var cpusetCpus: String?
    @Option(name: .long, help: "How many processes.") var pidsLimit: Int?
    @Option(name: .long, help: "A limit: nofile=1024:2048.") var ulimit: [String] = []
    @Option(name: .long, help: "Add a capability.") var capAdd: [String] = []
    @Option(name: .long, help: "Drop a capability.") var capDrop: [String] = []
    @Flag(name: .long, help: "Give it every right.") var privileged = false
    @Option(name: .long, help: "no-new-privileges, seccomp=unconfined, ….") var securityOpt: [String] = []
    @Option(name: .long, help: "A device of the host.") var device: [String] = []
    @Flag(name: .long, help: "Nothing in its root can be written.") var readOnly = false
    @Option(name: .long, help: "Size of /dev/shm.") var shmSize: String?
    @Flag(name: .customLong("init"), help: "Run an init that reaps and forwards signals.") var runsInit = false
    @Option(name: .long, help: "The signal that stops it.") var stopSignal: String?
    @Option(name: .long, help: "Seconds until SIGKILL.") var stopTimeout: Int?
    @Option(name: .long, help: "A health check's command.") var healthCmd: String?
    @Option(name: .long, help: "Time between checks.") var healthInterval: String?
    @Option(name: .long, help: "Time limit of a check.") var healthTimeout: String?
    @Option(name: .long, help: "Failures until it is unhealthy.") var healthRetries: Int?
    @Option(name: .long, help: "Time in which failures do not count.") var healthStartPeriod: String?
    @Flag(name: .long, help: "No health check.") var noHealthcheck = false
    @Option(name: [.customShort("l"), .long], help: "A label: name=value.") var label: [String] = []
    @Option(name: .long, help: "json-file, local or none.") var logDriver: String?
    @Option(name: .long, help: "max-size=10m, max-file=3.") var logOpt: [String] = []
    @Option(name: .long, help: "A namespaced sysctl: name=value.") var sysctl: [String] = []
    @Option(name: .long, help: "host or container:NAME.") var ipc: String?
    @Option(name: .long, help: "host or container:NAME.") var pid: String?
    @Option(name: .long, help: "host.") var uts: String?
    @Option(name: .long, help: "One more group.") var groupAdd: [String] = []
    @Option(name: .long, help: "-1000 to 1000.") var oomScoreAdj: Int?
    @Option(name: .long, help: "Write the id to a file.") var cidfile: String?
    @Option(name: .long, help: "always, missing or never.") var pull: String?
    @Option(name: .long, help: "linux/amd64, ….") var platform: String?
    @Flag(name: [.short, .long], help: "Say nothing while the image is fetched.") var quiet = false

    /// The body of the create request.
    func body(_ words: [String], attach: Bool) throws -> JSON {
        guard let image = words.first else { throw ValidationError("an image is missing") }
        var json: JSON = [
            "Image": .string(image), "Tty": .bool(tty), "OpenStdin": .bool(interactive),
            "StdinOnce": .bool(interactive && attach), "AttachStdin": .bool(interactive && attach),
            "AttachStdout": .bool(attach), "AttachStderr": .bool(attach),
        ]
        if words.count > 1 { json.set("Cmd", JSON(Array(words.dropFirst()))) }
        if let entrypoint { json.set("Entrypoint", entrypoint.isEmpty ? [""] : [.string(entrypoint)]) }
        var variables: [String] = []
        for file in envFile {
            for line in try Files.readText(Session.shared.absolute(file)).split(separator: "\n")
            where !line.hasPrefix("#") && !line.allSatisfy(\.isWhitespace) {
                variables.append(try Variables.complete(String(line)))
            }
        }
        json.set("Env", JSON(variables + (try env.map(Variables.complete))))
        for (key, value) in [
            ("WorkingDir", workdir), ("User", user), ("Hostname", hostname), ("StopSignal", stopSignal),
        ] { if let value { json.set(key, .string(value)) } }
        if let stopTimeout { json.set("StopTimeout", JSON(stopTimeout)) }
        json.set("Labels", .object(label.map(Self.pair).map { ($0.0, .string($0.1)) }))
        json.set("ExposedPorts", .object(expose.map { ($0, .object([])) }))
        if noHealthcheck {
            json.set("Healthcheck", ["Test": ["NONE"]])
        } else if let healthCmd {
            var check: JSON = ["Test": ["CMD-SHELL", .string(healthCmd)]]
            for (key, text) in [
                ("Interval", healthInterval), ("Timeout", healthTimeout), ("StartPeriod", healthStartPeriod),
            ] { if let text { check.set(key, JSON(try Self.span(text))) } }
            if let healthRetries { check.set("Retries", JSON(healthRetries)) }
            json.set("Healthcheck", check)
        }
        json.set("HostConfig", try hostConfig(&json))
        let mode = network ?? net ?? ""
        if !networkAlias.isEmpty || ip != nil {
            var endpoint: JSON = ["Aliases": JSON(networkAlias)]
            if let ip { endpoint.set("IPAMConfig", ["IPv4Address": .string(ip)]) }
            json.set("NetworkingConfig", ["EndpointsConfig": .object([(mode.isEmpty ? "bridge" : mode, endpoint)])])
        }
        return json
    }

    private static func span(_ text: String) throws(RoostError) -> Int64 {
        guard let value = TimeSpan.parse(text) else { throw .invalid("\"\(text)\" is not a duration such as 30s") }
        return value
    }

    static func pair(_ text: String) -> (String, String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }

    static func size(_ text: String) throws(RoostError) -> Int64 {
        guard let value = ByteSize.parse(text) else { throw .invalid("\"\(text)\" is not a size such as 512m") }
        return value
    }

    private func hostConfig(_ json: inout JSON) throws -> JSON {
        var host: JSON = [
            "AutoRemove": .bool(rm), "PublishAllPorts": .bool(publishAll), "Privileged": .bool(privileged),
            "ReadonlyRootfs": .bool(readOnly), "Init": .bool(runsInit),
        ]
        var binds: [String] = []
        var anonymous: [(key: String, value: JSON)] = []
        for text in volume {
            if !text.contains(":") {
                anonymous.append((text, .object([])))
            } else {
                binds.append(
                    text.hasPrefix(".") || text.hasPrefix("~")
                        ? Session.shared.absolute(String(text.split(separator: ":")[0])) + ":"
                            + text.split(separator: ":").dropFirst().joined(separator: ":") : text)
            }
        }
        json.set("Volumes", .object(anonymous))
        host.set("Binds", JSON(binds))
        host.set("Mounts", .array(try mount.map { try MountFlag($0).json }))
        host.set(
            "Tmpfs",
            .object(
                tmpfs.map { text in
                    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
                    return (parts[0], .string(parts.count > 1 ? parts[1] : ""))
                }))
        var ports: [String: [JSON]] = [:]
        for text in publish {
            for binding in try PortBinding.parse(text) {
                let range = binding.hostPorts
                let number =
                    range.lowerBound == 0
                    ? "" : range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
                ports[binding.container.description, default: []].append([
                    "HostIp": .string(binding.hostAddress?.description ?? ""), "HostPort": .string(number),
                ])
            }
        }
        host.set("PortBindings", .object(ports.sorted { $0.key < $1.key }.map { ($0.key, .array($0.value)) }))
        host.set("NetworkMode", .string(network ?? net ?? "default"))
        if let restart {
            let policy = try RestartPolicySpec(parsing: restart)
            host.set(
                "RestartPolicy",
                ["Name": .string(policy.name.rawValue), "MaximumRetryCount": JSON(policy.maximumRetries)])
        }
        for (key, list) in [
            ("CapAdd", capAdd), ("CapDrop", capDrop), ("SecurityOpt", securityOpt), ("ExtraHosts", addHost),
            ("Dns", dns), ("DnsSearch", dnsSearch), ("GroupAdd", groupAdd),
        ] where !list.isEmpty {
            host.set(key, JSON(list))
        }
        for (key, text) in [("IpcMode", ipc), ("PidMode", pid), ("UTSMode", uts), ("CpusetCpus", cpusetCpus)] {
            if let text { host.set(key, .string(text)) }
        }
        for (key, text) in [("Memory", memory), ("MemorySwap", memorySwap), ("ShmSize", shmSize)] {
            if let text { host.set(key, JSON(try Self.size(text))) }
        }
        for (key, number) in [("CpuShares", cpuShares), ("PidsLimit", pidsLimit), ("OomScoreAdj", oomScoreAdj)] {
            if let number { host.set(key, JSON(number)) }
        }
        if let cpus { host.set("NanoCpus", JSON(Int64((cpus * 1e9).rounded()))) }
        host.set(
            "Ulimits",
            .array(
                try ulimit.map(Self.ulimit)))
        host.set(
            "Devices",
            .array(
                device.map { text in
                    let parts = text.split(separator: ":").map(String.init)
                    return [
                        "PathOnHost": .string(parts[0]),
                        "PathInContainer": .string(parts.count > 1 ? parts[1] : parts[0]),
                        "CgroupPermissions": .string(parts.count > 2 ? parts[2] : "rwm"),
                    ]
                }))
        host.set("Sysctls", .object(sysctl.map(Self.pair).map { ($0.0, .string($0.1)) }))
        if logDriver != nil || !logOpt.isEmpty {
            host.set(
                "LogConfig",
                [
                    "Type": .string(logDriver ?? "json-file"),
                    "Config": .object(logOpt.map(Self.pair).map { ($0.0, .string($0.1)) }),
                ])
        }
        return host
    }

    /// `name=soft[:hard]`.
    static func ulimit(_ text: String) throws(RoostError) -> JSON {
        let (name, value) = pair(text)
        let numbers = value.split(separator: ":").map { Int64($0) }
        guard let soft = numbers.first ?? nil, let hard = numbers.last ?? nil, numbers.count <= 2 else {
            throw .invalid("ulimit \"\(text)\": write name=soft[:hard]")
        }
        return ["Name": .string(name), "Soft": JSON(soft), "Hard": JSON(hard)]
    }

    func create(_ words: [String], attach: Bool) throws -> String {
        let rule = pull ?? "missing"
        guard ["always", "missing", "never"].contains(rule) else {
            throw RoostError.invalid(
                "invalid pull option: '\(rule)': must be one of \"always\", \"missing\" or \"never\"")
        }
        let image = words.first ?? ""
        if rule == "always" { try fetch(image) }
        do { return try createFromImage(words, attach: attach) } catch let error as RoostError {
            guard rule == "missing", error.kind == .notFound, error.message.hasPrefix("No such image") else {
                throw error
            }
            if !quiet { Output.error("Unable to find image '\(error.message.dropFirst(15))' locally") }
            try fetch(image)
            return try createFromImage(words, attach: attach)
        }
    }

    private func fetch(_ image: String) throws {
        _ = try TransferDisplay.pull(image, platform: platform, quiet: quiet, toErrors: true)
    }

    private func createFromImage(_ words: [String], attach: Bool) throws -> String {
        let answer =
            rm && name == nil
            ? try createPassing(try body(words, attach: attach))
            : try Session.shared.client().call(
                "POST", "containers/create", name.map { [("name", $0)] } ?? [], body: try body(words, attach: attach))
        for warning in answer["Warnings"].strings ?? [] { Output.error("WARNING: \(warning)") }
        let id = answer["Id"].string ?? ""
        if let cidfile { try Files.write(Session.shared.absolute(cidfile), id) }
        return id
    }
}

extension ContainerOptions {
    /// Creates a container that is to be removed with its end, under a name that is chosen here: if the engine is lost before it
    /// answers, the container can be found again and removed, which nobody else would do.
    private func createPassing(_ body: JSON) throws -> JSON {
        let client = try Session.shared.client()
        let began = Clocks.wallNanoseconds()
        for _ in 0..<8 {
            let name = Identifiers.generatedName { _ in false } + "\(Int.random(in: 0..<100))"
            do { return try client.call("POST", "containers/create", [("name", name)], body: body) } catch let error
                as RoostError
            {
                if error.kind == .unavailable {
                    let found = try? client.call("GET", "containers/\(name)/json")
                    if let found, found["State"]["Status"].string == "created",
                        let created = Timestamp(parsing: found["Created"].string ?? ""), created.nanoseconds > began
                    {
                        _ = try? client.call("DELETE", "containers/\(name)", [("v", "1")], repeatable: true)
                    }
                }
                guard error.kind == .conflict else { throw error }
            }
        }
        return try client.call("POST", "containers/create", body: body)
    }
}

struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create a container without starting it, or (compose) the project's.")
    @OptionGroup var options: ContainerOptions
    @Argument(parsing: .captureForPassthrough, help: "Image, command, arguments.") var words: [String] = []
    func run() throws {
        if words.first == "--help" { throw CleanExit.helpRequest(Self.self) }
        if Session.shared.isCompose || words.isEmpty {
            return try Up.parse(["--no-start"] + words).run()
        }
        Output.line(try options.create(words, attach: false))
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Create a container and run it.",
        discussion:
            "With compose, the word after the options is a service. Example: roost run --rm -it -v data:/data busybox sh"
    )
    @Flag(name: [.short, .long], help: "Run in the background and print the id.") var detach = false
    @Option(name: .long, help: "Keys to leave with (default ctrl-p,ctrl-q).") var detachKeys: String?
    @Flag(name: .long, inversion: .prefixedNo, help: "Pass signals on.") var sigProxy = true
    @Flag(name: .long, help: "Do not start what the service depends on (compose).") var noDeps = false
    @Flag(name: [.customShort("T"), .long], help: "No terminal (compose).") var noTty = false
    @Flag(name: .long, help: "Publish the service's ports (compose; -P as well).") var servicePorts = false
    @Flag(name: .long, help: "Answer to the service's names (compose).") var useAliases = false
    @Flag(name: .long, help: "Accepted for scripts (compose).") var quietPull = false
    @Flag(name: .long, help: "Accepted for scripts (compose).") var removeOrphans = false
    @OptionGroup var options: ContainerOptions
    @Argument(parsing: .captureForPassthrough, help: "Image, command, arguments.") var words: [String]

    func run() throws {
        if words.first == "--help" { throw CleanExit.helpRequest(Self.self) }
        var made: String?
        do {
            if Session.shared.isCompose { return try runService() }
            let id = try options.create(words, attach: !detach)
            made = id
            if detach {
                Output.line(id)
                try Session.shared.client().call("POST", "containers/\(id)/start")
                return
            }
            if options.tty, options.interactive, !Terminals.isTerminal(0) {
                _ = try? Session.shared.client().call("DELETE", "containers/\(id)", [("force", "1"), ("v", "1")])
                throw RoostError.invalid("the input device is not a TTY")
            }
            throw Leave(
                code: try Foreground(
                    id: id, interactive: options.interactive, detachKeys: detachKeys, removes: options.rm,
                    hasTerminal: options.tty
                ).start())
        } catch let error as RoostError {
            Output.error(error.kind == .unavailable ? error.message : Session.shared.prefixed(error.message))
            // An engine that was lost in between has perhaps not started it, and then nobody would remove it.
            if error.kind == .unavailable, options.rm, let made {
                _ = try? Session.shared.client().call(
                    "DELETE", "containers/\(made)", [("force", "1"), ("v", "1")], repeatable: true)
            }
            let text = error.message
            throw Leave(
                code: text.contains("executable file not found")
                    ? 127 : text.contains("permission denied") || text.contains("is a directory") ? 126 : 125)
        }
    }

    /// One more container of a service, beside those that `up` makes: the same definition, no published ports.
    private func runService() throws {
        guard let service = words.first else { throw ValidationError("run needs a service") }
        let session = Session.shared
        let project = try session.loadProject(services: [service])
        guard let definition = project.services[service] else {
            throw RoostError.missing("no such service: \(service)")
        }
        let client = try session.client()
        let needed = noDeps ? [service] : project.needed(by: [service]).sorted()
        try ProjectImages(project, services: needed).prepare(ImagePolicy(pull: options.pull, quiet: quietPull))
        if !noDeps {
            let dependencies = (definition["depends_on"].object ?? []).map(\.key)
            if !dependencies.isEmpty {
                var settings = try UpSettings.parse([])
                settings.noDeps = false
                try PlanFollower.follow(
                    "roost/v1/projects/up",
                    [
                        "project": project.wire, "contents": try session.contents(project),
                        "options": try settings.json(dependencies),
                    ])
            }
        }
        let terminal = !noTty && Terminals.isTerminal(0) && Terminals.isTerminal(1) && !detach
        let made = try client.call(
            "POST", "roost/v1/projects/run",
            body: [
                "project": project.wire, "contents": try session.contents(project), "service": .string(service),
                "command": words.count > 1 ? JSON(Array(words.dropFirst())) : .null,
                "entrypoint": options.entrypoint.map { [.string($0)] } ?? .null,
                "environment": JSON(try options.env.map(Variables.complete)), "user": JSON(options.user),
                "workdir": JSON(options.workdir),
                "name": JSON(options.name), "remove": .bool(options.rm), "terminal": .bool(terminal),
                "input": .bool(!detach), "servicePorts": .bool(servicePorts || options.publishAll),
                "useAliases": .bool(useAliases), "more": try options.body([service], attach: true),
            ])
        let id = made["Id"].string ?? ""
        if detach {
            try client.call("POST", "containers/\(id)/start")
            return Output.line(made["Name"].string ?? id)
        }
        throw Leave(code: try Foreground(id: id, interactive: true, removes: options.rm).start())
    }
}
