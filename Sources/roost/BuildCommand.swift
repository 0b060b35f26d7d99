import APIClient
import ArgumentParser
import ComposeModel
import DockerAPI
import EngineModel
import LinuxKernel

/// The parameters of one build request.
struct BuildOrder {
    /// A local directory, a URL, or `-` for standard input.
    var context = "."
    var dockerfile: String?
    var dockerfileText: String?
    var tags: [String] = []
    var arguments: [(String, String?)] = []
    var labels: [(String, String)] = []
    var target: String?
    var platform: String?
    var noCache = false
    var noCacheFilter: [String] = []
    var pull = false
    var network: String?
    /// Entitlements, e.g. `network.host`.
    var allowed: [String] = []
    var extraHosts: [String] = []
    var sharedMemory: Int64?
    var memory: Int64?
    var ulimits: [Ulimit] = []
    var secrets: [(id: String, bytes: [UInt8])] = []
    /// SSH agent sockets by ID.
    var agentSockets: [String: String] = [:]
    var contexts: [(String, String)] = []
    /// `type=registry,ref=NAME` or `type=local,src=DIR`.
    var cacheFrom: [String] = []
    var cacheTo: [String] = []
    /// Check whether every step is cached, and run nothing.
    var onlyCached = false

    /// Runs the build, shows its progress and returns the image ID.
    func run(_ display: BuildDisplay) throws -> String { try display.follow(try open()) }

    /// Starts the build; it proceeds while the response is read.
    func open() throws -> HTTPExchange {
        var query: [(String, String)] = tags.map { ("t", $0) }
        var values: [(key: String, value: JSON)] = []
        for (name, value) in arguments { values.append((name, value.map(JSON.string) ?? .null)) }
        query.append(("buildargs", JSON.object(values).text()))
        query.append(("labels", JSON.object(labels.map { ($0.0, .string($0.1)) }).text()))
        if let target { query.append(("target", target)) }
        if let platform { query.append(("platform", platform)) }
        if noCache { query.append(("nocache", "1")) }
        for name in noCacheFilter { query.append(("nocachefilter", name)) }
        if pull { query.append(("pull", "1")) }
        if let network { query.append(("networkmode", network)) }
        for entitlement in allowed { query.append(("allow", entitlement)) }
        if !extraHosts.isEmpty { query.append(("extrahosts", JSON(extraHosts).text())) }
        if let sharedMemory { query.append(("shmsize", "\(sharedMemory)")) }
        if let memory { query.append(("memory", "\(memory)")) }
        if !ulimits.isEmpty { query.append(("ulimits", try JSON(encoding: ulimits).text())) }
        var options = BuildOptions()
        options.rich = true
        options.onlyCached = onlyCached
        options.dockerfile = dockerfileText
        if !secrets.isEmpty { options.secrets = OrderedMap(secrets.map { ($0.id, Base64.encode($0.bytes)) }) }
        options.agentSockets = agentSockets.isEmpty ? nil : agentSockets
        if !contexts.isEmpty { options.contexts = OrderedMap(contexts.map { ($0.0, $0.1) }) }
        let imports = try cacheFrom.compactMap { try BuildCacheOption.source($0) }
        if !imports.isEmpty { options.cacheImports = imports }
        if !cacheTo.isEmpty {
            options.cacheExports = try cacheTo.map { try BuildCacheOption.parse($0, isTarget: true) }
        }
        var headers: [(String, String)] = []
        if let logins = try DockerConfiguration.load().allLogins() { headers.append(("X-Registry-Config", logins)) }
        return try send(query, options, headers)
    }

    private func send(
        _ query: [(String, String)], _ options: BuildOptions, _ headers: [(String, String)]
    ) throws -> HTTPExchange {
        var query = query
        var options = options
        let client = try CommandContext.shared.client()
        func header() throws -> [(String, String)] { headers + [try Self.header(options)] }
        if context == "-" { return try sendInput(query, options, headers) }
        if context.contains("://") || context.hasPrefix("git@") || context.hasPrefix("github.com/") {
            query.append(("remote", context))
            if let dockerfile { query.append(("dockerfile", dockerfile)) }
            return try client.open("POST", "build", query, headers: try header())
        }
        let folder = CommandContext.shared.absolute(context)
        let status: FileStatus
        do throws(SyscallError) { status = try Files.status(folder) } catch {
            throw RoostError.missing("unable to prepare context: path \"\(context)\" not found")
        }
        guard status.isDirectory else {
            throw RoostError.invalid("unable to prepare context: context must be a directory: \(folder)")
        }
        let context = try Files.canonical(folder)
        if dockerfileText == nil, let name = try dockerfileName(context, &options) {
            query.append(("dockerfile", name))
        }
        var local = options
        local.folder = BuildCacheOption.identity(context, status)
        do {
            return try client.open(
                "POST", "build", query, headers: headers + [try Self.header(local)])
        } catch let error as RoostError {
            // A remote engine does not have this directory: upload the files.
            guard error.code == .contextNotLocal else { throw error }
        }
        let pipe = try Pipe()
        let worker = try LocalArchive.create(context, as: "", to: pipe.writing.raw)
        pipe.writing.close()
        let answer = try client.upload("build", query, file: pipe.reading.raw, headers: try header())
        try worker.finish()
        return answer
    }

    /// The Dockerfile's path relative to the context; a Dockerfile outside the context is sent as text.
    private func dockerfileName(_ folder: String, _ options: inout BuildOptions) throws -> String? {
        guard let dockerfile else { return nil }
        if dockerfile == "-" {
            options.dockerfile = String(decoding: try readAll(0, limit: 4 << 20), as: UTF8.self)
            return nil
        }
        let path = CommandContext.shared.absolute(dockerfile)
        let beside = folder + "/" + dockerfile
        let found = Files.exists(path) ? path : beside
        guard Files.exists(found) else {
            throw RoostError.missing(
                "unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat \(path): no such file or directory"
            )
        }
        let whole = try Files.canonical(found)
        if whole.hasPrefix(folder + "/") { return String(whole.dropFirst(folder.count + 1)) }
        options.dockerfile = try Files.readText(whole, limit: 4 << 20)
        return nil
    }

    /// Builds from standard input: a context archive, or a Dockerfile without a context.
    private func sendInput(
        _ query: [(String, String)], _ options: BuildOptions, _ headers: [(String, String)]
    ) throws -> HTTPExchange {
        guard !Terminals.isTerminal(0) else {
            throw RoostError.invalid("standard input is a terminal: pipe a Dockerfile or a tar archive to it")
        }
        let bytes = try readAll(0, limit: 2 << 30)
        let magic: [[UInt8]] = [[0x1f, 0x8b], [0x28, 0xb5, 0x2f, 0xfd], [0x42, 0x5a, 0x68], [0xfd, 0x37, 0x7a]]
        let isArchive =
            magic.contains { bytes.starts(with: $0) }
            || (bytes.count > 262 && Array(bytes[257..<262]) == Array("ustar".utf8))
        var options = options
        var query = query
        if let dockerfile { query.append(("dockerfile", dockerfile)) }
        if !isArchive { options.dockerfile = String(decoding: bytes, as: UTF8.self) }
        let body = try Files.memory("context", isArchive ? bytes : [UInt8](repeating: 0, count: 1024))
        return try CommandContext.shared.client().upload(
            "build", query, file: body.raw, headers: headers + [try Self.header(options)])
    }

    private static func header(_ options: BuildOptions) throws -> (String, String) {
        ("X-Roost-Build", Base64.encode(try JSON(encoding: options).bytes()))
    }
}

struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Build an image from a Dockerfile, or the images of services (compose)",
        discussion: """
            Examples:
              roost build -t team/app:1 .
              roost build --build-arg VERSION=2 --target test -f docker/Dockerfile .
              roost build --secret id=token,src=token.txt -o out .
              roost compose build web
            """)
    @Option(
        name: [.short, .long], help: ArgumentHelp("Name of the Dockerfile (- for standard input)", valueName: "string"))
    var file: String?
    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Name and optionally a tag of the image (name:tag)", valueName: "list"))
    var tag: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Set build-time variables (NAME=VALUE, or NAME to take the value from the environment)", valueName: "list"))
    var buildArg: [String] = []
    @Option(name: .long, help: ArgumentHelp("Set metadata for the image (name=value)", valueName: "list"))
    var label: [String] = []
    @Option(name: .long, help: ArgumentHelp("Set the target build stage to build", valueName: "string"))
    var target: String?
    @Option(name: .long, help: ArgumentHelp("Platform of the image (e.g. linux/amd64)", valueName: "string"))
    var platform: String?
    @Flag(name: .long, help: "Do not use cache when building the image") var noCache = false
    @Option(name: .long, help: ArgumentHelp("Do not cache the specified stages", valueName: "list"))
    var noCacheFilter: [String] = []
    @Flag(name: .long, help: "Always attempt to pull newer versions of the base images") var pull = false
    @Option(
        name: [.customLong("network")],
        help: ArgumentHelp(
            "Networking mode for RUN instructions (default, none, host or a network)", valueName: "string"))
    var network: String?
    @Option(
        name: [.customLong("allow")],
        help: .init("Allow the Dockerfile an entitlement (network.host: RUN --network=host)", valueName: "strings"))
    var allow: [String] = []
    @Option(name: .long, help: ArgumentHelp("Add a custom host-to-IP mapping (host:ip)", valueName: "list"))
    var addHost: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Secret to expose to the build (id=NAME,src=FILE or id=NAME,env=VARIABLE)", valueName: "list"))
    var secret: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("SSH agent socket to expose to the build (default or ID=SOCKET)", valueName: "list"))
    var ssh: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp("Additional build contexts (NAME=DIR or NAME=docker-image://IMAGE)", valueName: "list"))
    var buildContext: [String] = []
    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Output destination (type=local|tar|docker|oci|image,dest=PATH; PATH is a local directory, - a tar stream)",
            valueName: "string"))
    var output: String?
    @Option(name: .long, help: ArgumentHelp("Write the image ID to a file", valueName: "string")) var iidfile: String?
    @Option(name: .long, help: ArgumentHelp("Write build result metadata to a file, as JSON", valueName: "string"))
    var metadataFile: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Set type of progress output (auto, plain, tty, quiet or rawjson)", valueName: "string"))
    var progress: String?
    @Flag(name: [.short, .long], help: "Suppress the build output and print the image ID on success") var quiet = false
    @Flag(name: .long, help: "Push the image after the build") var push = false
    @Flag(name: .long, help: "No effect; the image is always loaded into the engine") var load = false
    @Flag(name: .long, help: "Check the Dockerfile without building") var check = false
    @Option(
        name: .long,
        help: ArgumentHelp("External cache sources (type=registry,ref=NAME or type=local,src=DIR)", valueName: "list"))
    var cacheFrom: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Cache export destinations (type=registry,ref=NAME or type=local,dest=DIR; mode=max for all steps)",
            valueName: "list"))
    var cacheTo: [String] = []
    @Option(name: .long, help: ArgumentHelp("Size of /dev/shm for RUN instructions", valueName: "bytes"))
    var shmSize: String?
    @Option(name: [.short, .long], help: ArgumentHelp("Memory limit for RUN instructions", valueName: "bytes"))
    var memory: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Ulimit options for RUN instructions (e.g. nofile=1024:2048)", valueName: "ulimit"))
    var ulimit: [String] = []
    @Flag(name: .long, inversion: .prefixedNo, help: "No effect; accepted for compatibility") var rm = true
    @Flag(name: .long, help: "No effect; accepted for compatibility") var forceRm = false
    // Options of the classic builder that do not change the image; accepted and ignored.
    @Option(name: [.customShort("c"), .long], help: .hidden) var cpuShares: Int?
    @Option(name: .long, help: .hidden) var cpuPeriod: Int?
    @Option(name: .long, help: .hidden) var cpuQuota: Int?
    @Option(name: .long, help: .hidden) var cpusetCpus: String?
    @Option(name: .long, help: .hidden) var cpusetMems: String?
    @Option(name: .long, help: .hidden) var memorySwap: String?
    @Option(name: .long, help: .hidden) var cgroupParent: String?
    @Option(name: .long, help: .hidden) var securityOpt: [String] = []
    @Option(name: .long, help: .hidden) var isolation: String?
    @Flag(name: .long, help: .hidden) var compress = false
    @Flag(name: .long, help: .hidden) var disableContentTrust = false
    @Option(name: .long, help: .hidden) var builder: String?
    @Option(name: .long, help: .hidden) var provenance: String?
    @Option(name: .long, help: .hidden) var sbom: String?
    @Flag(name: .long, help: "Also build the services that these depend on (compose)") var withDependencies = false
    @Argument(help: ArgumentHelp("Directory, URL or - (compose: services)", valueName: "path")) var words: [String] = []

    func run() throws {
        if CommandContext.shared.isCompose {
            return try ProjectImages(services: words, withDependencies: withDependencies).build(
                BuildOverrides(
                    arguments: buildArg.map(Self.argument), noCache: noCache, pull: pull, quiet: quiet,
                    progress: progress, push: push))
        }
        guard words.count == 1 else {
            throw RoostError.invalid("\"roost build\" requires exactly 1 argument: the build context (e.g. .)")
        }
        var order = BuildOrder()
        order.context = words[0]
        order.dockerfile = file
        order.tags = tag
        order.arguments = buildArg.map(Self.argument)
        order.labels = label.map(ContainerOptions.pair)
        order.target = target
        order.platform = platform
        order.noCache = noCache
        order.noCacheFilter = noCacheFilter
        order.pull = pull
        order.network = network
        for entitlement in allow where !["network.host"].contains(entitlement) {
            throw RoostError.invalid("invalid entitlement \"\(entitlement)\" for --allow: use network.host")
        }
        order.allowed = allow
        order.extraHosts = addHost
        order.sharedMemory = try shmSize.map { try ContainerOptions.sizeOption("--shm-size", $0) }
        order.memory = try memory.map { try ContainerOptions.sizeOption("--memory", $0) }
        order.ulimits = try ulimit.map { Ulimit(try UlimitSpec(parsing: $0)) }
        order.secrets = try secret.map(Self.secret)
        order.agentSockets = try Self.agents(ssh)
        order.contexts = try buildContext.map(Self.context)
        order.cacheFrom = cacheFrom
        order.cacheTo = cacheTo
        if check { return try runCheck(order) }
        let display = try BuildDisplay(progress, quiet: quiet)
        let id: String
        do { id = try order.run(display) } catch let error as RoostError {
            // As with the classic builder, exit with the code of the command that failed.
            guard let code = display.failureCode, code != 0 else { throw error }
            Output.error(error.message)
            throw ExitCode(code)
        }
        if let iidfile { try Files.write(CommandContext.shared.absolute(iidfile), id) }
        if let metadataFile {
            let facts: JSON = [
                "containerimage.config.digest": .string(id), "containerimage.digest": .string(id),
                "image.name": .string(tag.joined(separator: ",")),
            ]
            try Files.write(CommandContext.shared.absolute(metadataFile), facts.bytes(indent: 2) + [10])
        }
        if let output { try BuildOutput(output).write(id, names: tag) }
        if push { for name in tag { try Push.push(name, quiet: quiet) } }
        if quiet {
            Output.line(id)
        } else {
            Output.error("writing image \(id)")
            for name in tag { Output.error("naming to \(TransferDisplay.full(name))") }
        }
    }

    static func argument(_ text: String) -> (String, String?) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : environmentVariable(parts[0]))
    }

    static func secret(_ text: String) throws -> (id: String, bytes: [UInt8]) {
        var values: [String: String] = [:]
        for part in text.split(separator: ",") {
            let (key, value) = ContainerOptions.pair(String(part))
            values[key] = value
        }
        guard let id = values["id"] ?? values["src"].map({ String($0.pathParts.last ?? "") }) else {
            throw RoostError.invalid("--secret \(text): expected id=NAME,src=FILE or id=NAME,env=VARIABLE")
        }
        if let name = values["env"] ?? (values["type"] == "env" ? id : nil) {
            guard let value = environmentVariable(name) else {
                throw RoostError.missing("--secret \(text): environment variable \(name) is not set")
            }
            return (id, Array(value.utf8))
        }
        let path = values["src"] ?? values["source"] ?? id
        guard Files.exists(CommandContext.shared.absolute(path)) else {
            guard values["src"] == nil, values["source"] == nil, let value = environmentVariable(id) else {
                throw RoostError.missing("--secret \(text): \(path) does not exist")
            }
            return (id, Array(value.utf8))
        }
        return (id, try Files.read(CommandContext.shared.absolute(path), limit: 1 << 20))
    }

    /// `default` is the agent in SSH_AUTH_SOCK, `ID=SOCKET` any other.
    static func agents(_ list: [String]) throws(RoostError) -> [String: String] {
        var found: [String: String] = [:]
        for text in list {
            let (id, value) = ContainerOptions.pair(text)
            guard value.isEmpty else {
                let path = CommandContext.shared.absolute(value)
                guard (try? Files.status(path))?.isSocket == true else {
                    throw .invalid(
                        "--ssh \(text): \(path) is not an SSH agent socket; add the key to an agent with ssh-add")
                }
                found[id] = path
                continue
            }
            guard let path = environmentVariable("SSH_AUTH_SOCK") else {
                throw .invalid(
                    "--ssh \(text): SSH_AUTH_SOCK is not set; start an SSH agent or use ID=SOCKET")
            }
            found[id] = path
        }
        return found
    }

    static func context(_ text: String) throws(RoostError) -> (String, String) {
        let (name, value) = ContainerOptions.pair(text)
        guard !value.isEmpty else { throw .invalid("--build-context \(text): expected NAME=DIR") }
        return (name, value.contains("://") ? value : CommandContext.shared.absolute(value))
    }

    /// Lints the Dockerfile, with the rules of Docker's build checks.
    private func runCheck(_ order: BuildOrder) throws {
        let path = CommandContext.shared.absolute(file ?? order.context + "/Dockerfile")
        let text = try Files.readText(path, limit: 4 << 20)
        var request = DockerfileCheckRequest()
        request.text = text
        let report: DockerfileCheckReport = try CommandContext.shared.client().post("roost/v1/build/check", [], request)
        let warnings = report.warnings
        for warning in warnings { Output.line("\(path):\(warning.line): \(warning.message)") }
        if warnings.isEmpty {
            Output.line("Check complete, no warnings found.")
        } else {
            Output.line(
                "Check complete, \(warnings.count) warning\(warnings.count == 1 ? " has" : "s have") been found!")
            throw ExitCode(1)
        }
    }
}

/// Command-line options that apply to all builds of a project.
struct BuildOverrides {
    var arguments: [(String, String?)] = []
    var noCache = false
    var pull = false
    var quiet = false
    var progress: String?
    var push = false
}
